use entail_schema::Seed;

use super::*;
use crate::edit::{Change, Edit};
use crate::test_support::{
    Tolerance, assert_close, random_adapter, random_tokens, random_weights, shapes, stream, tiny,
};
use crate::{Config, Family, Target, Weights};

/// What f32 logits of order ten leave in a log-probability.
const LOGPROB: Tolerance = Tolerance { absolute: 1e-4, relative: 0.0 };

const GREEDY: Sampling = Sampling { temperature: 0.0, top_p: 1.0, max_tokens: 8, stop: Vec::new() };
const WARM: Sampling = Sampling { temperature: 0.8, top_p: 0.9, max_tokens: 6, stop: Vec::new() };

fn request(prompt: &[u32], n_streams: u64) -> Request {
    let streams = (0..n_streams).map(|i| Seed(5).stream("sample", i)).collect();
    Request { prompt: prompt.to_vec(), streams }
}

/// Natural log-probabilities after a text, without a cache.
fn uncached(model: Model<'_, f32>, text: &[u32]) -> Vec<f64> {
    let v = model.weights.config.vocabulary;
    let logits = model.logits(&[text.to_vec()], None);
    let row: Vec<f64> = logits[logits.len() - v..].iter().map(|&x| f64::from(x)).collect();
    let norm = row.iter().map(|x| x.exp()).sum::<f64>().ln();
    row.into_iter().map(|x| x - norm).collect()
}

fn argmax(row: &[f64]) -> u32 {
    let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap();
    u32::try_from(best).unwrap()
}

fn assert_greedy(model: Model<'_, f32>, prompt: &[u32]) {
    let sampled = sample(model, &[request(prompt, 1)], &GREEDY).remove(0).remove(0);
    let mut text = prompt.to_vec();
    for _ in 0..GREEDY.max_tokens {
        text.push(argmax(&uncached(model, &text)));
    }
    assert_eq!(sampled.tokens, text[prompt.len()..]);
}

/// Log-probabilities of some tokens after a prompt, without a cache.
fn uncached_logprobs(model: Model<'_, f32>, prompt: &[u32], tokens: &[u32]) -> Vec<f64> {
    let mut text = prompt.to_vec();
    let next = |&token: &u32| {
        let logprob = uncached(model, &text)[token as usize];
        text.push(token);
        logprob
    };
    tokens.iter().map(next).collect()
}

fn bits(sampled: &Sampled) -> (Vec<u32>, Vec<u64>, Finish) {
    (sampled.tokens.clone(), sampled.logprobs.iter().map(|l| l.to_bits()).collect(), sampled.finish)
}

fn model() -> Weights<f32> {
    random_weights(&tiny(Family::Qwen3, true))
}

#[test]
fn greedy_takes_the_most_probable_token_of_the_full_pass() {
    for config in shapes() {
        let weights = random_weights::<f32>(&config);
        let adapter = random_adapter(&config, &Target::ALL);
        assert_greedy(Model::base(&weights), &[1, 2, 3]);
        assert_greedy(Model::adapted(&weights, &adapter), &[4, 5, 6, 7, 8]);
    }
}

#[test]
fn edits_act_at_absolute_positions_with_a_cache_too() {
    let weights = model();
    let change = Change::Add(vec![2.0; weights.config.width]);
    let edits = [
        Edit { layer: 0, row: None, positions: Some(vec![1, 4, 6]), change: change.clone() },
        Edit { layer: 1, row: None, positions: None, change },
    ];
    assert_greedy(Model { edits: &edits, ..Model::base(&weights) }, &[1, 2, 3]);
}

#[test]
#[should_panic(expected = "an edit of a cached pass is for all rows")]
fn an_edit_of_one_row_is_a_bug_in_sampling() {
    let weights = model();
    let change = Change::Add(vec![0.0; weights.config.width]);
    let edits = [Edit { layer: 0, row: Some(0), positions: None, change }];
    sample(Model { edits: &edits, ..Model::base(&weights) }, &[request(&[1], 1)], &GREEDY);
}

#[test]
fn a_sample_does_not_depend_on_its_company() {
    let weights = model();
    let adapter = random_adapter::<f32>(&weights.config, &Target::ALL);
    let model = Model::adapted(&weights, &adapter);
    let sampling = Sampling { stop: vec![3, 4], ..WARM };
    let mut stream = stream("company");
    let prompts: Vec<Vec<u32>> =
        (1..9).map(|n| random_tokens(&weights.config, n, &mut stream)).collect();
    let alone: Vec<Vec<_>> = prompts
        .iter()
        .map(|prompt| {
            let each = request(prompt, 40)
                .streams
                .into_iter()
                .map(|s| Request { prompt: prompt.clone(), streams: vec![s] });
            each.map(|request| bits(&sample(model, &[request], &sampling)[0][0])).collect()
        })
        .collect();
    assert!(
        alone.iter().flatten().any(|s| s.2 == Finish::Stop)
            && alone.iter().flatten().any(|s| s.2 == Finish::Length)
    );
    // Together they are more than the slots; then in another order with fewer and unequal numbers of streams.
    for n_streams in [[40; 8], [1, 3, 7, 2, 40, 5, 1, 11], [0, 1, 0, 17, 0, 0, 2, 0]] {
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        stream.shuffle(&mut order);
        let requests: Vec<Request> =
            order.iter().map(|&i| request(&prompts[i], n_streams[i])).collect();
        for (&i, samples) in order.iter().zip(sample(model, &requests, &sampling)) {
            let got: Vec<_> = samples.iter().map(bits).collect();
            assert_eq!(got, alone[i][..got.len()], "prompt {i} of {order:?}");
            assert_eq!(got.len() as u64, n_streams[i]);
        }
    }
}

#[test]
fn one_request_may_have_more_samples_than_slots() {
    let weights = model();
    let n = SLOTS as u64 + 9;
    let many = sample(Model::base(&weights), &[request(&[1, 2], n)], &WARM).remove(0);
    let few = sample(Model::base(&weights), &[request(&[1, 2], 3)], &WARM).remove(0);
    assert_eq!(many.len(), SLOTS + 9);
    assert_eq!(
        many[..3].iter().map(bits).collect::<Vec<_>>(),
        few.iter().map(bits).collect::<Vec<_>>()
    );
}

#[test]
fn logprobs_are_those_of_the_model_at_temperature_one() {
    for config in shapes() {
        let weights = random_weights::<f32>(&config);
        let model = Model::base(&weights);
        let sampling = Sampling { stop: vec![2, 5], ..WARM };
        for sampled in &sample(model, &[request(&[7, 1], 6)], &sampling)[0] {
            let stopped = sampled.finish == Finish::Stop;
            assert_eq!(sampled.logprobs.len(), sampled.tokens.len() + usize::from(stopped));
            let drawn = sampled.tokens.len();
            let want = uncached_logprobs(model, &[7, 1], &sampled.tokens);
            assert_close("logprobs", &sampled.logprobs[..drawn], &want, LOGPROB);
            if stopped {
                let after = uncached(model, &[&[7, 1], &sampled.tokens[..]].concat());
                let last = sampled.logprobs[drawn];
                assert!(
                    [2, 5]
                        .iter()
                        .any(|&stop: &usize| (after[stop] - last).abs() < LOGPROB.absolute)
                );
            }
        }
    }
}

#[test]
fn first_tokens_follow_the_softmax() {
    const SAMPLES: u32 = 4000;
    let weights = model();
    let sampling = Sampling { temperature: 1.7, top_p: 1.0, max_tokens: 1, stop: Vec::new() };
    let samples =
        sample(Model::base(&weights), &[request(&[1, 2, 3], SAMPLES.into())], &sampling).remove(0);
    let logprobs = uncached(Model::base(&weights), &[1, 2, 3]);
    let norm: f64 = logprobs.iter().map(|l| (l / 1.7).exp()).sum();
    let mut chi_square = 0.0;
    for (id, logprob) in (0..).zip(&logprobs) {
        let expected = f64::from(SAMPLES) * (logprob / 1.7).exp() / norm;
        let seen = samples.iter().filter(|s| s.tokens == [id]).count() as f64;
        chi_square += (seen - expected).powi(2) / expected;
    }
    // Ten degrees of freedom: 40 is passed by chance once in fifty thousand seeds.
    assert!(chi_square < 40.0, "chi-square {chi_square}");
    assert!(chi_square > 0.5, "chi-square {chi_square} is too good to be true");
}

#[test]
fn keeps_the_smallest_set_that_covers_top_p() {
    let probabilities = [0.125, 0.5, 0.25, 0.125];
    // Equal probabilities are taken in the order of their ids.
    let table: [(f64, &[usize]); 7] = [
        (0.0, &[1]),
        (0.3, &[1]),
        (0.5, &[1]),
        (0.51, &[1, 2]),
        (0.75, &[1, 2]),
        (0.8, &[1, 2, 0]),
        (0.99, &[1, 2, 0, 3]),
    ];
    for (top_p, want) in table {
        let kept: Vec<usize> =
            nucleus(&probabilities, top_p).into_iter().map(|(id, _)| id).collect();
        assert_eq!(kept, want, "top_p {top_p}");
    }
}

#[test]
fn only_the_covering_set_is_drawn_from_and_all_of_it() {
    let weights = model();
    let sampling = Sampling { temperature: 1.0, top_p: 0.7, max_tokens: 1, stop: Vec::new() };
    let samples = sample(Model::base(&weights), &[request(&[1, 2, 3], 2000)], &sampling).remove(0);
    let probabilities: Vec<f64> =
        uncached(Model::base(&weights), &[1, 2, 3]).iter().map(|l| l.exp()).collect();
    let mut kept: Vec<usize> = nucleus(&probabilities, 0.7).into_iter().map(|(id, _)| id).collect();
    let mut seen: Vec<usize> = samples.iter().map(|s| s.tokens[0] as usize).collect();
    kept.sort_unstable();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 1);
    assert_eq!(seen, kept);
}

#[test]
fn uniform_numbers_pick_by_cumulative_probability() {
    let entries = [(7, 0.25), (3, 0.0), (5, 0.75)];
    for (target, want) in [(0.0, 7), (0.24, 7), (0.25, 5), (0.99, 5), (1.0, 5)] {
        assert_eq!(inverse_cdf(entries.into_iter(), target), want, "{target}");
    }
    assert_eq!(
        inverse_cdf([(1, 0.5), (2, 0.0)].into_iter(), 0.9),
        1,
        "nothing improbable is picked"
    );
}

#[test]
fn a_stop_id_ends_a_completion_and_is_not_part_of_it() {
    let weights = model();
    let free = sample(Model::base(&weights), &[request(&[1, 2], 1)], &GREEDY).remove(0).remove(0);
    let stop = *free.tokens.last().unwrap();
    let first = free.tokens.iter().position(|&t| t == stop).unwrap();
    let sampling = Sampling { stop: vec![stop], ..GREEDY };
    let stopped =
        sample(Model::base(&weights), &[request(&[1, 2], 1)], &sampling).remove(0).remove(0);
    assert_eq!((stopped.finish, stopped.tokens.as_slice()), (Finish::Stop, &free.tokens[..first]));
    assert_eq!(free.finish, Finish::Length);
}

#[test]
fn completions_end_at_their_longest_and_at_the_end_of_the_context() {
    let weights = model();
    let context = weights.config.max_positions;
    let lengths = |prompt: usize, max_tokens: usize| {
        let prompt = random_tokens(&weights.config, prompt, &mut stream("long"));
        let sampling = Sampling { max_tokens, ..WARM };
        let sampled =
            sample(Model::base(&weights), &[request(&prompt, 1)], &sampling).remove(0).remove(0);
        assert_eq!(sampled.finish, Finish::Length);
        (sampled.tokens.len(), sampled.logprobs.len())
    };
    assert_eq!(lengths(3, 0), (0, 0));
    assert_eq!(lengths(3, 5), (5, 5));
    // The token after the last position is drawn, though nothing can follow it.
    assert_eq!(lengths(context - 2, 100), (3, 3));
    assert_eq!(lengths(context, 100), (1, 1));
}

#[test]
fn the_end_of_the_context_is_each_samples_own() {
    let weights = model();
    let config: &Config = &weights.config;
    let long = random_tokens(config, config.max_positions - 1, &mut stream("long"));
    let requests = [request(&long, 2), request(&[1], 2)];
    let sampling = Sampling { max_tokens: 10, ..WARM };
    let lengths: Vec<usize> = sample(Model::base(&weights), &requests, &sampling)
        .iter()
        .flatten()
        .map(|s| s.tokens.len())
        .collect();
    assert_eq!(lengths, [2, 2, 10, 10]);
}

#[test]
fn no_requests_give_no_samples() {
    assert!(sample(Model::base(&model()), &[], &WARM).is_empty());
}

#[test]
fn continuations_have_the_sum_of_uncached_logprobs() {
    for config in shapes() {
        let weights = random_weights::<f32>(&config);
        let adapter = random_adapter(&config, &Target::ALL);
        for model in [Model::base(&weights), Model::adapted(&weights, &adapter)] {
            let prompt = [1, 2, 3];
            let continuations = [vec![4], vec![5, 6, 7, 8], vec![], vec![5, 6], vec![4]];
            let got = continuation_logprobs(model, &prompt, &continuations);
            let want: Vec<f64> = continuations
                .iter()
                .map(|c| uncached_logprobs(model, &prompt, c).iter().sum())
                .collect();
            assert_close("continuations", &got, &want, LOGPROB);
            let alone = continuation_logprobs(model, &prompt, &continuations[1..2]);
            assert_eq!(alone[0].to_bits(), got[1].to_bits());
            let single = continuation_logprobs(model, &prompt, &[vec![9]]);
            assert_close("one token", &single, &uncached_logprobs(model, &prompt, &[9]), LOGPROB);
        }
    }
}
