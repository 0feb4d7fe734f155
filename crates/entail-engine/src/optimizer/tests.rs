use super::*;
use crate::test_support::{Tolerance, assert_close, normal, stream};

/// The same arithmetic in another order, in f64.
const EXACT: Tolerance = Tolerance { absolute: 1e-14, relative: 1e-12 };

const CONFIG: OptimizerConfig =
    OptimizerConfig { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weight_decay: 0.1, clip_norm: 1.0 };

/// The update as Loshchilov and Hutter write it (2019, algorithm 2), with corrected moments.
fn adamw_plain(
    parameters: &mut [f64],
    gradients: &[Vec<f64>],
    rate: f64,
    decayed: impl Fn(usize) -> bool,
) {
    for (i, p) in parameters.iter_mut().enumerate() {
        let (mut m, mut v) = (0.0, 0.0);
        for (step, gradient) in (1..).zip(gradients) {
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let g = gradient[i] * (CONFIG.clip_norm / (norm + 1e-6)).min(1.0);
            m = CONFIG.beta1 * m + (1.0 - CONFIG.beta1) * g;
            v = CONFIG.beta2 * v + (1.0 - CONFIG.beta2) * g * g;
            let m_hat = m / (1.0 - CONFIG.beta1.powi(step));
            let v_hat = v / (1.0 - CONFIG.beta2.powi(step));
            let decay = if decayed(i) { CONFIG.weight_decay * *p } else { 0.0 };
            *p -= rate * (m_hat / (v_hat.sqrt() + CONFIG.epsilon) + decay);
        }
    }
}

#[test]
fn learning_rates_follow_their_schedule() {
    use Schedule::{Constant, Cosine, Linear};
    // (schedule, step, warm-up, steps, share of the peak)
    let table = [
        (Constant, 0, 0, 10, 1.0),
        (Constant, 0, 4, 10, 0.25),
        (Constant, 3, 4, 10, 1.0),
        (Constant, 9, 4, 10, 1.0),
        (Linear, 1, 2, 10, 1.0),
        (Linear, 2, 2, 10, 1.0),
        (Linear, 6, 2, 10, 0.5),
        (Linear, 9, 2, 10, 0.125),
        (Linear, 10, 2, 10, 0.0),
        (Linear, 15, 2, 10, 0.0),
        (Cosine, 0, 3, 13, 1.0 / 3.0),
        (Cosine, 3, 3, 13, 1.0),
        (Cosine, 8, 3, 13, 0.55),
        (Cosine, 13, 3, 13, 0.1),
        (Cosine, 20, 3, 13, 0.1),
        (Linear, 4, 5, 3, 1.0),
    ];
    for (schedule, step, warmup, steps, share) in table {
        let rate = schedule.rate(0.02, step, warmup, steps);
        assert_close(
            &format!("{schedule:?} {step} {warmup} {steps}"),
            &[rate],
            &[0.02 * share],
            EXACT,
        );
    }
}

#[test]
fn updates_equal_the_published_algorithm() {
    let mut stream = stream("adamw");
    let n = 37;
    let start: Vec<f64> = normal(&mut stream, n);
    // Gradients on both sides of the clipping norm.
    let gradients: Vec<Vec<f64>> = [0.01, 0.1, 1.0, 10.0]
        .map(|size| normal::<f64>(&mut stream, n).iter().map(|g| size * g).collect())
        .to_vec();
    for decay in [Decay::Everything, Decay::Ranges(vec![0..5, 30..37]), Decay::Ranges(vec![])] {
        let (mut got, mut want) = (start.clone(), start.clone());
        let mut optimizer = AdamW::new(CONFIG, decay.clone(), n);
        for gradient in &gradients {
            let norm = optimizer.update(&mut got, &mut gradient.clone(), 0.01).unwrap();
            let plain = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            assert_close("norm before clipping", &[norm], &[plain], EXACT);
        }
        adamw_plain(&mut want, &gradients, 0.01, |i| match &decay {
            Decay::Everything => true,
            Decay::Ranges(ranges) => ranges.iter().any(|range| range.contains(&i)),
        });
        assert_close(&format!("{decay:?}"), &got, &want, EXACT);
    }
}

#[test]
fn a_gradient_that_is_not_finite_leaves_everything_as_it_was() {
    let start = [1.0, -2.0];
    let mut parameters = start;
    let mut optimizer = AdamW::new(CONFIG, Decay::Everything, 2);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(optimizer.update(&mut parameters, &mut [0.5, bad], 0.01), None);
        assert_close(
            "parameters",
            &parameters,
            &start,
            Tolerance { absolute: 0.0, relative: 1e-300 },
        );
    }
    let mut fresh_parameters = start;
    let mut fresh = AdamW::new(CONFIG, Decay::Everything, 2);
    for (optimizer, parameters) in
        [(&mut optimizer, &mut parameters), (&mut fresh, &mut fresh_parameters)]
    {
        optimizer.update(parameters, &mut [0.3, -0.4], 0.01).unwrap();
    }
    assert_eq!(parameters.map(f64::to_bits), fresh_parameters.map(f64::to_bits));
}

#[test]
fn a_long_gradient_is_scaled_to_the_clipping_norm() {
    // With a large epsilon the size of the gradient shows in the first update.
    let config = OptimizerConfig { epsilon: 1.0, weight_decay: 0.0, ..CONFIG };
    let first = |gradient: [f64; 2]| {
        let mut parameters = [0.0; 2];
        AdamW::new(config, Decay::Everything, 2)
            .update(&mut parameters, &mut gradient.clone(), 1.0)
            .unwrap();
        parameters
    };
    let clipped = first([30.0, 40.0]);
    assert_close(
        "clipped",
        &clipped,
        &first([0.6, 0.8]),
        Tolerance { absolute: 0.0, relative: 1e-5 },
    );
    assert_close("short", &first([0.3, 0.4]), &[-0.3 / 1.3, -0.4 / 1.4], EXACT);
}
