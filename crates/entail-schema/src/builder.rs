//! The same study in Rust: what the file can say, the library can say.

use indexmap::IndexMap;

use crate::study::{
    AnalysisSection, ArmSpec, ArmTrainSpec, ForecastSection, JudgeSection, OneOrMany, StudySection,
    StudySpec, SystemSpec, TrainSection,
};

impl StudySpec {
    /// A study of one base with the usual frame: the preferences, 10 samples per prompt, 6 training runs per arm.
    pub fn new(name: impl Into<String>, base: impl Into<String>) -> Self {
        Self {
            study: StudySection {
                name: name.into(),
                base: OneOrMany::One(base.into()),
                battery: vec!["preferences".into()],
                samples: 10,
                seeds: 6,
                control: Vec::new(),
                seed: 0,
                paired: false,
                temperature: 1.0,
                top_p: 1.0,
                max_tokens: 64,
                logprobs: None,
                thinking: None,
            },
            train: TrainSection::default(),
            judge: JudgeSection::default(),
            arm: IndexMap::new(),
            analysis: AnalysisSection::default(),
            forecast: ForecastSection::default(),
        }
    }

    /// Adds an arm, after those that are there.
    #[must_use]
    pub fn arm(mut self, name: impl Into<String>, arm: ArmSpec) -> Self {
        self.arm.insert(name.into(), arm);
        self
    }

    /// Adds an arm that effects are compared with.
    #[must_use]
    pub fn control(mut self, name: impl Into<String>, arm: ArmSpec) -> Self {
        let name = name.into();
        self.study.control.push(name.clone());
        self.arm(name, arm)
    }

    /// Freezes what a prompted arm does as the forecast of what training its claim does.
    #[must_use]
    pub fn forecast_from(mut self, arm: impl Into<String>) -> Self {
        self.forecast.from = Some(arm.into());
        self
    }

    /// Samples per prompt.
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.study.samples = samples;
        self
    }

    /// Training runs per trained arm.
    #[must_use]
    pub fn seeds(mut self, seeds: usize) -> Self {
        self.study.seeds = seeds;
        self
    }

    /// Settings of training that hold unless an arm says otherwise.
    #[must_use]
    pub fn train(mut self, train: TrainSection) -> Self {
        self.train = train;
        self
    }
}

impl ArmSpec {
    /// The base as it is.
    pub fn untouched() -> Self {
        Self::default()
    }

    /// The base told to take a stance, once per wording that the stance ships.
    pub fn told(stance: impl Into<String>) -> Self {
        Self {
            system: Some(SystemSpec { stance: Some(stance.into()), text: None }),
            ..Self::default()
        }
    }

    /// The base under a system prompt of the author's.
    pub fn prompted(text: impl Into<String>) -> Self {
        Self {
            system: Some(SystemSpec { stance: None, text: Some(text.into()) }),
            ..Self::default()
        }
    }

    /// Models that are there already, each a replicate.
    pub fn existing<T: Into<String>>(models: impl IntoIterator<Item = T>) -> Self {
        Self { models: Some(models.into_iter().map(Into::into).collect()), ..Self::default() }
    }

    /// Answers that were collected elsewhere, from files or a pattern of file names.
    pub fn answered(files: impl Into<String>) -> Self {
        Self { responses: Some(OneOrMany::One(files.into())), ..Self::default() }
    }

    /// What the arm is meant to claim, where its training or its rows do not say so.
    #[must_use]
    pub fn claiming(mut self, stance: impl Into<String>) -> Self {
        self.claim = Some(stance.into());
        self
    }

    /// The base trained on the rows that a claim ships.
    pub fn trained(stance: impl Into<String>) -> Self {
        Self {
            train: Some(ArmTrainSpec { stance: Some(stance.into()), ..ArmTrainSpec::default() }),
            ..Self::default()
        }
    }

    /// The base trained on what a prompted arm says when it is asked about the claim.
    pub fn taught(stance: impl Into<String>, teacher: impl Into<String>) -> Self {
        let train = ArmTrainSpec {
            stance: Some(stance.into()),
            teacher: Some(teacher.into()),
            ..ArmTrainSpec::default()
        };
        Self { train: Some(train), ..Self::default() }
    }
}
