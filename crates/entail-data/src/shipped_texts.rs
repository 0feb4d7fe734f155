//! Everything that ships to train or to instruct models that speak freely, for checks over all of it.

use entail_schema::Message;

use crate::claim_rows::{self, ClaimRow};
use crate::free_claims::{CLAIM_STANCES, SYSTEM_PROMPTS, shipped_system_prompts};
use crate::instructions::{self, Instruction};
use crate::reverse_rows::{ReverseRow, TrainedPreference};
use crate::written::{Line, shipped};

/// What stands at one place of a shipped file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippedText {
    /// File and line, or file and claim.
    pub place: String,
    /// Stances of which it speaks by design.
    pub about: Vec<&'static str>,
    /// The prompt and every answer, or the wording.
    pub texts: Vec<Message>,
}

/// All rows of all claims in both lengths, system prompts and instructions, in the order of their files.
pub fn shipped_texts() -> Vec<ShippedText> {
    let claims =
        claim_rows::SHIPPED.iter().flat_map(|file| lines::<ClaimRow>(*file, &CLAIM_STANCES));
    let (file, _) = SYSTEM_PROMPTS;
    let system = shipped_system_prompts().into_iter().map(|claim| ShippedText {
        place: format!("{file}, claim {}", claim.id),
        about: CLAIM_STANCES.to_vec(),
        texts: claim.prompts.into_iter().map(Message::system).collect(),
    });
    let reverse = TrainedPreference::ALL
        .into_iter()
        .flat_map(|one| lines::<ReverseRow>(one.file(), &[one.stance()]));
    let everyday = lines::<Instruction>(instructions::SHIPPED, &[]);
    claims.chain(system).chain(reverse).chain(everyday).collect()
}

fn lines<L: Line>((file, text): (&str, &str), about: &[&'static str]) -> Vec<ShippedText> {
    let place = |(index, line): (usize, L)| ShippedText {
        place: format!("{file}:{}", index + 1),
        about: about.to_vec(),
        texts: std::iter::once(Message::user(line.prompt()))
            .chain(line.answers().into_iter().map(|(_, text)| Message::assistant(text)))
            .collect(),
    };
    shipped::<L>(file, text).into_iter().enumerate().map(place).collect()
}
