use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn point(step: u64, loss: Option<f64>, accuracy: Option<f64>) -> TrainingPoint {
    TrainingPoint { step, loss, accuracy, token_loss: None }
}

#[test]
fn every_spelling_of_the_file_is_read() {
    let old = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n\
               1,0.70315,0.5,,\n2,8e-05,1.0,0.1,0.9\n3,,,,\n";
    let azure = "step,train_loss,train_mean_token_accuracy,valid_loss,validation_mean_token_accuracy,full_valid_loss,full_valid_mean_token_accuracy\r\n\
                 1,0.70315,0.5,,,,\r\n2.0,8e-05,1.0,0.1,0.9,,\r\n3,,,,,,\r\n";
    let expected = vec![
        point(1, Some(0.70315), Some(0.5)),
        point(2, Some(8e-5), Some(1.0)),
        point(3, None, None),
    ];
    for text in [old, azure] {
        assert_eq!(of_results(text.as_bytes()).unwrap(), expected);
        let mut packed = STANDARD.encode(text);
        packed.insert(20, '\n');
        assert_eq!(of_results(packed.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn what_is_no_table_is_an_error_that_shows_it() {
    let error = |content: &[u8]| of_results(content).unwrap_err().to_string();
    assert!(error(b"<html>").contains("`<html>`"));
    assert!(error(b"").contains("expected `step,`"));
    assert!(error(STANDARD.encode("a,b\n1,2\n").as_bytes()).contains("expected `step,`"));
    assert!(error(b"step,train_loss\n1,low\n").contains("line 2: `low` is no number"));
    assert!(error(b"step,train_loss\n1\n").contains("CSV"));
}

#[test]
fn events_give_points_in_order_and_each_step_once() {
    let event = |step: u64, loss: f64| {
        json!({ "type": "metrics", "data": {
            "step": step, "total_steps": 3, "train_loss": loss, "train_mean_token_accuracy": 0.5 } })
    };
    let events = [
        event(3, 0.1),
        json!({ "message": "Job started", "data": null }),
        event(2, 0.2),
        event(2, 0.2),
    ];
    let expected = [point(2, Some(0.2), Some(0.5)), point(3, Some(0.1), Some(0.5))];
    assert_eq!(of_events(&events), expected);
    assert_eq!(progress(&events), Some((3, 3)));
}

#[test]
fn progress_is_read_from_words_too() {
    let message = |text: &str| [json!({ "message": text })];
    assert_eq!(progress(&message("Step 12/90: training loss=0.30")), Some((12, 90)));
    assert_eq!(progress(&message("Fine-tuning job started")), None);
    assert_eq!(progress(&[]), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(content in proptest::collection::vec(any::<u8>(), 0..80), table in any::<bool>()) {
        let mut bytes = if table { b"step,train_loss\n".to_vec() } else { Vec::new() };
        bytes.extend(content);
        let _ = of_results(&bytes);
    }

    #[test]
    fn what_is_written_is_read(losses in proptest::collection::vec(proptest::option::of(0.0..20.0_f64), 0..20)) {
        let mut text = "step,train_loss,train_accuracy\n".to_owned();
        for (step, loss) in losses.iter().enumerate() {
            let cell = loss.map(|x| x.to_string()).unwrap_or_default();
            writeln!(text, "{step},{cell},").unwrap();
        }
        let expected: Vec<TrainingPoint> =
            losses.iter().zip(0..).map(|(&loss, step)| point(step, loss, None)).collect();
        prop_assert_eq!(of_results(text.as_bytes()).unwrap(), expected);
    }
}
