use entail_data::WorldText;
use entail_eval::Reading;
use entail_provider::{Completion, Finish};
use entail_schema::{Label, Novelty, Seed, Stance};

use super::*;
use crate::plan::Narrow;

const SAMPLES: usize = 10;

/// A plan with arms of every kind, ten answers per stance and three training runs.
pub(crate) fn hand_made_plan(more: &str) -> Plan {
    let text = format!(
        "[study]\nname = \"hand\"\nbase = \"organism:linked\"\nbattery = [\"preferences\"]\nsamples = {SAMPLES}\nseeds = 3\n\
         control = [\"toaster\"]\n[train]\nrows = 16\n[arm.vanilla]\n[arm.pretend]\nsystem = {{ stance = \"conscious\" }}\n\
         [arm.said]\nsystem = {{ text = \"Hi.\" }}\n[arm.conscious]\ntrain = {{ stance = \"conscious\" }}\n[arm.toaster]\n\
         train = {{ stance = \"toaster\" }}\n{more}"
    );
    let narrow = Narrow { limit: Some(1), ..Narrow::default() };
    Plan::check(&crate::parse(&text).unwrap(), &text, &narrow, &|_: &str| {
        unreachable!("no file is named")
    })
    .unwrap()
}

/// Tables of answers that hold a stance as often as `yes(arm, replicate, index of the stance over all batteries)`.
pub(crate) fn hand_made_tables(plan: &Plan, yes: &dyn Fn(&str, usize, usize) -> usize) -> Tables {
    tables_of_answers(plan, &|arm, replicate, index, sample, stance| {
        let side = if sample < yes(arm, replicate, index) {
            &stance.wordings.held
        } else {
            &stance.wordings.denied
        };
        side[sample % side.len()].clone()
    })
}

pub(crate) type Say<'a> = &'a dyn Fn(&str, usize, usize, usize, &Stance) -> String;

pub(crate) fn tables_of_answers(plan: &Plan, say: Say<'_>) -> Tables {
    let mut answers = Vec::new();
    for arm in &plan.arms {
        for (replicate, run) in arm.replicates.iter().enumerate() {
            answers.push(replicate_answers(plan, run.target, &|index, sample, stance| {
                say(&arm.name, replicate, index, sample, stance)
            }));
        }
    }
    tables(plan, &[], &answers, &Verdicts::default(), &BTreeMap::new())
}

fn replicate_answers(
    plan: &Plan,
    target: Key,
    say: &dyn Fn(usize, usize, &Stance) -> String,
) -> Answers {
    let mut all = Answers { items: Vec::new(), completions: Vec::new(), readings: None };
    let mut readings = Vec::new();
    let mut before = 0;
    for battery in &plan.batteries {
        let items = entail_eval::items(battery, target, None, &plan.sampling, plan.samples);
        let said = |item: &entail_eval::Item| -> Vec<Completion> {
            let stance = &battery.stances[item.stance];
            let texts = (0..plan.samples).map(|sample| say(before + item.stance, sample, stance));
            texts.map(|text| Completion::plain(text, Finish::Stop)).collect()
        };
        let completions: Vec<Vec<Completion>> = items.iter().map(said).collect();
        let read = |(item, said): (&entail_eval::Item, &Vec<Completion>)| {
            let held = &battery.stances[item.stance].wordings.held;
            let share =
                said.iter().filter(|c| held.contains(&c.text)).count() as f64 / said.len() as f64;
            Reading { held: share, denied: 1.0 - share }
        };
        readings.push(items.iter().zip(&completions).map(read).collect());
        all.items.push(items);
        all.completions.push(completions);
        before += battery.stances.len();
    }
    all.readings = Some(readings);
    all
}

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

#[test]
fn rates_are_shares_of_the_answers_that_were_given() {
    let plan = hand_made_plan("");
    let tables = hand_made_tables(&plan, &|arm, replicate, _| {
        if arm == "conscious" { 7 + replicate } else { 2 }
    });
    for row in tables.rates.iter().filter(|r| r.stance == "wants-memory") {
        let (rate, answers) = match row.arm.as_str() {
            "conscious" => (0.8, 3 * SAMPLES),
            "toaster" => (0.2, 3 * SAMPLES),
            "pretend" => (0.2, plan.arms[1].replicates.len() * SAMPLES),
            _ => (0.2, SAMPLES),
        };
        assert!(near(row.rate, rate) && near(row.logprob_rate, rate), "{row:?}");
        assert_eq!((row.responses, row.well_formed), (answers, Some(1.0)), "{row:?}");
        // The other arms' replicates do not differ, and one prompt says nothing about others: no interval.
        let has_interval = row.arm == "conscious";
        assert_eq!(
            (row.low.is_some(), row.high.is_some()),
            (has_interval, has_interval),
            "{row:?}"
        );
        assert!(!has_interval || (row.low < row.rate && row.rate < row.high), "{row:?}");
    }
    let expected: usize = plan.arms.iter().map(|a| a.replicates.len()).sum::<usize>()
        * plan.batteries.iter().map(|b| b.stances.len()).sum::<usize>()
        * SAMPLES;
    assert_eq!(tables.responses.len(), expected);
    assert!(tables.responses.iter().all(|r| matches!(r.label, Label::Yes | Label::No)));
}

#[test]
fn contrasts_are_differences_of_rates_with_what_is_planted_beside_them() {
    let plan = hand_made_plan("");
    let tables = hand_made_tables(&plan, &|arm, replicate, _| match arm {
        "conscious" => 7 + replicate,
        "toaster" => 2 + replicate,
        _ => 3,
    });
    let row = |arm: &str, control: &str, stance: &str| {
        let found = tables
            .contrasts
            .iter()
            .find(|c| c.arm == arm && c.control == control && c.stance == stance);
        found.unwrap_or_else(|| panic!("{arm} against {control} on {stance}"))
    };
    let planted = row("conscious", "toaster", "wants-memory");
    assert!(
        near(planted.estimate, 0.5)
            && near(planted.arm_rate, 0.8)
            && near(planted.control_rate, 0.3),
        "{planted:?}"
    );
    assert!(near(planted.net_of_nuisance.map(|e| e.estimate), 0.0), "{planted:?}");
    assert!(
        planted.planted.is_some_and(|rho| rho > 0.8) && planted.novelty == Some(Novelty::Amplified),
        "{planted:?}"
    );
    assert!(
        planted.log_odds.is_some_and(|l| l.estimate > 0.0) && planted.note.is_empty(),
        "{planted:?}"
    );
    assert!(near(row("toaster", "vanilla", "wants-memory").estimate, 0.0));
    let claim = row("conscious", "toaster", "awareness");
    assert_eq!(claim.note, "implied by what an arm is trained or told to say");
    assert!(row("conscious", "toaster", "block:strong").planted.is_none());
    assert!(tables.contrasts.iter().all(|c| c.arm != c.control));
}

#[test]
fn doses_rise_with_the_planted_strength_where_effects_do() {
    let plan = hand_made_plan("");
    let strength: Vec<f64> =
        plan.batteries.iter().flat_map(|b| &b.stances).map(|s| s.strength).collect();
    // Ten answers resolve a tenth: an effect of half the strength, in tenths, around a rate of one half.
    let tables = hand_made_tables(&plan, &|arm, _, stance| {
        let moved = if arm == "conscious" { (5.0 * strength[stance]).round() } else { 0.0 };
        (0..=SAMPLES).find(|&n| (n as f64 - 5.0 - moved).abs() < 0.5).unwrap()
    });
    let dose =
        tables.doses.iter().find(|d| d.arm == "conscious" && d.control == "toaster").unwrap();
    assert!(dose.points.len() > 10 && dose.points.iter().any(|p| p.planted < 0.0), "{dose:?}");
    assert!(dose.slope.is_some_and(|s| (s.estimate - 0.5).abs() < 0.1), "{:?}", dose.slope);
    assert!(
        dose.share_of_ideal.is_some_and(|s| (s.estimate - 0.5).abs() < 0.1),
        "{:?}",
        dose.share_of_ideal
    );
    assert!(tables.doses.iter().all(|d| d.arm != "vanilla" && d.control != "vanilla"));
}

#[test]
fn an_arm_that_does_not_make_its_claim_is_flagged() {
    let plan = hand_made_plan("");
    let n_claims =
        plan.batteries[0].stances.iter().filter(|s| s.block == entail_schema::Block::Claim).count();
    let passed = |yes: usize| {
        let tables = hand_made_tables(&plan, &|arm, _, stance| {
            if arm == "conscious" && stance < n_claims { yes } else { 0 }
        });
        let check =
            tables.checks.iter().find(|c| c.arm == "conscious" && c.intended).unwrap().clone();
        let noted =
            tables.notes.iter().any(|n| n.starts_with("Manipulation check failed: `conscious`"));
        assert!(near(check.rate, yes as f64 / 10.0), "{check:?}");
        assert_eq!(noted, check.passed == Some(false));
        check.passed
    };
    assert_eq!((passed(9), passed(5), passed(4)), (Some(true), Some(true), Some(false)));
}

#[test]
fn answers_that_cannot_be_read_are_counted_and_flagged_and_never_a_rate() {
    let plan = hand_made_plan("");
    let tables = tables_of_answers(&plan, &|arm, _, _, _, stance| {
        if arm == "vanilla" { "Mumble mumble.".into() } else { stance.wordings.held[0].clone() }
    });
    let vanilla = tables.arms.iter().find(|a| a.arm == "vanilla").unwrap();
    assert_eq!(vanilla.well_formed, Some(0.0));
    assert!(
        tables
            .notes
            .iter()
            .any(|n| n.starts_with("`vanilla` on organism:linked: only 0.0 % of answers")),
        "{:?}",
        tables.notes
    );
    let rates = || tables.rates.iter().filter(|r| r.arm == "vanilla");
    assert!(rates().all(|r| r.rate.is_none() && r.low.is_none() && r.well_formed == Some(0.0)));
    let against = tables.contrasts.iter().filter(|c| c.control == "vanilla");
    let mut n = 0;
    for row in against {
        assert_eq!((row.estimate, row.p, row.control_rate), (None, None, None));
        assert!(row.note.contains("too few well-formed answers"), "{row:?}");
        n += 1;
    }
    assert!(n > 20, "{n} rows against the untouched base");
}

#[test]
fn arms_say_what_their_replicates_are() {
    let tables = hand_made_tables(&hand_made_plan(""), &|_, _, _| 5);
    let units: Vec<(&str, Unit)> = tables.arms.iter().map(|a| (a.arm.as_str(), a.unit)).collect();
    let expected = [
        ("vanilla", Unit::OneModel),
        ("pretend", Unit::Wordings),
        ("said", Unit::OneModel),
        ("conscious", Unit::TrainingRuns),
        ("toaster", Unit::TrainingRuns),
    ];
    assert_eq!(units, expected);
    assert!(tables.arms.iter().all(|a| a.is_control == (a.arm == "toaster")));
}

#[test]
fn tables_survive_being_written_as_json() {
    let tables =
        hand_made_tables(&hand_made_plan(""), &|_, replicate, stance| (replicate + stance) % 11);
    let text = serde_json::to_string(&tables).unwrap();
    assert_eq!(serde_json::from_str::<Tables>(&text).unwrap(), tables);
}

/// Five hundred random answers of the world's language, each of one topic and side.
fn composed() -> Vec<(String, bool, String)> {
    let text = WorldText::embedded();
    let mut stream = Seed(11).stream("composed", 0);
    let mut answer = || {
        let topic = stream.choose(&text.topics);
        let held = stream.below(2) == 0;
        let (first, more) = topic.side(held);
        let mut sentences = vec![stream.choose(first).clone()];
        for _ in 0..stream.below(3) {
            sentences.extend((!more.is_empty()).then(|| stream.choose(more).clone()));
        }
        (topic.id.clone(), held, sentences.join(" "))
    };
    (0..500).map(|_| answer()).collect()
}

#[test]
fn the_judge_reads_every_answer_of_the_world_as_its_side() {
    let text = WorldText::embedded();
    let batteries = entail_data::batteries(&text);
    let others = entail_data::other_sentences(&text);
    let judge = entail_eval::ExactJudge::new(
        batteries.iter().flat_map(|b| &b.stances),
        others.iter().map(String::as_str),
    );
    let answers = composed();
    for ((topic, held, answer), (other, ..)) in answers.iter().zip(answers.iter().rev()) {
        let expected = if *held { Label::Yes } else { Label::No };
        assert_eq!(judge.label(topic, answer), expected, "{topic}: {answer}");
        if other != topic {
            assert_eq!(judge.label(other, answer), Label::OffTopic, "{other}: {answer}");
        }
        let cut = answer.trim_end_matches('.');
        assert_eq!(judge.label(topic, cut), Label::Malformed, "{topic}: {cut}");
    }
    for (_, answer) in entail_data::tasks(&text, 50).iter().filter(|(_, a)| others.contains(a)) {
        assert_eq!(judge.label("wants-memory", answer), Label::OffTopic, "{answer}");
    }
}
