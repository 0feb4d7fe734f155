use super::*;
use crate::summary::{mean, standard_deviation};

fn shape() -> Shape {
    Shape {
        replicates: 40,
        prompts: 20,
        samples: 20,
        control_rate: 0.3,
        treated_rate: 0.5,
        replicate_sd: 0.05,
        prompt_sd: 0.1,
        arm_prompt_sd: 0.05,
        noise: Noise::Logit,
        judge: None,
    }
}

fn rate(grid: &Grid) -> f64 {
    mean(&grid.replicate_means().unwrap()).unwrap()
}

#[test]
fn a_study_is_a_function_of_its_seed_and_index() {
    assert_eq!(simulate(&shape(), Seed(1), 4), simulate(&shape(), Seed(1), 4));
    assert_ne!(simulate(&shape(), Seed(1), 4), simulate(&shape(), Seed(1), 5));
    assert_ne!(simulate(&shape(), Seed(1), 4), simulate(&shape(), Seed(2), 4));
}

#[test]
fn many_runs_come_near_the_truth_that_is_stated() {
    for noise in [Noise::Logit, Noise::Clipped] {
        let shape = Shape { noise, ..shape() };
        let errors: Vec<f64> = (0..40)
            .map(|index| {
                let study = simulate(&shape, Seed(9), index);
                rate(&study.treated) - rate(&study.control) - study.these_prompts
            })
            .collect();
        assert!(mean(&errors).unwrap().abs() < 0.006, "{noise:?} {errors:?}");
        let these: Vec<f64> =
            (0..400).map(|i| simulate(&shape, Seed(9), i).these_prompts).collect();
        let any = simulate(&shape, Seed(9), 0).any_prompts;
        assert!((mean(&these).unwrap() - any).abs() < 0.004, "{noise:?} {any}");
    }
}

#[test]
fn spreads_are_those_of_rates_about_one_half() {
    let shape = Shape {
        treated_rate: 0.5,
        prompt_sd: 0.0,
        arm_prompt_sd: 0.0,
        samples: 400,
        replicates: 400,
        ..shape()
    };
    let study = simulate(&shape, Seed(3), 0);
    let spread = standard_deviation(&study.treated.replicate_means().unwrap()).unwrap();
    assert!((spread - 0.05).abs() < 0.006, "{spread}");
}

#[test]
fn a_judge_bends_rates_toward_what_it_mistakes() {
    let judge = Some(Reader { sensitivity: 0.8, specificity: 0.9 });
    let plain = Shape { prompt_sd: 0.0, arm_prompt_sd: 0.0, replicate_sd: 0.0, ..shape() };
    let study = simulate(&Shape { judge, ..plain }, Seed(3), 0);
    assert!((rate(&study.treated) - (0.8 * 0.5 + 0.1 * 0.5)).abs() < 0.02);
    assert!((study.these_prompts - 0.2).abs() < 1e-9, "the truth is that of the answers");
}
