use super::*;
use crate::Family;
use crate::adapter::Target;
use crate::config::Config;
use crate::test_support::{random_adapter, random_example, random_weights, stream, tiny};

fn plan() -> TrainPlan {
    let optimizer = OptimizerConfig {
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.0,
        clip_norm: 1.0,
    };
    TrainPlan { optimizer, peak_rate: 1e-2, schedule: Schedule::Constant, warmup: 0 }
}

fn repeated_batch(config: &Config, steps: usize) -> Vec<Vec<Example>> {
    let mut stream = stream("train");
    let batch: Vec<Example> = (0..4).map(|_| random_example(config, 12, &mut stream)).collect();
    vec![batch; steps]
}

/// Trains, and returns the nats per token of each step and how many steps the callback saw.
fn losses(trainee: Trainee<'_, f32>, batches: &[Vec<Example>]) -> Vec<f64> {
    let mut losses = Vec::new();
    train(&plan(), trainee, batches, |state| {
        assert_eq!(state.steps, losses.len() + 1);
        assert!(state.gradient_norm > 0.0);
        losses.push(state.loss.per_token().unwrap());
    })
    .unwrap();
    losses
}

fn bits(data: &[f32]) -> Vec<u32> {
    data.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn a_repeated_batch_is_learned_by_the_weights() {
    let config = tiny(Family::Llama, false);
    let mut weights = random_weights(&config);
    let losses = losses(Trainee::Weights(&mut weights), &repeated_batch(&config, 40));
    assert_eq!(losses.len(), 40);
    assert!(losses[39] < 0.5 * losses[0], "from {} to {}", losses[0], losses[39]);
}

#[test]
fn a_repeated_batch_is_learned_by_an_adapter_over_a_fixed_base() {
    let config = tiny(Family::Qwen3, true);
    let weights = random_weights(&config);
    let before = bits(&weights.data);
    let mut adapter = random_adapter(&config, &Target::ALL);
    let losses = losses(Trainee::Adapter(&weights, &mut adapter), &repeated_batch(&config, 40));
    assert!(losses[39] < 0.7 * losses[0], "from {} to {}", losses[0], losses[39]);
    assert_eq!(bits(&weights.data), before);
}

#[test]
fn the_callback_sees_the_model_after_the_update() {
    let config = tiny(Family::Llama, false);
    let mut weights = random_weights::<f32>(&config);
    let mut seen = vec![bits(&weights.data)];
    let batches = repeated_batch(&config, 3);
    train(&plan(), Trainee::Weights(&mut weights), &batches, |state| {
        seen.push(bits(&state.model.weights.data));
    })
    .unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(seen[3], bits(&weights.data));
}

#[test]
fn weights_that_are_not_finite_end_training_before_the_first_update() {
    let config = tiny(Family::Llama, false);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut weights = random_weights::<f32>(&config);
        let at = weights.layout.norm.start;
        weights.data[at] = bad;
        let before = bits(&weights.data);
        let outcome =
            train(&plan(), Trainee::Weights(&mut weights), &repeated_batch(&config, 2), |_| {
                panic!("no step")
            });
        assert!(matches!(outcome, Err(TrainError::NotFinite { step: 0, .. })), "{outcome:?}");
        assert_eq!(bits(&weights.data), before);
    }
}

#[test]
fn a_batch_without_a_counted_token_is_an_error() {
    let config = tiny(Family::Llama, false);
    let silent = vec![Example { tokens: vec![1, 2], counted: vec![false; 2] }];
    for nothing in [silent, Vec::new()] {
        let mut batches = repeated_batch(&config, 1);
        batches.push(nothing);
        let outcome =
            train(&plan(), Trainee::Weights(&mut random_weights::<f32>(&config)), &batches, |_| {});
        assert_eq!(outcome, Err(TrainError::NothingToLearn { step: 1 }));
    }
}

#[test]
fn weight_decay_leaves_embedding_and_norms_alone() {
    let config = tiny(Family::Qwen3, false);
    let mut weights = random_weights::<f32>(&config);
    let before = weights.clone();
    let mut plan = plan();
    plan.optimizer.weight_decay = 10.0;
    // Clipped to nothing, the gradient moves nothing: what moves is decay.
    plan.optimizer.clip_norm = 0.0;
    train(&plan, Trainee::Weights(&mut weights), &repeated_batch(&config, 1), |_| {}).unwrap();
    for tensor in before.layout.tensors() {
        let moved = weights.data[tensor.range.clone()] != before.data[tensor.range.clone()];
        let matrix = tensor.shape.len() == 2 && tensor.name != "model.embed_tokens.weight";
        assert_eq!(moved, matrix, "{}", tensor.name);
    }
}
