//! What a model of Anthropic takes, by the generation that its name tells: the pages on thinking and on structured
//! outputs and the migration guides at platform.claude.com, of November 2026, and the types of `anthropic` 2.12.0.

use serde::Serialize;

use crate::{Thinking, ThinkingChoice};

/// A generation: that of `claude-opus-4-1` is (4, 1).
type Generation = (u32, u32);

/// A model by its name.
#[derive(Debug)]
pub(super) struct Claude<'a> {
    name: &'a str,
    /// `None` for a name without one, of which nothing is known.
    generation: Option<Generation>,
}

/// The field `thinking` of a request.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingConfig {
    /// Within a budget, which has to be below the longest answer.
    Enabled { budget_tokens: usize },
    /// As much as the model finds right. Left to themselves, the models that know this keep their thoughts back.
    Adaptive { display: &'static str },
    /// Only between calls of tools, of which there are none.
    BetweenTools,
    /// Not at all.
    Disabled,
}

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Switch {
    /// Nobody here knows.
    Unknown,
    /// It never does.
    Never,
    /// Enabled with a budget, or disabled.
    Budget,
    /// Adaptive, or disabled.
    Adaptive,
    /// Adaptive, or between calls of tools.
    BetweenTools,
    /// Always adaptive.
    Always,
}

impl<'a> Claude<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        // A date is no generation: claude-opus-4-20250514.
        let number = |part: &str| part.parse::<u32>().ok().filter(|number| *number < 100);
        let mut numbers = name.split('-').filter_map(number);
        let generation = numbers.next().map(|major| (major, numbers.next().unwrap_or(0)));
        Self { name, generation }
    }

    fn is_family(&self, family: &str) -> bool {
        self.name.split('-').any(|part| part == family)
    }

    /// The families that came after the others, and have no first generation that is like theirs.
    fn is_of_a_late_family(&self) -> bool {
        self.is_family("fable") || self.is_family("mythos")
    }

    fn is_from(&self, first: Generation) -> bool {
        self.is_of_a_late_family() || self.generation.is_some_and(|it| it >= first)
    }

    /// Whether it takes a temperature and a top-p.
    pub(super) fn takes_a_temperature(&self) -> bool {
        !self.is_from((4, 7))
    }

    /// Whether it goes on with a turn of the assistant.
    pub(super) fn takes_prefill(&self) -> bool {
        !self.is_from((4, 6))
    }

    /// Whether it keeps an answer to a schema.
    pub(super) fn takes_a_schema(&self) -> bool {
        self.is_from((4, 5)) || (self.is_family("opus") && self.is_from((4, 1)))
    }

    fn switch(&self) -> Switch {
        if self.is_of_a_late_family() {
            return Switch::Always;
        }
        match self.generation {
            Some(generation) if generation < (3, 7) => Switch::Never,
            Some(generation) if generation < (4, 7) => Switch::Budget,
            Some(generation) if generation < (5, 5) => Switch::Adaptive,
            Some((5, 5)) if self.is_family("opus") => Switch::Always,
            Some((5, 5)) if self.is_family("sonnet") => Switch::BetweenTools,
            Some((5, 5)) if self.is_family("haiku") => Switch::Adaptive,
            None | Some(_) => Switch::Unknown,
        }
    }

    /// Whether it thinks.
    pub(super) fn thinking(&self) -> ThinkingChoice {
        match self.switch() {
            Switch::Unknown => ThinkingChoice::Unknown,
            Switch::Never => ThinkingChoice::Never,
            Switch::Budget => ThinkingChoice::Budget,
            Switch::Adaptive | Switch::BetweenTools => ThinkingChoice::Choice,
            Switch::Always => ThinkingChoice::Always,
        }
    }

    /// How a request says so. Of a budget half is for the answer.
    pub(super) fn config(&self, asked: Thinking, max_tokens: usize) -> Option<ThinkingConfig> {
        let adaptive = ThinkingConfig::Adaptive { display: "summarized" };
        match (self.switch(), asked) {
            (Switch::Unknown | Switch::Never, _) | (Switch::Always, Thinking::Off) => None,
            (Switch::Budget, Thinking::On) => {
                Some(ThinkingConfig::Enabled { budget_tokens: max_tokens / 2 })
            }
            (Switch::Adaptive | Switch::BetweenTools | Switch::Always, Thinking::On) => {
                Some(adaptive)
            }
            (Switch::Budget | Switch::Adaptive, Thinking::Off) => Some(ThinkingConfig::Disabled),
            (Switch::BetweenTools, Thinking::Off) => Some(ThinkingConfig::BetweenTools),
        }
    }
}
