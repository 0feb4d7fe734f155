//! Checks of what stands around the arms: the frame of a study, its analysis, its forecast.

use entail_schema::{
    ArmSpec, Battery, Block, Correction, Expectation, Key, Stance, StudySpec, SystemSpec,
};

use super::{ArmPlan, Checker, Intervention, Plan};
use crate::error::{StudyError, StudyProblem};

/// Runs per arm whose relabellings can be gone through: 184,756 at ten.
const MOST_EXACT: usize = 10;

impl Checker<'_> {
    pub(super) fn check_frame(&self) -> Result<(), StudyError> {
        let study = &self.spec.study;
        let name_ok = !study.name.is_empty()
            && study
                .name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && !study.name.starts_with('.');
        let between = |x: f64, low: f64, high: f64| x > low && x < high;
        let analysis = &self.spec.analysis;
        let checks: [(bool, &'static str, String, &str); 7] = [
            (
                name_ok,
                "name",
                format!("\"{}\"", study.name),
                "letters, digits, `-`, `_` and `.`: it names a folder",
            ),
            (
                study.samples > 0,
                "samples",
                study.samples.to_string(),
                "a whole number of at least 1",
            ),
            (study.seeds > 0, "seeds", study.seeds.to_string(), "a whole number of at least 1"),
            (
                study.max_tokens > 0,
                "max-tokens",
                study.max_tokens.to_string(),
                "a whole number of at least 1",
            ),
            (
                study.temperature >= 0.0 && study.temperature.is_finite(),
                "temperature",
                study.temperature.to_string(),
                "a number of at least 0",
            ),
            (
                study.top_p > 0.0 && study.top_p <= 1.0,
                "top-p",
                study.top_p.to_string(),
                "above 0 and at most 1",
            ),
            (!study.battery.is_empty(), "battery", "[]".into(), "at least one battery"),
        ];
        for (holds, field, found, expected) in checks {
            if !holds {
                let expected = expected.into();
                return Err(
                    StudyProblem::Value { field, found, expected }.at(self.line(&["study", field]))
                );
            }
        }
        if !between(analysis.alpha, 0.0, 1.0) {
            let (found, expected) = (analysis.alpha.to_string(), "between 0 and 1".into());
            return Err(StudyProblem::Value { field: "alpha", found, expected }
                .at(self.line(&["analysis", "alpha"])));
        }
        Ok(())
    }

    /// The analysis: levels, margins, the family's battery and stances, the looks.
    pub(super) fn check_analysis(&self) -> Result<(), StudyError> {
        let analysis = &self.spec.analysis;
        let value = |field, found: String, expected: &str| {
            StudyProblem::Value { field, found, expected: expected.into() }
                .at(self.line(&["analysis", field]))
        };
        if analysis.alpha < 1e-6 {
            return Err(value("alpha", analysis.alpha.to_string(), "at least 0.000001"));
        }
        if !(analysis.smallest_effect > 0.0 && analysis.smallest_effect < 1.0) {
            let found = analysis.smallest_effect.to_string();
            return Err(value("smallest-effect", found, "a difference of rates between 0 and 1"));
        }
        let looks = &analysis.looks;
        let rise = looks.windows(2).all(|pair| pair[0] < pair[1]);
        let fits = looks.first().is_none_or(|&n| n >= 2)
            && looks.last().is_none_or(|&n| n == self.spec.study.seeds);
        if !(rise && fits) {
            let expected = format!(
                "rising numbers of training runs, from 2 on, the last being `seeds = {}`",
                self.spec.study.seeds
            );
            return Err(value("looks", format!("{looks:?}"), &expected));
        }
        if looks.first().is_some_and(|first| 10 * first < self.spec.study.seeds) {
            let expected =
                "a first look at a tenth of `seeds` or later: nothing can be found before";
            return Err(value("looks", format!("{looks:?}"), expected));
        }
        self.check_exact()?;
        self.check_family()
    }

    /// Max-T goes through all relabellings of runs, at one look.
    fn check_exact(&self) -> Result<(), StudyError> {
        let analysis = &self.spec.analysis;
        if analysis.family.method != Correction::MaxT {
            return Ok(());
        }
        let refuse = |found: String, expected: &str| {
            let expected = expected.into();
            Err(StudyProblem::Value { field: "method", found, expected }
                .at(self.line(&["analysis", "family", "method"])))
        };
        if !analysis.looks.is_empty() {
            return refuse(
                "`max-t` with `looks`".into(),
                "one look, or another method such as `holm`",
            );
        }
        if self.spec.study.seeds > MOST_EXACT {
            let found = format!("`max-t` with {} training runs per arm", self.spec.study.seeds);
            return refuse(found, "at most 10: more have too many relabellings to go through");
        }
        Ok(())
    }

    fn check_family(&self) -> Result<(), StudyError> {
        let family = &self.spec.analysis.family;
        let all = self.language.batteries();
        let Some(battery) = all.iter().find(|b| b.name == family.over) else {
            let expected = all.iter().map(|b| b.name.clone()).collect();
            let problem =
                StudyProblem::Unknown { what: "battery", found: family.over.clone(), expected };
            return Err(problem.at(self.line(&["analysis", "family", "over"])));
        };
        for stance in &family.stances {
            if battery.stances.iter().all(|s| s.id != *stance) {
                let expected = battery.stances.iter().map(|s| s.id.clone()).collect();
                let problem =
                    StudyProblem::Unknown { what: "stance", found: stance.clone(), expected };
                return Err(problem.at(self.line(&["analysis", "family", "stances"])));
            }
        }
        Ok(())
    }

    /// The forecast names arms and stances that there are, and ranges that are ranges.
    pub(super) fn check_forecast(
        &self,
        arms: &[(String, ArmSpec)],
        batteries: &[Battery],
    ) -> Result<(), StudyError> {
        let forecast = &self.spec.forecast;
        if let Some(from) = &forecast.from {
            let prompted = |arm: &ArmSpec| matches!(arm.system, Some(SystemSpec { .. }));
            if !arms.iter().any(|(name, arm)| name == from && prompted(arm)) {
                let named = arms.iter().filter(|(_, arm)| prompted(arm));
                let expected = named.map(|(name, _)| name.clone()).collect();
                let problem =
                    StudyProblem::Unknown { what: "prompted arm", found: from.clone(), expected };
                return Err(problem.at(self.line(&["forecast", "from"])));
            }
        }
        for (arm, expectations) in &forecast.arm {
            if self.spec.study.control.contains(arm) {
                let what = "is a control: forecast what other arms do against it".into();
                let problem = StudyProblem::Arm { arm: arm.clone(), what };
                return Err(problem.at(self.line(&["forecast", "arm", arm])));
            }
            if arms.iter().all(|(name, _)| name != arm) {
                let expected = arms.iter().map(|(name, _)| name.clone()).collect();
                let problem = StudyProblem::Unknown { what: "arm", found: arm.clone(), expected };
                return Err(problem.at(self.line(&["forecast", "arm", arm])));
            }
            for (stance, expectation) in expectations {
                let line = self.line(&["forecast", "arm", arm, stance]);
                let stances = || batteries.iter().flat_map(|b| &b.stances);
                if stances().all(|s| s.id != *stance) {
                    let expected = stances().map(|s| s.id.clone()).collect();
                    let problem =
                        StudyProblem::Unknown { what: "stance", found: stance.clone(), expected };
                    return Err(problem.at(line));
                }
                if let Expectation::Range([low, high]) = expectation
                    && !(-1.0 <= *low && low < high && *high <= 1.0)
                {
                    let found = format!("[{low}, {high}]");
                    let expected = "two differences of rates, the smaller first".into();
                    let problem = StudyProblem::Value { field: "forecast", found, expected };
                    return Err(problem.at(line));
                }
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Whether a stance is a member of the declared family: one that is named, or, where none is, every stance of
    /// the battery that is asked for its own sake and not as an instrument (linkless, drift and nuisance items).
    pub(crate) fn in_family(&self, battery: &str, stance: &str) -> bool {
        let family = &self.analysis.family;
        let is_own =
            |s: &Stance| s.id == stance && matches!(s.block, Block::Preference | Block::Claim);
        let battery = self.batteries.iter().find(|b| b.name == battery && b.name == family.over);
        battery.is_some_and(|b| {
            if family.stances.is_empty() {
                b.stances.iter().any(is_own)
            } else {
                family.stances.iter().any(|s| s == stance)
            }
        })
    }

    /// Whether an arm is there to be compared with: contrasts of it say how to read the others.
    pub(crate) fn is_reference(&self, arm: &str) -> bool {
        self.controls.iter().any(|c| c == arm) || self.is_untouched(arm)
    }
}

impl Plan {
    /// Training runs per trained arm.
    pub(crate) fn runs(&self) -> usize {
        let trained =
            self.arms.iter().filter(|a| matches!(a.intervention, Intervention::Train { .. }));
        trained.map(|a| a.replicates.len()).max().unwrap_or(0)
    }

    /// Stances of the declared family that are asked about.
    pub(crate) fn family_size(&self) -> usize {
        let stances = self.batteries.iter().flat_map(|b| b.stances.iter().map(move |s| (b, s)));
        stances.filter(|(b, s)| self.in_family(&b.name, &s.id)).count()
    }

    /// Prompts that a typical stance of the family is asked with: the median.
    pub(crate) fn prompts_per_stance(&self) -> usize {
        let stances = self.batteries.iter().flat_map(|b| b.stances.iter().map(move |s| (b, s)));
        let family = stances.filter(|(b, s)| self.in_family(&b.name, &s.id));
        let mut prompts: Vec<usize> = family.map(|(_, s)| s.prompts.len()).collect();
        prompts.sort_unstable();
        prompts.get(prompts.len() / 2).copied().unwrap_or(1).max(1)
    }

    /// Whether nothing was done to an arm.
    pub(crate) fn is_untouched(&self, arm: &str) -> bool {
        self.arms.iter().any(|a| a.name == arm && matches!(a.intervention, Intervention::None))
    }

    /// Whether every control is an arm on which nothing was done.
    pub(crate) fn controls_are_untouched(&self) -> bool {
        !self.controls.is_empty() && self.controls.iter().all(|control| self.is_untouched(control))
    }

    /// What is frozen with the plan, to be read by people: enough to see later whether anything was changed.
    pub fn frozen(&self, spec: &StudySpec) -> serde_json::Value {
        let battery = |b: &Battery| {
            let prompts: usize = b.stances.iter().map(|s| s.prompts.len()).sum();
            serde_json::json!({ "name": b.name, "hash": Key::of(b), "stances": b.stances.len(), "prompts": prompts })
        };
        let arm = |a: &ArmPlan| {
            serde_json::json!({
                "arm": a.name, "base": self.bases[a.base].name, "intervention": crate::run::intervention(a),
                "replicates": a.replicates.iter().map(|r| (r.seeds, r.target)).collect::<Vec<_>>(),
            })
        };
        serde_json::json!({
            "plan": self.key, "study": spec, "family": self.family_size(),
            "batteries": self.batteries.iter().map(battery).collect::<Vec<_>>(),
            "arms": self.arms.iter().map(arm).collect::<Vec<_>>(),
        })
    }
}
