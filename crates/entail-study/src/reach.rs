//! Every key that a plan reaches: what a store must keep for the plan to be all there.

use std::collections::BTreeSet;

use entail_provider::{Completion, Finish};
use entail_schema::Key;

use crate::plan::{
    ArmPlan, Intervention, Plan, RowSource, Speaker, instruct_key, pool_row_key, teacher_key,
};
use crate::training::{RowQuestion, instruct_questions, teacher_questions};

/// Keys that a run of a plan looks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Of completions.
    pub completions: BTreeSet<Key>,
    /// Of organisms, row pools, datasets, training runs and readings. Results are the shell's.
    pub artifacts: BTreeSet<Key>,
}

impl Plan {
    /// The keys that a run of this plan looks for. Fewer training runs or samples, and fewer arms, reach a part of
    /// them; fewer prompts reach a part of the completions, and readings of their own.
    pub fn reach(&self) -> Reach {
        let mut reach = Reach::default();
        reach.artifacts.extend(self.bases.iter().map(|base| base.key));
        for arm in &self.arms {
            for (pool, questions) in self.pools_of(arm) {
                reach.artifacts.insert(pool);
                // Rows of local bases are kept as pools only.
                if !self.bases[arm.base].is_local() {
                    let rows = (0..questions.len()).map(|row| pool_row_key(pool, row));
                    reach.completions.extend(rows);
                }
            }
            for replicate in &arm.replicates {
                let system = replicate.system.as_deref();
                reach
                    .artifacts
                    .extend(replicate.run().iter().flat_map(|run| [run.dataset, run.adapter]));
                // As `run::answers` names them; a test holds the two together.
                let readings = ("readings", replicate.target, system, &self.batteries);
                reach.artifacts.insert(Key::of(&readings));
                if !matches!(replicate.speaker, Speaker::Recorded(_)) {
                    let items = self.items(replicate).into_iter().flatten();
                    reach.completions.extend(items.flat_map(|item| item.keys));
                }
            }
        }
        for expected in self.expected(&|_| None, &Completion::plain("", Finish::Stop)) {
            let keys = expected.exhibits.iter().flat_map(|exhibit| expected.judge.keys(exhibit));
            reach.completions.extend(keys);
        }
        reach
    }

    /// The largest number of prompts that a stance is asked.
    pub fn most_prompts(&self) -> usize {
        let stances = self.batteries.iter().flat_map(|battery| &battery.stances);
        stances.map(|stance| stance.prompts.len()).max().unwrap_or(0)
    }

    /// Pools of rows that an arm draws from, with the questions of each.
    pub(crate) fn pools_of(&self, arm: &ArmPlan) -> Vec<(Key, Vec<RowQuestion>)> {
        let Intervention::Train { settings, source } = &arm.intervention else { return Vec::new() };
        let base = &self.bases[arm.base];
        let mut pools = Vec::new();
        if settings.instruct > 0 {
            pools.push((instruct_key(base, &self.language), instruct_questions(&self.language)));
        }
        if let RowSource::Teacher { wordings, questions, .. } = source {
            let key = teacher_key(base, wordings, questions, &self.whole_batteries);
            pools.push((key, teacher_questions(&self.language, wordings, questions)));
        }
        pools
    }
}

impl Reach {
    /// Takes in what another plan reaches.
    pub fn extend(&mut self, other: Self) {
        self.completions.extend(other.completions);
        self.artifacts.extend(other.artifacts);
    }
}
