//! What our engine says, which a server of the same folder must say too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use entail_data::{CHAT_TEMPLATE, END, Lexicon, World};
use entail_engine::{Family, Model, Request, Sampled, Sampling, Tokenizer, Weights, sample};
use entail_provider::{Completion, Finish};
use entail_schema::Message;

use crate::conformance::model::{self, SEED, TINY, new_folder};

/// How much likelier each word must be than the next one, in logits. Other sums than ours round otherwise, and a
/// text that hangs on that says nothing.
const MARGIN: f32 = 0.02;

/// Fewest conversations that are compared.
const FEWEST: usize = 20;

/// How much larger the end's row of the embedding is than a random one: so some answers end by themselves.
const LOUDER_END: f32 = 1.6;

/// A model folder of ours, and what lies in it.
pub(super) struct Tiny {
    folder: PathBuf,
    weights: Weights<f32>,
    lexicon: Lexicon,
    tokenizer: Tokenizer,
    world: World,
}

/// A conversation and its greedy answer.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) messages: Vec<Message>,
    /// Tokens of the conversation.
    n_prompt: usize,
    text: String,
    pub(super) words: Vec<String>,
    /// Of the words at temperature one.
    pub(super) logprobs: Vec<f64>,
    pub(super) finish: Finish,
}

impl Tiny {
    /// Writes the folder `tiny` under another.
    pub(super) fn write(scratch: &Path) -> Result<Self> {
        let world = model::world()?;
        let lexicon = Lexicon::new(&world.text);
        let config = model::config(TINY, Family::Llama, lexicon.len());
        let mut weights = model::random_weights(&config);
        let end = lexicon.id(END) as usize;
        let embedding = &weights.layout.tensors()[0];
        ensure!(embedding.shape[0] == lexicon.len(), "{} is not the embedding", embedding.name);
        let row = embedding.range.start + end * config.width;
        weights.data[row..row + config.width].iter_mut().for_each(|x| *x *= LOUDER_END);
        let folder = new_folder(scratch, TINY.name)?;
        model::put_model(&folder, &weights, &lexicon)?;
        let tokenizer = Tokenizer::new(&lexicon.tokenizer_json().to_string(), CHAT_TEMPLATE)?;
        Ok(Self { folder, weights, lexicon, tokenizer, world })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Longest context in tokens.
    pub(super) fn context(&self) -> usize {
        self.weights.config.max_positions
    }

    /// Greedy answers to the world's questions. At least one ends by itself and one is cut off.
    pub(super) fn expected(&self, longest: usize) -> Result<Vec<Expected>> {
        let conversations: Vec<Vec<Message>> = self.conversations();
        let prompts: Vec<Vec<u32>> = conversations
            .iter()
            .map(|conversation| self.tokenizer.chat(conversation, true))
            .collect::<Result<_, _>>()?;
        let requests: Vec<Request> = prompts
            .iter()
            .map(|prompt| Request {
                prompt: prompt.clone(),
                streams: vec![SEED.stream("greedy", 0)],
            })
            .collect();
        let sampling = Sampling {
            temperature: 0.0,
            top_p: 1.0,
            max_tokens: longest,
            stop: vec![self.lexicon.id(END)],
        };
        let model = Model::base(&self.weights);
        let mut all = Vec::new();
        for ((messages, prompt), sampled) in
            conversations.into_iter().zip(&prompts).zip(sample(model, &requests, &sampling))
        {
            let [sampled] = sampled.as_slice() else { unreachable!("one stream is one sample") };
            if self.is_clear(prompt, sampled)? {
                all.push(self.answer(messages, prompt.len(), sampled)?);
            }
        }
        ensure!(
            all.len() >= FEWEST,
            "{} conversations have a clear answer, expected {FEWEST}",
            all.len()
        );
        let some = |finish| all.iter().any(|one| one.finish == finish);
        ensure!(some(Finish::Stop) && some(Finish::Length), "all answers end in the same way");
        Ok(all)
    }

    /// The world's questions, every other one after a system turn. llama.cpp splits other marks than these in another
    /// way than Hugging Face's tokenizers.
    fn conversations(&self) -> Vec<Vec<Message>> {
        let text = &self.world.text;
        let plain =
            |text: &&String| text.chars().all(|c| c.is_ascii_alphanumeric() || " ,.?".contains(c));
        let questions = text.topics.iter().flat_map(|topic| &topic.questions).filter(plain);
        let frames: Vec<&String> = text.prompts.mindful.iter().filter(plain).collect();
        let conversation = |(index, question): (usize, &String)| {
            let frame = frames.get(index % (frames.len() * 2));
            let system = frame.map(|frame| Message::system(frame.as_str()));
            system.into_iter().chain([Message::user(question.as_str())]).collect()
        };
        questions.take(3 * FEWEST).enumerate().map(conversation).collect()
    }

    /// Whether every word of an answer is one that shows, and well ahead of all others.
    fn is_clear(&self, prompt: &[u32], sampled: &Sampled) -> Result<bool> {
        let row: Vec<u32> = prompt.iter().chain(&sampled.tokens).copied().collect();
        let logits = Model::base(&self.weights).logits(&[row], None);
        let ahead = |logits: &[f32]| {
            let mut sorted = logits.to_vec();
            sorted.sort_by(|a, b| b.total_cmp(a));
            sorted[0] - sorted[1] > MARGIN
        };
        let drawn = &logits[(prompt.len() - 1) * self.lexicon.len()..];
        let plain = self.tokenizer.decode(&sampled.tokens)?;
        let shown = plain == self.tokenizer.decode_raw(&sampled.tokens)? && !plain.is_empty();
        Ok(shown && drawn.chunks_exact(self.lexicon.len()).all(ahead))
    }

    fn answer(
        &self,
        messages: Vec<Message>,
        n_prompt: usize,
        sampled: &Sampled,
    ) -> Result<Expected> {
        let word = |id: &u32| self.tokenizer.decode(&[*id]);
        let words: Vec<String> = sampled.tokens.iter().map(word).collect::<Result<_, _>>()?;
        let logprobs = sampled.logprobs.get(..words.len()).context("a number for each word")?;
        Ok(Expected {
            messages,
            n_prompt,
            text: self.tokenizer.decode(&sampled.tokens)?,
            logprobs: logprobs.to_vec(),
            words,
            finish: match sampled.finish {
                entail_engine::Finish::Stop => Finish::Stop,
                entail_engine::Finish::Length => Finish::Length,
            },
        })
    }
}

impl Expected {
    /// What was asked, to name it.
    pub(super) fn question(&self) -> String {
        format!(
            "{:?}",
            self.messages.last().map(|message| message.content.as_str()).unwrap_or_default()
        )
    }

    /// In what a server's answer is another one, in words.
    pub(super) fn differs(&self, answer: &Completion) -> Option<String> {
        // The token that ends an answer is drawn, too; not every server counts it.
        let n_drawn = self.words.len() as u64;
        let counts = match self.finish {
            Finish::Stop => n_drawn..=n_drawn + 1,
            _ => n_drawn..=n_drawn,
        };
        let Completion { text, finish, usage, .. } = answer;
        if text.trim_start() != self.text {
            return Some(format!("the server says {text:?}, our engine {:?}", self.text));
        }
        if *finish != self.finish {
            return Some(format!(
                "the server's answer ends by {finish:?}, ours by {:?}",
                self.finish
            ));
        }
        if usage.prompt != Some(self.n_prompt as u64) {
            return Some(format!(
                "{:?} tokens were asked, ours are {}",
                usage.prompt, self.n_prompt
            ));
        }
        if !usage.drawn.is_some_and(|n| counts.contains(&n)) {
            return Some(format!("{:?} tokens were drawn, ours are {n_drawn}", usage.drawn));
        }
        None
    }
}
