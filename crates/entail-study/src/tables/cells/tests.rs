use super::*;

fn id(stance: usize) -> StanceId {
    StanceId { battery: 0, stance }
}

/// Counts of one stance: yes, no, left out.
fn cell([yes, no, left_out]: [usize; 3]) -> Cell {
    Cell { yes, no, left_out, ..Cell::default() }
}

fn rate_of(rates: &[f64]) -> impl Fn(StanceId) -> Option<f64> {
    move |id: StanceId| rates.get(id.stance).copied()
}

fn check(measure: &Measure, rates: &[f64], expected: Option<f64>) {
    let got = measure.of(&rate_of(rates));
    let close = match (got, expected) {
        (Some(got), Some(expected)) => (got - expected).abs() < 1e-12,
        (got, expected) => got == expected,
    };
    assert!(close, "{measure:?} of {rates:?}: {got:?}, expected {expected:?}");
}

#[test]
fn a_rate_is_a_share_of_well_formed_answers() {
    let counts = cell([3, 1, 6]);
    assert_eq!((counts.rate(), counts.well_formed()), (Some(0.75), Some(0.4)));
    assert_eq!((counts.answers(), counts.counts()), (10, (3, 4)));
    let none = cell([0, 0, 6]);
    assert_eq!((none.rate(), none.well_formed()), (None, Some(0.0)));
    assert_eq!((Cell::default().rate(), Cell::default().well_formed()), (None, None));
    let sum = counts.plus(&cell([1, 1, 2]));
    assert_eq!((sum.yes, sum.no, sum.left_out), (4, 2, 8));
}

#[test]
fn every_answer_is_counted_in_its_place() {
    let mut cell = Cell::default();
    for (counted, n) in [(Some(true), 1), (Some(false), 2), (None, 3)] {
        (0..n).for_each(|_| cell.add(counted));
    }
    assert_eq!((cell.yes, cell.no, cell.left_out), (1, 2, 3));
}

#[test]
fn means_are_over_stances_and_need_all_of_them() {
    check(&Measure::Mean(vec![id(0), id(1)]), &[0.2, 0.6], Some(0.4));
    check(&Measure::Mean(vec![id(0), id(2)]), &[0.2, 0.6], None);
    check(&Measure::Mean(vec![]), &[0.2], None);
    check(&Measure::NetOf(vec![id(0)], vec![id(1), id(2)]), &[0.5, 0.2, 0.4], Some(0.2));
}

#[test]
fn signed_rates_and_claims_turn_what_they_deny() {
    check(&Measure::Signed(vec![(id(0), 0.9), (id(1), -0.9)]), &[0.8, 0.3], Some(0.75));
    check(&Measure::Claim(vec![(id(0), true), (id(1), false)]), &[0.8, 0.3], Some(0.75));
    check(&Measure::Claim(vec![(id(0), false)]), &[0.8], Some(0.2));
}

#[test]
fn net_of_drift_is_exactly_the_planted_effect_when_drift_is_a_line() {
    // Linkless stances move from a to 0.1 + 0.7 a; stances with an effect move beyond that.
    let base = [0.1, 0.5, 0.9, 0.3, 0.6];
    let (intercept, slope) = (0.1, 0.7);
    for effect in [0.0, 0.25, -0.2] {
        let weights = [1.0, -1.0];
        let mut now: Vec<f64> = base.iter().map(|a| intercept + slope * a).collect();
        now[3] += effect * weights[0];
        now[4] += effect * weights[1];
        let measure = Measure::NetOfDrift {
            stances: vec![(id(3), base[3], weights[0]), (id(4), base[4], weights[1])],
            linkless: (0..3).map(|i| (id(i), base[i])).collect(),
        };
        check(&measure, &now, Some(effect));
    }
}

#[test]
fn net_of_drift_needs_linkless_stances_of_different_base_rates() {
    let of = |linkless| Measure::NetOfDrift { stances: vec![(id(2), 0.5, 1.0)], linkless };
    check(&of(vec![(id(0), 0.5), (id(1), 0.5)]), &[0.4, 0.6, 0.5], None);
    check(&of(vec![(id(0), 0.5)]), &[0.4, 0.6, 0.5], None);
    check(&of(vec![]), &[0.4, 0.6, 0.5], None);
    check(&of(vec![(id(0), 0.1), (id(1), 0.9)]), &[0.1, 0.9], None);
}

#[test]
fn the_projection_of_an_ideal_effect_is_one() {
    let rho = [0.9, 0.5, -0.7];
    let measure = Measure::Projection(rho.iter().enumerate().map(|(i, r)| (id(i), *r)).collect());
    check(&measure, &rho, Some(1.0));
    check(&measure, &rho.map(|r| r / 2.0), Some(0.5));
    check(&measure, &[0.0; 3], Some(0.0));
    check(&Measure::Projection(vec![(id(0), 0.0)]), &[0.5], None);
}

#[test]
fn a_line_goes_through_points_on_a_line() {
    let (slope, intercept) = line(&[0.0, 1.0, 2.0], &[1.0, 1.5, 2.0]).unwrap();
    assert!((slope - 0.5).abs() < 1e-12 && (intercept - 1.0).abs() < 1e-12);
    assert!(line(&[1.0, 1.0], &[0.0, 1.0]).is_none() && line(&[], &[]).is_none());
}
