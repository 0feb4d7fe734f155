use entail_schema::{Seed, Stream};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::test_support::{cases, is_close};

fn goldens(of: &str) -> Vec<Value> {
    let text = include_str!("../../../../fixtures/stats/components.json");
    let file: Value = serde_json::from_str(text).unwrap();
    assert_eq!(file["schema"], 1);
    file[of].as_array().unwrap().clone()
}

fn floats(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn grid_of(answers: &Value) -> Grid {
    let row = |row: &Value| {
        row.as_array().unwrap().iter().map(|cell| Cell::of_scores(&floats(cell))).collect()
    };
    Grid::new(answers.as_array().unwrap().iter().map(row).collect()).unwrap()
}

fn list(parts: &Parts) -> Vec<f64> {
    match parts.rest {
        Rest::Split { interaction, sample } => {
            vec![parts.replicate, parts.prompt, interaction, sample]
        }
        Rest::Joint(both) => vec![parts.replicate, parts.prompt, both],
    }
}

fn assert_close(got: &[f64], want: &[f64], what: &Value) {
    let same = got.iter().zip(want).all(|(&got, &want)| is_close(got, want));
    assert!(got.len() == want.len() && same, "got {got:?}, want {want:?} in {what}");
}

#[test]
fn agrees_with_statsmodels_and_explicit_projections() {
    for case in goldens("components") {
        let found = components(&grid_of(&case["answers"])).unwrap();
        let want = floats(&case["parts"]);
        assert_close(&list(&found.raw), &want, &case);
        let cut: Vec<f64> = want.iter().map(|x| x.max(0.0)).collect();
        assert_close(&list(&found.cut), &cut, &case);
        assert_eq!(matches!(found.raw.rest, Rest::Joint(_)), case["joint"].as_bool().unwrap());
        let of_mean = [found.mean_variance.prompts_fixed, found.mean_variance.prompts_sampled];
        let want = [&case["prompts_fixed"], &case["prompts_sampled"]].map(|x| x.as_f64().unwrap());
        assert_close(&of_mean, &want, &case);
        assert_eq!(found.mean_squares.is_some(), !case["mean_squares"].is_null());
        if let Some(squares) = found.mean_squares {
            let lines = [Some(squares.replicate), Some(squares.prompt), Some(squares.interaction)];
            let lines = lines.into_iter().chain([squares.sample]).flatten();
            let want = case["mean_squares"].as_array().unwrap();
            assert_eq!(lines.clone().count(), want.len());
            for (line, want) in lines.zip(want) {
                assert_close(&[line.value, line.df], &floats(want), &case);
            }
        }
        let interval = found.replicate_interval(0.95);
        assert_close(&[interval.low, interval.high], &floats(&case["replicate_95"]), &case);
        let interval = found.spread_of_means(0.95);
        assert_close(&[interval.low, interval.high], &floats(&case["means_95"]), &case);
    }
}

#[test]
fn agrees_with_scipy_on_quantiles() {
    for case in goldens("quantiles") {
        let at = |key: &str| case[key].as_f64().unwrap();
        let got = [
            chi_square_quantile(at("share"), at("df")),
            f_quantile(at("share"), at("df"), at("df2")),
        ];
        assert_close(&got, &[at("chi_square"), at("f")], &case);
    }
}

#[test]
fn the_judge_is_what_differs_between_readings() {
    for case in goldens("judge_variance") {
        let readings: Vec<Cell> = case["readings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|list| Cell::of_scores(&floats(list)))
            .collect();
        let judge = judge_variance(&readings).unwrap();
        let want = [&case["value"], &case["df"]].map(|x| x.as_f64().unwrap());
        assert_close(&[judge.value, judge.df], &want, &case);
    }
    let once = [Cell::of_scores(&[3.0]), Cell::default()];
    assert_eq!(judge_variance(&once), Err(TooLittle::Values { got: 1, need: 2 }));
    assert_eq!(judge_variance(&[]), Err(TooLittle::Values { got: 0, need: 2 }));
}

#[test]
fn says_what_the_layout_cannot_tell_apart() {
    let of = |counts: &[Vec<(u64, u64)>]| components(&Grid::of_counts(counts).unwrap());
    let one_replicate = of(&[vec![(1, 2), (0, 2)], vec![(0, 0), (0, 0)]]);
    assert_eq!(one_replicate, Err(Inseparable::Replicates { got: 1 }));
    let one_prompt = of(&[vec![(1, 2), (0, 0)], vec![(1, 2), (0, 0)]]);
    assert_eq!(one_prompt, Err(Inseparable::Prompts { got: 1 }));
    let too_few = of(&[vec![(1, 2), (0, 0)], vec![(1, 2), (1, 2)]]);
    assert_eq!(too_few, Err(Inseparable::Cells { got: 3, need: 4 }));
    // Two halves that share no prompt.
    let (some, none) = (vec![(1, 2); 2], vec![(0, 0); 2]);
    let (left, right) = ([some.clone(), none.clone()].concat(), [none, some].concat());
    assert_eq!(of(&[left.clone(), left, right.clone(), right]), Err(Inseparable::Overlap));
}

#[test]
fn answers_that_are_all_equal_have_no_parts() {
    let found = components(&Grid::of_counts(&[vec![(4, 4); 3], vec![(4, 4); 3]]).unwrap()).unwrap();
    assert_eq!(list(&found.cut), [0.0; 4]);
    assert_eq!(found.cut.shares(), None);
    let interval = found.replicate_interval(0.95);
    assert_eq!((interval.low, interval.high), (0.0, 0.0));
}

#[test]
fn fixed_prompts_on_a_balanced_layout_are_the_spread_of_replicate_means() {
    let counts = [[3, 9, 6], [6, 10, 8], [1, 7, 2]].map(|row| row.map(|s| (s, 10)).to_vec());
    let grid = Grid::of_counts(&counts).unwrap();
    let found = components(&grid).unwrap();
    let error = crate::standard_error(&grid.replicate_means().unwrap()).unwrap();
    assert!(is_close(found.spread_of_means(0.95).estimate / 3.0, error * error));
    // The interaction comes out negative here, and at 0 it adds to the variance.
    assert!(list(&found.raw)[2] < 0.0 && found.mean_variance.prompts_fixed > error * error);
    // Four replicates know their spread within 0.32 and 14 times.
    let four = Grid::of_counts(&[3, 5, 9, 2].map(|s| vec![(s, 10), (s, 9), (s + 1, 10)])).unwrap();
    let spread = components(&four).unwrap().spread_of_means(0.95);
    assert!((spread.low / spread.estimate - 0.321).abs() < 1e-3);
    assert!((spread.high / spread.estimate - 13.902).abs() < 1e-3);
}

/// Numbers of answers per cell, uneven and with holes.
const UNEVEN: [[usize; 5]; 4] =
    [[3, 0, 1, 5, 2], [2, 2, 2, 2, 0], [1, 4, 0, 2, 2], [2, 1, 3, 0, 6]];

fn draw(sizes: &[[usize; 5]; 4], sd: [f64; 4], random: &mut Stream) -> Grid {
    let prompts: Vec<f64> = (0..5).map(|_| sd[1] * random.normal()).collect();
    let mut rows = Vec::new();
    for row in sizes {
        let replicate = sd[0] * random.normal();
        let mut cells = Vec::new();
        for (&n, prompt) in row.iter().zip(&prompts) {
            let center = 5.0 + replicate + prompt + sd[2] * random.normal();
            let scores: Vec<f64> = (0..n).map(|_| center + sd[3] * random.normal()).collect();
            cells.push(Cell::of_scores(&scores));
        }
        rows.push(cells);
    }
    Grid::new(rows).unwrap()
}

#[test]
fn the_estimates_are_unbiased_on_an_uneven_layout() {
    const DRAWS: u64 = 4000;
    let sd = [0.5, 1.0, 0.7, 1.2];
    let mut sums = [[0.0_f64; 2]; 4];
    for index in 0..DRAWS {
        let mut random = Seed(11).stream("uneven", index);
        let found = components(&draw(&UNEVEN, sd, &mut random)).unwrap();
        for (sum, x) in sums.iter_mut().zip(list(&found.raw)) {
            *sum = [sum[0] + x, sum[1] + x * x];
        }
    }
    for (sum, sd) in sums.iter().zip(sd) {
        let n = DRAWS as f64;
        let mean = sum[0] / n;
        let error = ((sum[1] / n - mean * mean) / n).sqrt();
        assert!((mean - sd * sd).abs() < 4.0 * error, "{mean} for {} +- {error}", sd * sd);
    }
}

#[test]
fn the_intervals_cover_what_they_should() {
    const DRAWS: u64 = 2000;
    let check = |sizes: &[[usize; 5]; 4], replicate: f64, floor: f64, ceiling: f64| {
        let mut hits = 0.0;
        for index in 0..DRAWS {
            let mut random = Seed(12).stream("cover", index);
            let found = components(&draw(sizes, [replicate, 1.0, 0.5, 1.0], &mut random)).unwrap();
            let interval = found.replicate_interval(0.95);
            assert!(interval.low <= interval.estimate && interval.low <= interval.high);
            let truth = replicate * replicate;
            hits += f64::from(u8::from(interval.low <= truth && truth <= interval.high));
        }
        let share = hits / DRAWS as f64;
        assert!(share > floor && share < ceiling, "{share} of {replicate} on {sizes:?}");
    };
    // Four binomial errors are 0.02; a component of zero is covered unless the low end is above it.
    for replicate in [0.3, 1.0] {
        check(&[[3; 5]; 4], replicate, 0.93, 0.97);
        check(&UNEVEN, replicate, 0.92, 0.98);
    }
    check(&[[3; 5]; 4], 0.0, 0.955, 0.995);
}

#[test]
fn leaving_one_out_finds_the_run_that_carries_the_result() {
    let range = leave_one_out(&[0.1, 0.1, 0.7], &[0.1, 0.2]).unwrap();
    assert!(is_close(range.estimate, 0.15));
    // Without the third treated run, and without the larger control.
    assert!(is_close(range.low, -0.05) && is_close(range.high, 0.25), "{range:?}");
    let too_few = TooLittle::Replicates { treated: 1, control: 2 };
    assert_eq!(leave_one_out(&[0.1], &[0.1, 0.2]), Err(too_few));
    assert_eq!(leave_one_out(&[0.1, f64::NAN], &[0.1, 0.2]), Err(TooLittle::NotFinite));
    assert_eq!(leave_one_out(&[f64::MAX; 2], &[-f64::MAX; 2]), Err(TooLittle::NotFinite));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn shifts_leave_the_parts_and_factors_square_them(
        key in any::<u64>(), shift in -50.0..50.0_f64, factor in 0.1..10.0_f64,
    ) {
        let rows = draw(&UNEVEN, [1.0; 4], &mut Seed(key).stream("rows", 0)).rows().to_vec();
        let moved = |cell: &Cell| {
            let (n, f) = (cell.n as f64, factor);
            let squares = f * f * cell.squares + 2.0 * f * shift * cell.sum + n * shift * shift;
            Cell { n: cell.n, sum: f * cell.sum + n * shift, squares }
        };
        let other = rows.iter().map(|row| row.iter().map(moved).collect()).collect();
        let one = components(&Grid::new(rows).unwrap()).unwrap();
        let two = components(&Grid::new(other).unwrap()).unwrap();
        for (one, two) in list(&one.raw).iter().zip(list(&two.raw)) {
            prop_assert!((two - factor * factor * one).abs() < 1e-7 * (1.0 + factor * factor));
        }
    }

    #[test]
    fn order_and_empty_rows_do_not_matter(key in any::<u64>()) {
        let grid = draw(&UNEVEN, [1.0; 4], &mut Seed(key).stream("rows", 0));
        let mut rows: Vec<Vec<Cell>> = grid.rows().iter().rev().cloned().collect();
        rows.insert(1, vec![Cell::default(); 5]);
        for row in &mut rows {
            row.reverse();
            row.insert(2, Cell::default());
        }
        let (one, two) = (components(&grid).unwrap(), components(&Grid::new(rows).unwrap()).unwrap());
        for (one, two) in list(&one.raw).iter().zip(list(&two.raw)) {
            prop_assert!((one - two).abs() < 1e-9);
        }
        let shares = one.cut.shares().unwrap();
        prop_assert!(is_close(list(&shares).iter().sum::<f64>(), 1.0));
        prop_assert!(one.mean_variance.prompts_fixed <= one.mean_variance.prompts_sampled);
    }

    #[test]
    fn left_out_ranges_hold_the_difference_and_the_plain_twin(
        treated in crate::test_support::replicates(), control in crate::test_support::replicates(),
    ) {
        let range = leave_one_out(&treated, &control).unwrap();
        let without = |xs: &[f64], at: usize| {
            let left: Vec<f64> =
                xs.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, &x)| x).collect();
            raw_mean(&left)
        };
        let one = (0..treated.len()).map(|at| without(&treated, at) - raw_mean(&control));
        let two = (0..control.len()).map(|at| raw_mean(&treated) - without(&control, at));
        let all: Vec<f64> = one.chain(two).collect();
        let low = all.iter().fold(f64::INFINITY, |low, &x| low.min(x));
        let high = all.iter().fold(f64::NEG_INFINITY, |high, &x| high.max(x));
        prop_assert!((range.low - low).abs() < 1e-9 && (range.high - high).abs() < 1e-9);
    }
}
