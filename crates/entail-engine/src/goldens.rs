//! Comparison with Hugging Face's own code: logits, gradients, training steps, adapters, residual stream, steering.
//! `fixtures/engine/make_goldens.py` computes what is compared with, in f32.

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;

use crate::test_support::{Tolerance, assert_close};
use crate::*;

/// Both sides round to f32 in other orders; the differences seen are at most a tenth of each of these.
const LOGITS: Tolerance = Tolerance { absolute: 2e-5, relative: 0.0 };
const LOSS: Tolerance = Tolerance { absolute: 5e-6, relative: 0.0 };
/// Of the largest entry of a tensor's gradient.
const GRADIENT: f64 = 2e-5;
/// Ten steps of size 1e-2 amplify rounding where a second moment is near zero.
const TRAINED: Tolerance = Tolerance { absolute: 3e-5, relative: 0.0 };
const TRAINED_LOSS: Tolerance = Tolerance { absolute: 5e-6, relative: 1e-6 };

/// A model, its adapter and what Hugging Face computed.
struct Golden {
    weights: Weights<f32>,
    adapter: Adapter<f32>,
    file: SafeTensors<'static>,
}

macro_rules! golden {
    ($name:literal) => {
        Golden::new(
            include_str!(concat!("../../../fixtures/engine/", $name, "/config.json")),
            include_bytes!(concat!("../../../fixtures/engine/", $name, "/model.safetensors")),
            include_str!(concat!(
                "../../../fixtures/engine/",
                $name,
                "/adapter/adapter_config.json"
            )),
            include_bytes!(concat!(
                "../../../fixtures/engine/",
                $name,
                "/adapter/adapter_model.safetensors"
            )),
            include_bytes!(concat!("../../../fixtures/engine/", $name, "/golden.safetensors")),
        )
    };
}

fn goldens() -> [Golden; 2] {
    [golden!("llama"), golden!("qwen3")]
}

impl Golden {
    fn new(
        config: &str,
        model: &[u8],
        adapter_config: &str,
        adapter: &[u8],
        golden: &'static [u8],
    ) -> Self {
        let config = Config::parse(config).unwrap();
        Self {
            weights: read_weights(&config, model).unwrap(),
            adapter: read_adapter(&config, adapter_config, adapter).unwrap(),
            file: SafeTensors::deserialize(golden).unwrap(),
        }
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        let view = self.file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32, "{name}");
        view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    fn integers(&self, name: &str) -> Vec<usize> {
        let view = self.file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64, "{name}");
        let entries = view.data().as_chunks().0.iter();
        entries.map(|&bytes| usize::try_from(i64::from_le_bytes(bytes)).unwrap()).collect()
    }

    fn batch(&self) -> Vec<Example> {
        let lengths = self.integers("lengths");
        let (tokens, mask) = (self.integers("tokens"), self.integers("loss_mask"));
        let width = tokens.len() / lengths.len();
        let row = |(row, &n): (usize, &usize)| Example {
            tokens: tokens[row * width..][..n].iter().map(|&t| u32::try_from(t).unwrap()).collect(),
            counted: mask[row * width..][..n].iter().map(|&m| m == 1).collect(),
        };
        lengths.iter().enumerate().map(row).collect()
    }

    fn rows(&self) -> Vec<Vec<u32>> {
        self.batch().into_iter().map(|example| example.tokens).collect()
    }

    /// A padded `[rows, T, width]` tensor as the rows laid end to end.
    fn without_padding(&self, padded: &[f32], width: usize) -> Vec<f32> {
        let lengths = self.integers("lengths");
        let stride = padded.len() / lengths.len();
        lengths
            .iter()
            .enumerate()
            .flat_map(|(row, n)| &padded[row * stride..][..n * width])
            .copied()
            .collect()
    }

    fn check_logits(&self, name: &str, model: Model<'_, f32>) {
        let want = self.without_padding(&self.floats(name), self.weights.config.vocabulary);
        assert_close(name, &model.logits(&self.rows(), None), &want, LOGITS);
    }

    fn check_gradient(&self, prefix: &str, tensors: &[Tensor], gradient: &[f32]) {
        for tensor in tensors {
            let want = self.floats(&format!("{prefix}.{}", tensor.name));
            let largest = want.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            let tolerance = Tolerance { absolute: GRADIENT * f64::from(largest), relative: 0.0 };
            assert_close(
                &format!("{prefix}.{}", tensor.name),
                &gradient[tensor.range.clone()],
                &want,
                tolerance,
            );
        }
    }

    /// Trains on ten copies of the batch and compares losses and norms.
    fn check_training(
        &self,
        plan: &TrainPlan,
        trainee: Trainee<'_, f32>,
        [losses, norms]: [&str; 2],
    ) {
        let batches = vec![self.batch(); 10];
        let (mut got_losses, mut got_norms) = (Vec::new(), Vec::new());
        train(plan, trainee, &batches, |state| {
            got_losses.push(f32::from_f64(state.loss.per_token().unwrap()));
            got_norms.push(f32::from_f64(state.gradient_norm));
        })
        .unwrap();
        assert_close(losses, &got_losses, &self.floats(losses), TRAINED_LOSS);
        assert_close(norms, &got_norms, &self.floats(norms), TRAINED_LOSS);
    }

    fn check_trained(&self, prefix: &str, tensors: &[Tensor], data: &[f32]) {
        for tensor in tensors {
            let name = format!("{prefix}.{}", tensor.name);
            assert_close(&name, &data[tensor.range.clone()], &self.floats(&name), TRAINED);
        }
    }
}

/// The constants of `make_goldens.py`.
fn plan(beta2: f64, weight_decay: f64, schedule: Schedule, warmup: usize) -> TrainPlan {
    let optimizer =
        OptimizerConfig { beta1: 0.9, beta2, epsilon: 1e-8, weight_decay, clip_norm: 1.0 };
    TrainPlan { optimizer, peak_rate: 1e-2, schedule, warmup }
}

#[test]
fn logits_equal_those_of_transformers() {
    for golden in goldens() {
        golden.check_logits("logits", Model::base(&golden.weights));
        golden.check_logits("lora.logits", Model::adapted(&golden.weights, &golden.adapter));
    }
}

#[test]
fn losses_and_gradients_equal_those_of_torch() {
    for golden in goldens() {
        let bare = Model::base(&golden.weights);
        let (loss, gradient) = loss_and_gradient(bare, Trained::Weights, &golden.batch());
        let mean = f32::from_f64(loss.per_token().unwrap());
        assert_close("loss", &[mean], &golden.floats("loss"), LOSS);
        golden.check_gradient("grad", golden.weights.layout.tensors(), &gradient);

        let adapted = Model::adapted(&golden.weights, &golden.adapter);
        let (loss, gradient) = loss_and_gradient(adapted, Trained::Adapter, &golden.batch());
        let mean = f32::from_f64(loss.per_token().unwrap());
        assert_close("lora.loss", &[mean], &golden.floats("lora.loss"), LOSS);
        golden.check_gradient("lora_grad", &golden.adapter.tensors, &gradient);
    }
}

#[test]
fn ten_steps_on_the_weights_equal_those_of_torch() {
    for golden in goldens() {
        let mut weights = golden.weights.clone();
        let plan = plan(0.98, 0.01, Schedule::Cosine, 3);
        golden.check_training(
            &plan,
            Trainee::Weights(&mut weights),
            ["adamw_losses", "adamw_norms"],
        );
        golden.check_trained("adamw", weights.layout.tensors(), &weights.data);
    }
}

#[test]
fn ten_steps_on_an_adapter_equal_those_of_torch() {
    for golden in goldens() {
        let mut adapter = golden.adapter.clone();
        let plan = plan(0.999, 0.0, Schedule::Constant, 0);
        let trainee = Trainee::Adapter(&golden.weights, &mut adapter);
        golden.check_training(&plan, trainee, ["lora_losses", "lora_norms"]);
        golden.check_trained("lora_adamw", &adapter.tensors, &adapter.data);
    }
}

#[test]
fn the_residual_stream_equals_that_of_transformers() {
    for golden in goldens() {
        let config = &golden.weights.config;
        let depths: Vec<usize> = (0..=config.layers).collect();
        let mut taps = Taps::at(&depths);
        Model::base(&golden.weights).logits(&golden.rows(), Some(&mut taps));
        let hidden = golden.floats("hidden");
        let per_depth = hidden.len() / golden.rows().len() / depths.len();
        for depth in depths {
            let padded: Vec<f32> = hidden
                .chunks(per_depth)
                .skip(depth)
                .step_by(config.layers + 1)
                .flatten()
                .copied()
                .collect();
            let want = golden.without_padding(&padded, config.width);
            assert_close(&format!("depth {depth}"), &taps.captured[depth], &want, LOGITS);
        }
    }
}

#[test]
fn steering_equals_a_hook_in_transformers() {
    for golden in goldens() {
        let change = Change::Add(golden.floats("steer"));
        let edits = [Edit { layer: 0, row: None, positions: Some(vec![3]), change }];
        golden.check_logits(
            "steered_logits",
            Model { edits: &edits, ..Model::base(&golden.weights) },
        );
    }
}

#[test]
fn folders_are_written_as_they_were_read() {
    for golden in goldens() {
        let bytes = write_weights(&golden.weights);
        assert_eq!(read_weights(&golden.weights.config, &bytes).unwrap().data, golden.weights.data);
        let (config, bytes) = write_adapter(&golden.adapter, "");
        let back = read_adapter(&golden.weights.config, &config, &bytes).unwrap();
        assert_eq!((back.config, back.data), (golden.adapter.config, golden.adapter.data));
    }
}
