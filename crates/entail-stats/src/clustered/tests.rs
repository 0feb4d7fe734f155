use super::*;
use crate::test_support::{Golden, Stream, contrast_goldens, is_close};

fn grid(golden: &Golden, key: &str) -> Grid {
    let samples = golden.count("samples");
    let row = |row: &Vec<u64>| row.iter().map(|&s| (s, samples)).collect();
    Grid::of_counts(&golden.rows(key).iter().map(row).collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_two_way_error_is_made_of_what_scipy_and_statsmodels_say() {
    for golden in contrast_goldens("two_way") {
        let got = two_way(&grid(&golden, "treated"), &grid(&golden, "control"), 0.95).unwrap();
        golden.assert_close("estimate", got.estimate);
        golden.assert_close("low", got.low);
        golden.assert_close("high", got.high);
        golden.assert_same_digits("p", got.p);
    }
}

#[test]
fn two_way_says_why_there_is_no_contrast() {
    let of = |rows: &[&[(u64, u64)]]| {
        Grid::of_counts(&rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>()).unwrap()
    };
    let whole = of(&[&[(1, 10), (5, 10)], &[(2, 10), (4, 10)]]);
    let check = |other: &Grid, why| assert_eq!(two_way(&whole, other, 0.95), Err(why));
    let one_run = of(&[&[(1, 10), (5, 10)]]);
    check(&one_run, TooLittle::Replicates { treated: 2, control: 1 });
    let three_prompts = of(&[&[(1, 10); 3], &[(2, 10); 3]]);
    check(&three_prompts, TooLittle::Prompts { treated: 2, control: 3 });
    let silent = of(&[&[(1, 10), (5, 10)], &[(2, 10), (0, 0)]]);
    check(&silent, TooLittle::Silent { replicate: 1, prompt: 1 });
    let level = of(&[&[(3, 10); 2], &[(3, 10); 2]]);
    assert_eq!(two_way(&level, &level, 0.95), Err(TooLittle::NoSpread));
    let one_prompt = of(&[&[(3, 10)], &[(4, 10)]]);
    let why = TooLittle::Prompts { treated: 1, control: 1 };
    assert_eq!(two_way(&one_prompt, &one_prompt, 0.95), Err(why));
}

#[test]
fn arms_that_differ_by_prompt_have_a_wider_interval_than_their_runs_do() {
    let rows = |rates: [u64; 4], shift: u64| -> Vec<Vec<(u64, u64)>> {
        (0..4).map(|run| rates.iter().map(|r| (r + shift + run % 2, 20)).collect()).collect()
    };
    let one = Grid::of_counts(&rows([2, 16, 4, 14], 0)).unwrap();
    let zero = Grid::of_counts(&rows([5, 5, 5, 5], 0)).unwrap();
    let wide = two_way(&one, &zero, 0.95).unwrap();
    let runs =
        crate::welch(&one.replicate_means().unwrap(), &zero.replicate_means().unwrap(), 0.95)
            .unwrap();
    assert!(is_close(wide.estimate, runs.estimate));
    assert!(wide.high - wide.low > 3.0 * (runs.high - runs.low), "{wide:?} {runs:?}");
}

#[test]
fn the_ratio_per_claim_is_where_scipy_says_the_arms_stop_differing() {
    for golden in contrast_goldens("per_claim") {
        let list = |key: &str| golden.floats(key);
        let (s1, c1, s0, c0) = (list("stance1"), list("claim1"), list("stance0"), list("claim0"));
        let treated = Pairs { stance: &s1, claim: &c1, sampling: [0.0; 2] };
        let got = per_claim(treated, Pairs { stance: &s0, claim: &c0, sampling: [0.0; 2] }, 0.95)
            .unwrap();
        let PerClaim::Bounded { ratio, low, high } = got else { panic!("{got:?}") };
        golden.assert_close("ratio", ratio);
        golden.assert_close("low", low);
        golden.assert_close("high", high);
    }
}

#[test]
fn a_claim_that_was_not_gained_has_no_ratio() {
    let stance = [0.5, 0.6, 0.7, 0.6];
    let low = [0.3, 0.2, 0.25, 0.3];
    let claim = [0.02, 0.0, 0.04, 0.01];
    let treated = Pairs { stance: &stance, claim: &claim, sampling: [0.0; 2] };
    let control = Pairs { stance: &low, claim: &claim, sampling: [0.0; 2] };
    assert_eq!(per_claim(treated, control, 0.95), Ok(PerClaim::Unbounded));
    let one = Pairs { stance: &stance[..1], claim: &claim[..1], sampling: [0.0; 2] };
    assert_eq!(per_claim(one, control, 0.95), Err(TooLittle::Values { got: 1, need: 2 }));
}

#[test]
fn equal_claims_in_every_run_leave_the_plain_interval_over_the_gain() {
    let (stance, low) = ([0.5, 0.6, 0.7, 0.6], [0.3, 0.2, 0.25, 0.3]);
    let treated = Pairs { stance: &stance, claim: &[0.9; 4], sampling: [0.0; 2] };
    let control = Pairs { stance: &low, claim: &[0.1; 4], sampling: [0.0; 2] };
    let PerClaim::Bounded { ratio, low: from, high: to } =
        per_claim(treated, control, 0.95).unwrap()
    else {
        panic!("the claim was gained")
    };
    let plain = crate::welch(&stance, &low, 0.95).unwrap();
    for (got, want) in [(ratio, plain.estimate), (from, plain.low), (to, plain.high)] {
        assert!((got - want / 0.8).abs() < 1e-9, "{got} {want}");
    }
}

#[test]
fn intervals_per_claim_cover_the_true_ratio() {
    let mut stream = Stream::new(5);
    let (mut covered, studies) = (0_i32, 2_000_i32);
    for _ in 0..studies {
        let mut arm = |gain: f64| -> (Vec<f64>, Vec<f64>) {
            let run = |_| {
                let claim = stream.normal(0.05 + gain, 0.05);
                (stream.normal(0.3 + 0.5 * claim, 0.06), claim)
            };
            (0..5).map(run).unzip()
        };
        let ((s1, c1), (s0, c0)) = (arm(0.6), arm(0.0));
        let treated = Pairs { stance: &s1, claim: &c1, sampling: [0.0; 2] };
        let got = per_claim(treated, Pairs { stance: &s0, claim: &c0, sampling: [0.0; 2] }, 0.95)
            .unwrap();
        if let PerClaim::Bounded { low, high, .. } = got {
            covered += i32::from(low <= 0.5 && 0.5 <= high);
        }
    }
    let share = f64::from(covered) / f64::from(studies);
    assert!((0.935..0.975).contains(&share), "{share}");
}
