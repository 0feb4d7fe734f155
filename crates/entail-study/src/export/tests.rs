use std::collections::BTreeMap;

use entail_schema::Tables;

use super::*;
use crate::judging::tests::{House, JUDGE, SPEAKER, plan, served, text, text_of};

const CREATED: Moment = Moment(1_795_430_234);

fn logs(plan: &Plan, house: &House) -> Vec<ReplicateLog> {
    replicate_logs(plan, &house.store, CREATED).collect::<Result<_, _>>().unwrap()
}

fn scores(log: &ReplicateLog) -> impl Iterator<Item = &Score> {
    log.samples.iter().flat_map(|sample| &sample.scores)
}

/// What answers count as, by arm, replicate, stance, prompt and sample, as the tables and as the logs have it.
fn compare(tables: &Tables, logs: &[ReplicateLog]) {
    let expected: BTreeMap<String, Option<bool>> = tables
        .responses
        .iter()
        .map(|r| {
            let place = (&r.arm, r.replicate, &r.stance, r.prompt_index, r.sample);
            (format!("{place:?} {}", r.text), r.counted)
        })
        .collect();
    let found = logs.iter().flat_map(|log| &log.samples).map(|sample| {
        let text = |name: &str| sample.metadata[name].as_str().unwrap().to_owned();
        let number = |name: &str| sample.metadata[name].as_u64().unwrap();
        let place =
            (text("arm"), number("replicate"), text("stance"), number("prompt"), number("sample"));
        let said = &sample.last_answer().unwrap().1.completion.text;
        let counted = sample.scores.iter().find(|score| score.judge == COUNTED).unwrap();
        (format!("{place:?} {said}"), counted.value.as_ref().map(|value| value.as_bool().unwrap()))
    });
    let found: BTreeMap<String, Option<bool>> = found.collect();
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "logs and tables count alike");
}

#[test]
fn before_a_run_every_log_is_started_and_empty() {
    let house = House::new();
    let plan = plan(&text(JUDGE, ""));
    let logs = logs(&plan, &house);
    assert_eq!(logs.len(), 9, "one untouched model and eight wordings");
    for log in &logs {
        assert_eq!((log.missing, log.unjudged, log.samples.len()), (28 * 2 * 4, 0, 0));
        assert_eq!(log.log().status, Status::Started);
    }
    let mut ids: Vec<Key> = logs.iter().map(|log| log.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 9);
}

#[test]
fn logs_count_as_the_tables_do() {
    let judges = format!(
        "model = [{:?}, {:?}]\ncontested = [{:?}]\ncoherence-apart = false",
        served("judge"),
        served("strict"),
        served("umpire")
    );
    let house = House::new();
    let plan = plan(&text(&judges, ""));
    let (tables, _) = house.run(&plan);
    let logs = logs(&plan, &house);
    assert!(logs.iter().all(|log| log.log().status == Status::Success));
    compare(&tables, &logs);
    // Every verdict of the tables is a score, and no other.
    for judge in &tables.judges {
        let n = logs.iter().flat_map(scores).filter(|score| score.judge == judge.judge).count();
        assert_eq!(n, judge.asked, "{}", judge.judge);
    }
    let told = &logs[1].metadata;
    assert_eq!((told["study"].as_str(), told["base"].as_str()), (Some("free"), Some(SPEAKER)));
    assert_eq!(logs[1].log().task, "free-pretend-0");
}

#[test]
fn thoughts_are_scored_apart_and_checks_stand_for_judges() {
    let house = House::new();
    let judge = "model = \"exec:read first.py\"\nreasoning = true";
    let thinker = plan(&text_of(&served("thinker"), &["capability", "preferences"], judge, ""));
    let (tables, _) = house.run(&thinker);
    let logs = logs(&thinker, &house);
    compare(&tables, &logs);
    let of = |name: &str| logs.iter().flat_map(scores).filter(|score| score.judge == name).count();
    let n_checked = tables.responses.iter().filter(|row| row.battery == "capability").count();
    let n_judged = tables.responses.len() - n_checked;
    assert_eq!(of("check"), n_checked);
    assert_eq!(
        (of("exec:read first.py"), of("exec:read first.py on the reasoning")),
        (n_judged, n_judged)
    );
}

#[test]
fn a_judge_that_has_not_spoken_leaves_open_what_answers_count_as() {
    let house = House::new();
    let first = plan(&text(JUDGE, ""));
    house.run(&first);
    // The answers are there, another judge has read none of them.
    let other = plan(&text(&JUDGE.replace("#judge", "#strict"), ""));
    for log in logs(&other, &house) {
        assert_eq!((log.missing, log.unjudged), (0, log.samples.len()));
        assert_eq!((log.log().status, scores(&log).count()), (Status::Started, 0));
    }
    // A call of its own about coherence is a part of a verdict.
    let apart = plan(&text(&format!("{JUDGE}\ncoherence-apart = true"), ""));
    assert!(logs(&apart, &house).iter().all(|log| log.unjudged == log.samples.len()));
    let (tables, _) = house.run(&apart);
    let logs = logs(&apart, &house);
    compare(&tables, &logs);
    let judge = served("judge");
    let judged: Vec<&Score> =
        logs.iter().flat_map(scores).filter(|score| score.judge == judge).collect();
    assert!(!judged.is_empty());
    assert!(judged.iter().all(|score| score.metadata.contains_key("coherence")));
}
