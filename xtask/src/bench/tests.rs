use super::computation::Floor;
use super::*;

fn measured(name: &str, ours: &[f64], agreement: Result<String, String>) -> Measured {
    let benchmark = COMPUTATIONS.iter().find(|row| row.name == name).unwrap();
    Measured::Computation(computation::Measured {
        benchmark,
        ours: ours.to_vec(),
        peer: ours.iter().map(|x| 3.0 * x).collect(),
        peer_version: "Python 3".into(),
        floor: Floor::of(&json!({ "seconds": 0.25, "how": "counted" })),
        agreement,
        load: Some(1.0),
    })
}

#[test]
fn a_name_chooses_one_and_no_name_all() {
    assert_eq!(chosen(None).unwrap().len(), COMPUTATIONS.len() + PROGRAMS.len());
    assert_eq!(chosen(Some("max-t")).unwrap()[0].name(), "max-t");
    assert_eq!(chosen(Some("calls")).unwrap()[0].name(), "calls");
    let error = chosen(Some("max")).err().unwrap().to_string();
    assert!(error.contains("bootstrap, max-t"), "{error}");
}

#[test]
fn differing_answers_and_late_ones_are_faults() {
    let same = || Ok("same".to_owned());
    assert!(measured("bootstrap", &[1.0], same()).faults(false).is_empty());
    let late = measured("bootstrap", &[1.0, 2.5, 2.6], same());
    assert_eq!(late.faults(false), ["bootstrap: 2.500 s, bound 2 s"]);
    assert!(late.faults(true).is_empty(), "a quick run has no bound");
    let wrong = measured("bootstrap", &[1.0], Err("apart".to_owned()));
    assert_eq!(wrong.faults(true), ["bootstrap: apart"]);
}

#[test]
fn times_have_three_digits_and_a_unit() {
    for (value, want) in [
        (2.5e-6, "2.50 us"),
        (0.000_999, "999 us"),
        (0.0123, "12.3 ms"),
        (0.4567, "457 ms"),
        (1.0, "1.00 s"),
        (12.34, "12.3 s"),
    ] {
        assert_eq!(report::seconds(value), want);
    }
}

#[test]
fn medians_lie_in_the_middle() {
    assert!((report::median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
    assert!((report::median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
    assert!(report::median(&[]).is_nan());
}

#[test]
fn the_table_and_the_document_show_medians_ratios_and_floors() {
    let all = [measured("max-t", &[0.5, 1.0, 0.75], Ok("same".to_owned()))];
    let table = report::tables(&all);
    let line = table.lines().nth(1).unwrap();
    for want in ["750 ms (500 ms to 1.00 s)", "2.25 s", "3.00 (3.00 to 3.00)", "(ours: 3.00 x)"] {
        assert!(line.contains(want), "{want} in {line}");
    }
    let outlier = [measured("max-t", &[1.0, 1.1, 1.2, 1.3, 90.0], Ok("same".to_owned()))];
    assert!(report::tables(&outlier).contains("1.20 s (1.10 s to 1.30 s)"), "the middle half");
    let machine = Machine::look(&Shell::find().unwrap());
    let document = report::document(&all, &machine, Some("2001-02-03"));
    for want in ["- date: 2001-02-03", "| max-t | 750 ms", "counted, one core", "bound: 1 s"] {
        assert!(document.contains(want), "{want} in {document}");
    }
    assert!(!report::document(&all, &machine, None).contains("date"));
}

#[test]
fn answers_that_are_far_missing_or_no_numbers_differ() {
    assert!(answers::close(&[1.0, 2.0], &[1.0, 2.0 + 1e-9], 1e-8).is_ok());
    for peer in [&[1.0, 2.1][..], &[1.0], &[1.0, f64::NAN], &[]] {
        assert!(answers::close(&[1.0, 2.0], peer, 1e-8).is_err(), "{peer:?}");
    }
    assert!(answers::close(&[], &[], 1e-8).is_err(), "nothing was compared");
}

#[test]
fn intervals_may_differ_by_what_simulation_does_and_no_more() {
    let check = |peer: [f64; 3], draws| {
        answers::intervals_within_simulation_error(&[0.0, -1.0, 1.0], &peer, draws)
    };
    // A standard error of the difference is 1.9 % of the half width at ten thousand draws.
    assert!(check([0.0, -1.01, 1.02], 10_000).is_ok());
    assert!(check([0.0, -1.05, 1.05], 10_000).is_err(), "typical distance");
    assert!(check([0.0, -1.05, 1.05], 1_000).is_ok());
    assert!(check([1e-9, -1.0, 1.0], 10_000).is_err(), "another estimate");
    assert!(check([0.0, f64::NAN, 1.0], 10_000).is_err());
    assert!(check([0.0, -1.0, f64::NAN], 10_000).is_err());
}

#[test]
fn numbers_survive_their_file() {
    let bytes: Vec<u8> = [0.1_f64, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(answers::floats(&bytes), [0.1, -2.0]);
}
