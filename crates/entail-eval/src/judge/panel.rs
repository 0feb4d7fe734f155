//! Several judges of the same answers: what they say together, where they disagree, and how far they agree.

use entail_stats::{AgreementError, Scale, gwet_ac1, krippendorff_alpha, raw_agreement};

use super::ask::{Asked, Exhibit, Judge};
use super::verdict::{Coherence, JudgeLabel, Polarity, Verdict};

/// Judges of the same answers, asked in two rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// They read every answer.
    pub opening: Vec<Judge>,
    /// They read the answers that the opening judges do not agree about.
    pub others: Vec<Judge>,
}

/// How far judges agree on the labels of the same answers. Replies without a label count as missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Share of the pairs of labels of an answer that are equal; `None` when no answer has two.
    pub raw: Option<f64>,
    /// Krippendorff's alpha.
    pub alpha: Result<f64, AgreementError>,
    /// Gwet's AC1, which does not collapse where one label is rare.
    pub ac1: Result<f64, AgreementError>,
}

impl Panel {
    /// The first round: questions by judge and exhibit.
    pub fn opening_round(&self, exhibits: &[Exhibit<'_>]) -> Vec<Vec<Asked>> {
        round(&self.opening, exhibits)
    }

    /// The second round, about the exhibits of these indices (see [`contested`]).
    pub fn second_round(&self, exhibits: &[Exhibit<'_>], contested: &[usize]) -> Vec<Vec<Asked>> {
        let exhibits: Vec<Exhibit<'_>> = contested.iter().map(|index| exhibits[*index]).collect();
        round(&self.others, &exhibits)
    }
}

fn round(judges: &[Judge], exhibits: &[Exhibit<'_>]) -> Vec<Vec<Asked>> {
    let asked = |judge: &Judge| exhibits.iter().map(|exhibit| judge.ask(exhibit, 1)).collect();
    judges.iter().map(asked).collect()
}

/// Indices of the answers about which judges do not agree: their labels differ, or one gave none. `answers[i]` holds
/// the verdicts about answer `i`.
pub fn contested(answers: &[Vec<Verdict>]) -> Vec<usize> {
    let agreed = |verdicts: &[Verdict]| {
        let labels: Option<Vec<JudgeLabel>> = verdicts.iter().map(|v| v.label()).collect();
        labels.is_some_and(|labels| labels.windows(2).all(|pair| pair[0] == pair[1]))
    };
    answers.iter().enumerate().filter(|(_, v)| !agreed(v)).map(|(index, _)| index).collect()
}

/// The label that most of the judges gave; where several share the lead, nobody can be sure. `None` without a label.
pub fn majority(labels: impl IntoIterator<Item = JudgeLabel>) -> Option<JudgeLabel> {
    let mut votes = [0_usize; JudgeLabel::ALL.len()];
    for label in labels {
        votes[label as usize] += 1;
    }
    let most = votes.into_iter().max().filter(|most| *most > 0)?;
    let mut leading = JudgeLabel::ALL.into_iter().filter(|label| votes[*label as usize] == most);
    match (leading.next(), leading.next()) {
        (only, None) => only,
        _ => Some(JudgeLabel::NotSure),
    }
}

/// What judges of one answer say together: the label of their [`majority`], which way they lean on balance, and the
/// lower median of the coherence. `None` where none gave a label.
pub fn combined(verdicts: &[Verdict]) -> Option<Verdict> {
    let label = majority(verdicts.iter().filter_map(|verdict| verdict.label()))?;
    let leans: Vec<i64> =
        verdicts.iter().filter_map(|v| v.polarity()).map(Polarity::sign).collect();
    let on_balance = Polarity::new(leans.iter().sum::<i64>().signum());
    let mut coherences: Vec<Coherence> = verdicts.iter().filter_map(|v| v.coherence()).collect();
    coherences.sort_unstable();
    let middle = coherences.len().saturating_sub(1) / 2;
    Some(Verdict::Label {
        label,
        polarity: on_balance.filter(|_| !leans.is_empty()),
        coherence: coherences.get(middle).copied(),
    })
}

/// How far judges agree. `answers[i][j]` is what judge `j` said about answer `i`; `None` where it was not asked.
pub fn agreement(answers: &[Vec<Option<Verdict>>]) -> Agreement {
    let codes: Vec<Vec<Option<usize>>> = answers
        .iter()
        .map(|verdicts| verdicts.iter().map(|v| Some((*v)?.label()? as usize)).collect())
        .collect();
    let numbers: Vec<Vec<Option<f64>>> = codes
        .iter()
        .map(|codes| codes.iter().map(|code| code.map(|code| code as f64)).collect())
        .collect();
    Agreement {
        raw: raw_agreement(&codes),
        alpha: krippendorff_alpha(&numbers, Scale::Nominal),
        ac1: gwet_ac1(&codes, JudgeLabel::ALL.len()),
    }
}

#[cfg(test)]
mod tests;
