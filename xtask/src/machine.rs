//! What the numbers were measured on.

use std::thread::available_parallelism;

use crate::shell::{self, Shell};

/// Instructions worth naming where a processor has them.
const FEATURES: [&str; 6] = ["sse4_2", "avx", "avx2", "fma", "avx512f", "avx512vl"];

pub(crate) struct Machine {
    cpu: String,
    cores: Option<usize>,
    features: Vec<&'static str>,
    rustc: String,
}

impl Machine {
    pub(crate) fn look(shell: &Shell) -> Self {
        let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let rustc = shell::read(shell.command("rustc").arg("--version"));
        Self {
            cpu: field(&about, "model name").unwrap_or("unknown processor").to_owned(),
            cores: available_parallelism().ok().map(usize::from),
            features: features(field(&about, "flags").unwrap_or_default()),
            rustc: rustc.map_or_else(|_| "unknown rustc".to_owned(), |text| text.trim().to_owned()),
        }
    }

    /// One fact a line.
    pub(crate) fn lines(&self) -> Vec<String> {
        let cores = self.cores.map_or("unknown".to_owned(), |cores| cores.to_string());
        vec![
            format!("processor: {}, {cores} cores seen", self.cpu),
            format!("instructions: {}", self.features.join(" ")),
            format!("ours: {}, release, no `target-cpu`", self.rustc),
        ]
    }
}

/// Value of a field of the first processor.
fn field<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = about.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

fn features(flags: &str) -> Vec<&'static str> {
    let has = |feature: &&str| flags.split_whitespace().any(|flag| flag == *feature);
    FEATURES.into_iter().filter(has).collect()
}

/// Mean number of processes that wanted to run over the last minute.
pub(crate) fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_first_processor_are_found() {
        let about =
            "processor\t: 0\nmodel name\t: A B 7\nflags\t\t: fpu avx2 avx512f\n\nmodel name\t: C\n";
        assert_eq!(field(about, "model name"), Some("A B 7"));
        assert_eq!(field(about, "nothing"), None);
        assert_eq!(features(field(about, "flags").unwrap()), ["avx2", "avx512f"]);
    }
}
