//! Judges for tests. They see what a real judge sees, and nothing else: the text of the request.

use entail_provider::{
    Capabilities, Completion, Deliver, Finish, Provider, ProviderError, Request, Sampling,
    complete_in_order,
};
use entail_schema::{Key, Message};

use super::{Asked, Judge, JudgePrompt, Verdict};

/// A judge that makes a reply of a request's text and a sample's key.
pub(crate) struct Double<F> {
    capabilities: Capabilities,
    reply: F,
}

impl<F: Fn(&Shown<'_>, Key) -> Completion + Send + Sync> Double<F> {
    pub(crate) fn new(reply: F) -> Self {
        Self { capabilities: Capabilities::none("double"), reply }
    }
}

impl<F: Fn(&Shown<'_>, Key) -> Completion + Send + Sync> Provider for Double<F> {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn complete(
        &self,
        requests: &[Request],
        _: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        for request in requests {
            let shown = Shown::of(&request.messages[0].content);
            request.samples.iter().for_each(|key| deliver(*key, (self.reply)(&shown, *key)));
        }
        Ok(())
    }

    fn score(&self, _: &[Message], _: &[String]) -> Result<Vec<f64>, ProviderError> {
        panic!("judges are not asked for scores")
    }
}

/// What a judge that goes by the fence makes out in a request.
pub(crate) struct Shown<'a> {
    pub(crate) mark: &'a str,
    pub(crate) criterion: &'a str,
    /// One answer, or two.
    pub(crate) answers: Vec<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(text: &'a str) -> Self {
        let (_, after) = text.split_once("carry the mark ").expect("every prompt names the mark");
        let mark = &after[..12];
        let criterion = text
            .split_once("CRITERION\n")
            .map_or("", |(_, after)| after.lines().next().expect("a criterion is one line"));
        let between = |name: &str| {
            let (_, after) = text.split_once(&format!("\n[{name} {mark}]\n"))?;
            Some(after.split_once(&format!("\n[end of {name} {mark}]\n")).expect("a fence ends").0)
        };
        let answers = ["answer", "answer 1", "answer 2"].into_iter().filter_map(between).collect();
        Self { mark, criterion, answers }
    }

    /// A reply in the form that the judge was asked for.
    pub(crate) fn labelled(&self, label: &str) -> Completion {
        let mark = self.mark;
        let text =
            format!(r#"{{"mark": "{mark}", "label": "{label}", "polarity": 0, "coherence": 80}}"#);
        Completion::plain(text, Finish::Stop)
    }
}

pub(crate) fn sampling() -> Sampling {
    Sampling::new(0.0, 1.0, 100)
}

/// The judge with the shipped prompt of this name.
pub(crate) fn judge(prompt: &str) -> Judge {
    let prompt = JudgePrompt::shipped(prompt).expect("a shipped prompt");
    Judge { prompt, model: Key::of(&"judge"), sampling: sampling() }
}

/// What a model says to questions of one sample each.
pub(crate) fn verdicts(model: &dyn Provider, asked: &[Asked]) -> Vec<Verdict> {
    let requests: Vec<Request> = asked.iter().map(|asked| asked.request.clone()).collect();
    let replies = complete_in_order(model, &requests, &sampling()).expect("a double never fails");
    asked.iter().zip(replies).map(|(asked, replies)| asked.read(&replies[0])).collect()
}
