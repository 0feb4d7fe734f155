use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tinker::messages::{ArrayRecord, BatchedTensor, ForwardBackwardRequest};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../../fixtures/provider/tinker/", $name))
    };
}

fn rows() -> Vec<TokenRow> {
    let rows: Vec<Value> = serde_json::from_slice(fixture!("rows.json")).unwrap();
    let row = |row: &Value| TokenRow {
        tokens: serde_json::from_value(row["tokens"].clone()).unwrap(),
        learned: serde_json::from_value(row["learned"].clone()).unwrap(),
    };
    rows.iter().map(row).collect()
}

fn examples(reduction: WeightReduction) -> Vec<Example> {
    let made = rows().iter().enumerate().map(|(i, row)| Example::new(i, row, reduction)).collect();
    let made: Result<_, _> = made;
    made.unwrap()
}

#[test]
fn a_request_is_byte_for_byte_what_the_package_makes() {
    let request = ForwardBackwardRequest {
        model_id: "session-1:train:0".into(),
        seq_id: 1,
        data: examples(WeightReduction::Mean).iter().map(Example::datum).collect(),
        loss_fn: "cross_entropy".into(),
    };
    let theirs = fixture!("forward_backward.bin");
    assert_eq!(ForwardBackwardRequest::decode(&theirs[..]).unwrap(), request);
    assert_eq!(request.encode_to_vec(), theirs);
}

#[test]
fn answers_of_the_package_are_read_in_all_their_forms() {
    let expected = vec![vec![-0.5, -0.25, -1.5, -2.0], vec![-1.0, -3.0, -0.125]];
    let outputs: [&[u8]; 3] =
        [fixture!("output.bin"), fixture!("output_split.bin"), fixture!("output_bfloat16.bin")];
    for output in outputs {
        assert_eq!(logprobs(output).unwrap(), expected);
    }
    let metrics = ForwardBackwardOutput::decode(outputs[0]).unwrap().metrics;
    assert_eq!(metrics, BTreeMap::from([("loss:sum".to_owned(), 3.125)]));
}

#[test]
fn losses_are_weighted_and_pooled() {
    let mean = examples(WeightReduction::Mean);
    let mut sums = LossSums::default();
    sums.add(&mean.iter().collect::<Vec<_>>(), fixture!("output.bin")).unwrap();
    // Row one learns two tokens with loss 1.5 and 2; row two three with 1, 3 and 0.125.
    let close = |x: Option<f64>, y: f64| (x.unwrap() - y).abs() < 1e-6;
    assert!(close(sums.weighted(), f64::midpoint(3.5 / 2.0, 4.125 / 3.0)));
    assert!(close(sums.per_token(), 7.625 / 5.0));
    let sum = examples(WeightReduction::Sum);
    let mut sums = LossSums::default();
    sums.add(&sum.iter().collect::<Vec<_>>(), fixture!("output.bin")).unwrap();
    assert_eq!(sums.weighted(), sums.per_token());
    assert_eq!(LossSums::default().weighted(), None);
    assert_eq!(LossSums::default().per_token(), None);
}

#[test]
fn rows_that_teach_nothing_are_named() {
    let new = |tokens: &[u32], learned: &[bool]| {
        let row = TokenRow { tokens: tokens.to_vec(), learned: learned.to_vec() };
        Example::new(5, &row, WeightReduction::Mean).unwrap_err().to_string()
    };
    assert_eq!(new(&[1, 2], &[true]), "row 5 has 2 tokens and 1 marks, expected as many");
    for (tokens, learned) in [(&[][..], &[][..]), (&[1], &[true]), (&[1, 2], &[true, false])] {
        assert_eq!(new(tokens, learned), "row 5 has no token to learn after its first");
    }
    assert!(new(&[1, u32::MAX], &[true, true]).contains("token 4294967295 of row 5"));
}

#[test]
fn answers_that_do_not_fit_are_refused() {
    let mean = examples(WeightReduction::Mean);
    let error = |chunk: &[&Example], output: &[u8]| {
        LossSums::default().add(chunk, output).unwrap_err().to_string()
    };
    let good = fixture!("output.bin");
    assert!(error(&[&mean[0]], good).contains("of 2 data, expected 1"));
    assert!(
        error(&[&mean[1], &mean[0]], good).contains("datum 0 has 4 log-probabilities, expected 3")
    );
    assert!(error(&[&mean[0]], b"\xff").contains("no protobuf"));
    assert!(error(&[&mean[0]], b"").contains("of 0 data"));
    let answer = |data: Vec<u8>, offsets: Vec<u8>, dtype: Kind| {
        let tensor = BatchedTensor { data, offsets, dtype: dtype.into(), trailing_shape: vec![] };
        let fields = BTreeMap::from([("logprobs".to_owned(), tensor)]);
        let record = ArrayRecord { type_tag: String::new(), fields, num_datums: 1 };
        ForwardBackwardOutput { loss_fn_outputs: vec![record], ..Default::default() }
            .encode_to_vec()
    };
    let offsets = |bounds: &[i64]| bounds.iter().flat_map(|b| b.to_le_bytes()).collect::<Vec<u8>>();
    for (data, offsets, dtype) in [
        (vec![0; 16], offsets(&[0, 16]), Kind::Int64),
        (vec![0; 16], offsets(&[0, 17]), Kind::Float32),
        (vec![0; 16], offsets(&[8, 0]), Kind::Float32),
        (vec![0; 16], offsets(&[-1, 16]), Kind::Float32),
        (vec![0; 15], offsets(&[0, 15]), Kind::Float32),
        (vec![0; 16], vec![0; 9], Kind::Float32),
    ] {
        assert!(
            error(&[&mean[0]], &answer(data, offsets, dtype)).contains("expected 32-bit or 16-bit")
        );
    }
}

#[test]
fn batches_are_split_where_the_service_ends_them() {
    let example =
        |n: usize| Example { inputs: vec![0; n], targets: vec![0; n], weights: vec![0.0; n] };
    let lengths = |examples: &[Example]| {
        let batch: Vec<&Example> = examples.iter().collect();
        chunks(&batch).iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(&[]), [0; 0]);
    assert_eq!(lengths(&vec![example(1); 1024]), [1024]);
    assert_eq!(lengths(&vec![example(1); 2050]), [1024, 1024, 2]);
    // 16 bytes a token: 312,500 tokens are the limit.
    assert_eq!(lengths(&[example(312_500), example(1), example(312_499), example(1)]), [1, 2, 1]);
    assert_eq!(lengths(&[example(400_000), example(1)]), [1, 1]);
}

proptest! {
    #[test]
    fn weights_sum_to_one_and_stand_on_learned_targets(
        marks in proptest::collection::vec(any::<bool>(), 2..40),
    ) {
        let tokens = (0..u32::try_from(marks.len()).unwrap()).collect();
        let row = TokenRow { tokens, learned: marks.clone() };
        match Example::new(0, &row, WeightReduction::Mean) {
            Err(error) => prop_assert!(marks[1..].iter().all(|mark| !mark), "{error}"),
            Ok(example) => {
                let sum: f32 = example.weights.iter().sum();
                prop_assert!((sum - 1.0).abs() < 1e-5);
                for (i, weight) in example.weights.iter().enumerate() {
                    prop_assert_eq!(*weight > 0.0, marks[i + 1]);
                    prop_assert_eq!(example.targets[i], i64::from(example.inputs[i]) + 1);
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = logprobs(&bytes);
    }
}
