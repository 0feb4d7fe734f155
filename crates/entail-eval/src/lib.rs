//! Elicitation of stances, questionnaires, the exact judge and judges that are models, readings by log-probability, and
//! answers in other tools' formats. Models are seen only as providers.

mod conversations;
mod dump;
mod elicit;
mod foreign;
pub mod inspect;
mod judge;
mod latteries;
mod petri;
mod questionnaire;
mod reading;
mod training_rows;
mod transcript;

pub use conversations::Conversations;
pub use dump::read_dump;
pub use elicit::{Item, items};
pub use foreign::{Fault, ForeignError, Limits, Place};
pub use judge::{
    Agreement, Asked, AskedPair, Coherence, Confusion, ExactJudge, Exhibit, Given, HumanLabel,
    HumanLabelsError, Judge, JudgeKind, JudgeLabel, JudgePrompt, JudgePromptError, LONGEST_ANSWER,
    LONGEST_QUESTION, LabelProbabilities, OffScale, Pair, PairJudge, PairPrompt, PairVerdict,
    Panel, Points, Polarity, Policy, ProgramJudge, Recalibration, SelfTest, SelfTestResult,
    Treatment, Unreadable, Verdict, agreement, answer_key, combined, contested, majority,
    parse_human_labels, people_agree, recalibrate, visible,
};
pub use latteries::{LatteriesCache, LatteriesConfig, LatteriesError, Limit};
pub use petri::read_petri;
pub use questionnaire::{
    Check, Count, Decimal, Example, ExampleKind, Form, JudgedStance, Keying, LARGEST_FILE, Pattern,
    Prompt, Questionnaire, QuestionnaireError, Reader, Role, Rubric, Rule, SHIPPED,
    parse_fact_evals, parse_llmcomp, parse_question_rows, parse_questionnaire, shipped,
};
pub use reading::{Reading, read};
pub use training_rows::{RowError, RowForm, training_jsonl};
pub use transcript::{Answer, Score, ToolCall, ToolResult, Transcript, Turn};
