//! Partial pooling of one contrast over a battery of items: the effect of the battery, and each
//! item's effect drawn towards it as far as its noise asks for.
//!
//! With `y` the rate of replicate `s` of arm `a` on item `i` and `T` 1 for treated, 0 for control,
//! `y_asi = mu_i + T beta_i + u_as + w_asi + e_asi`: `u ~ N(0, s_u^2)` is shared by the items of
//! a replicate, `w ~ N(0, s_w^2)`, `e` has a known variance, and `beta_i ~ N(B, tau^2)` (Gelman,
//! Carlin, Stern, Dunson, Vehtari and Rubin 2013, "Bayesian Data Analysis", chapter 5). Everything
//! but the three standard deviations is normal and integrated in closed form, and those three by
//! quadrature: no sampler, no seed, the same bits every time.

use statrs::function::erf::erfc;

use crate::invert::invert_smooth;
use crate::linear::{Cholesky, dot};
use crate::quadrature::{Axis, Rule};
use crate::quantile::{assert_confidence, normal_critical};

/// Nodes per standard deviation; twice as many change no end of an interval by a hundredth of a
/// percentage point, and no mean by a tenth of that.
const NODES: usize = 20;
/// Nodes per standard deviation while looking for where the posterior is.
const SEARCH_NODES: usize = 10;
/// Passes of that search, each of which narrows a sharp axis by three or more.
const MAX_PASSES: usize = 12;
/// A pass that leaves more than this share of every axis is the last.
const SETTLED: f64 = 0.8;
/// Depth below the highest log density at which a range ends, a share of 1e-7.
const DEPTH: f64 = 16.0;
/// Posterior mass of the nodes whose normal laws are left out, all together.
const LEFT_OUT: f64 = 1e-8;
/// Half-normal deviations at which a prior is cut off, beyond which it holds 6e-7.
const PRIOR_REACH: f64 = 5.0;
/// Sampling variance, as a share of the squared scale of the smallest prior, below which the
/// equations lose their digits: a rate of a hundred million answers.
const SMALLEST_VARIANCE: f64 = 1e-8;
/// Beyond it sums of squares over a small variance may overflow.
const LARGEST_RATE: f64 = 1e100;

/// Rates of one arm.
#[derive(Debug, Clone, Copy)]
pub struct ArmRates<'a> {
    /// `rates[replicate][item]`; `None` where a replicate has no rate on an item.
    pub rates: &'a [Vec<Option<f64>>],
    /// Sampling variance of one replicate's rate on each item, such as [`crate::sampling_variance`].
    pub variances: &'a [f64],
}

/// Scales of the priors, in the unit of the rates (of variances: its square root).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priors {
    /// Standard deviation of the normal prior of `B`.
    pub effect: f64,
    /// Of the half-normal prior of `tau`, the deviation of the items' effects.
    pub between_items: f64,
    /// Of the half-normal prior of `s_u`.
    pub replicate: f64,
    /// Of the half-normal prior of `s_w`.
    pub replicate_by_item: f64,
}

impl Default for Priors {
    /// For rates from 0 to 1: effects of any size, items that may differ by tens of points, and
    /// replicates that differ by up to about forty.
    fn default() -> Self {
        Self { effect: 1.0, between_items: 0.5, replicate: 0.2, replicate_by_item: 0.2 }
    }
}

/// Summary of a posterior, in the unit of the rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
    /// Lower end of the equal-tailed interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Posterior of a difference, treated minus control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The difference.
    pub posterior: Posterior,
    /// Probability that it is above 0.
    pub positive: f64,
}

/// What a battery says about one contrast.
#[derive(Debug, Clone, PartialEq)]
pub struct Pooled {
    /// `B`: the mean effect over items like these.
    pub population: Effect,
    /// The mean of the effects on these items.
    pub battery: Effect,
    /// Effect on each item, drawn towards `B`.
    pub items: Vec<Effect>,
    /// `tau`: how far items differ in their effects.
    pub between_items: Posterior,
    /// `s_u`: how far replicates of one recipe differ on all items together.
    pub replicate: Posterior,
    /// `s_w`: how far they differ on one item beyond that and beyond sampling.
    pub replicate_by_item: Posterior,
}

/// Why a battery cannot be pooled.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PoolingError {
    /// One item says nothing about how items differ.
    #[error("{got} items, pooling needs two or more")]
    Items {
        /// Items given.
        got: usize,
    },
    /// An arm has fewer than two replicates with a rate.
    #[error(
        "{treated} treated and {control} control replicates with a rate, pooling needs two of each"
    )]
    Replicates {
        /// Treated replicates with a rate.
        treated: usize,
        /// Control replicates with a rate.
        control: usize,
    },
    /// An arm has no rate at all on an item; leave the item out.
    #[error("item {item} has no rate in one of the arms")]
    NoRate {
        /// Zero-based item.
        item: usize,
    },
    /// A rate that is infinite, NaN, or so large that its square might be.
    #[error("item {item}: a rate is not finite")]
    NotFinite {
        /// Zero-based item.
        item: usize,
    },
    /// A sampling variance that is not finite, or not above a share of 1e-8 of the squared prior
    /// scales.
    #[error("item {item}: {found} is no sampling variance")]
    Variance {
        /// Zero-based item.
        item: usize,
        /// What was given.
        found: f64,
    },
}

/// Posterior of the effects of one contrast over a battery of items; see the module for the model.
///
/// Flat prior on each `mu_i`, the rest from `priors`. Safe with two replicates in an arm: their
/// spread then leans on its prior. The normal law of a rate ignores that it ends at 0 and 1:
/// intervals may reach past. Items at exactly 0 or 1 have an answer, since their variance is known
/// and positive, but leave them out: `u` and `w` move all items by the same amount, so items that
/// cannot move say that replicates do not differ, and the intervals of all the others are far too
/// narrow (with five such items of twenty, that of the battery's mean covers about one half).
///
/// # Errors
/// [`PoolingError`].
///
/// # Panics
/// When rows or variances differ in their number of items, when a prior is not positive, and on a
/// confidence outside `(0, 1)`.
pub fn pool(
    treated: ArmRates<'_>,
    control: ArmRates<'_>,
    priors: &Priors,
    confidence: f64,
) -> Result<Pooled, PoolingError> {
    assert_confidence(confidence);
    let battery = Battery::of(treated, control, priors)?;
    Ok(battery.pooled(NODES, confidence))
}

/// Standard deviations `s_u`, `s_w` and `tau`.
type Deviations = [f64; 3];

/// What the posterior needs of the data.
struct Battery {
    items: Vec<Item>,
    /// Of both arms, treated first.
    replicates: usize,
    priors: Priors,
}

struct Item {
    arms: [ItemArm; 2],
    /// Difference of the arms' means.
    difference: f64,
    /// Coefficients of `B` (1) and of each `u` in that difference.
    design: Vec<f64>,
}

/// One arm's rates on one item.
struct ItemArm {
    /// Place in the design and rate less the mean, of each replicate with a rate.
    deviations: Vec<(usize, f64)>,
    mean: f64,
    variance: f64,
}

/// Normal equations of `B` and the `u` under given `s_w` and `tau`, without the prior of the `u`.
struct Equations {
    /// Column by column, its lower triangle.
    precision: Vec<f64>,
    right: Vec<f64>,
    log_constant: f64,
}

/// The normal law of `B` and the `u / s_u` under given deviations.
struct Conditional {
    factor: Cholesky,
    /// `L^-1` times the right side.
    half_solved: Vec<f64>,
    log_density: f64,
}

/// A normal law, one of a mixture.
#[derive(Clone, Copy)]
struct Law {
    weight: f64,
    mean: f64,
    sd: f64,
}

impl Battery {
    fn of(
        treated: ArmRates<'_>,
        control: ArmRates<'_>,
        priors: &Priors,
    ) -> Result<Self, PoolingError> {
        let scales =
            [priors.effect, priors.between_items, priors.replicate, priors.replicate_by_item];
        assert!(
            scales.iter().all(|&scale| scale > 0.0 && scale.is_finite()),
            "scales of priors are positive, got {priors:?}"
        );
        let got = treated.variances.len();
        assert_eq!(got, control.variances.len(), "both arms answer the same items");
        for row in treated.rates.iter().chain(control.rates) {
            assert_eq!(row.len(), got, "a replicate has one rate per item");
        }
        let with_rate = |arm: &ArmRates<'_>| {
            arm.rates.iter().filter(|row| row.iter().any(Option::is_some)).count()
        };
        if got < 2 {
            return Err(PoolingError::Items { got });
        }
        let counts = [with_rate(&treated), with_rate(&control)];
        if counts[0] < 2 || counts[1] < 2 {
            return Err(PoolingError::Replicates { treated: counts[0], control: counts[1] });
        }
        let replicates = treated.rates.len() + control.rates.len();
        let item = |item: usize| {
            let one = ItemArm::of(&treated, item, 1, priors)?;
            let zero = ItemArm::of(&control, item, 1 + treated.rates.len(), priors)?;
            let mut design = vec![0.0; 1 + replicates];
            design[0] = 1.0;
            one.deviations.iter().for_each(|&(place, _)| design[place] = 1.0 / one.n());
            zero.deviations.iter().for_each(|&(place, _)| design[place] = -1.0 / zero.n());
            Ok(Item { difference: one.mean - zero.mean, design, arms: [one, zero] })
        };
        let items = (0..got).map(item).collect::<Result<_, PoolingError>>()?;
        Ok(Self { items, replicates, priors: *priors })
    }

    fn pooled(&self, nodes: usize, confidence: f64) -> Pooled {
        let rule = Rule::gauss_legendre(nodes);
        let axes = self.search();
        let logs = self.log_masses(&rule, &axes);
        let masses = normalized(&logs);
        let least = least_mass(&masses);
        // A law per node for B, the battery's mean and each item.
        let mut laws: Vec<Vec<Law>> = vec![Vec::new(); 2 + self.items.len()];
        self.visit(&rule, &axes, |at, deviations, equations| {
            let weight = masses[at];
            if weight >= least {
                let conditional = equations.given(deviations[0]);
                let found = self.laws(&conditional, deviations, weight);
                laws.iter_mut().zip(found).for_each(|(laws, law)| laws.push(law));
            }
        });
        let mut effects = laws.iter().map(|laws| effect(laws, confidence));
        let [replicate, replicate_by_item, between_items] =
            [0, 1, 2].map(|axis| marginal(&rule, &axes[axis], axis, &masses, confidence));
        Pooled {
            population: effects.next().expect("the first law is of the population"),
            battery: effects.next().expect("the second law is of the battery"),
            items: effects.collect(),
            between_items,
            replicate,
            replicate_by_item,
        }
    }

    /// The ranges of the deviations outside which the posterior is negligible.
    ///
    /// Each pass keeps, of each axis, the part between the outermost nodes where the density comes
    /// near the highest for some values of the other two, and one node on either side.
    fn search(&self) -> [Axis; 3] {
        let rule = Rule::gauss_legendre(SEARCH_NODES);
        let mut axes = self.whole_axes();
        for _ in 0..MAX_PASSES {
            let logs = self.log_masses(&rule, &axes);
            let floor = highest(&logs) - DEPTH;
            let mut least_left: f64 = 1.0;
            for (which, axis) in axes.iter_mut().enumerate() {
                let above = logs.iter().enumerate().filter(|(_, log)| **log > floor);
                let kept = above.map(|(at, _)| node_of(at, which, SEARCH_NODES));
                let (first, last) = kept.fold((SEARCH_NODES, 0), |(first, last), node| {
                    (first.min(node), last.max(node))
                });
                let edge = |node: usize| axis.coordinate(rule.nodes[node]);
                let low = if first == 0 { axis.low } else { edge(first - 1) };
                let high = if last + 1 == SEARCH_NODES { axis.high } else { edge(last + 1) };
                least_left = least_left.min((high - low) / (axis.high - axis.low));
                *axis = Axis { low, high, ..*axis };
            }
            if least_left > SETTLED {
                break;
            }
        }
        axes
    }

    /// From 0 to where the priors end, with the noise of the data as the scale of each coordinate.
    fn whole_axes(&self) -> [Axis; 3] {
        let count = self.items.len() as f64;
        let of_rate = self.items.iter().flat_map(|item| &item.arms).map(|arm| arm.variance);
        let noise = of_rate.sum::<f64>() / (2.0 * count);
        let of_difference = self.items.iter().map(|item| item.error(0.0)).sum::<f64>() / count;
        let Priors { between_items, replicate, replicate_by_item, .. } = self.priors;
        [
            Axis::up_to(PRIOR_REACH * replicate, (noise / count).sqrt()),
            Axis::up_to(PRIOR_REACH * replicate_by_item, noise.sqrt()),
            Axis::up_to(PRIOR_REACH * between_items, of_difference.sqrt()),
        ]
    }

    /// Logarithm of the posterior mass at each node, up to a constant.
    fn log_masses(&self, rule: &Rule, axes: &[Axis; 3]) -> Vec<f64> {
        let Priors { between_items, replicate, replicate_by_item, .. } = self.priors;
        let scales = [replicate, replicate_by_item, between_items];
        // Prior, weight and stretch of each node of each axis.
        let own: Vec<Vec<f64>> = axes
            .iter()
            .zip(scales)
            .map(|(axis, scale)| {
                let log = |(&node, weight): (&f64, &f64)| {
                    let half_normal = -0.5 * (axis.deviation(node) / scale).powi(2);
                    half_normal + (weight * axis.slope(node)).ln()
                };
                rule.nodes.iter().zip(&rule.weights).map(log).collect()
            })
            .collect();
        let n = rule.nodes.len();
        let mut logs = Vec::with_capacity(n.pow(3));
        self.visit(rule, axes, |at, deviations, equations| {
            let prior: f64 =
                own.iter().enumerate().map(|(axis, own)| own[node_of(at, axis, n)]).sum();
            logs.push(prior + equations.given(deviations[0]).log_density);
        });
        logs
    }

    /// Every node with its number and its deviations, `s_u` fastest: it needs no new equations.
    fn visit(
        &self,
        rule: &Rule,
        axes: &[Axis; 3],
        mut f: impl FnMut(usize, Deviations, &Equations),
    ) {
        let mut at = 0;
        for &between in &rule.nodes {
            for &own in &rule.nodes {
                let (own, between) = (axes[1].deviation(own), axes[2].deviation(between));
                let equations = self.equations(own, between);
                for &shared in &rule.nodes {
                    f(at, [axes[0].deviation(shared), own, between], &equations);
                    at += 1;
                }
            }
        }
    }

    /// Each item gives the scatter of its replicates within an arm, in which `mu` and `beta`
    /// cancel, and the difference of the arms' means, in which `mu` does; that one is normal
    /// about `B` and the `u` with variance `tau^2 + error`.
    fn equations(&self, own: f64, between: f64) -> Equations {
        let size = 1 + self.replicates;
        let mut precision = vec![0.0; size * size];
        let mut right = vec![0.0; size];
        let mut log_constant = 0.0;
        precision[0] = self.priors.effect.powi(-2);
        for item in &self.items {
            for arm in &item.arms {
                let weight = 1.0 / (own * own + arm.variance);
                log_constant += 0.5 * (arm.n() - 1.0) * weight.ln();
                for &(place, deviation) in &arm.deviations {
                    right[place] += weight * deviation;
                    log_constant -= 0.5 * weight * deviation * deviation;
                    precision[place * (size + 1)] += weight;
                    for &(other, _) in &arm.deviations {
                        precision[place * size + other] -= weight / arm.n();
                    }
                }
            }
            let weight = 1.0 / (between * between + item.error(own));
            log_constant += 0.5 * (weight.ln() - weight * item.difference.powi(2));
            for (i, x) in item.design.iter().enumerate() {
                right[i] += weight * item.difference * x;
                let column = &mut precision[i * size + i..(i + 1) * size];
                column.iter_mut().zip(&item.design[i..]).for_each(|(p, y)| *p += weight * y * x);
            }
        }
        Equations { precision, right, log_constant }
    }

    /// Laws of `B`, of the battery's mean effect and of each item's effect.
    fn laws(&self, given: &Conditional, deviations: Deviations, weight: f64) -> Vec<Law> {
        let [shared, own, between] = deviations;
        let law = |center: f64, along: f64, variance: f64| Law {
            weight,
            mean: center + along,
            sd: variance.sqrt(),
        };
        let mut population = vec![0.0; 1 + self.replicates];
        population[0] = 1.0;
        given.factor.solve_lower(&mut population);
        let along = dot(&population, &given.half_solved);
        let mut laws = Vec::with_capacity(2 + self.items.len());
        laws.push(law(0.0, along, dot(&population, &population)));
        let count = self.items.len();
        let share = 1.0 / count as f64;
        // Share of each observed difference in the item's effect; the rest is B.
        let squared = between * between;
        let errors: Vec<f64> = self.items.iter().map(|item| item.error(own)).collect();
        let kept: Vec<f64> = errors.iter().map(|error| squared / (squared + error)).collect();
        // Row by row: `B` and each `u`, a column for each item.
        let mut x = vec![0.0; (1 + self.replicates) * count];
        for (at, (item, kept)) in self.items.iter().zip(&kept).enumerate() {
            let column = x[at..].iter_mut().step_by(count);
            column.zip(&item.design).for_each(|(x, design)| *x = -kept * shared * design);
            x[at] = 1.0 - kept;
        }
        given.factor.solve_lower_all(&mut x, count);
        let (mut along, mut squares) = (vec![0.0; count], vec![0.0; count]);
        let mut battery = Vec::with_capacity(1 + self.replicates);
        for (row, half_solved) in x.chunks_exact(count).zip(&given.half_solved) {
            along.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * half_solved);
            squares.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
            battery.push(row.iter().map(|x| share * x).sum::<f64>());
        }
        let (mut center, mut variance) = (0.0, 0.0);
        let mut items = Vec::with_capacity(count);
        for (at, item) in self.items.iter().enumerate() {
            let (kept, error) = (kept[at], errors[at]);
            items.push(law(kept * item.difference, along[at], kept * error + squares[at]));
            center += share * kept * item.difference;
            variance += share * share * kept * error;
        }
        let along = dot(&battery, &given.half_solved);
        laws.push(law(center, along, variance + dot(&battery, &battery)));
        laws.extend(items);
        laws
    }
}

impl Item {
    /// Variance of the difference about its effect and the `u`, where `s_w` is `own`.
    fn error(&self, own: f64) -> f64 {
        self.arms.iter().map(|arm| (own * own + arm.variance) / arm.n()).sum()
    }
}

impl ItemArm {
    /// Of one column of an arm whose replicates start at place `first` of the design.
    fn of(
        arm: &ArmRates<'_>,
        item: usize,
        first: usize,
        priors: &Priors,
    ) -> Result<Self, PoolingError> {
        let variance = arm.variances[item];
        let scale = priors.replicate.min(priors.replicate_by_item).min(priors.between_items);
        if !(variance.is_finite() && variance > SMALLEST_VARIANCE * scale * scale) {
            return Err(PoolingError::Variance { item, found: variance });
        }
        let places = arm.rates.iter().enumerate();
        let mut deviations: Vec<(usize, f64)> =
            places.filter_map(|(place, row)| Some((first + place, row[item]?))).collect();
        if deviations.is_empty() {
            return Err(PoolingError::NoRate { item });
        }
        if !deviations.iter().all(|(_, rate)| rate.abs() < LARGEST_RATE) {
            return Err(PoolingError::NotFinite { item });
        }
        let mean = deviations.iter().map(|(_, rate)| rate).sum::<f64>() / deviations.len() as f64;
        for (_, rate) in &mut deviations {
            *rate -= mean;
        }
        Ok(Self { deviations, mean, variance })
    }

    /// Replicates with a rate.
    fn n(&self) -> f64 {
        self.deviations.len() as f64
    }
}

impl Equations {
    /// Solved where the `u` have deviation `shared`. In units of it their prior has variance 1,
    /// which keeps the matrix well-conditioned down to a deviation of 0.
    fn given(&self, shared: f64) -> Conditional {
        let size = self.right.len();
        let unit = |i: usize| if i == 0 { 1.0 } else { shared };
        let mut precision = self.precision.clone();
        for (i, column) in precision.chunks_exact_mut(size).enumerate() {
            let within = column[i..].iter_mut().enumerate();
            within.for_each(|(below, entry)| *entry *= unit(i) * unit(i + below));
            if i > 0 {
                column[i] += 1.0;
            }
        }
        let factor = Cholesky::of(precision, size)
            .expect("the priors keep it positive definite, the smallest variance its digits");
        let mut half_solved: Vec<f64> =
            self.right.iter().enumerate().map(|(i, right)| right * unit(i)).collect();
        factor.solve_lower(&mut half_solved);
        let quadratic = dot(&half_solved, &half_solved) - factor.log_determinant();
        Conditional { log_density: self.log_constant + 0.5 * quadratic, factor, half_solved }
    }
}

/// Node of one axis at a place of [`Battery::visit`].
fn node_of(at: usize, axis: usize, nodes: usize) -> usize {
    at / [1, nodes, nodes * nodes][axis] % nodes
}

fn highest(logs: &[f64]) -> f64 {
    logs.iter().fold(f64::NEG_INFINITY, |top, &log| top.max(log))
}

/// Shares that add to 1.
fn normalized(logs: &[f64]) -> Vec<f64> {
    let top = highest(logs);
    let masses: Vec<f64> = logs.iter().map(|log| (log - top).exp()).collect();
    let total: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / total).collect()
}

/// Mass of the lightest node to keep.
fn least_mass(masses: &[f64]) -> f64 {
    let mut sorted = masses.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut below = 0.0;
    let kept = sorted.iter().find(|&&mass| {
        below += mass;
        below > LEFT_OUT
    });
    *kept.expect("all the mass is more than what is left out")
}

/// Posterior of the deviation of one axis.
fn marginal(rule: &Rule, axis: &Axis, which: usize, masses: &[f64], confidence: f64) -> Posterior {
    let nodes = rule.nodes.len();
    let mut own = vec![0.0; nodes];
    for (at, mass) in masses.iter().enumerate() {
        own[node_of(at, which, nodes)] += mass;
    }
    let deviations: Vec<f64> = rule.nodes.iter().map(|&node| axis.deviation(node)).collect();
    let mean = dot(&own, &deviations);
    let squares: f64 = own.iter().zip(&deviations).map(|(m, x)| m * (x - mean).powi(2)).sum();
    let end = |share: f64| axis.deviation(rule.quantile(&own, share));
    let tail = (1.0 - confidence) / 2.0;
    Posterior { mean, sd: squares.sqrt(), low: end(tail), high: end(1.0 - tail) }
}

/// Summary of a mixture of normal laws.
fn effect(laws: &[Law], confidence: f64) -> Effect {
    let total: f64 = laws.iter().map(|law| law.weight).sum();
    let mean = laws.iter().map(|law| law.weight * law.mean).sum::<f64>() / total;
    let scatter = |law: &Law| law.weight * (law.sd.powi(2) + (law.mean - mean).powi(2));
    let sd = (laws.iter().map(scatter).sum::<f64>() / total).sqrt();
    let below = |x: f64| laws.iter().map(|law| law.weight * law.below(x)).sum::<f64>() / total;
    let density = |x: f64| laws.iter().map(|law| law.weight * law.density(x)).sum::<f64>() / total;
    let tail = (1.0 - confidence) / 2.0;
    // Cantelli: no law has a share of `tail` beyond this many deviations.
    let reach = sd / tail.sqrt();
    let end = |share: f64, sign: f64| {
        let start = mean + sign * normal_critical(confidence) * sd;
        invert_smooth(below, density, share, [mean - reach, start, mean + reach])
    };
    let posterior = Posterior { mean, sd, low: end(tail, -1.0), high: end(1.0 - tail, 1.0) };
    Effect { posterior, positive: 1.0 - below(0.0) }
}

impl Law {
    /// Probability of a value below `x`.
    fn below(&self, x: f64) -> f64 {
        0.5 * erfc((self.mean - x) / (self.sd * std::f64::consts::SQRT_2))
    }

    fn density(&self, x: f64) -> f64 {
        let z = (x - self.mean) / self.sd;
        (-0.5 * z * z).exp() / (self.sd * (2.0 * std::f64::consts::PI).sqrt())
    }
}

#[cfg(test)]
mod tests;
