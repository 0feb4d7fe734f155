//! What can be wrong with a study before anything runs, and what can go wrong while it runs.

use std::fmt;

use entail_data::SpecError;
use entail_engine::{ConfigError, LoadError, TokenizerError, TrainError};
use entail_provider::{NameError, Need, ProviderError, StoreError, TrainerError};
use entail_schema::Key;

/// A problem of a study, with its line in the file where there is one.
#[derive(Debug)]
pub struct StudyError {
    /// One-based line of the study file.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: StudyProblem,
}

impl fmt::Display for StudyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for StudyError {}

/// What is wrong with a study.
#[derive(Debug, thiserror::Error)]
pub enum StudyProblem {
    /// Not TOML, an unknown key, or a wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A name that nothing has.
    #[error("unknown {what} `{found}`, expected one of: {}", expected.join(", "))]
    Unknown {
        /// Kind of thing: stance, battery, control …
        what: &'static str,
        /// What stands there.
        found: String,
        /// What there is.
        expected: Vec<String>,
    },
    /// A value out of range.
    #[error("`{field}` is {found}, expected {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What would be taken.
        expected: String,
    },
    /// A base that is no organism.
    #[error(transparent)]
    Base(#[from] SpecError),
    /// A name that is no model's. It is not repeated as a whole: a key may stand in it.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A folder of a model, or a script, that cannot be read.
    #[error("{path}: {what}")]
    Files {
        /// Its path.
        path: String,
        /// What is wrong and what would be taken.
        what: String,
    },
    /// A study that needs what a provider does not have.
    #[error("arm `{arm}` needs {need} for {because}, which `{provider}` does not offer")]
    Lacks {
        /// The arm.
        arm: String,
        /// The model that is asked.
        provider: String,
        /// What is needed.
        need: Need,
        /// By what in the study.
        because: String,
    },
    /// Two things where one belongs.
    #[error("arm `{arm}`: {what}")]
    Arm {
        /// The arm.
        arm: String,
        /// What is wrong, in words.
        what: String,
    },
    /// A file of rows that cannot be used.
    #[error("{path}, line {line}: {what}")]
    Rows {
        /// The file.
        path: String,
        /// One-based line in it; zero for the file as a whole.
        line: usize,
        /// What was found and what was expected.
        what: String,
    },
    /// A training row asks what is measured.
    #[error(
        "arm `{arm}` trains on a question that the battery asks about `{stance}`: {question:?} ({place}); \
         measure other phrasings than those that are trained"
    )]
    Overlap {
        /// The arm.
        arm: String,
        /// The measured stance.
        stance: String,
        /// The question in both.
        question: String,
        /// Where the row comes from.
        place: String,
    },
}

impl StudyProblem {
    pub(crate) fn at(self, line: Option<usize>) -> StudyError {
        StudyError { line, problem: self }
    }
}

/// What went wrong while a study ran. Nothing that was computed before is lost.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// An artifact could not be read or written.
    #[error("the artifact {} could not be read or written", key.short())]
    Shelf {
        /// Its key.
        key: Key,
        /// What the file system said.
        source: std::io::Error,
    },
    /// An artifact is not what its recipe made.
    #[error("the artifact {} is damaged at `{file}`; remove its folder to have it made again", key.short())]
    Damaged {
        /// Its key.
        key: Key,
        /// The file in it.
        file: &'static str,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The completion store failed.
    #[error("the completion store failed")]
    Store(#[from] StoreError),
    /// A model could not answer.
    #[error("a model could not answer")]
    Provider(#[from] ProviderError),
    /// A file of a model that cannot be read.
    #[error("{path}")]
    Model {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A service did not train.
    #[error("training of {what} at a service")]
    Service {
        /// Which model.
        what: String,
        /// Why.
        source: TrainerError,
    },
    /// A model that was trained and that its service does not serve by its name.
    #[error(
        "`{model}` is trained and cannot be asked by this name; deploy it where it was trained, and name the deployment in \
         `models` of an arm"
    )]
    Unasked {
        /// Its name.
        model: String,
    },
    /// Training jobs that were written out and wait to be run by somebody.
    #[error(
        "{} training job(s) wait to be run elsewhere; each folder's README says how, and the same command goes on from there: {}",
        folders.len(),
        folders.join(", ")
    )]
    Waiting {
        /// Their folders.
        folders: Vec<String>,
    },
    /// The system gives no more threads.
    #[error("no thread could be started")]
    Threads(#[source] std::io::Error),
    /// The tokenizer or chat template failed.
    #[error("the tokenizer failed")]
    Tokenizer(#[from] TokenizerError),
    /// Training stopped.
    #[error("training of {what} stopped")]
    Train {
        /// Which model.
        what: String,
        /// Why.
        source: TrainError,
    },
    /// An organism that did not learn its world.
    #[error("{organism} fails its gate `{gate}`: {value:.3}, required {bound}")]
    Gate {
        /// Its name.
        organism: String,
        /// The gate.
        gate: String,
        /// The failing figure.
        value: f64,
        /// What it must be.
        bound: String,
    },
    /// Too few rows to draw from.
    #[error(
        "arm `{arm}` draws {wanted} rows, but only {available} are left after {rejected} were rejected"
    )]
    TooFewRows {
        /// The arm.
        arm: String,
        /// Rows to draw.
        wanted: usize,
        /// Rows there are.
        available: usize,
        /// Rows that mention a measured stance.
        rejected: usize,
    },
    /// Something is to be made of a study that has not run to its end.
    #[error("{missing} {what} of the study are not in the store, and nobody is asked here")]
    Unfinished {
        /// Answers or verdicts.
        what: &'static str,
        /// How many are missing.
        missing: usize,
    },
    /// Ctrl-C.
    #[error(
        "stopped; everything that was finished is kept, and the same command goes on from there"
    )]
    Cancelled,
}

impl RunError {
    /// Whether it says no more than that the run was to stop.
    pub(crate) fn is_stop(&self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Provider(ProviderError::Cancelled)
                | Self::Service { source: TrainerError::Cancelled, .. }
        )
    }
}

/// Files of an artifact that failed to parse.
pub(crate) fn damaged(
    key: Key,
    file: &'static str,
) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> RunError {
    move |source| RunError::Damaged { key, file, source }
}

macro_rules! boxed_from {
    ($($error:ty),*) => { $(impl From<$error> for Problem { fn from(e: $error) -> Self { Self(Box::new(e)) } })* };
}

/// Any error of reading an artifact's files, on its way into [`RunError::Damaged`].
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Box<dyn std::error::Error + Send + Sync>);

boxed_from!(ConfigError, LoadError, TokenizerError, serde_json::Error, std::str::Utf8Error);
