use super::*;
use crate::test_support::{
    FINITE_DIFFERENCE, Tolerance, assert_close, assert_gradient, normal, slope, stream,
};

/// Widths with one, primes, and both sides of the lanes.
const WIDTHS: [usize; 8] = [1, 2, 7, 15, 16, 17, 33, 64];

/// Sums of up to 64 terms in another order, in f64.
const F64: Tolerance = Tolerance { absolute: 1e-13, relative: 1e-12 };

/// The same in f32, with a polynomial for the exponential.
const F32: Tolerance = Tolerance { absolute: 5e-6, relative: 5e-6 };

const EPS: f64 = 1e-5;

/// Weighs outputs by fixed numbers, so that a gradient has one number to be the gradient of.
fn weighed(outputs: &[f64], weights: &[f64]) -> f64 {
    outputs.iter().zip(weights).map(|(y, w)| y * w).sum()
}

fn rms_norm_plain(x: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let rows = x.chunks(weight.len()).map(|row| {
        let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
        let inverse = 1.0 / (mean + EPS).sqrt();
        (row.iter().zip(weight).map(|(x, w)| x * inverse * w).collect::<Vec<_>>(), inverse)
    });
    let (y, inverse): (Vec<_>, Vec<_>) = rows.unzip();
    (y.concat(), inverse)
}

fn softmax_plain(row: &[f64]) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
    row.iter().map(|x| (x - max).exp() / sum).collect()
}

fn swiglu_plain(gate_up: &[f64], f: usize) -> Vec<f64> {
    let gated = |row: &[f64], i: usize| row[i] / (1.0 + (-row[i]).exp()) * row[f + i];
    gate_up.chunks(2 * f).flat_map(|row| (0..f).map(move |i| gated(row, i))).collect()
}

fn cross_entropy_plain(logits: &[f64], targets: &[u32]) -> f64 {
    let rows = logits.chunks(logits.len() / targets.len());
    rows.zip(targets).map(|(row, &target)| -softmax_plain(row)[target as usize].ln()).sum()
}

fn attend_plain(query: &[f64], keys: &[f64], values: &[f64], scale: f64) -> (Vec<f64>, Vec<f64>) {
    let e = query.len();
    let score = |key: &[f64]| key.iter().zip(query).map(|(k, q)| k * q).sum::<f64>() * scale;
    let p = softmax_plain(&keys.chunks(e).map(score).collect::<Vec<_>>());
    let mixed =
        (0..e).map(|i| p.iter().enumerate().map(|(s, p)| p * values[s * e + i]).sum()).collect();
    (mixed, p)
}

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| f32::from_f64(x)).collect()
}

fn widen(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

fn rms_norm_of(x: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let (mut y, mut inverse) = (vec![0.0; x.len()], vec![0.0; x.len() / weight.len()]);
    rms_norm(&mut y, &mut inverse, x, weight, EPS);
    (y, inverse)
}

#[test]
fn sums_over_lanes_equal_plain_sums() {
    let mut stream = stream("sums");
    for n in (0..70).chain([257]) {
        let (a, b): (Vec<f64>, Vec<f64>) = (normal(&mut stream, n), normal(&mut stream, n));
        assert_close("dot", &[dot(&a, &b)], &[weighed(&a, &b)], F64);
        let max = a.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(lane_max(&a).to_bits(), max.to_bits(), "the largest of {n}");
        let mut y = b.clone();
        add_scaled(&mut y, 0.3, &a);
        let want: Vec<f64> = b.iter().zip(&a).map(|(b, a)| b + 0.3 * a).collect();
        assert_close("add_scaled", &y, &want, F64);
    }
}

#[test]
fn rms_norm_equals_its_formula() {
    let mut stream = stream("rms_norm");
    for d in WIDTHS {
        let (x, weight): (Vec<f64>, Vec<f64>) =
            (normal(&mut stream, 3 * d), normal(&mut stream, d));
        let (got, want) = (rms_norm_of(&x, &weight), rms_norm_plain(&x, &weight));
        assert_close("rms_norm", &got.0, &want.0, F64);
        assert_close("inverse", &got.1, &want.1, F64);
        let (mut y, mut inverse) = (vec![0.0_f32; 3 * d], vec![0.0_f32; 3]);
        rms_norm(&mut y, &mut inverse, &narrow(&x), &narrow(&weight), EPS);
        assert_close("rms_norm in f32", &widen(&y), &want.0, F32);
    }
}

#[test]
fn rms_norm_backward_is_the_slope_and_adds() {
    let mut stream = stream("rms_norm_backward");
    for d in WIDTHS {
        let [x, dy, before]: [Vec<f64>; 3] = [0; 3].map(|_| normal(&mut stream, 3 * d));
        let [weight, weight_before]: [Vec<f64>; 2] = [0; 2].map(|_| normal(&mut stream, d));
        let inverse = rms_norm_of(&x, &weight).1;
        let (mut dx, mut dweight) = (before.clone(), weight_before.clone());
        rms_norm_backward(&mut dx, Some(&mut dweight), &dy, &x, &weight, &inverse);
        let mut frozen = before.clone();
        rms_norm_backward(&mut frozen, None, &dy, &x, &weight, &inverse);
        assert_close("without a weight", &frozen, &dx, F64);
        dx.iter_mut().zip(before).for_each(|(dx, before)| *dx -= before);
        dweight.iter_mut().zip(weight_before).for_each(|(dw, before)| *dw -= before);
        assert_gradient("dx", &dx, &x, |x| weighed(&rms_norm_plain(x, &weight).0, &dy));
        assert_gradient("dweight", &dweight, &weight, |w| weighed(&rms_norm_plain(&x, w).0, &dy));
    }
}

#[test]
fn rotation_equals_complex_multiplication_and_turns_back() {
    let mut stream = stream("rotary");
    for e in [2, 6, 16] {
        let rotary = Rotary::<f64>::new(10_000.0, e, 50);
        for position in [0, 1, 49] {
            let head: Vec<f64> = normal(&mut stream, e);
            let mut got = head.clone();
            rotary.rotate(&mut got, position, 1.0);
            let mut want = head.clone();
            for i in 0..e / 2 {
                let frequency = 10_000.0_f64.powf(-2.0 * i as f64 / e as f64);
                let (sin, cos) = (position as f64 * frequency).sin_cos();
                want[i] = head[i] * cos - head[e / 2 + i] * sin;
                want[e / 2 + i] = head[i] * sin + head[e / 2 + i] * cos;
            }
            // The table's frequencies are rounded to f32.
            assert_close("rotation", &got, &want, Tolerance { absolute: 1e-5, relative: 0.0 });
            rotary.rotate(&mut got, position, -1.0);
            assert_close("back", &got, &head, F64);
        }
    }
}

#[test]
fn rotation_by_minus_one_is_the_transpose() {
    let mut stream = stream("rotary transpose");
    let rotary = Rotary::<f64>::new(100.0, 6, 10);
    let [head, pull]: [Vec<f64>; 2] = [0; 2].map(|_| normal(&mut stream, 6));
    let mut gradient = pull.clone();
    rotary.rotate(&mut gradient, 7, -1.0);
    assert_gradient("rotation", &gradient, &head, |head| {
        let mut turned = head.to_vec();
        rotary.rotate(&mut turned, 7, 1.0);
        weighed(&turned, &pull)
    });
}

#[test]
fn softmax_equals_its_formula_and_survives_large_scores() {
    let mut stream = stream("softmax");
    for n in WIDTHS {
        let row: Vec<f64> = normal::<f64>(&mut stream, n).iter().map(|x| 300.0 * x).collect();
        let mut got = row.clone();
        softmax(&mut got);
        assert_close("softmax", &got, &softmax_plain(&row), F64);
        let mut got = narrow(&row);
        softmax(&mut got);
        // Scores of a few hundred carry an absolute error of 3e-5 in f32.
        assert_close(
            "in f32",
            &widen(&got),
            &softmax_plain(&row),
            Tolerance { absolute: 1e-4, relative: 1e-4 },
        );
        let wide = log_sum_exp(&row);
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let want = max + row.iter().map(|x| (x - max).exp()).sum::<f64>().ln();
        assert_close("log_sum_exp", &[wide], &[want], F64);
    }
}

#[test]
fn attention_of_one_query_equals_its_formula() {
    let mut stream = stream("attention");
    for (n, e) in [(1, 1), (2, 3), (17, 4), (33, 16)] {
        let query: Vec<f64> = normal(&mut stream, e);
        let [keys, values]: [Vec<f64>; 2] = [0; 2].map(|_| normal(&mut stream, n * e));
        // Three more keys than are attended to, which must not matter.
        let stride = n + 3;
        let keys_t: Vec<f64> = (0..e * stride)
            .map(|i| keys.get(i % stride * e + i / stride).map_or(f64::NAN, |&k| k))
            .collect();
        let (mut out, mut scores) = (vec![f64::NAN; e], vec![f64::NAN; n]);
        attend_row(&mut out, &mut scores, &query, (&keys_t, stride), (&values, e), 0.4);
        let (want, p) = attend_plain(&query, &keys, &values, 0.4);
        assert_close("mix", &out, &want, F64);
        assert_close("probabilities", &scores, &p, F64);
    }
}

#[test]
fn swiglu_equals_its_formula_and_its_backward_is_the_slope() {
    let mut stream = stream("swiglu");
    for f in WIDTHS {
        let gate_up: Vec<f64> = normal(&mut stream, 6 * f);
        let dy: Vec<f64> = normal(&mut stream, 3 * f);
        let mut y = vec![f64::NAN; 3 * f];
        swiglu(&mut y, &gate_up, f);
        assert_close("swiglu", &y, &swiglu_plain(&gate_up, f), F64);
        let mut narrow_y = vec![f32::NAN; 3 * f];
        swiglu(&mut narrow_y, &narrow(&gate_up), f);
        assert_close("in f32", &widen(&narrow_y), &y, F32);
        let mut gradient = vec![f64::NAN; 6 * f];
        swiglu_backward(&mut gradient, &dy, &gate_up, f);
        assert_gradient("swiglu", &gradient, &gate_up, |x| weighed(&swiglu_plain(x, f), &dy));
    }
}

#[test]
fn cross_entropy_equals_its_formula_and_leaves_its_slope() {
    let mut stream = stream("cross entropy");
    for v in WIDTHS {
        let logits: Vec<f64> = normal(&mut stream, 3 * v);
        let targets = [0; 3].map(|_| u32::try_from(stream.below(v)).unwrap());
        let mut gradient = logits.clone();
        let loss = cross_entropy_backward(&mut gradient, &targets, v);
        assert_close("loss", &[loss], &[cross_entropy_plain(&logits, &targets)], F64);
        assert_gradient("logits", &gradient, &logits, |x| cross_entropy_plain(x, &targets));
        let mut narrow_logits = narrow(&logits);
        assert_close(
            "in f32",
            &[cross_entropy_backward(&mut narrow_logits, &targets, v)],
            &[loss],
            F32,
        );
    }
}

#[test]
fn a_sure_wrong_answer_costs_what_it_should() {
    let mut logits = [200.0_f32, 0.0];
    assert_close("loss", &[cross_entropy_backward(&mut logits, &[1], 2)], &[200.0], F32);
    assert_close("gradient", &logits, &[1.0, -1.0], F32);
}

#[test]
#[should_panic(expected = "entry 1 of 2 is NaN")]
fn nothing_is_close_to_nan() {
    assert_close("check", &[1.0, f64::NAN], &[1.0, 1.0], F64);
}

#[test]
fn a_slope_is_a_derivative() {
    let derivative = slope(&[2.0, 3.0], 0, |x| x[0] * x[0] * x[1]);
    assert_close("2xy", &[derivative], &[12.0], FINITE_DIFFERENCE);
}
