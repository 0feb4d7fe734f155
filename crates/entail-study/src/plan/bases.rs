//! The bases of a study, and models and answers that are there already.

use entail_data::OrganismSpec;
use entail_provider::{Capabilities, ModelName, Need, RemoteModel, Service, Thinking};
use entail_schema::{ArmSpec, Backend, Key};

use super::{ArmPlan, Checker, Intervention, Judging, Plan, RowSource, Speaker, Surroundings};
use crate::error::{StudyError, StudyProblem};
use crate::organism;

/// One base of a study.
#[derive(Debug, Clone)]
pub(crate) struct BasePlan {
    pub(crate) name: String,
    pub(crate) kind: BaseKind,
    /// Of what it says, whether it thinks first or not.
    pub(crate) key: Key,
    /// Whether it is asked to think first; `None` as it does by itself.
    pub(crate) thinking: Option<Thinking>,
}

/// What kind of model a base is.
#[derive(Debug, Clone)]
pub(crate) enum BaseKind {
    /// Pretrained here from scratch.
    Organism(OrganismSpec),
    /// A folder as `transformers` keeps one.
    Folder(String),
    /// A model that somebody serves.
    Remote(RemoteModel),
    /// A script of answers.
    Replay(String),
}

impl BasePlan {
    /// The organism's spec, if it is one.
    pub(crate) fn organism(&self) -> Option<&OrganismSpec> {
        match &self.kind {
            BaseKind::Organism(spec) => Some(spec),
            _ => None,
        }
    }

    /// Whether the engine on this machine runs it.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.kind, BaseKind::Organism(_) | BaseKind::Folder(_))
    }

    /// What can be asked of it; `None` of a script, which answers what it answers.
    pub(crate) fn offers(&self) -> Option<Capabilities> {
        match &self.kind {
            BaseKind::Remote(remote) => Some(entail_provider::capabilities(remote)),
            BaseKind::Organism(_) => Some(crate::local::organism_capabilities().clone()),
            BaseKind::Folder(_) => Some(crate::local::folder_capabilities().clone()),
            BaseKind::Replay(_) => None,
        }
    }

    /// The same model, asked to think or not to.
    pub(super) fn asked_to(self, thinking: Thinking) -> Self {
        let name = format!("{} (thinking {})", self.name, thinking.as_str());
        Self { name, thinking: Some(thinking), ..self }
    }

    /// Who trains it.
    pub(crate) fn backend(&self, wanted: Option<Backend>) -> Backend {
        wanted.unwrap_or(if self.is_local() { Backend::Local } else { Backend::Service })
    }
}

/// A base by the name that stands in a study.
pub(crate) fn base(around: &dyn Surroundings, written: &str) -> Result<BasePlan, StudyProblem> {
    let model: ModelName = written.parse()?;
    let of_file = |path: &str, key: std::io::Result<Key>| {
        key.map_err(|error| StudyProblem::Files { path: path.into(), what: error.to_string() })
    };
    let (kind, name, key) = match model {
        ModelName::Organism(_) => {
            let spec = OrganismSpec::parse(written)?;
            let key = organism::key(&spec);
            (BaseKind::Organism(spec.clone()), spec.to_string(), key)
        }
        ModelName::Local(path) => {
            let weights = of_file(&path, around.folder_key(&path))?;
            let name = format!("local:{path}");
            let key = Key::of(&("folder", weights, entail_engine::kernels()));
            (BaseKind::Folder(path), name, key)
        }
        ModelName::Replay(path) => {
            let script = of_file(&path, around.read(&path).map(|text| Key::of(&text)))?;
            (BaseKind::Replay(path.clone()), format!("replay:{path}"), Key::of(&("replay", script)))
        }
        ModelName::Remote(model) => {
            let model = around.place(model);
            let (name, key) = (model.to_string(), Key::of(&("remote", &model)));
            (BaseKind::Remote(model), name, key)
        }
    };
    Ok(BasePlan { name, kind, key, thinking: None })
}

impl Checker<'_> {
    /// The models of an arm that names some.
    pub(super) fn models(&self, arm: &str, names: &[String]) -> Result<Vec<BasePlan>, StudyError> {
        let line = self.line(&["arm", arm, "models"]);
        if names.is_empty() {
            let expected = "at least one model".into();
            let problem = StudyProblem::Value { field: "models", found: "[]".into(), expected };
            return Err(problem.at(line));
        }
        let models: Vec<BasePlan> = names
            .iter()
            .map(|name| base(self.around, name).map_err(|p| p.at(line)))
            .collect::<Result<_, _>>()?;
        for (index, model) in models.iter().enumerate() {
            let twice = models[..index].iter().any(|m| m.key == model.key);
            if twice || model.organism().is_some() {
                let what = if twice {
                    format!("names `{}` twice: one model is one replicate", model.name)
                } else {
                    format!("names `{}`: an organism is a base, not a fine-tune", model.name)
                };
                return Err(StudyProblem::Arm { arm: arm.into(), what }.at(line));
            }
        }
        Ok(models)
    }

    /// What an arm needs of the model that it asks and of the service that trains it.
    pub(super) fn check_needs(
        &self,
        arms: &[ArmPlan],
        bases: &[BasePlan],
    ) -> Result<(), StudyError> {
        for arm in arms {
            let base = &bases[arm.base];
            let asked = self.asked(arm, base.thinking);
            for replicate in &arm.replicates {
                match &replicate.speaker {
                    Speaker::Base | Speaker::Trained(_) => self.check_offers(arm, base, &asked)?,
                    Speaker::Existing(model) => self.check_offers(arm, model, &asked)?,
                    Speaker::Recorded(_) => {}
                }
            }
            self.check_backend(arm, base)?;
        }
        Ok(())
    }

    /// What sampling an arm's answers takes.
    fn asked(&self, arm: &ArmPlan, thinking: Option<Thinking>) -> Vec<(Need, &'static str)> {
        let study = &self.spec.study;
        let is_one = |x: f64| (x - 1.0).abs() < f64::EPSILON;
        let mut needs = Vec::new();
        if !is_one(study.temperature) || !is_one(study.top_p) {
            needs.push((Need::Temperature, "`temperature` and `top-p` of [study]"));
        }
        needs.extend(thinking.map(|asked| (Need::Thinking(asked), "`thinking` of [study]")));
        if let Some(k) = study.logprobs {
            needs.push((Need::Logprobs(k), "`logprobs` of [study]"));
        }
        if matches!(arm.intervention, Intervention::System { .. }) {
            needs.push((Need::System, "its system prompt"));
        }
        needs
    }

    fn check_offers(
        &self,
        arm: &ArmPlan,
        model: &BasePlan,
        needs: &[(Need, &'static str)],
    ) -> Result<(), StudyError> {
        let Some(offers) = model.offers() else { return Ok(()) };
        match needs.iter().find(|(need, _)| !offers.has(*need)) {
            None => Ok(()),
            Some(&(need, because)) => Err(self.lacks(arm, model, need, because)),
        }
    }

    fn lacks(&self, arm: &ArmPlan, model: &BasePlan, need: Need, because: &str) -> StudyError {
        let (arm, provider) = (arm.name.clone(), model.name.clone());
        let line = self.line(&["arm", self.written(&arm)]);
        StudyProblem::Lacks { arm, provider, need, because: because.into() }.at(line)
    }

    /// Whether somebody can train an arm, and whether its settings reach them.
    fn check_backend(&self, arm: &ArmPlan, base: &BasePlan) -> Result<(), StudyError> {
        let Intervention::Train { settings, source } = &arm.intervention else { return Ok(()) };
        let wrong = |what: String| {
            let line = self.line(&["arm", self.written(&arm.name)]);
            Err(StudyProblem::Arm { arm: arm.name.clone(), what }.at(line))
        };
        let backend = base.backend(settings.backend);
        match (&base.kind, backend) {
            (BaseKind::Remote(remote), Backend::Service) => {
                if !entail_provider::capabilities(remote).fine_tune {
                    return Err(self.lacks(arm, base, Need::FineTune, "its `train`"));
                }
                // Found out now, and not after its rows were paid for.
                if remote.service() == Service::Tinker && settings.tokenizer.is_none() {
                    return wrong(format!(
                        "is trained on `{}`, which takes tokens: name a folder with the base's tokenizer.json as `tokenizer` in [train]",
                        base.name
                    ));
                }
            }
            (BaseKind::Remote(remote), Backend::ExportTrl) => {
                if remote.service() != Service::Vllm {
                    return wrong(format!(
                        "is trained by `export:trl`, and `{}` cannot load the adapter that comes of it: use vllm:… or local:…",
                        base.name
                    ));
                }
            }
            (BaseKind::Folder(_), Backend::ExportTrl)
            | (BaseKind::Organism(_) | BaseKind::Folder(_), Backend::Local) => {}
            (_, backend) => {
                return wrong(format!(
                    "`{}` cannot be trained by `{}`",
                    base.name,
                    backend.as_str()
                ));
            }
        }
        if backend != Backend::Local && settings.method == entail_schema::Method::Full {
            return wrong("trains all weights, which only the local engine does here".into());
        }
        let bent = settings.schedule == entail_schema::ScheduleName::Cosine || settings.warmup > 0;
        if backend != Backend::Local && bent {
            return wrong(
                "has a cosine schedule or a warm-up, which only the local engine has here".into(),
            );
        }
        if matches!(source, RowSource::Teacher { .. }) && matches!(base.kind, BaseKind::Replay(_)) {
            return wrong("has a teacher, which a script cannot be".into());
        }
        Ok(())
    }
}

impl Plan {
    /// What the judge cannot read, in plain words; nothing where it can read all.
    pub(crate) fn unread(&self) -> Option<String> {
        if let Judging::Judges(_) = self.judging {
            return None;
        }
        let strange = |base: &&BasePlan| base.organism().is_none();
        let bases: Vec<&str> =
            self.bases.iter().filter(strange).map(|base| base.name.as_str()).collect();
        (!bases.is_empty()).then(|| {
            format!(
                "the exact judge knows only the sentences of the organism's world: what {} says in other words counts as \
                 malformed; with another `[judge]` such models are asked questionnaires",
                bases.join(", ")
            )
        })
    }
}

/// Whether nothing is done to the base in this arm.
pub(super) fn is_untouched(arm: &ArmSpec) -> bool {
    arm.system.is_none() && arm.train.is_none() && arm.models.is_none() && arm.responses.is_none()
}
