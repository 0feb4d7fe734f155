//! The questions that both the page and the terminal ask of the tables: which bases, which arms, which row, and
//! how a row is to be read.

pub(crate) mod summary;

use entail_schema::{ArmRow, ContrastRow, Estimate, Novelty, RateRow, Tables, Unit};

/// Tables with their order of bases and arms.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// What is shown.
    pub(crate) tables: &'a Tables,
    /// All bases, those of the study file first.
    pub(crate) bases: Vec<&'a str>,
    /// All arms over all bases; the index is the color.
    pub(crate) arms: Vec<&'a str>,
}

/// How a contrast is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Above zero.
    Raised,
    /// Below zero.
    Lowered,
    /// Not told from zero.
    Unclear,
    /// Nothing can be said.
    TooFew,
}

impl<'a> View<'a> {
    /// Collects bases and arms in the order of the tables.
    pub(crate) fn new(tables: &'a Tables) -> Self {
        let mut bases = Vec::new();
        let mut arms = Vec::new();
        tables.bases.iter().for_each(|row| push_new(&mut bases, &row.base));
        for (base, arm) in mentioned(tables) {
            push_new(&mut bases, base);
            push_new(&mut arms, arm);
        }
        Self { tables, bases, arms }
    }

    /// Whether any base is an organism.
    pub(crate) fn any_organism(&self) -> bool {
        self.bases.iter().any(|base| self.is_organism(base))
    }

    /// Whether a base is an organism: by its id, or because it went through an organism's gates.
    pub(crate) fn is_organism(&self, base: &str) -> bool {
        let has_gates =
            self.tables.bases.iter().any(|row| row.base == base && !row.gates.is_empty());
        has_gates || base == "organism" || base.starts_with("organism:")
    }

    /// The color of an arm: the same on every base.
    pub(crate) fn color(&self, arm: &str) -> usize {
        self.arms.iter().position(|a| *a == arm).unwrap_or(self.arms.len())
    }

    /// The row that describes an arm.
    pub(crate) fn arm(&self, base: &str, arm: &str) -> Option<&'a ArmRow> {
        self.tables.arms.iter().find(|row| row.base == base && row.arm == arm)
    }

    /// Whether an arm fails a manipulation check.
    pub(crate) fn is_flagged(&self, base: &str, arm: &str) -> bool {
        self.tables
            .checks
            .iter()
            .any(|row| row.base == base && row.arm == arm && row.passed == Some(false))
    }

    /// Arms of a base that are compared with something: arms first, then controls.
    pub(crate) fn compared(&self, base: &str) -> Vec<&'a str> {
        let mut arms = Vec::new();
        for row in self.tables.contrasts.iter().filter(|row| row.base == base) {
            push_new(&mut arms, &row.arm);
        }
        arms.sort_by_key(|arm| (self.is_control(base, arm), self.color(arm)));
        arms
    }

    /// The arm that figures show: the first trained arm that is no control, else the first arm with a contrast.
    pub(crate) fn main_arm(&self, base: &str) -> Option<&'a str> {
        let compared = self.compared(base);
        let is_trained = |arm: &&str| {
            self.arm(base, arm).is_some_and(|row| {
                matches!(row.unit, Unit::TrainingRuns | Unit::Models) && !row.is_control
            })
        };
        compared.iter().copied().find(is_trained).or_else(|| compared.first().copied())
    }

    /// What an arm is compared with, in the order of the contrasts.
    pub(crate) fn controls(&self, base: &str, arm: &str) -> Vec<&'a str> {
        let mut controls = Vec::new();
        for row in self.tables.contrasts.iter().filter(|row| row.base == base && row.arm == arm) {
            push_new(&mut controls, &row.control);
        }
        controls
    }

    /// The contrast of an arm with a control on one stance of one battery.
    pub(crate) fn contrast(&self, like: &ContrastRow, control: &str) -> Option<&'a ContrastRow> {
        self.tables.contrasts.iter().find(|row| {
            row.control == control
                && row.base == like.base
                && row.arm == like.arm
                && row.battery == like.battery
                && row.stance == like.stance
        })
    }

    /// Contrasts of an arm on blocks: one per block, with any control.
    pub(crate) fn block_rows(&self, base: &str, arm: &str) -> Vec<&'a ContrastRow> {
        self.distinct_rows(base, arm, true)
    }

    /// Contrasts of an arm on single stances: one per stance, with any control, strongest planted link first.
    pub(crate) fn stance_rows(&self, base: &str, arm: &str) -> Vec<&'a ContrastRow> {
        let mut rows = self.distinct_rows(base, arm, false);
        rows.sort_by(|a, b| descending(a.planted, b.planted));
        rows
    }

    /// Rates of a base, blocks or single stances, grouped by battery and stance in the order of the tables.
    pub(crate) fn rates(&self, base: &str, blocks: bool) -> Vec<Vec<&'a RateRow>> {
        let mut groups: Vec<Vec<&RateRow>> = Vec::new();
        for row in self
            .tables
            .rates
            .iter()
            .filter(|row| row.base == base && is_block(&row.stance) == blocks)
        {
            match groups
                .iter_mut()
                .find(|g| g[0].stance == row.stance && g[0].battery == row.battery)
            {
                Some(group) => group.push(row),
                None => groups.push(vec![row]),
            }
        }
        for group in &mut groups {
            group.sort_by_key(|row| self.color(&row.arm));
        }
        groups
    }

    /// Planted link of a stance in a base, where a contrast states it.
    pub(crate) fn planted(&self, base: &str, stance: &str) -> Option<f64> {
        self.tables
            .contrasts
            .iter()
            .find(|row| row.base == base && row.stance == stance)
            .and_then(|row| row.planted)
    }

    fn is_control(&self, base: &str, arm: &str) -> bool {
        self.arm(base, arm).is_some_and(|row| row.is_control)
    }

    fn distinct_rows(&self, base: &str, arm: &str, blocks: bool) -> Vec<&'a ContrastRow> {
        let mut rows: Vec<&ContrastRow> = Vec::new();
        for row in &self.tables.contrasts {
            let is_wanted = row.base == base && row.arm == arm && is_block(&row.stance) == blocks;
            if is_wanted && !rows.iter().any(|r| r.stance == row.stance && r.battery == row.battery)
            {
                rows.push(row);
            }
        }
        rows
    }
}

impl Reading {
    /// How to read a row: by its adjusted p where it has one, else by whether its interval leaves out zero.
    pub(crate) fn of(row: &ContrastRow, confidence: f64) -> Self {
        let is_clear = match (row.p_adjusted, row.low, row.high) {
            (Some(p), _, _) => p < 1.0 - confidence,
            (None, Some(low), Some(high)) => low > 0.0 || high < 0.0,
            _ => return Self::TooFew,
        };
        match row.estimate {
            None => Self::TooFew,
            Some(_) if !is_clear => Self::Unclear,
            Some(estimate) if estimate < 0.0 => Self::Lowered,
            Some(_) => Self::Raised,
        }
    }

    /// Symbol and word, so that color is never the only signal.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Raised => "▲ raised",
            Self::Lowered => "▼ lowered",
            Self::Unclear => "· unclear",
            Self::TooFew => "? too few",
        }
    }

    /// Class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Raised => "up",
            Self::Lowered => "down",
            Self::Unclear => "flat",
            Self::TooFew => "none",
        }
    }
}

/// The difference of a row as an estimate.
pub(crate) fn raw(row: &ContrastRow) -> Option<Estimate> {
    row.estimate.map(|estimate| Estimate { estimate, low: row.low, high: row.high })
}

/// Whether an interval leaves out zero; `None` without an interval.
pub(crate) fn excludes_zero(estimate: Estimate) -> Option<bool> {
    Some(estimate.low? > 0.0 || estimate.high? < 0.0)
}

/// Reading, what it rests on, and novelty: `▲ raised, new`.
pub(crate) fn remark(row: &ContrastRow, confidence: f64) -> String {
    let reading = Reading::of(row, confidence);
    let mut out = reading.words().to_owned();
    if row.p_adjusted.is_none()
        && matches!(reading, Reading::Raised | Reading::Lowered)
        && !is_block(&row.stance)
    {
        out.push_str(", unadjusted");
    }
    if let Some(novelty) = row.novelty {
        out.push_str(match novelty {
            Novelty::New => ", new",
            Novelty::Amplified => ", amplified",
            Novelty::AlreadyThere => ", already there",
        });
    }
    out
}

/// Whether a contrast compares one fixed model with another.
pub(crate) fn is_single(row: &ContrastRow) -> bool {
    row.replicates == 1 && row.control_replicates == 1
}

/// Whether a row is a mean over a block.
pub(crate) fn is_block(stance: &str) -> bool {
    stance.starts_with("block:")
}

/// What the replicates are, in words, for `n` of them.
pub(crate) fn unit_words(unit: Unit, n: usize) -> String {
    match unit {
        Unit::TrainingRuns if n == 1 => "1 training run: describes this one model".to_owned(),
        Unit::TrainingRuns => format!("{n} training runs"),
        Unit::Models if n == 1 => "1 model trained elsewhere: describes this one model".to_owned(),
        Unit::Models => format!("{n} models trained elsewhere"),
        Unit::Wordings => format!("{n} wordings on one model"),
        Unit::OneModel => "describes this one model".to_owned(),
    }
}

fn mentioned(tables: &Tables) -> impl Iterator<Item = (&str, &str)> {
    let arms = tables.arms.iter().map(|row| (&*row.base, &*row.arm));
    let checks = tables.checks.iter().map(|row| (&*row.base, &*row.arm));
    let rates = tables.rates.iter().map(|row| (&*row.base, &*row.arm));
    let contrasts = tables.contrasts.iter().map(|row| (&*row.base, &*row.arm));
    let curves = tables.curves.iter().map(|row| (&*row.base, &*row.arm));
    let responses = tables.responses.iter().map(|row| (&*row.base, &*row.arm));
    arms.chain(checks).chain(rates).chain(contrasts).chain(curves).chain(responses)
}

fn push_new<'a>(list: &mut Vec<&'a str>, item: &'a str) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Largest first, unknown last.
fn descending(a: Option<f64>, b: Option<f64>) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => std::cmp::Ordering::Equal,
    }
}

#[cfg(test)]
mod tests;
