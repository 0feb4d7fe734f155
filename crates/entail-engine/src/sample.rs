//! Sampling with a key-value cache, and log-probabilities of given continuations.
//!
//! A prompt is computed once and its cache copied for each of its samples. Every sample draws from a stream of its
//! own, and row tiles make a row's numbers independent of the batch: so a sample's text depends on its key alone,
//! whatever else is sampled beside it.

use entail_schema::Stream;

use crate::decoder::{Cache, Model, Place, inference};
use crate::ops;
use crate::real::Real;

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Divides the logits; zero takes the most probable token.
    pub temperature: f64,
    /// Only the smallest set of tokens that covers this probability is drawn from.
    pub top_p: f64,
    /// Longest completion.
    pub max_tokens: usize,
    /// Ids that end a completion; they are not part of it.
    pub stop: Vec<u32>,
}

/// One prompt and the streams of its samples.
#[derive(Debug, Clone)]
pub struct Request {
    /// Token ids; at least one.
    pub prompt: Vec<u32>,
    /// One stream per sample.
    pub streams: Vec<Stream>,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// A stop id was drawn.
    Stop,
    /// The longest completion, or the end of the context, was reached.
    Length,
}

/// One completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// Drawn ids, without the stop id.
    pub tokens: Vec<u32>,
    /// Natural log-probability, under the model at temperature one, of each drawn id and then of the stop id.
    pub logprobs: Vec<f64>,
    /// Why it ended.
    pub finish: Finish,
}

/// Samples that are decoded side by side.
const SLOTS: usize = 256;

/// Completions for every request, in order, one per stream.
///
/// # Panics
/// When a prompt is empty or longer than the context, or when an edit is for one row only.
pub fn sample<T: Real>(
    model: Model<'_, T>,
    requests: &[Request],
    sampling: &Sampling,
) -> Vec<Vec<Sampled>> {
    let mut results: Vec<Vec<Sampled>> = Vec::new();
    let mut start = 0;
    while start < requests.len() {
        let (mut end, mut slots) = (start, 0);
        while end < requests.len() && (end == start || slots + requests[end].streams.len() <= SLOTS)
        {
            slots += requests[end].streams.len();
            end += 1;
        }
        results.extend(sample_together(model, &requests[start..end], sampling));
        start = end;
    }
    results
}

struct Slot {
    request: usize,
    sample: usize,
    position: usize,
    stream: Stream,
}

fn sample_together<T: Real>(
    model: Model<'_, T>,
    requests: &[Request],
    sampling: &Sampling,
) -> Vec<Vec<Sampled>> {
    let context = model.weights.config.max_positions;
    let longest = requests.iter().map(|r| r.prompt.len()).max().unwrap_or(0);
    let capacity = context.min(longest + sampling.max_tokens);
    let pass = inference(model, capacity);
    let (prompts, last) = prefill(model, requests.iter().map(|r| r.prompt.as_slice()), capacity);
    let d = model.weights.config.width;

    let mut results: Vec<Vec<Sampled>> =
        requests.iter().map(|r| vec![UNFINISHED; r.streams.len()]).collect();
    if sampling.max_tokens == 0 {
        return results;
    }
    let mut slots = Vec::new();
    for (request, r) in requests.iter().enumerate() {
        slots.extend(r.streams.iter().enumerate().map(|(sample, stream)| Slot {
            request,
            sample,
            position: r.prompt.len(),
            stream: stream.clone(),
        }));
    }
    let mut cache = prompts.fork(&slots.iter().map(|s| s.request).collect::<Vec<_>>());
    let mut hidden: Vec<T> =
        slots.iter().flat_map(|s| &last[s.request * d..][..d]).copied().collect();
    while !slots.is_empty() {
        let logits = model.head(&hidden);
        let v = model.weights.config.vocabulary;
        let (mut kept, mut tokens, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (i, slot) in slots.iter_mut().enumerate() {
            let out = &mut results[slot.request][slot.sample];
            let token = draw(&logits[i * v..][..v], sampling, &mut slot.stream, out);
            if let Some(token) = token.filter(|_| may_go_on(out, slot.position, sampling, context))
            {
                places.push(Place { row: kept.len(), position: slot.position });
                tokens.push(token);
                slot.position += 1;
                kept.push(i);
            }
        }
        cache.retain(&kept);
        let mut index = 0;
        slots.retain(|_| {
            index += 1;
            kept.binary_search(&(index - 1)).is_ok()
        });
        hidden = pass.advance(&mut cache, &tokens, &places);
    }
    results
}

const UNFINISHED: Sampled =
    Sampled { tokens: Vec::new(), logprobs: Vec::new(), finish: Finish::Length };

fn may_go_on(out: &Sampled, position: usize, sampling: &Sampling, context: usize) -> bool {
    out.tokens.len() < sampling.max_tokens && position < context
}

/// Draws one token into `out`; `None` when it ends the completion.
fn draw<T: Real>(
    logits: &[T],
    sampling: &Sampling,
    stream: &mut Stream,
    out: &mut Sampled,
) -> Option<u32> {
    let token = choose(logits, sampling, stream);
    out.logprobs.push(logits[token].to_f64() - ops::log_sum_exp(logits));
    let token = u32::try_from(token).expect("ids are u32");
    if sampling.stop.contains(&token) {
        out.finish = Finish::Stop;
        return None;
    }
    out.tokens.push(token);
    Some(token)
}

/// The index of a token drawn at the given temperature and top-p.
fn choose<T: Real>(logits: &[T], sampling: &Sampling, stream: &mut Stream) -> usize {
    if sampling.temperature <= 0.0 {
        let better = |best: usize, i: usize| if logits[i] > logits[best] { i } else { best };
        return (1..logits.len()).fold(0, better);
    }
    let mut probabilities = logits.to_vec();
    let inverse = T::from_f64(1.0 / sampling.temperature);
    ops::vectorized(
        #[inline(always)]
        || {
            for p in &mut probabilities {
                *p *= inverse;
            }
            ops::softmax(&mut probabilities);
        },
    );
    let uniform = stream.uniform();
    if sampling.top_p >= 1.0 {
        return inverse_cdf(
            (0..probabilities.len()).map(|i| (i, probabilities[i].to_f64())),
            uniform,
        );
    }
    let nucleus = nucleus(&probabilities, sampling.top_p);
    let total: f64 = nucleus.iter().map(|&(_, p)| p).sum();
    inverse_cdf(nucleus.into_iter(), uniform * total)
}

/// The smallest set of tokens, most probable first, that covers `top_p` (Holtzman et al. 2020).
fn nucleus<T: Real>(probabilities: &[T], top_p: f64) -> Vec<(usize, f64)> {
    let mut order: Vec<(usize, f64)> =
        probabilities.iter().map(|p| p.to_f64()).enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut covered = 0.0;
    let mut kept = 0;
    while kept < order.len() && covered < top_p {
        covered += order[kept].1;
        kept += 1;
    }
    order.truncate(kept.max(1));
    order
}

fn inverse_cdf(entries: impl Iterator<Item = (usize, f64)>, target: f64) -> usize {
    let (mut cumulative, mut last) = (0.0, 0);
    for (index, p) in entries {
        cumulative += p;
        if p > 0.0 {
            last = index;
        }
        if cumulative > target {
            return index;
        }
    }
    // Rounding can leave the sum a little below one.
    last
}

/// Runs the prompts through the model: their cache, and the last residual row of each `[prompts, D]`.
fn prefill<'p, T: Real>(
    model: Model<'_, T>,
    prompts: impl ExactSizeIterator<Item = &'p [u32]>,
    capacity: usize,
) -> (Cache<T>, Vec<T>) {
    let mut cache = Cache::new(&model.weights.config, prompts.len(), capacity);
    let (mut tokens, mut places, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (row, prompt) in prompts.enumerate() {
        assert!(!prompt.is_empty(), "a prompt has at least one token");
        assert!(
            prompt.len() <= capacity,
            "a prompt of {} tokens fits the context of {capacity}",
            prompt.len()
        );
        tokens.extend_from_slice(prompt);
        places.extend((0..prompt.len()).map(|position| Place { row, position }));
        ends.push(tokens.len() - 1);
    }
    let d = model.weights.config.width;
    let hidden = inference(model, capacity).advance(&mut cache, &tokens, &places);
    let last = ends.iter().flat_map(|&end| &hidden[end * d..][..d]).copied().collect();
    (cache, last)
}

/// Natural log-probability of each continuation after the prompt, summed over its tokens.
///
/// # Panics
/// When the prompt is empty, a continuation runs past the context, or an edit is for one row only.
pub fn continuation_logprobs<T: Real>(
    model: Model<'_, T>,
    prompt: &[u32],
    continuations: &[Vec<u32>],
) -> Vec<f64> {
    let (d, v) = (model.weights.config.width, model.weights.config.vocabulary);
    let longest = continuations.iter().map(Vec::len).max().unwrap_or(0);
    let capacity = prompt.len() + longest;
    assert!(
        capacity <= model.weights.config.max_positions,
        "prompt and continuation fit the context"
    );
    let (cache, last) = prefill(model, std::iter::once(prompt), capacity);
    let first = model.head(&last);
    let first_norm = ops::log_sum_exp(&first);
    let mut cache = cache.fork(&vec![0; continuations.len()]);
    let (mut tokens, mut places) = (Vec::new(), Vec::new());
    for (row, continuation) in continuations.iter().enumerate() {
        // The last token predicts nothing that is asked for.
        let fed = &continuation[..continuation.len().saturating_sub(1)];
        tokens.extend_from_slice(fed);
        places.extend((0..fed.len()).map(|i| Place { row, position: prompt.len() + i }));
    }
    let hidden = inference(model, capacity).advance(&mut cache, &tokens, &places);
    debug_assert_eq!(hidden.len(), tokens.len() * d);
    let logits = model.head(&hidden);
    let mut rows = logits.chunks_exact(v);
    continuations
        .iter()
        .map(|continuation| {
            let Some((&head, rest)) = continuation.split_first() else { return 0.0 };
            let mut sum = first[head as usize].to_f64() - first_norm;
            for &token in rest {
                let row = rows.next().expect("one row of logits per fed token");
                sum += row[token as usize].to_f64() - ops::log_sum_exp(row);
            }
            sum
        })
        .collect()
}

#[cfg(test)]
mod tests;
