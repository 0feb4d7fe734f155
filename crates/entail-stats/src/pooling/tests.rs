use entail_schema::{Seed, Stream};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::contrast::sampling_variance;
use crate::test_support::cases;

type Rates = Vec<Vec<Option<f64>>>;

/// Rates of two arms with one variance per item, and the effects they were drawn from.
#[derive(Debug, Clone)]
struct Drawn {
    treated: Rates,
    control: Rates,
    variances: Vec<f64>,
    effects: Vec<f64>,
}

impl Drawn {
    /// From the model, with `sizes` treated and control replicates and items.
    fn from_model(seed: Seed, sizes: [usize; 3], population: f64, sds: Deviations) -> Self {
        let mut random = seed.stream("battery", 0);
        let [treated, control, items] = sizes;
        let [shared, own, between] = sds;
        let mut list = |f: fn(&mut Stream) -> f64| -> Vec<f64> {
            (0..items).map(|_| f(&mut random)).collect()
        };
        let centers = list(Stream::uniform);
        let variances = list(|random| 0.001 + 0.002 * random.uniform());
        let effects: Vec<f64> =
            list(Stream::normal).iter().map(|z| population + between * z).collect();
        let mut arm = |replicates: usize, on: f64| -> Rates {
            let mut row = || {
                let u = shared * random.normal();
                let noise = |i: usize| (own * own + variances[i]).sqrt();
                let mut rate =
                    |i: usize| Some(centers[i] + on * effects[i] + u + noise(i) * random.normal());
                (0..items).map(&mut rate).collect()
            };
            (0..replicates).map(|_| row()).collect()
        };
        Self { treated: arm(treated, 1.0), control: arm(control, 0.0), variances, effects }
    }

    fn battery(&self) -> Result<Battery, PoolingError> {
        let arm = |rates| ArmRates { rates, variances: &self.variances };
        Battery::of(arm(&self.treated), arm(&self.control), &Priors::default())
    }

    fn pool(&self) -> Result<Pooled, PoolingError> {
        self.battery().map(|battery| battery.pooled(NODES, 0.95))
    }
}

fn effects(pooled: &Pooled) -> Vec<Effect> {
    [pooled.population, pooled.battery].into_iter().chain(pooled.items.clone()).collect()
}

fn posteriors(pooled: &Pooled) -> Vec<Posterior> {
    let deviations = [pooled.between_items, pooled.replicate, pooled.replicate_by_item];
    effects(pooled).iter().map(|effect| effect.posterior).chain(deviations).collect()
}

fn numbers(posterior: &Posterior) -> [f64; 4] {
    [posterior.mean, posterior.sd, posterior.low, posterior.high]
}

fn assert_near(one: &Pooled, two: &Pooled, tolerance: f64) {
    for (one, two) in posteriors(one).iter().zip(posteriors(two)) {
        let near = numbers(one).iter().zip(numbers(&two)).all(|(a, b)| (a - b).abs() <= tolerance);
        assert!(near, "{one:?} and {two:?}");
    }
}

fn floats(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn from_json(list: &Value) -> Rates {
    let row = |row: &Value| row.as_array().unwrap().iter().map(Value::as_f64).collect();
    list.as_array().unwrap().iter().map(row).collect()
}

/// Value and Monte Carlo error of each number of a summary.
fn assert_sampled(got: &[(&str, f64)], want: &Value) {
    for (name, got) in got {
        let [value, error] = [0, 1].map(|i| want[*name][i].as_f64().unwrap());
        // Six digits are kept of each number.
        let close = 4.0 * error + 1e-5 * value.abs();
        assert!(
            (got - value).abs() <= close,
            "{name}: {got}, sampled {value} +- {error} in {want}"
        );
    }
}

fn assert_sampled_effect(got: &Effect, want: &Value) {
    assert_sampled_posterior(&got.posterior, want);
    assert_sampled(&[("positive", got.positive)], want);
}

fn assert_sampled_posterior(got: &Posterior, want: &Value) {
    let [mean, sd, low, high] = numbers(got);
    assert_sampled(&[("mean", mean), ("sd", sd), ("low", low), ("high", high)], want);
}

/// Posterior of a committed case.
fn pool_case(case: &Value) -> Pooled {
    let (treated, control) = (from_json(&case["treated"]), from_json(&case["control"]));
    let variances = [floats(&case["treated_variances"]), floats(&case["control_variances"])];
    let treated = ArmRates { rates: &treated, variances: &variances[0] };
    let control = ArmRates { rates: &control, variances: &variances[1] };
    pool(treated, control, &Priors::default(), 0.95).unwrap()
}

#[test]
fn agrees_with_brute_force_on_small_batteries() {
    let text = include_str!("../../../../fixtures/stats/pooling_exact.json");
    let file: Value = serde_json::from_str(text).unwrap();
    assert_eq!(file["schema"], 1);
    for case in file["pool"].as_array().unwrap() {
        let posteriors = posteriors(&pool_case(case));
        let (means, sds) = (floats(&case["mean"]), floats(&case["sd"]));
        assert_eq!(posteriors.len(), means.len());
        for (got, (mean, sd)) in posteriors.iter().zip(means.iter().zip(&sds)) {
            let near = (got.mean - mean).abs() < 1e-7 && (got.sd - sd).abs() < 1e-7;
            assert!(near, "got {got:?}, want {mean} and {sd} in {case}");
        }
    }
}

#[test]
fn agrees_with_numpyro_within_its_monte_carlo_error() {
    let text = include_str!("../../../../fixtures/stats/pooling.json");
    let file: Value = serde_json::from_str(text).unwrap();
    assert_eq!(file["schema"], 1);
    for case in file["pool"].as_array().unwrap() {
        let pooled = pool_case(case);
        assert_sampled_effect(&pooled.population, &case["population"]);
        assert_sampled_effect(&pooled.battery, &case["battery"]);
        let items = case["items"].as_array().unwrap();
        assert_eq!(pooled.items.len(), items.len());
        for (got, want) in pooled.items.iter().zip(items) {
            assert_sampled_effect(got, want);
        }
        assert_sampled_posterior(&pooled.between_items, &case["between_items"]);
        assert_sampled_posterior(&pooled.replicate, &case["replicate"]);
        assert_sampled_posterior(&pooled.replicate_by_item, &case["replicate_by_item"]);
    }
}

#[test]
fn twice_the_nodes_change_nothing() {
    for (seed, sizes, sds) in [
        (1, [6, 6, 20], [0.05, 0.05, 0.15]),
        (2, [2, 2, 2], [0.05, 0.05, 0.1]),
        (3, [8, 8, 12], [0.1, 0.02, 0.0]),
        (4, [3, 4, 10], [0.0, 0.0, 0.3]),
        (5, [2, 6, 5], [0.2, 0.1, 0.02]),
    ] {
        let battery = Drawn::from_model(Seed(seed), sizes, 0.1, sds).battery().unwrap();
        assert_near(&battery.pooled(NODES, 0.95), &battery.pooled(2 * NODES, 0.95), 1e-4);
    }
}

#[test]
fn intervals_of_items_cover_effects_drawn_from_the_model() {
    const DRAWS: u64 = 100;
    for (sizes, sds) in [
        ([3, 3, 10], [0.05, 0.03, 0.02]),
        ([6, 4, 10], [0.05, 0.05, 0.15]),
        ([2, 2, 6], [0.08, 0.02, 0.1]),
    ] {
        let (mut hits, mut of_population, mut total) = (0, 0, 0);
        for index in 0..DRAWS {
            let drawn = Drawn::from_model(Seed(7).child("cover", index), sizes, 0.1, sds);
            // Ten nodes are right to three digits, which is enough to count.
            let pooled = drawn.battery().unwrap().pooled(SEARCH_NODES, 0.95);
            let holds = |p: &Posterior, x: f64| usize::from(p.low <= x && x <= p.high);
            let items = pooled.items.iter().zip(&drawn.effects);
            hits += items.map(|(item, &x)| holds(&item.posterior, x)).sum::<usize>();
            of_population += holds(&pooled.population.posterior, 0.1);
            total += drawn.effects.len();
        }
        let share = hits as f64 / total as f64;
        assert!(share >= 0.93, "{share} of items with {sizes:?} and {sds:?}");
        let share = of_population as f64 / DRAWS as f64;
        assert!(share >= 0.9, "{share} of populations with {sizes:?} and {sds:?}");
    }
}

#[test]
fn items_are_drawn_together_as_far_as_they_are_noisy() {
    let mut drawn = Drawn::from_model(Seed(3), [4, 4, 12], 0.2, [0.02, 0.02, 0.1]);
    let raw: Vec<f64> = drawn.battery().unwrap().items.iter().map(|item| item.difference).collect();
    let spread = |xs: &[f64]| crate::standard_deviation(xs).unwrap();
    let shrunken = |pooled: &Pooled| {
        spread(&pooled.items.iter().map(|item| item.posterior.mean).collect::<Vec<_>>())
    };
    let precise = shrunken(&drawn.pool().unwrap());
    drawn.variances.iter_mut().for_each(|variance| *variance *= 20.0);
    let noisy = shrunken(&drawn.pool().unwrap());
    assert!(noisy < 0.8 * precise && precise < spread(&raw));
}

#[test]
fn rates_without_any_spread_are_safe() {
    let all = |rate: f64| vec![vec![Some(rate); 3]; 2];
    let drawn = |treated: f64, control: f64| Drawn {
        treated: all(treated),
        control: all(control),
        variances: vec![sampling_variance(0, 80, 40.0); 3],
        effects: Vec::new(),
    };
    let none = drawn(0.0, 0.0).pool().unwrap();
    let full = drawn(1.0, 0.0).pool().unwrap();
    for effect in effects(&none) {
        assert!(effect.posterior.mean.abs() < 1e-12 && (effect.positive - 0.5).abs() < 1e-6);
        assert!(effect.posterior.sd > 0.01 && effect.posterior.sd < 0.5);
    }
    for effect in effects(&full) {
        assert!(effect.posterior.low > 0.2 && effect.positive > 0.975);
    }
}

#[test]
fn sharp_and_large_rates_are_found() {
    // Rates of ten million answers and effects of a hundredth of a point.
    let mut drawn = Drawn::from_model(Seed(9), [4, 4, 10], 0.0, [0.0; 3]);
    let sharpen = |rates: &mut Rates| {
        rates.iter_mut().flatten().flatten().for_each(|rate| *rate = 0.5 + 1e-3 * (*rate - 0.5));
    };
    sharpen(&mut drawn.treated);
    sharpen(&mut drawn.control);
    drawn.variances.iter_mut().for_each(|variance| *variance *= 1e-6);
    let battery = drawn.battery().unwrap();
    assert_near(&battery.pooled(NODES, 0.95), &battery.pooled(2 * NODES, 0.95), 1e-6);
}

#[test]
fn says_what_cannot_be_pooled() {
    let whole = Drawn::from_model(Seed(5), [2, 3, 4], 0.1, [0.05; 3]);
    let with = |change: &dyn Fn(&mut Drawn)| {
        let mut drawn = whole.clone();
        change(&mut drawn);
        drawn.pool().map(|_| ())
    };
    assert_eq!(with(&|_| ()), Ok(()));
    assert_eq!(with(&|drawn| drawn.treated[1][2] = None), Ok(()));
    let one_item = with(&|drawn| {
        drawn.variances.truncate(1);
        drawn.treated.iter_mut().chain(&mut drawn.control).for_each(|row| row.truncate(1));
    });
    assert_eq!(one_item, Err(PoolingError::Items { got: 1 }));
    let silent = with(&|drawn| drawn.treated[1] = vec![None; 4]);
    assert_eq!(silent, Err(PoolingError::Replicates { treated: 1, control: 3 }));
    let hole = with(&|drawn| drawn.control.iter_mut().for_each(|row| row[2] = None));
    assert_eq!(hole, Err(PoolingError::NoRate { item: 2 }));
    for rate in [f64::NAN, f64::INFINITY, f64::MIN] {
        let bad = with(&|drawn| drawn.treated[0][3] = Some(rate));
        assert_eq!(bad, Err(PoolingError::NotFinite { item: 3 }));
    }
    // Far beyond what the priors hold possible, and still an answer.
    assert_eq!(with(&|drawn| drawn.treated[0][3] = Some(1e6)), Ok(()));
    for found in [0.0, -1.0, 1e-12, f64::INFINITY] {
        let variance = with(&|drawn| drawn.variances[1] = found);
        assert_eq!(variance, Err(PoolingError::Variance { item: 1, found }));
    }
    let nan = with(&|drawn| drawn.variances[1] = f64::NAN);
    assert!(matches!(nan, Err(PoolingError::Variance { item: 1, .. })));
}

#[test]
fn the_variance_of_a_rate_is_never_zero() {
    assert!((sampling_variance(0, 16, 8.0) - 0.1 * 0.9 / 8.0).abs() < 1e-15);
    assert!((sampling_variance(8, 16, 16.0) - 0.25 / 16.0).abs() < 1e-15);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..cases() })]

    #[test]
    fn order_names_and_levels_do_not_matter(key in any::<u64>(), level in -0.5..0.5_f64) {
        let drawn = Drawn::from_model(Seed(key), [3, 2, 4], 0.1, [0.05, 0.03, 0.1]);
        let pooled = drawn.pool().unwrap();
        // Arms exchanged: every effect changes its sign.
        let swapped = Drawn { treated: drawn.control.clone(), control: drawn.treated.clone(), ..drawn.clone() };
        let swapped = swapped.pool().unwrap();
        for (one, two) in effects(&pooled).iter().zip(effects(&swapped)) {
            prop_assert!((one.posterior.mean + two.posterior.mean).abs() < 1e-9);
            prop_assert!((one.posterior.low + two.posterior.high).abs() < 1e-7);
            prop_assert!((one.positive + two.positive - 1.0).abs() < 1e-7);
        }
        // Another level of an item, and items and replicates in another order.
        let mut moved = drawn.clone();
        for row in moved.treated.iter_mut().chain(&mut moved.control) {
            row[1] = row[1].map(|rate| rate + level);
            row.reverse();
        }
        moved.treated.reverse();
        moved.variances.reverse();
        let mut moved = moved.pool().unwrap();
        moved.items.reverse();
        assert_near(&pooled, &moved, 1e-9);
    }
}
