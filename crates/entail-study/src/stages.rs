//! A study that stops when it knows: the plan as it stands at a look, and what is still open.

use std::collections::{BTreeMap, BTreeSet};

use entail_schema::{Standing, Tables, Verdict};

use crate::plan::{Intervention, Plan};

/// How many training runs each trained arm has at a stage, by name.
pub type Runs = BTreeMap<String, usize>;

impl Plan {
    /// The stage at which every trained arm has the runs of the first look; `None` when the study looks once.
    pub fn first_stage(&self) -> Option<Runs> {
        let first = *self.analysis.looks.first()?;
        let trained = self.arms.iter().filter(|arm| is_trained(&arm.intervention));
        Some(trained.map(|arm| (arm.name.clone(), first)).collect())
    }

    /// The same plan with the first runs of every arm only. Its key stays: a stage is a part of what was planned.
    #[must_use]
    pub fn at_stage(&self, runs: &Runs) -> Self {
        let mut plan = self.clone();
        for arm in &mut plan.arms {
            let keep = runs.get(&arm.name).copied().unwrap_or(arm.replicates.len());
            arm.replicates.truncate(keep);
        }
        plan
    }

    /// The stage after this one: arms with an open contrast, and what they are compared with, come to their next
    /// look. `None` when everything is decided or every open arm has all of its runs.
    pub fn next_stage(&self, runs: &Runs, tables: &Tables) -> Option<Runs> {
        let open = open_arms(tables);
        let mut next = runs.clone();
        for (arm, n) in &mut next {
            if open.contains(arm.as_str()) {
                *n = self.analysis.looks.iter().copied().find(|look| look > n).unwrap_or(*n);
            }
        }
        (next != *runs).then_some(next)
    }
}

fn is_trained(intervention: &Intervention) -> bool {
    matches!(intervention, Intervention::Train { .. })
}

/// Arms of planned contrasts that are neither shown to move nor shown not to, on some stance of the family.
fn open_arms(tables: &Tables) -> BTreeSet<&str> {
    let is_open = |verdict: Option<Verdict>| matches!(verdict, None | Some(Verdict::Undecided));
    let open = tables
        .contrasts
        .iter()
        .filter(|row| row.standing == Standing::Confirmatory && is_open(row.verdict));
    open.flat_map(|row| [row.arm.as_str(), row.control.as_str()]).collect()
}

#[cfg(test)]
mod tests;
