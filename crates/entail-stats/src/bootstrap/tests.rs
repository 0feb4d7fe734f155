use super::*;
use crate::simulate::{Noise, Shape, simulate};

fn shape() -> Shape {
    Shape {
        replicates: 6,
        prompts: 10,
        samples: 10,
        control_rate: 0.3,
        treated_rate: 0.5,
        replicate_sd: 0.05,
        prompt_sd: 0.1,
        arm_prompt_sd: 0.05,
        noise: Noise::Logit,
        judge: None,
    }
}

#[test]
fn intervals_lie_about_the_difference_and_repeat_with_their_seed() {
    let study = simulate(&shape(), Seed(1), 0);
    let arms = [vec![study.treated], vec![study.control]];
    let resampled = Resampled::new(&arms).unwrap();
    let intervals = |seed| resampled.intervals(&[(0, 1), (1, 1)], 500, Seed(seed), 0.95);
    let first = intervals(7);
    let one = &first[0][0];
    let observed = arms[0][0].replicate_means().unwrap().iter().sum::<f64>() / 6.0
        - arms[1][0].replicate_means().unwrap().iter().sum::<f64>() / 6.0;
    assert!((one.estimate - observed).abs() < 1e-12);
    assert!(one.low < one.estimate && one.estimate < one.high);
    assert!(first[1][0].low.abs() < 1e-12 && first[1][0].high.abs() < 1e-12, "an arm and itself");
    assert_eq!(first, intervals(7));
    assert_ne!(first, intervals(8));
}

/// The claim is about other prompts, too; eight runs and ten prompts leave percentiles a little short.
#[test]
fn intervals_cover_the_difference_on_any_prompts() {
    let shape = Shape { replicates: 8, ..shape() };
    let (mut covered, studies) = (0_i32, 400_i32);
    for index in 0..studies {
        let study = simulate(&shape, Seed(2), u64::try_from(index).unwrap());
        let arms = [vec![study.treated], vec![study.control]];
        let got = &Resampled::new(&arms).unwrap().intervals(&[(0, 1)], 400, Seed(3), 0.95)[0][0];
        covered += i32::from(got.low <= study.any_prompts && study.any_prompts <= got.high);
    }
    let share = f64::from(covered) / f64::from(studies);
    assert!((0.92..=0.99).contains(&share), "{share}");
}

/// Arms of different sizes, items with different numbers of prompts, cells of different sizes.
#[test]
fn a_table_weighs_cells_as_a_plain_loop_does() {
    let grid = |arm: u64, runs: u64, prompts: u64| {
        let cell = |run, prompt| (run + prompt + arm, 5 + 2 * run + 3 * prompt);
        let row = |run: u64| (0..prompts).map(|prompt| cell(run, prompt)).collect();
        Grid::of_counts(&(0..runs).map(row).collect::<Vec<_>>()).unwrap()
    };
    let arms = [3, 2, 4].map(|runs| vec![grid(runs % 3, runs, 2), grid(runs % 2, runs, 5)]);
    let study = Resampled::new(&arms).unwrap();
    let mut table = Table::of(study.arms, &study.replicates);
    let mut stream = Seed(9).stream("test", 0);
    let runs = [0..3, 3..5, 5..9];
    for _ in 0..20 {
        table.draw_runs(&mut stream);
        for item in 0..2 {
            table.draw_prompts(item, &mut stream);
            assert!((table.prompts.iter().sum::<f64>() - [2.0, 5.0][item]).abs() < 1e-12);
            let got: Vec<f64> = table.differences(item, &[(0, 1), (2, 1)]).collect();
            let mean = |arm: usize| {
                let (mut sum, mut n) = (0.0, 0.0);
                for (row, run) in arms[arm][item].rows().iter().zip(&table.runs[runs[arm].clone()])
                {
                    for (cell, prompt) in row.iter().zip(&table.prompts) {
                        sum += run * prompt * cell.sum;
                        n += run * prompt * cell.n as f64;
                    }
                }
                sum / n
            };
            for (got, want) in got.iter().zip([mean(0) - mean(1), mean(2) - mean(1)]) {
                assert!((got - want).abs() < 1e-12, "got {got}, want {want}");
            }
        }
    }
}

#[test]
fn studies_that_cannot_be_resampled_say_why() {
    let grid =
        |runs: usize, prompts: usize| Grid::of_counts(&vec![vec![(1, 2); prompts]; runs]).unwrap();
    let refuse = |arms: &[Vec<Grid>]| Resampled::new(arms).unwrap_err();
    let few = TooLittle::Replicates { treated: 1, control: 1 };
    assert_eq!(refuse(&[vec![grid(1, 3)]]), few);
    let uneven = TooLittle::Replicates { treated: 3, control: 2 };
    assert_eq!(refuse(&[vec![grid(3, 2), grid(2, 2)]]), uneven);
    let unasked = TooLittle::Prompts { treated: 2, control: 3 };
    assert_eq!(refuse(&[vec![grid(2, 2)], vec![grid(2, 3)]]), unasked);
    let silent = Grid::of_counts(&[vec![(1, 2)], vec![(0, 0)]]).unwrap();
    assert_eq!(refuse(&[vec![silent]]), TooLittle::Silent { replicate: 1, prompt: 0 });
}

#[test]
fn quantiles_interpolate_between_order_statistics() {
    let mut values = [4.0, 1.0, 8.0, 2.0];
    for (share, want) in [(0.0, 1.0), (0.5, 3.0), (0.75, 5.0), (1.0, 8.0)] {
        assert!((quantile(&mut values, share) - want).abs() < 1e-12, "{share}");
    }
}
