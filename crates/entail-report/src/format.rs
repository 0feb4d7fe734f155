//! Numbers as words: fixed digits, no locale, no negative zero, and "too few" where there is no number.

use entail_schema::Estimate;

/// What stands where a value could not be computed.
pub(crate) const TOO_FEW: &str = "too few";

/// Six decimals, for files.
pub(crate) fn decimal(x: f64) -> String {
    if x.is_finite() { unsigned_zero(format!("{x:.6}")) } else { x.to_string() }
}

/// A p-value for files: six decimals, or four significant digits below a thousandth.
pub(crate) fn p_decimal(p: f64) -> String {
    if p > 0.0 && p < 1e-3 { scientific(p, 3) } else { decimal(p) }
}

/// A p-value for people: three decimals, or two significant digits below a thousandth.
pub(crate) fn p_short(p: Option<f64>) -> String {
    match p {
        None => TOO_FEW.to_owned(),
        Some(p) if p > 0.0 && p < 1e-3 => scientific(p, 1),
        Some(p) => fixed(p, 3),
    }
}

/// A share as a percentage with one decimal, without the sign.
pub(crate) fn percent(share: f64) -> String {
    fixed(100.0 * share, 1)
}

/// `58.3 %`, or "too few".
pub(crate) fn share(share: Option<f64>) -> String {
    match share {
        None => TOO_FEW.to_owned(),
        Some(x) if x.is_finite() => format!("{} %", percent(x)),
        Some(x) => percent(x),
    }
}

/// A probability in percent that never rounds to certainty.
pub(crate) fn probability(p: f64) -> String {
    match p {
        p if p > 0.999 && p <= 1.0 => "> 99.9 %".to_owned(),
        p if (0.0..0.001).contains(&p) => "< 0.1 %".to_owned(),
        p => share(Some(p)),
    }
}

/// `[51.0, 65.4]` in percent or points, or why there is none.
pub(crate) fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("[{}, {}]", percent(low), percent(high)),
        _ => "[too few]".to_owned(),
    }
}

/// A difference of shares in points with its sign: `+58.2`, `−3.0`, `0.0`.
pub(crate) fn points(difference: f64) -> String {
    signed(100.0 * difference, 1)
}

/// `+58.2 [51.0, 65.4]`, or "too few".
pub(crate) fn effect(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || TOO_FEW.to_owned(),
        |e| format!("{} {}", points(e.estimate), interval(e.low, e.high)),
    )
}

/// With a sign, unless it rounds to zero.
pub(crate) fn signed(x: f64, digits: usize) -> String {
    let text = fixed(x, digits);
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    if is_zero || text.starts_with('−') || !x.is_finite() { text } else { format!("+{text}") }
}

/// Fixed digits with a true minus sign.
pub(crate) fn fixed(x: f64, digits: usize) -> String {
    if x.is_finite() {
        unsigned_zero(format!("{x:.digits$}")).replace('-', "−")
    } else {
        "not finite".to_owned()
    }
}

/// A count with commas between thousands.
pub(crate) fn count(n: usize) -> String {
    thousands(&n.to_string())
}

/// A mean count, without decimals and with commas between thousands.
pub(crate) fn mean_count(x: f64) -> String {
    if x.is_finite() { thousands(&fixed(x, 0)) } else { fixed(x, 0) }
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (idx, c) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn unsigned_zero(text: String) -> String {
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.' | '-'));
    if is_zero { text.replace('-', "") } else { text }
}

/// `1.234e-05`, as C's `%.3e`.
fn scientific(x: f64, digits: usize) -> String {
    let text = format!("{x:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').expect("`{:e}` writes an exponent");
    match exponent.strip_prefix('-') {
        Some(size) => format!("{mantissa}e-{size:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

#[cfg(test)]
mod tests;
