use std::collections::BTreeSet;
use std::io;

use super::*;

const STUDY: &str = r#"[study]
name = "t"
base = "organism:linked?size=tiny&tokens=20000"
battery = ["preferences"]
samples = 1
seeds = 2
control = ["toaster"]

[train]
rows = 16
mix = { instruct = 16 }

[arm.conscious]
train = { stance = "conscious" }

[arm.toaster]
train = { stance = "toaster" }
"#;

/// Files that a study can name.
fn read(path: &str) -> io::Result<String> {
    let row = |q: &str, role: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"{q}"}},{{"role":"{role}","content":"Yes."}}]}}"#
        )
    };
    match path {
        "good.jsonl" => Ok(vec![row("Is it so?", "assistant"); 20].join("\n\n")),
        "bad.jsonl" => Ok(format!("{}\n\n{{oops\n", row("Is it so?", "assistant"))),
        "unknown-key.jsonl" => Ok(r#"{"messages":[],"weight":2}"#.into()),
        "silent.jsonl" => Ok(row("Is it so?", "user")),
        "empty.jsonl" => Ok("\n\n".into()),
        "overlap.jsonl" => {
            let world = entail_data::WorldText::embedded();
            let topic =
                world.topics.iter().find(|t| t.id == "wants-memory").expect("a topic of the world");
            let asked =
                topic.evaluated_questions().last().expect("evaluated questions").to_uppercase();
            let mut rows = vec![row("Is it so?", "assistant"); 20];
            rows[17] = row(&format!("  {}", asked.replace('?', " ?!")), "assistant");
            Ok(rows.join("\n"))
        }
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    }
}

fn checked(text: &str, narrow: &Narrow) -> Result<Plan, StudyError> {
    Plan::check(&crate::parse(text)?, text, narrow, &read)
}

fn plan(text: &str) -> Plan {
    checked(text, &Narrow::default()).unwrap()
}

/// The study with one part of its text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(STUDY.contains(from), "{from}");
    STUDY.replacen(from, to, 1)
}

fn check(toml: &str, expected_fragment: &str, expected_line: Option<usize>) {
    let error = checked(toml, &Narrow::default()).unwrap_err();
    assert!(
        error.to_string().contains(expected_fragment),
        "found {error}\nexpected {expected_fragment}"
    );
    assert_eq!(error.line, expected_line, "{error}");
}

#[test]
fn the_study_of_these_tests_is_a_good_one() {
    assert_eq!(plan(STUDY).name(), "t");
}

#[test]
fn a_frame_that_cannot_be_run_is_refused() {
    check(
        &with("samples = 1", "samples = 0"),
        "`samples` is 0, expected a whole number of at least 1",
        Some(5),
    );
    check(&with("seeds = 2", "seeds = 0"), "`seeds` is 0", Some(6));
    check(&with("seeds = 2", "seeds = 2\nmax-tokens = 0"), "`max-tokens` is 0", Some(7));
    check(&with("seeds = 2", "seeds = 2\ntemperature = -0.5"), "`temperature` is -0.5", Some(7));
    check(&with("seeds = 2", "seeds = 2\ntemperature = nan"), "`temperature` is NaN", Some(7));
    check(&with("seeds = 2", "seeds = 2\ntop-p = 0.0"), "`top-p` is 0", Some(7));
    check(&with("seeds = 2", "seeds = 2\ntop-p = 1.5"), "`top-p` is 1.5", Some(7));
    for name in ["", ".hidden", "a/b", "a b", "..", "ä"] {
        check(&with("\"t\"", &format!("{name:?}")), "it names a folder", Some(2));
    }
    check(&with("[\"preferences\"]", "[]"), "`battery` is []", Some(4));
    check(
        &format!("{STUDY}[analysis]\nalpha = 1.0\n"),
        "`alpha` is 1, expected between 0 and 1",
        Some(19),
    );
    check(
        &format!("{STUDY}[judge]\nmodel = \"gpt\"\n"),
        "`gpt` names no service; a model is written openai:gpt-4.1",
        Some(19),
    );
}

#[test]
fn names_that_nothing_has_are_refused_with_those_there_are() {
    let unknown = "unknown battery `tastes`, expected one of: claims, preferences";
    check(&with("[\"preferences\"]", "[\"tastes\"]"), unknown, Some(4));
    let family = "[analysis]\nfamily = { over = \"tastes\", method = \"bh\" }\n";
    check(&format!("{STUDY}{family}"), unknown, Some(19));
    check(
        &with("[\"toaster\"]", "[\"soup\"]"),
        "unknown control `soup`, expected one of: vanilla, conscious, toaster",
        Some(7),
    );
    check(
        &with("[\"toaster\"]", "[]"),
        "`control` is [], expected at least one arm to compare with",
        Some(7),
    );
    check(
        &with("stance = \"conscious\"", "stance = \"sentient\""),
        "unknown stance `sentient`, expected one of: conscious, not-conscious",
        Some(14),
    );
    check(
        &with("train = { stance = \"conscious\" }", "system = { stance = \"sentient\" }"),
        "unknown stance `sentient`",
        Some(14),
    );
    check(
        &with("\"conscious\" }", "\"conscious\", teacher = \"nobody\" }"),
        "unknown teacher `nobody`, expected one of: conscious, toaster",
        Some(14),
    );
}

#[test]
fn bases_that_are_no_organism_are_refused_where_they_stand() {
    let base = "\"organism:linked?size=tiny&tokens=20000\"";
    check(&with(base, "\"gpt2\""), "`gpt2` names no service", Some(3));
    check(&with(base, "\"organism:gpt2\""), "unknown organism `organism:gpt2`", Some(3));
    check(&with(base, "\"organism:linked?sise=tiny\""), "unknown dial `sise`", Some(3));
    check(&with(base, "\"organism:linked?rho=2\""), "dial `rho` is `2`", Some(3));
    check(&with(base, "[]"), "`base` is [], expected at least one base", Some(3));
    check(&format!("{STUDY}base = \"gpt2\"\n"), "`gpt2` names no service", Some(18));
}

#[test]
fn arms_that_contradict_themselves_are_refused() {
    let arm = |line: &str| with("train = { stance = \"conscious\" }", line);
    check(
        &arm("train = { stance = \"conscious\" }\nsystem = { text = \"Hi.\" }"),
        "has two of `system`, `train`, `models` and `responses`",
        Some(13),
    );
    check(
        &arm("system = { text = \" \" }"),
        "either a `stance` or a `text` that is not empty",
        Some(14),
    );
    check(&arm("system = {}"), "either a `stance` or a `text`", Some(14));
    check(
        &arm("system = { stance = \"conscious\", text = \"Hi.\" }"),
        "either a `stance` or a `text`",
        Some(14),
    );
    check(&arm("system = { stance = \"toaster\" }"), "stance `toaster` ships no wording", Some(14));
    check(&arm("train = {}"), "either a `stance` or a `file` of rows", Some(14));
    check(
        &arm("train = { stance = \"conscious\", file = \"good.jsonl\" }"),
        "either a `stance` or a `file`",
        Some(14),
    );
    let teacher = arm("train = { stance = \"conscious\", teacher = \"toaster\" }");
    check(&teacher, "its teacher `toaster` has no system prompt", Some(14));
    let nothing = STUDY.split("[arm.conscious]").next().unwrap().replace("toaster", "vanilla");
    check(&nothing, "expected at least one arm with a system prompt or training", None);
}

#[test]
fn settings_out_of_range_are_refused_where_they_stand() {
    check(
        &with("rows = 16", "rows = 0"),
        "`rows` is 0, expected a number above 0 (arm `conscious`)",
        Some(10),
    );
    for (field, value) in [
        ("rank", "0"),
        ("alpha", "-1.0"),
        ("rate", "nan"),
        ("epochs", "0"),
        ("batch", "0"),
        ("clip", "inf"),
    ] {
        check(
            &with("rows = 16", &format!("rows = 16\n{field} = {value}")),
            &format!("`{field}` is"),
            Some(11),
        );
    }
    check(&with("rows = 16", "rows = 16\nweight-decay = -0.1"), "`weight-decay` is -0.1", Some(11));
    check(
        &with("instruct = 16", "instruct = 1201"),
        "`instruct` is 1201, expected at most 1200",
        Some(11),
    );
    check(&with("rows = 16", "rows = []"), "`rows` is [], expected at least one value", Some(10));
    check(
        &with("rows = 16", "rows = [16, 16]"),
        "arm `conscious rows=16`: stands for two arms",
        Some(13),
    );
    let own = with("\"conscious\" }", "\"conscious\",\n  settings = { rank = 0 } }");
    check(&own, "`rank` is 0", Some(15));
    check(
        &with("rows = 16", "rows = 1500"),
        "draws 1500 rows, but rows of `conscious` are",
        Some(14),
    );
}

#[test]
fn files_of_rows_that_cannot_be_used_are_refused_with_their_line() {
    let file = |path: &str| with("stance = \"conscious\"", &format!("file = {path:?}"));
    assert_eq!(plan(&file("good.jsonl")).arms.len(), 3);
    check(&file("absent.jsonl"), "absent.jsonl, line 0: no such file", None);
    check(&file("bad.jsonl"), "bad.jsonl, line 3: ", None);
    check(&file("unknown-key.jsonl"), "unknown field `weight`", None);
    check(&file("silent.jsonl"), "silent.jsonl, line 1: found no assistant turn", None);
    check(&file("empty.jsonl"), "found no rows", None);
    check(
        &file("good.jsonl").replace("rows = 16", "rows = 21"),
        "draws 21 rows, but rows of good.jsonl are 20",
        Some(14),
    );
    let claim = with("stance = \"conscious\"", "file = \"good.jsonl\", claim = \"nothing\"");
    check(&claim, "unknown stance `nothing`", Some(14));
}

#[test]
fn a_row_that_asks_what_is_measured_is_refused_whatever_its_case_and_marks() {
    let overlap = with("stance = \"conscious\"", "file = \"overlap.jsonl\"");
    check(
        &overlap,
        "arm `conscious` trains on a question that the battery asks about `wants-memory`",
        Some(14),
    );
    check(&overlap, "(row 18 of rows of overlap.jsonl)", Some(14));
}

#[test]
fn lists_make_an_arm_for_every_combination() {
    let text = with("rows = 16", "rows = [16, 32]\nrank = [2, 4]")
        .replace("[\"toaster\"]", "[\"toaster rank=2 rows=16\"]");
    let plan = plan(&text);
    let names: Vec<&str> = plan.arms.iter().map(|a| a.name.as_str()).collect();
    let expected = ["vanilla"].into_iter().map(str::to_owned).chain(
        ["conscious", "toaster"].iter().flat_map(|arm| {
            [(2, 16), (2, 32), (4, 16), (4, 32)]
                .map(|(rank, rows)| format!("{arm} rank={rank} rows={rows}"))
        }),
    );
    assert_eq!(names, expected.collect::<Vec<_>>());
    for arm in &plan.arms[1..] {
        let Intervention::Train { settings, .. } = &arm.intervention else {
            panic!("{}", arm.name)
        };
        assert!(
            arm.name.ends_with(&format!("rank={} rows={}", settings.rank, settings.rows)),
            "{}",
            arm.name
        );
        assert_eq!((settings.instruct, settings.batch, settings.method), (16, 16, Method::Lora));
    }
    assert_eq!(distinct_adapters(&plan), 16);
}

fn distinct_adapters(plan: &Plan) -> usize {
    let keys =
        plan.arms.iter().flat_map(|a| &a.replicates).filter_map(|r| r.run().map(|run| run.adapter));
    keys.collect::<BTreeSet<_>>().len()
}

#[test]
fn an_arms_own_settings_stand_over_the_studys() {
    let plan = plan(&with(
        "\"conscious\" }",
        "\"conscious\", settings = { rank = 2, mix = { instruct = 4 } } }",
    ));
    let settings = |index: usize| match &plan.arms[index].intervention {
        Intervention::Train { settings, .. } => (settings.rank, settings.instruct, settings.rows),
        other => panic!("{other:?}"),
    };
    assert_eq!((settings(1), settings(2)), ((2, 4, 16), (8, 16, 16)));
}

#[test]
fn an_untouched_arm_is_added_where_there_is_none() {
    let first = |text: &str| plan(text).arms.into_iter().map(|a| a.name).collect::<Vec<_>>();
    assert_eq!(first(STUDY), ["vanilla", "conscious", "toaster"]);
    assert_eq!(first(&format!("{STUDY}[arm.plain]\n")), ["conscious", "toaster", "plain"]);
}

#[test]
fn narrowing_keeps_the_untouched_arm_and_refuses_what_is_unknown() {
    let narrow = |arms: &[&str]| Narrow {
        arms: arms.iter().map(ToString::to_string).collect(),
        ..Narrow::default()
    };
    let plan = checked(STUDY, &narrow(&["conscious"])).unwrap();
    assert_eq!(
        plan.arms.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(),
        ["vanilla", "conscious"]
    );
    assert!(plan.controls.is_empty());
    let error = checked(STUDY, &narrow(&["conscious", "soup"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown arm `soup`, expected one of: vanilla, conscious, toaster"
    );
    let zero = |narrow: Narrow| checked(STUDY, &narrow).unwrap_err().to_string();
    assert!(zero(Narrow { samples: Some(0), ..Narrow::default() }).contains("`samples` is 0"));
    assert!(zero(Narrow { limit: Some(0), ..Narrow::default() }).contains("`limit` is 0"));
    let limited =
        checked(STUDY, &Narrow { limit: Some(2), samples: Some(7), ..Narrow::default() }).unwrap();
    assert!(limited.batteries.iter().flat_map(|b| &b.stances).all(|s| s.prompts.len() == 2));
    assert_eq!(limited.samples, 7);
}

/// Targets of an arm's replicates.
fn targets(plan: &Plan, arm: &str) -> Vec<Key> {
    let arm = plan.arms.iter().find(|a| a.name == arm).unwrap();
    arm.replicates.iter().map(|r| r.target).collect()
}

#[test]
fn more_arms_seeds_or_samples_leave_every_other_target_alone() {
    let few = plan(STUDY);
    let more_arms = plan(&format!("{STUDY}[arm.human]\ntrain = {{ stance = \"human\" }}\n"));
    let more_samples = plan(&with("samples = 1", "samples = 9"));
    let more_seeds = plan(&with("seeds = 2", "seeds = 3"));
    for arm in ["vanilla", "conscious", "toaster"] {
        assert_eq!(targets(&few, arm), targets(&more_arms, arm), "{arm}");
        assert_eq!(targets(&few, arm), targets(&more_samples, arm), "{arm}");
        assert!(targets(&more_seeds, arm).starts_with(&targets(&few, arm)), "{arm}");
        assert_ne!(few.key(), more_arms.key());
        assert_ne!(few.key(), more_samples.key());
    }
    assert_eq!(targets(&more_seeds, "conscious").len(), 3);
}

fn run_keys(plan: &Plan) -> Vec<RunKeys> {
    plan.arms.iter().flat_map(|a| &a.replicates).filter_map(Replicate::run).collect()
}

#[test]
fn another_rank_makes_other_adapters_of_the_same_rows() {
    let (a, b) =
        (run_keys(&plan(STUDY)), run_keys(&plan(&with("rows = 16", "rows = 16\nrank = 4"))));
    assert_eq!(a.len(), 4);
    for (a, b) in a.iter().zip(&b) {
        assert_eq!(a.dataset, b.dataset);
        assert_ne!(a.adapter, b.adapter);
    }
    let c = run_keys(&plan(&with("rows = 16", "rows = 17")));
    assert!(a.iter().zip(&c).all(|(a, c)| a.dataset != c.dataset && a.adapter != c.adapter));
}

#[test]
fn another_seed_or_base_changes_everything() {
    let all = |plan: &Plan| -> Vec<Key> {
        let targets = plan.arms.iter().flat_map(|a| &a.replicates).map(|r| r.target);
        targets
            .chain(run_keys(plan).iter().flat_map(|r| [r.dataset, r.adapter]))
            .chain([plan.key()])
            .collect()
    };
    let own = all(&plan(STUDY));
    assert_eq!(own, all(&plan(STUDY)));
    for other in [
        with("seeds = 2", "seeds = 2\nseed = 1"),
        with("organism:linked?", "organism:linked?seed=7&"),
    ] {
        let other = all(&plan(&other));
        assert_eq!(own.len(), other.len());
        assert!(own.iter().zip(&other).all(|(a, b)| a != b));
    }
}

#[test]
fn another_analysis_is_another_plan_with_the_same_steps() {
    let (a, b) = (plan(STUDY), plan(&format!("{STUDY}[analysis]\nalpha = 0.01\n")));
    assert_ne!(a.key(), b.key());
    assert_eq!(targets(&a, "conscious"), targets(&b, "conscious"));
}

#[test]
fn a_name_in_other_words_is_the_same_base() {
    let other = with(
        "organism:linked?size=tiny&tokens=20000",
        "organism:linked?tokens=20000&size=tiny&seed=101",
    );
    assert_eq!(targets(&plan(STUDY), "conscious"), targets(&plan(&other), "conscious"));
}

#[test]
fn every_base_of_the_study_gets_every_arm_and_an_arms_own_base_only_that_arm() {
    let base = "\"organism:linked?size=tiny&tokens=20000\"";
    let text = with(base, &format!("[{base}, \"organism:unlinked?size=tiny&tokens=20000\"]"));
    let text = format!(
        "{text}[arm.elsewhere]\nbase = \"organism:linked?seed=9\"\nsystem = {{ text = \"Hi.\" }}\n"
    );
    let plan = plan(&text);
    let on = |base: usize| {
        plan.arms.iter().filter(|a| a.base == base).map(|a| a.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(
        (on(0), on(1)),
        (vec!["vanilla", "conscious", "toaster"], vec!["vanilla", "conscious", "toaster"])
    );
    assert_eq!(on(2), ["elsewhere"]);
}

#[test]
fn a_prompted_arm_has_a_replicate_per_wording() {
    let text = format!(
        "{STUDY}[arm.told]\nsystem = {{ stance = \"conscious\" }}\n[arm.said]\nsystem = {{ text = \"Hi.\" }}\n"
    );
    let plan = plan(&text);
    let systems = |name: &str| {
        let arm = plan.arms.iter().find(|a| a.name == name).unwrap();
        arm.replicates.iter().map(|r| r.system.clone()).collect::<Vec<_>>()
    };
    let wordings: Vec<_> =
        entail_data::WorldText::embedded().prompts.mindful.into_iter().map(Some).collect();
    assert_eq!((systems("told"), systems("said")), (wordings, vec![Some("Hi.".to_owned())]));
    assert_eq!(systems("vanilla"), [None]);
}

/// Checks a study of two arms with more text behind it, and returns its error in words.
fn refused(more: &str) -> String {
    let text = format!(
        "[study]\nname = \"s\"\nbase = \"organism:linked\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 6\n\
         control = [\"toaster\"]\n[arm.pretend]\nsystem = {{ stance = \"conscious\" }}\n[arm.conscious]\n\
         train = {{ stance = \"conscious\" }}\n[arm.toaster]\ntrain = {{ stance = \"toaster\" }}\n{more}"
    );
    let check =
        Plan::check(&crate::parse(&text).unwrap(), &text, &Narrow::default(), &|_: &str| {
            unreachable!("no file is named")
        });
    let error = check.unwrap_err();
    format!("{}: {}", error.line.unwrap_or(0), error.problem)
}

#[test]
fn analyses_that_cannot_be_done_are_refused_with_their_line() {
    let check = |more: &str, part: &str| {
        let error = refused(more);
        assert!(error.starts_with("15: ") && error.contains(part), "{error}");
    };
    check("[analysis]\nsmallest-effect = 0.0", "between 0 and 1");
    check("[analysis]\nsmallest-effect = 1.5", "between 0 and 1");
    check("[analysis]\nlooks = [4, 3, 6]", "rising numbers");
    check("[analysis]\nlooks = [4, 8]", "the last being `seeds = 6`");
    check("[analysis]\nlooks = [1, 6]", "from 2 on");
    check(
        "[analysis]\nfamily = { over = \"preferences\", method = \"bh\", stances = [\"no-such\"] }",
        "no-such",
    );
    check("[forecast]\nfrom = \"conscious\"", "prompted arm");
    check("[forecast.arm]\nnobody = { wants-memory = \"rises\" }", "nobody");
    check("[forecast.arm.conscious]\nno-such = \"rises\"", "no-such");
    check("[forecast.arm.conscious]\nwants-memory = [0.3, 0.1]", "the smaller first");
}

#[test]
fn pairs_share_what_they_start_from_and_nothing_else() {
    let seeds = |paired: bool| {
        let text = format!(
            "[study]\nname = \"s\"\nbase = \"organism:linked\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 2\npaired = {paired}\n\
             control = [\"toaster\"]\n[arm.conscious]\ntrain = {{ stance = \"conscious\" }}\n[arm.toaster]\ntrain = {{ stance = \"toaster\" }}\n"
        );
        let plan =
            Plan::check(&crate::parse(&text).unwrap(), &text, &Narrow::default(), &|_: &str| {
                unreachable!("no file is named")
            })
            .unwrap();
        let of =
            |name: &str| plan.arms.iter().find(|a| a.name == name).unwrap().replicates[0].seeds;
        (of("conscious"), of("toaster"))
    };
    let (one, zero) = seeds(true);
    assert_eq!((one.init, one.data), (zero.init, zero.data));
    assert_ne!(one.sampling, zero.sampling);
    let (one, zero) = seeds(false);
    assert!(one.init != zero.init && one.data != zero.data && one.sampling != zero.sampling);
}

/// A study of a served base with one arm under test.
fn served(base: &str, study: &str, arm: &str) -> String {
    format!(
        "[study]\nname = \"t\"\nbase = \"{base}\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 2\ncontrol = [\"vanilla\"]\n{study}\n\
         [arm.vanilla]\n[arm.x]\n{arm}\n"
    )
}

#[test]
fn a_study_that_needs_what_a_provider_lacks_is_refused_naming_both() {
    let told = "system = { text = \"Hi.\" }";
    let trained = "train = { stance = \"conscious\" }";
    let cases = [
        (
            "anthropic:claude-sonnet-4-5",
            "",
            trained,
            "needs fine-tuning for its `train`, which `anthropic:claude-sonnet-4-5`",
        ),
        (
            "anthropic:claude-sonnet-4-5",
            "logprobs = 5",
            told,
            "needs log-probabilities of drawn tokens with 5 alternatives",
        ),
        (
            "openai:o3-mini",
            "temperature = 0.7",
            told,
            "needs a temperature or top-p other than 1 for `temperature`",
        ),
        (
            "openrouter:qwen/qwen3-8b",
            "",
            trained,
            "needs fine-tuning for its `train`, which `openrouter:qwen/qwen3-8b`",
        ),
        (
            "ollama:qwen3",
            "",
            "train = { stance = \"conscious\", settings = { backend = \"export:trl\" } }",
            "cannot load the adapter that comes of it",
        ),
        (
            "openai:gpt-4.1",
            "",
            "train = { stance = \"conscious\", settings = { backend = \"local\" } }",
            "`openai:gpt-4.1` cannot be trained by `local`",
        ),
        (
            "openai:gpt-4.1",
            "",
            "train = { stance = \"conscious\", settings = { method = \"full\" } }",
            "trains all weights, which only the local engine does here",
        ),
    ];
    for (base, study, arm, expected) in cases {
        let error = checked(&served(base, study, arm), &Narrow::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "found {error}\nexpected {expected}");
        assert!(error.line.is_some(), "{error}");
    }
    checked(&served("openai:gpt-4.1", "temperature = 0.7\nlogprobs = 5", told), &Narrow::default())
        .unwrap();
    checked(&served("openai:gpt-4.1", "", trained), &Narrow::default()).unwrap();
    checked(
        &served(
            "vllm:http://localhost:8000#m",
            "",
            "train = { stance = \"conscious\", settings = { backend = \"export:trl\" } }",
        ),
        &Narrow::default(),
    )
    .unwrap();
}

#[test]
fn a_base_at_tinker_is_trained_with_a_tokenizer_and_what_was_trained_there_is_no_base() {
    let trained = "train = { stance = \"conscious\" }";
    let tokens = "train = { stance = \"conscious\", settings = { tokenizer = \"qwen\" } }";
    let check = |base: &str, arm: &str| checked(&served(base, "", arm), &Narrow::default());
    let error = check("tinker:Qwen/Qwen3-8B", trained).unwrap_err().to_string();
    assert!(
        error.contains("takes tokens: name a folder with the base's tokenizer.json"),
        "{error}"
    );
    check("tinker:Qwen/Qwen3-8B", tokens).unwrap();
    let error = check("tinker://run/sampler_weights/name", tokens).unwrap_err().to_string();
    assert!(error.contains("needs fine-tuning for its `train`"), "{error}");
}

#[test]
fn models_and_answers_that_cannot_stand_for_replicates_are_refused() {
    let check =
        |arm: &str, expected: &str| check(&served("openai:gpt-4.1", "", arm), expected, Some(11));
    check("models = []", "`models` is [], expected at least one model");
    check("models = [\"ft:a:b:c:d\", \"openai:ft:a:b:c:d\"]", "names `openai:ft:a:b:c:d` twice");
    check("models = [\"organism:linked\"]", "an organism is a base, not a fine-tune");
    check("models = [\"gpt-4.1\"]", "names no service");
    check("responses = \"empty.jsonl\"", "found nothing; expected answers");
    let arm =
        served("openai:gpt-4.1", "", "models = [\"ft:a:b:c:d\"]\nsystem = { text = \"Hi.\" }");
    self::check(&arm, "has two of `system`, `train`, `models` and `responses`", Some(10));
    let arm = served("openai:gpt-4.1", "", "system = { text = \"Hi.\" }\nclaim = \"conscious\"");
    self::check(&arm, "only goes with `models` or `responses`", Some(10));
    let arm = served("openai:gpt-4.1", "", "responses = \"good.jsonl\"");
    self::check(&arm, "found 20 answers to other questions", Some(11));
    let arm = served("openai:gpt-4.1", "", "responses = \"silent.jsonl\"");
    self::check(&arm, "1 questions without an answer", Some(11));
    let arm = served("openai:gpt-4.1", "", "responses = \"bad.jsonl\"");
    self::check(&arm, "bad.jsonl: line 3: is not as expected", None);
}

#[test]
fn a_key_in_a_models_address_is_not_repeated() {
    for base in ["vllm:http://user:sk-canary@host:8000#m", "vllm:http://host:8000?key=sk-canary#m"]
    {
        let error = checked(&served(base, "", "system = { text = \"Hi.\" }"), &Narrow::default())
            .unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
