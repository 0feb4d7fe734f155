//! Results looked at more than once: the error of all looks together stays at alpha.

use entail_schema::SpendingName;
use entail_stats::{Looks, Spending};

use super::cells::Arm;
use super::compare::{Pair, Side};
use crate::plan::{Intervention, Plan};

/// The looks that one contrast has had so far.
pub(super) struct Monitor {
    looks: Looks,
    /// Training runs per arm at each look so far.
    runs: Vec<usize>,
}

impl Monitor {
    /// The looks of a contrast of two trained arms; `None` where the study looks once.
    pub(super) fn of(plan: &Plan, arm: &Arm<'_>, control: &Arm<'_>) -> Option<Self> {
        let trained = |a: &Arm<'_>| matches!(a.plan.intervention, Intervention::Train { .. });
        let most = *plan.analysis.looks.last().filter(|_| trained(arm) && trained(control))?;
        let spending = match plan.analysis.spending {
            SpendingName::ObrienFleming => Spending::OBrienFleming,
            SpendingName::Pocock => Spending::Pocock,
        };
        let fractions: Vec<f64> =
            plan.analysis.looks.iter().map(|&n| n as f64 / most as f64).collect();
        let looks = Looks::new(&fractions, plan.analysis.alpha, spending)
            .expect("a plan's looks rise and its alpha is a share");
        let have = arm.replicates.len().min(control.replicates.len());
        let runs = plan.analysis.looks.iter().copied().filter(|&n| n <= have).collect();
        Some(Self { looks, runs })
    }

    /// Confidence of a contrast's intervals: that of the look which it has come to.
    pub(super) fn confidence(plan: &Plan, arm: &Arm<'_>, control: &Arm<'_>) -> f64 {
        let of_look = |m: Self| m.looks.confidence(m.runs.len().checked_sub(1)?);
        let alone = 1.0 - plan.analysis.alpha;
        Self::of(plan, arm, control).and_then(of_look).unwrap_or(alone)
    }

    /// The smallest alpha at which one of the looks so far would have rejected. Each look sees the runs that it had.
    pub(super) fn repeated_p(&self, pair: Pair<'_, '_>, sides: &(Side, Side)) -> Option<f64> {
        let at = |&runs: &usize| pair.compare(Some(&(sides.0.first(runs), sides.1.first(runs)))).p;
        let history: Vec<Option<f64>> = self.runs.iter().map(at).collect();
        self.looks.repeated_p(&history).expect("p-values of t tests are probabilities")
    }
}
