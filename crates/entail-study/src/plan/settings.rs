//! Settings of training: a study's with an arm's own over them, lists expanded into one arm per value.

use entail_schema::{Backend, Method, OneOrMany, ScheduleName, TrainSection};
use serde::Serialize;

/// Settings of training, all resolved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Settings {
    pub(crate) method: Method,
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
    pub(crate) rate: f64,
    pub(crate) schedule: ScheduleName,
    pub(crate) warmup: usize,
    pub(crate) epochs: usize,
    pub(crate) batch: usize,
    pub(crate) rows: usize,
    pub(crate) instruct: usize,
    pub(crate) weight_decay: f64,
    pub(crate) clip: f64,
    /// Who trains, where the study says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<Backend>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate_multiplier: Option<f64>,
    /// Where tokens come from for a service that takes nothing else. Its content shows in the tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokenizer: Option<String>,
}

pub(super) fn first<T: Copy>(value: Option<&OneOrMany<T>>, default: T) -> T {
    value.and_then(|v| v.values().first().copied()).unwrap_or(default)
}

/// The study's settings with an arm's own over them.
pub(super) fn merge(study: &TrainSection, arm: Option<&TrainSection>) -> TrainSection {
    let Some(arm) = arm else { return study.clone() };
    TrainSection {
        method: arm.method.or(study.method),
        rank: arm.rank.clone().or(study.rank.clone()),
        alpha: arm.alpha.clone().or(study.alpha.clone()),
        rate: arm.rate.clone().or(study.rate.clone()),
        schedule: arm.schedule.or(study.schedule),
        warmup: arm.warmup.or(study.warmup),
        epochs: arm.epochs.clone().or(study.epochs.clone()),
        batch: arm.batch.clone().or(study.batch.clone()),
        rows: arm.rows.clone().or(study.rows.clone()),
        mix: arm.mix.clone().or(study.mix.clone()),
        weight_decay: arm.weight_decay.or(study.weight_decay),
        clip: arm.clip.or(study.clip),
        backend: arm.backend.or(study.backend),
        rate_multiplier: arm.rate_multiplier.or(study.rate_multiplier),
        tokenizer: arm.tokenizer.clone().or(study.tokenizer.clone()),
        answers: arm.answers.or(study.answers),
    }
}

/// One set of settings for every combination of listed values, with the suffix that names it; or the field whose
/// list is empty.
pub(super) fn expand(train: &TrainSection) -> Result<Vec<(String, TrainSection)>, &'static str> {
    let mut all = vec![(String::new(), train.clone())];
    let mut empty = None;
    let mut over =
        |name: &'static str, values: Vec<String>, set: &dyn Fn(&mut TrainSection, usize)| {
            if values.is_empty() {
                empty = empty.or(Some(name));
            }
            if values.len() < 2 {
                return;
            }
            all = all
                .iter()
                .flat_map(|(suffix, settings)| {
                    values.iter().enumerate().map(move |(index, value)| {
                        let mut settings = settings.clone();
                        set(&mut settings, index);
                        (format!("{suffix} {name}={value}"), settings)
                    })
                })
                .collect();
        };
    macro_rules! field {
        ($name:literal, $field:ident) => {
            if let Some(values) = &train.$field {
                let texts = values.values().iter().map(ToString::to_string).collect();
                over($name, texts, &|s, i| s.$field = Some(OneOrMany::One(values.values()[i])));
            }
        };
    }
    field!("rank", rank);
    field!("alpha", alpha);
    field!("rate", rate);
    field!("epochs", epochs);
    field!("batch", batch);
    field!("rows", rows);
    if let Some(mix) = &train.mix {
        let texts = mix.instruct.values().iter().map(ToString::to_string).collect();
        over("instruct", texts, &|s, i| {
            s.mix =
                Some(entail_schema::MixSpec { instruct: OneOrMany::One(mix.instruct.values()[i]) });
        });
    }
    empty.map_or(Ok(all), Err)
}
