//! Our client beside servers that others wrote, and our engine beside what they compute from the same folder.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use entail_provider::{
    Account, CallError, Completion, Connections, Finish, Keys, Limits, MachineClock, ModelName,
    ProviderError, Remote, RemoteModel, Request, Sampling, Traffic, Transport, complete_in_order,
    probe, wire,
};
use entail_schema::{Key, Message, Seed};

use super::Ground;

mod captured;
mod expected;
mod server;

use expected::{Expected, Tiny};
use server::{Address, Server};

/// Longest answer that is compared, in tokens.
const LONGEST: usize = 16;

/// Largest absolute difference of two log-probabilities. The sums run in another order; nothing else may differ.
const BOUND: f64 = 1e-4;

/// Alternatives that are asked for with each token.
const ALTERNATIVES: u8 = 3;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, and in what it differs from others.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked by name")]
struct Kind {
    script: &'static str,
    /// What stands before the address in a model's name.
    service: &'static str,
    /// Splits every text into words as the folder's tokenizer says.
    same_words: bool,
    /// Tells log-probabilities where they are asked for; another ignores the wish.
    logprobs: bool,
    /// Lists its models.
    lists: bool,
    /// Answers for a model that it does not have, under that name.
    answers_for_any: bool,
    /// Refuses a conversation that is longer than the context; another answers it.
    refuses_long: bool,
}

/// Checks `transformers serve`.
pub(super) fn transformers(ground: &Ground<'_>) -> Result<String> {
    let kind = Kind {
        script: "fixtures/provider/serve_transformers.py",
        service: "compatible",
        same_words: true,
        logprobs: false,
        lists: false,
        answers_for_any: false,
        refuses_long: false,
    };
    check(ground, &kind)
}

/// Checks the server of llama-cpp-python.
pub(super) fn llama_cpp(ground: &Ground<'_>) -> Result<String> {
    let kind = Kind {
        script: "fixtures/provider/serve_llama_cpp.py",
        service: "llamacpp",
        same_words: false,
        logprobs: true,
        lists: true,
        answers_for_any: true,
        refuses_long: true,
    };
    check(ground, &kind)
}

/// Serves a folder of ours and asks for what our engine computes from it, and for what only a server does.
fn check(ground: &Ground<'_>, kind: &Kind) -> Result<String> {
    let tiny = Tiny::write(ground.scratch.path())?;
    let expected = tiny.expected(LONGEST)?;
    let server = Server::start(ground, kind.script, tiny.folder())?;
    let client = Client { kind, address: server.address() };
    let mut figures = vec![
        greedy(&client, &expected)?,
        draws(&client)?,
        models(&client)?,
        refusals(&client, &tiny)?,
    ];
    if kind.same_words {
        figures.push(captured::same(ground, &client, &tiny)?);
    }
    Ok(figures.join("; "))
}

/// Our client of one server.
struct Client<'a> {
    kind: &'a Kind,
    address: &'a Address,
}

impl Client<'_> {
    /// The model of a name at an address below the server's.
    fn model(&self, below: &str, name: &str) -> Result<RemoteModel> {
        let name = format!("{}:{}{below}#{name}", self.kind.service, self.address.url);
        match name.parse()? {
            ModelName::Remote(model) => Ok(model),
            other => bail!("{other} is not served"),
        }
    }

    fn ours(&self) -> Result<RemoteModel> {
        self.model("", &self.address.model)
    }
}

/// The answers of a model to one conversation, one for each key.
fn ask(
    model: &RemoteModel,
    messages: &[Message],
    samples: Vec<Key>,
    temperature: f64,
) -> Result<Vec<Completion>, ProviderError> {
    let account = Account {
        service: model.service().to_string(),
        key_name: String::new(),
        limits: Limits::default(),
    };
    let refused = |what: String| ProviderError::Remote { provider: model.to_string(), what };
    let wire = wire(model, &Keys::default()).map_err(|error| refused(error.to_string()))?;
    let traffic = Traffic::new(Arc::new(MachineClock::start()), Seed(0));
    let remote = Remote::new(wire, &account, Arc::new(connections()), Arc::new(traffic))?;
    let request = Request { messages: messages.to_vec(), samples };
    let mut answers = complete_in_order(&remote, &[request], &sampling(temperature))?;
    Ok(answers.swap_remove(0))
}

fn connections() -> Connections {
    Connections::new(2, 64 << 20).with_longest_wait(PATIENCE)
}

fn sampling(temperature: f64) -> Sampling {
    Sampling { logprobs: Some(ALTERNATIVES), ..Sampling::new(temperature, 1.0, LONGEST) }
}

fn key(name: &str) -> Key {
    Key::of(&("conformance", name))
}

/// At temperature zero the server says what our engine says: words, end, and how many tokens.
fn greedy(client: &Client<'_>, expected: &[Expected]) -> Result<String> {
    let model = client.ours()?;
    let mut largest: f64 = 0.0;
    for one in expected {
        let answers = ask(&model, &one.messages, vec![key("greedy")], 0.0)?;
        let [answer] = answers.as_slice() else { bail!("{} answers, expected one", answers.len()) };
        let said = one.differs(answer);
        ensure!(said.is_none(), "{}: {}", one.question(), said.unwrap_or_default());
        largest = largest.max(logprobs(client, one, answer)?.unwrap_or_default());
    }
    let count = |finish| expected.iter().filter(|one| one.finish == finish).count();
    let ends = format!("{} ended, {} cut off", count(Finish::Stop), count(Finish::Length));
    let apart = if client.kind.logprobs {
        format!(", log-probabilities within {largest:.1e}")
    } else {
        String::new()
    };
    Ok(format!("{} greedy texts of our engine ({ends}{apart})", expected.len()))
}

/// How far the log-probabilities of an answer are from our engine's; `None` where the server tells none.
fn logprobs(client: &Client<'_>, one: &Expected, answer: &Completion) -> Result<Option<f64>> {
    let question = one.question();
    let tokens = match (&answer.tokens, client.kind.logprobs) {
        (None, false) => return Ok(None),
        (Some(tokens), true) => tokens,
        (found, _) => bail!("{question}: log-probabilities are {found:?}, which is news"),
    };
    ensure!(
        tokens.len() == one.words.len(),
        "{question}: {} tokens with log-probabilities, expected {}",
        tokens.len(),
        one.words.len()
    );
    let mut largest: f64 = 0.0;
    for (token, (word, logprob)) in tokens.iter().zip(one.words.iter().zip(&one.logprobs)) {
        ensure!(
            token.token.trim() == word,
            "{question}: token {:?}, expected {word:?}",
            token.token
        );
        let found = token.logprob.with_context(|| format!("{question}: no number for {word:?}"))?;
        largest = largest.max((found - logprob).abs());
        let likelier = token.top.iter().find(|(_, other)| *other > found);
        ensure!(
            likelier.is_none(),
            "{question}: {likelier:?} is likelier than the greedy {word:?}"
        );
        ensure!(
            token.top.len() >= usize::from(ALTERNATIVES) - 1,
            "{question}: {} alternatives to {word:?}, asked for {ALTERNATIVES}",
            token.top.len()
        );
    }
    ensure!(
        largest <= BOUND,
        "{question}: log-probabilities differ by {largest:.1e}, more than {BOUND:.0e}"
    );
    Ok(Some(largest))
}

/// Answers that are drawn: as many as asked for, of several texts, and the same again where seeds are kept.
fn draws(client: &Client<'_>) -> Result<String> {
    let model = client.ours()?;
    let question = [Message::user("Are you awake?")];
    let keys: Vec<Key> = (0..3).map(|i| key(&format!("draw {i}"))).collect();
    let first = ask(&model, &question, keys.clone(), 1.0)?;
    ensure!(first.len() == keys.len(), "{} answers, asked for {}", first.len(), keys.len());
    for answer in &first {
        ensure!(!answer.text.is_empty(), "an empty answer: {answer:?}");
        ensure!(
            answer.usage.prompt.is_some_and(|n| n > 0) && answer.usage.drawn.is_some_and(|n| n > 0),
            "an answer without counts of tokens: {:?}",
            answer.usage
        );
    }
    let texts = |answers: &[Completion]| -> Vec<String> {
        answers.iter().map(|answer| answer.text.clone()).collect()
    };
    let first = texts(&first);
    ensure!(
        first[0] != first[1] && first[1] != first[2],
        "answers that were drawn are all {first:?}"
    );
    if !entail_provider::capabilities(&model).seed {
        return Ok("3 answers drawn, without a seed".into());
    }
    let again = texts(&ask(&model, &question, keys, 1.0)?);
    ensure!(first == again, "the same seeds gave {again:?} after {first:?}");
    Ok("3 answers drawn, the same again by their seeds".into())
}

/// The first look that `entail doctor --probe` takes.
fn models(client: &Client<'_>) -> Result<String> {
    let seen = probe(&client.ours()?, &Keys::default(), &connections())?;
    let answer = seen.answer.context("the first look got no answer")?;
    ensure!(!answer.text.is_empty(), "the first look got an empty answer");
    match (seen.models, client.kind.lists) {
        (Ok(names), true) => {
            let ours = &client.address.model;
            ensure!(names == [ours.as_str()], "models {names:?}, expected {ours}");
            Ok("its model listed".into())
        }
        (Err(_), false) => Ok("no list of models".into()),
        (found, _) => bail!("the list of models is {found:?}, which is news"),
    }
}

/// What is wrong is told in words that help.
fn refusals(client: &Client<'_>, tiny: &Tiny) -> Result<String> {
    let question = [Message::user("Are you awake?")];
    let stranger = "no-such-model";
    let model = client.model("", stranger)?;
    match (ask(&model, &question, vec![key("stranger")], 1.0), client.kind.answers_for_any) {
        (Ok(answers), true) => {
            let by = answers[0].served_by.as_deref();
            ensure!(by == Some(stranger), "an answer for {stranger} says it is by {by:?}");
        }
        (Err(error), false) => says(&error, &[stranger, &client.address.model, "status 400"])?,
        (found, _) => bail!("a model that is not there: {found:?}, which is news"),
    }
    let model = client.model("/nowhere", &client.address.model)?;
    match ask(&model, &question, vec![key("nowhere")], 1.0) {
        Ok(answers) => bail!("an address without an API answered {answers:?}"),
        Err(error) => says(&error, &["status 404", "is there a model"])?,
    }
    long(client, tiny)?;
    Ok("unknown model, wrong address and a conversation that is too long as documented".into())
}

fn says(error: &ProviderError, parts: &[&str]) -> Result<()> {
    let text = error.to_string();
    let missing: Vec<_> = parts.iter().filter(|part| !text.contains(**part)).collect();
    ensure!(missing.is_empty(), "{text:?} does not say {missing:?}");
    Ok(())
}

/// One call without anything that would make it again.
fn long(client: &Client<'_>, tiny: &Tiny) -> Result<()> {
    let wire = wire(&client.ours()?, &Keys::default())?;
    let question = Message::user("you ".repeat(tiny.context() + 1));
    let response = connections().send(&wire.ask(&[question], &sampling(1.0), 1, 0))?;
    match (wire.answers(&response), client.kind.refuses_long) {
        (Ok(_), false) => Ok(()),
        (Err(CallError::Passing { what, .. }), true) if what.contains("status 500") => Ok(()),
        (found, _) => Err(anyhow!("a conversation that is too long: {found:?}, which is news")),
    }
}
