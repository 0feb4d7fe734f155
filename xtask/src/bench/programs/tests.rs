use super::*;

/// Runs that took these seconds, with a tenth of them on the processor and a hundredth on the server's.
fn runs(name: &'static str, pieces: usize, seconds: &[f64]) -> Runs {
    let took = |&seconds: &f64| Took {
        seconds,
        cpu_seconds: 0.1 * seconds,
        peak_mb: 50.0,
        server_cpu_seconds: 0.01 * seconds,
    };
    Runs { name, about: "for a test", pieces, took: seconds.iter().map(took).collect() }
}

#[test]
fn bounds_hold_the_median_of_the_first_program_and_of_no_other() {
    let slow = || runs("peer", 10, &[100.0]);
    // A rate of 10,000 and 10 us; 4,000 and 25 us.
    let good = measured("calls", vec![runs("entail", 20_000, &[9.0, 2.0, 1.9]), slow()]);
    assert_eq!(good.faults(false), Vec::<String>::new());
    let late = measured("calls", vec![runs("entail", 20_000, &[5.0, 5.0, 1.0]), slow()]);
    assert_eq!(late.faults(false), ["calls: 4000 calls a second, bound at least 5000"]);
    assert!(late.faults(true).is_empty(), "a quick run has no bound");
    let both = measured("calls", vec![runs("entail", 20_000, &[50.0])]);
    let [rate, cpu] = &both.faults(false)[..] else { panic!("{:?}", both.faults(false)) };
    assert!(rate.contains("400 calls a second"), "{rate}");
    assert_eq!(cpu, "calls: 250 us of the processor a call, bound at most 200 us");
    let wall = measured("cached", vec![runs("entail", 108_000, &[0.9, 1.2, 1.1])]);
    assert_eq!(wall.faults(false), ["cached: 1.10 s, bound at most 1.00 s"]);
}

#[test]
fn tables_show_each_piece_and_how_much_more_the_others_take() {
    let all = vec![runs("entail", 1_000, &[1.0, 0.5, 2.0]), runs("peer", 10, &[4.0, 1.0, 1.0])];
    let all = [super::super::Measured::Programs(measured("calls", all))];
    let table = report::tables(&all);
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap();
    let header = line("calls");
    for want in ["calls a second", "processor a call", "by ours", "server's processor a call"] {
        assert!(header.contains(want), "{want} in {header}");
    }
    for want in
        ["1000", "(500 to 2000)", "100 us (50.0 us to 200 us)", "1.00 x", "10.0 us", "50 MB"]
    {
        assert!(line("entail").contains(want), "{want} in {}", line("entail"));
    }
    for want in ["10.0 (2.50 to 10.0)", "10.0 ms", "100 x", "1.00 s"] {
        assert!(line("peer").contains(want), "{want} in {}", line("peer"));
    }
}

#[test]
fn the_document_names_programs_bounds_and_loads() {
    let all = [super::super::Measured::Programs(measured(
        "cached",
        vec![runs("entail", 108_000, &[0.5]), runs("peer", 10, &[4.0])],
    ))];
    let machine = crate::machine::Machine::look(&Shell::find().unwrap());
    let document = report::document(&all, &machine, None);
    for want in [
        "## cached",
        "| cached | answers | answers a second |",
        "| --- |",
        "- peer: for a test; 1 runs",
        "- entail: 500 ms, bound at most 1.00 s",
        "before and after: 0.5, unknown",
    ] {
        assert!(document.contains(want), "{want} in {document}");
    }
}

#[test]
fn a_line_that_lacks_a_figure_is_no_measurement() {
    let whole = json!({ "seconds": 1.5, "cpu_seconds": 0.5, "peak_rss_mb": 20.0, "calls": 7 });
    let took = Took { seconds: 1.5, cpu_seconds: 0.5, peak_mb: 20.0, server_cpu_seconds: 0.25 };
    assert_eq!(Took::of(&whole, 0.25), Some(took));
    for name in ["seconds", "cpu_seconds", "peak_rss_mb"] {
        let mut cut = whole.clone();
        cut.as_object_mut().unwrap().remove(name);
        assert_eq!(Took::of(&cut, 0.25), None, "{name}");
    }
}
