use super::*;
use crate::Family;
use crate::adapter::Target;
use crate::edit::Change;
use crate::test_support::{
    FINITE_DIFFERENCE, Tolerance, assert_close, normal, random_adapter, random_example,
    random_tokens, random_weights, shapes, slope, stream, tiny,
};

/// Sums of a few hundred terms in another order, in f64.
const REORDERED: Tolerance = Tolerance { absolute: 1e-10, relative: 1e-10 };

/// Entries of each tensor whose slope is taken.
const PROBES: usize = 12;

fn examples(config: &Config) -> Vec<Example> {
    let mut stream = stream("examples");
    [7, 1, 9, 4].map(|n| random_example(config, n, &mut stream)).to_vec()
}

/// Rows that make three shards.
fn long_batch(config: &Config) -> Vec<Example> {
    let mut stream = stream("long batch");
    (0..40)
        .map(|_| 10 + stream.below(14))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|n| random_example(config, n, &mut stream))
        .collect()
}

/// One edit of each kind, at every row or one, every position or some.
fn edits(config: &Config) -> Vec<Edit<f64>> {
    let mut stream = stream("edits");
    let mut vector = || normal::<f64>(&mut stream, config.width);
    let unit = |v: Vec<f64>| {
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v.into_iter().map(|x| x / length).collect()
    };
    let last = config.layers - 1;
    vec![
        Edit { layer: 0, row: None, positions: None, change: Change::Add(vector()) },
        Edit {
            layer: 0,
            row: Some(2),
            positions: Some(vec![1, 5]),
            change: Change::Replace(vector()),
        },
        Edit {
            layer: last,
            row: None,
            positions: Some(vec![2, 3]),
            change: Change::Project(unit(vector())),
        },
        Edit { layer: last, row: Some(0), positions: None, change: Change::Add(vector()) },
    ]
}

fn mean_nats(model: Model<'_, f64>, examples: &[Example]) -> f64 {
    loss(model, examples).per_token().unwrap()
}

/// Compares the gradient at a few entries of every tensor with the slope of the loss there.
fn check_slopes(
    what: &str,
    tensors: &[crate::Tensor],
    gradient: &[f64],
    at: &[f64],
    mut mean_nats: impl FnMut(&[f64]) -> f64,
) {
    let mut stream = stream(what);
    for tensor in tensors {
        let probes: Vec<usize> =
            (0..PROBES).map(|_| tensor.range.start + stream.below(tensor.range.len())).collect();
        let slopes: Vec<f64> = probes.iter().map(|&i| slope(at, i, &mut mean_nats)).collect();
        let got: Vec<f64> = probes.iter().map(|&i| gradient[i]).collect();
        assert_close(&format!("{what}, {}", tensor.name), &got, &slopes, FINITE_DIFFERENCE);
    }
}

fn check_weights(what: &str, config: &Config, adapter: Option<&Adapter<f64>>, edits: &[Edit<f64>]) {
    let weights = random_weights::<f64>(config);
    let examples = examples(config);
    let model = Model { weights: &weights, adapter, edits };
    let (_, gradient) = loss_and_gradient(model, Trained::Weights, &examples);
    check_slopes(what, weights.layout.tensors(), &gradient, &weights.data, |data| {
        let moved = Weights { data: data.to_vec(), ..weights.clone() };
        mean_nats(Model { weights: &moved, adapter, edits }, &examples)
    });
}

fn check_adapter(what: &str, config: &Config, targets: &[Target], edits: &[Edit<f64>]) {
    let weights = random_weights::<f64>(config);
    let adapter = random_adapter::<f64>(config, targets);
    let examples = examples(config);
    let model = Model { weights: &weights, adapter: Some(&adapter), edits };
    let (_, gradient) = loss_and_gradient(model, Trained::Adapter, &examples);
    check_slopes(what, &adapter.tensors, &gradient, &adapter.data, |data| {
        let moved = Adapter { data: data.to_vec(), ..adapter.clone() };
        mean_nats(Model { adapter: Some(&moved), ..model }, &examples)
    });
}

#[test]
fn gradients_of_one_block_are_slopes() {
    for family in [Family::Llama, Family::Qwen3] {
        let config = Config { layers: 1, ..tiny(family, false) };
        check_weights("one block", &config, None, &[]);
        check_adapter("one block's adapter", &config, &Target::ALL, &[]);
    }
}

#[test]
fn gradients_of_the_weights_are_slopes() {
    for config in shapes() {
        check_weights("weights", &config, None, &[]);
        let adapter = random_adapter(&config, &Target::ALL);
        check_weights("weights under an adapter", &config, Some(&adapter), &[]);
    }
}

#[test]
fn gradients_of_an_adapter_are_slopes() {
    for config in shapes() {
        check_adapter("all targets", &config, &Target::ALL, &[]);
        check_adapter("some targets", &config, &[Target::Key, Target::Value, Target::Up], &[]);
        check_adapter("outputs", &config, &[Target::Output, Target::Down], &[]);
    }
}

#[test]
fn gradients_through_edits_are_slopes() {
    for config in shapes() {
        let edits = edits(&config);
        check_weights("edited weights", &config, None, &edits);
        check_adapter("edited adapter", &config, &Target::ALL, &edits);
    }
}

#[test]
fn the_loss_is_the_same_with_and_without_a_gradient() {
    for config in shapes() {
        let weights = random_weights::<f32>(&config);
        let batch = long_batch(&config);
        let alone = loss(Model::base(&weights), &batch);
        let with_gradient = loss_and_gradient(Model::base(&weights), Trained::Weights, &batch).0;
        assert_eq!(
            (alone.nats.to_bits(), alone.tokens),
            (with_gradient.nats.to_bits(), with_gradient.tokens)
        );
    }
}

#[test]
fn the_loss_is_that_of_the_logits() {
    let config = tiny(Family::Qwen3, false);
    let weights = random_weights::<f64>(&config);
    let batch = examples(&config);
    let rows: Vec<Vec<u32>> = batch.iter().map(|e| e.tokens.clone()).collect();
    let logits = Model::base(&weights).logits(&rows, None);
    let mut logits = logits.chunks_exact(config.vocabulary);
    let mut nats = 0.0;
    for example in &batch {
        let rows: Vec<&[f64]> = logits.by_ref().take(example.tokens.len()).collect();
        for position in (1..rows.len()).filter(|&p| example.counted[p]) {
            let row = rows[position - 1];
            nats += row.iter().map(|x| x.exp()).sum::<f64>().ln()
                - row[example.tokens[position] as usize];
        }
    }
    assert_close("nats", &[loss(Model::base(&weights), &batch).nats], &[nats], REORDERED);
}

#[test]
fn a_batch_is_the_sum_of_its_rows_run_alone() {
    for config in shapes() {
        let weights = random_weights::<f64>(&config);
        let model = Model::base(&weights);
        let mut batch = long_batch(&config);
        let (whole, gradient) = loss_and_gradient(model, Trained::Weights, &batch);
        let mut sum = Loss::default();
        let mut rows_gradient = vec![0.0; gradient.len()];
        for row in &batch {
            let (loss, gradient) =
                loss_and_gradient(model, Trained::Weights, std::slice::from_ref(row));
            sum = Loss { nats: sum.nats + loss.nats, tokens: sum.tokens + loss.tokens };
            ops::add_scaled(
                &mut rows_gradient,
                loss.tokens as f64 / whole.tokens as f64,
                &gradient,
            );
        }
        assert_eq!(sum.tokens, whole.tokens);
        assert_close("nats", &[whole.nats], &[sum.nats], REORDERED);
        assert_close("gradient", &gradient, &rows_gradient, REORDERED);
        batch.reverse();
        assert_close("backwards", &[loss(model, &batch).nats], &[sum.nats], REORDERED);
    }
}

#[test]
fn edits_of_a_row_find_it_in_every_shard() {
    let config = tiny(Family::Llama, false);
    let weights = random_weights::<f64>(&config);
    let batch = long_batch(&config);
    let change = Change::Add(normal(&mut stream("edit"), config.width));
    let in_batch = [Edit { layer: 0, row: Some(33), positions: None, change: change.clone() }];
    let alone = [Edit { layer: 0, row: None, positions: None, change }];
    let bare = Model::base(&weights);
    let edited = loss(Model { edits: &in_batch, ..bare }, &batch).nats - loss(bare, &batch).nats;
    let row = &batch[33..34];
    let want = loss(Model { edits: &alone, ..bare }, row).nats - loss(bare, row).nats;
    assert!(want.abs() > 1e-3, "the edit changes something");
    assert_close("change of the loss", &[edited], &[want], REORDERED);
}

#[test]
fn the_number_of_threads_does_not_change_a_bit() {
    let config = tiny(Family::Qwen3, true);
    let weights = random_weights::<f32>(&config);
    let adapter = random_adapter::<f32>(&config, &Target::ALL);
    let batch = long_batch(&config);
    let model = Model::adapted(&weights, &adapter);
    for trained in [Trained::Weights, Trained::Adapter] {
        let [one, two] = [1, 2].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (loss, gradient) = pool.install(|| loss_and_gradient(model, trained, &batch));
            (loss.nats.to_bits(), gradient.into_iter().map(f32::to_bits).collect::<Vec<_>>())
        });
        assert!(one == two, "{trained:?}");
    }
}

#[test]
fn what_is_not_counted_has_no_gradient() {
    let config = tiny(Family::Llama, false);
    let weights = random_weights::<f64>(&config);
    let silent = Example { tokens: vec![1, 2, 3], counted: vec![true, false, false] };
    for batch in [vec![], vec![silent], vec![Example { tokens: vec![], counted: vec![] }]] {
        let (loss, gradient) = loss_and_gradient(Model::base(&weights), Trained::Weights, &batch);
        assert_eq!((loss.tokens, loss.per_token()), (0, None));
        assert_close("gradient", &gradient, &vec![0.0; weights.data.len()], REORDERED);
    }
}

#[test]
fn an_adapter_whose_b_is_zero_changes_nothing() {
    for config in shapes() {
        let weights = random_weights::<f64>(&config);
        let shape = random_adapter::<f64>(&config, &Target::ALL).config;
        let fresh = Adapter::new(&config, shape, entail_schema::Seed(1));
        let rows = vec![random_tokens(&config, 9, &mut stream("rows"))];
        let adapted = Model::adapted(&weights, &fresh).logits(&rows, None);
        assert_close("logits", &adapted, &Model::base(&weights).logits(&rows, None), REORDERED);
    }
}

/// The weights with an adapter multiplied into them.
fn merged(weights: &Weights<f64>, adapter: &Adapter<f64>) -> Weights<f64> {
    let mut merged = weights.clone();
    let rank = adapter.config.rank;
    for a in adapter.tensors.iter().filter(|t| t.name.ends_with("lora_A.weight")) {
        let b_name = a.name.replace("lora_A", "lora_B");
        let b = adapter.tensors.iter().find(|t| t.name == b_name).unwrap();
        let name = a.name.replace("base_model.model.", "").replace("lora_A.", "");
        let to = weights.layout.tensors().iter().find(|t| t.name == name).unwrap();
        let (a_data, b_data) = (&adapter.data[a.range.clone()], &adapter.data[b.range.clone()]);
        for (i, x) in merged.data[to.range.clone()].iter_mut().enumerate() {
            let (row, column) = (i / to.shape[1], i % to.shape[1]);
            let low = |r| b_data[row * rank + r] * a_data[r * to.shape[1] + column];
            *x += (0..rank).map(low).sum::<f64>() * adapter.config.alpha / rank as f64;
        }
    }
    merged
}

#[test]
fn an_adapter_equals_its_product_added_to_the_weights() {
    for config in shapes() {
        for targets in [&Target::ALL[..], &[Target::Value, Target::Gate, Target::Down]] {
            let weights = random_weights::<f64>(&config);
            let adapter = random_adapter::<f64>(&config, targets);
            let rows = vec![random_tokens(&config, 9, &mut stream("rows"))];
            let merged = merged(&weights, &adapter);
            let want = Model::base(&merged).logits(&rows, None);
            assert_close(
                "logits",
                &Model::adapted(&weights, &adapter).logits(&rows, None),
                &want,
                REORDERED,
            );
        }
    }
}

#[test]
fn rows_do_not_notice_one_another_in_inference() {
    let config = tiny(Family::Qwen3, false);
    let weights = random_weights::<f32>(&config);
    let adapter = random_adapter::<f32>(&config, &Target::ALL);
    let model = Model::adapted(&weights, &adapter);
    let mut stream = stream("rows");
    let rows: Vec<Vec<u32>> = (1..20).map(|n| random_tokens(&config, n, &mut stream)).collect();
    let bits = |rows: &[Vec<u32>]| {
        model.logits(rows, None).into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    let alone: Vec<u32> = rows.iter().flat_map(|row| bits(std::slice::from_ref(row))).collect();
    assert!(bits(&rows) == alone, "logits of rows together and alone");
}

#[test]
fn taps_hold_the_stream_before_and_after_each_block() {
    let config = tiny(Family::Llama, false);
    let weights = random_weights::<f64>(&config);
    let rows = vec![vec![3, 4], vec![5]];
    let replacement = vec![0.25; config.width];
    let edits = [Edit {
        layer: 1,
        row: Some(1),
        positions: None,
        change: Change::Replace(replacement.clone()),
    }];
    let mut taps = Taps::at(&[2, 0]);
    Model { edits: &edits, ..Model::base(&weights) }.logits(&rows, Some(&mut taps));
    let embedding = |id: usize| &weights.data[id * config.width..][..config.width];
    let want = [embedding(3), embedding(4), embedding(5)].concat();
    assert_close("embedding", &taps.captured[1], &want, REORDERED);
    assert_close("after the edit", &taps.captured[0][2 * config.width..], &replacement, REORDERED);
}

#[test]
#[should_panic(expected = "no tap lies past block 2")]
fn a_tap_past_the_last_block_is_a_bug() {
    let weights = random_weights::<f64>(&tiny(Family::Llama, false));
    Model::base(&weights).logits(&[vec![1]], Some(&mut Taps::at(&[0, 3])));
}

#[test]
#[should_panic(expected = "block 2 of an edit is one of 2")]
fn an_edit_after_the_last_block_is_a_bug() {
    let config = tiny(Family::Llama, false);
    let weights = random_weights::<f64>(&config);
    let edits = [Edit {
        layer: 2,
        row: None,
        positions: None,
        change: Change::Add(vec![0.0; config.width]),
    }];
    Model { edits: &edits, ..Model::base(&weights) }.logits(&[vec![1]], None);
}

#[test]
fn cached_passes_give_the_bits_of_the_full_pass() {
    for config in shapes() {
        let weights = random_weights::<f32>(&config);
        let adapter = random_adapter::<f32>(&config, &Target::ALL);
        let model = Model::adapted(&weights, &adapter);
        let tokens = random_tokens(&config, 12, &mut stream("cached"));
        let mut cache = Cache::new(&config, 1, 20);
        let mut cached = Vec::new();
        let one_by_one = (5..12).map(|i| i..i + 1);
        for range in std::iter::once(0..5).chain(one_by_one) {
            let places: Vec<Place> =
                range.clone().map(|position| Place { row: 0, position }).collect();
            cached.extend(model.head(&inference(model, 20).advance(
                &mut cache,
                &tokens[range],
                &places,
            )));
        }
        let full = model.logits(&[tokens], None);
        let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(bits(&cached) == bits(&full), "logits with and without a cache");
    }
}
