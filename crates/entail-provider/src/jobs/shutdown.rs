//! When fine-tunes stop being served, in one place.
//!
//! Source: <https://platform.openai.com/docs/deprecations>, read in November 2026: fine-tunes stop with the base that
//! they are built on. No new jobs are taken after 2027-01-06.

/// The day on which models of one base stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shutdown {
    /// Start of the base's name; the first row that fits counts.
    base: &'static str,
    /// Seconds since 1970 at the start of that day.
    pub(super) unix: u64,
    day: &'static str,
}

const OCTOBER: (u64, &str) = (1_792_713_600, "2026-10-23");
const JANUARY: (u64, &str) = (1_799_884_800, "2027-01-14");

/// Longer names stand before those they begin with.
const SHUTDOWNS: [Shutdown; 6] = [
    row("gpt-4.1-nano", OCTOBER),
    row("gpt-4.1", JANUARY),
    row("gpt-4o", JANUARY),
    row("gpt-4", OCTOBER),
    row("gpt-3.5-turbo", OCTOBER),
    row("o4-mini", OCTOBER),
];

const fn row(base: &'static str, (unix, day): (u64, &'static str)) -> Shutdown {
    Shutdown { base, unix, day }
}

impl Shutdown {
    /// What to know about it.
    pub(super) fn note(self) -> String {
        format!(
            "fine-tunes of {} stop on {} (platform.openai.com/docs/deprecations)",
            self.base, self.day
        )
    }
}

/// The known end of a base, which may itself be a fine-tune.
pub(super) fn of(base: &str) -> Option<Shutdown> {
    let base = base.strip_prefix("ft:").unwrap_or(base);
    SHUTDOWNS.into_iter().find(|row| base.starts_with(row.base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_name_counts() {
        let day = |base| of(base).map(|shutdown| shutdown.day);
        assert_eq!(day("gpt-4.1-nano-2025-04-14"), Some("2026-10-23"));
        assert_eq!(day("gpt-4.1-2025-04-14"), Some("2027-01-14"));
        assert_eq!(day("gpt-4.1-mini-2025-04-14"), Some("2027-01-14"));
        assert_eq!(day("ft:gpt-4o-mini-2024-07-18:org:x:abc"), Some("2027-01-14"));
        assert_eq!(day("gpt-4-0613"), Some("2026-10-23"));
        assert_eq!(day("Qwen/Qwen3-8B"), None);
        assert!(of("gpt-4.1").unwrap().note().contains("2027-01-14"));
    }
}
