//! Results looked at more than once: the error of all looks together stays at alpha.

use entail_schema::SpendingName;
use entail_stats::{Looks, Spending};

use super::cells::Arm;
use super::compare::{Pair, Side};
use crate::plan::Plan;

/// The looks that one contrast has had so far.
pub(super) struct Monitor {
    fractions: Vec<f64>,
    spending: Spending,
    /// Training runs per trained arm at each look so far.
    runs: Vec<usize>,
}

impl Monitor {
    /// The looks of a contrast with a trained side; `None` where the study looks once.
    fn of(plan: &Plan, arm: &Arm<'_>, control: &Arm<'_>) -> Option<Self> {
        let most = *plan.analysis.looks.last()?;
        let have = common_runs(arm, control)?;
        let spending = match plan.analysis.spending {
            SpendingName::ObrienFleming => Spending::OBrienFleming,
            SpendingName::Pocock => Spending::Pocock,
        };
        let fractions = plan.analysis.looks.iter().map(|&n| n as f64 / most as f64).collect();
        let runs = plan.analysis.looks.iter().copied().filter(|&n| n <= have).collect();
        Some(Self { fractions, spending, runs })
    }

    /// Two arms as they are compared: at the confidence of the last look that both have had, and with its runs.
    pub(super) fn pair<'a, 'p>(
        plan: &'a Plan,
        arm: &'a Arm<'p>,
        control: &'a Arm<'p>,
    ) -> Pair<'a, 'p> {
        let alone = 1.0 - plan.analysis.alpha;
        let at_look = Self::of(plan, arm, control).and_then(|monitor| {
            Some((monitor.confidence(plan.analysis.alpha)?, *monitor.runs.last()?))
        });
        let (confidence, runs) = at_look.unwrap_or((alone, usize::MAX));
        Pair { plan, arm, control, confidence, runs }
    }

    /// Confidence of the repeated interval at the last look, when all looks together may miss by `alpha`.
    fn confidence(&self, alpha: f64) -> Option<f64> {
        let looks = Looks::new(&self.fractions, alpha, self.spending).ok()?;
        looks.confidence(self.runs.len().checked_sub(1)?)
    }

    /// The confidence of a pair's intervals at another error of all looks together; without looks it is `1 - alpha`.
    pub(super) fn confidence_at(pair: Pair<'_, '_>, alpha: f64) -> Option<f64> {
        match Self::of(pair.plan, pair.arm, pair.control) {
            Some(monitor) => monitor.confidence(alpha),
            None => Some(1.0 - alpha),
        }
    }

    /// The smallest alpha at which one of the looks so far would have rejected, each with the runs that it had;
    /// without looks `single`.
    pub(super) fn p(
        pair: Pair<'_, '_>,
        sides: Option<&(Side, Side)>,
        single: Option<f64>,
    ) -> Option<f64> {
        let Some(monitor) = Self::of(pair.plan, pair.arm, pair.control) else { return single };
        let sides = sides?;
        let at = |&runs: &usize| pair.compare(Some(&pair.earlier(sides, runs))).p;
        let history: Vec<Option<f64>> = monitor.runs.iter().map(at).collect();
        let looks =
            Looks::new(&monitor.fractions, pair.plan.analysis.alpha, monitor.spending).ok()?;
        looks.repeated_p(&history).expect("p-values of t tests are probabilities")
    }
}

/// Runs that every trained side has; `None` when neither is trained.
fn common_runs(arm: &Arm<'_>, control: &Arm<'_>) -> Option<usize> {
    let trained = |a: &&Arm<'_>| a.plan.intervention.is_trained();
    [arm, control].into_iter().filter(trained).map(|a| a.plan.replicates.len()).min()
}
