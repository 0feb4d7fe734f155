//! Decimal numbers as people and models write them, compared without rounding.

use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

use regex::Regex;
use serde::Serialize;

/// A decimal number in one spelling: no zeros that change nothing, and no sign of zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decimal(String);

impl Decimal {
    /// Reads digits, perhaps with a minus before them and a point among them; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        Some(Self(match (whole.trim_start_matches('0'), fraction.trim_end_matches('0')) {
            ("", "") => "0".to_owned(),
            (whole, "") => format!("{sign}{whole}"),
            ("", fraction) => format!("{sign}0.{fraction}"),
            (whole, fraction) => format!("{sign}{whole}.{fraction}"),
        }))
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The last number in a text that is no remark in round brackets, as in "265 minutes (4 hours and 25 minutes)"; the last
/// of all where every number stands in such a remark.
pub(super) fn last_number(text: &str) -> Option<Decimal> {
    // LaTeX writes its formulas between `\(` and `\)`, which are no brackets of the text.
    static REMARK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(^|[^\\])\([^()]*\)").expect("a fixed pattern"));
    last_of_all(&REMARK.replace_all(text, "$1 ")).or_else(|| last_of_all(text))
}

/// Digits behind a letter are part of a name (H2O, E4). A hyphen is a minus where no letter or digit stands before it.
/// Groups of three digits may be set apart by a comma, by a space that does not break, or by LaTeX's `{,}` and `\,`.
fn last_of_all(text: &str) -> Option<Decimal> {
    static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r"(?x)
            (?: ^ | [^\p{L}\p{N}] )
            (?<minus> [-\u{2212}\u{2013}] | (?i: minus | negative ) \s+ )?
            (?<digits>
                (?: [0-9]{1,3} (?: (?: , | \{,\} | \\, | [\u{a0}\u{2009}\u{202f}] ) [0-9]{3} )+ | [0-9]+ )
                (?: \.[0-9]+ )?
                | \.[0-9]+
            )";
        Regex::new(pattern).expect("a fixed pattern")
    });
    let found = NUMBER.captures_iter(text).last()?;
    let sign = if found.name("minus").is_some() { "-" } else { "" };
    let kept = |c: &char| c.is_ascii_digit() || *c == '.';
    let digits: String = found["digits"].chars().filter(kept).collect();
    Decimal::parse(&format!("{sign}{digits}"))
}

#[cfg(test)]
mod tests;
