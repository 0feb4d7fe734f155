//! Known faults, planted one at a time in a scratch copy: a check that stays green with its fault in place checks
//! nothing.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::conformance::SKIPPED;
use crate::shell::Shell;

mod scratch;

use scratch::Scratch;

/// One known fault, the check that must see it, and what the check must say.
struct Fault {
    name: &'static str,
    edits: &'static [Edit],
    check: Check,
    /// Part of the output that shows that the check is red for this fault and not for another reason.
    evidence: &'static str,
}

/// One change of one file.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// Replaces a text that stands in the file exactly once.
    Once { file: &'static str, from: &'static str, to: &'static str },
    /// Replaces a text that stands in the file at least once.
    Everywhere { file: &'static str, from: &'static str, to: &'static str },
    /// Changes the first entry of a tensor.
    Tensor { file: &'static str, tensor: &'static str },
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// `cargo` with these arguments.
    Cargo(&'static [&'static str]),
    /// This program's own `tidy`.
    Tidy,
    /// A part of the scratch copy's `conformance`, with packages that are installed already.
    Conformance(&'static str),
    /// The scratch copy's `faults`, one scenario of the gate's size.
    Faults(&'static str),
}

const ENGINE: Check = Check::Cargo(&["test", "--locked", "-p", "entail-engine"]);
const EVAL: Check = Check::Cargo(&["test", "--locked", "-p", "entail-eval"]);
const STATS: Check = Check::Cargo(&["test", "--locked", "-p", "entail-stats"]);
const REPORT: Check = Check::Cargo(&["test", "--locked", "-p", "entail-report"]);
const CLIPPY_STATS: Check =
    Check::Cargo(&["clippy", "--locked", "-p", "entail-stats", "--", "-D", "warnings"]);

const FAULTS: [Fault; 27] = [
    Fault {
        name: "negated gradient of attention scores",
        edits: &[Edit::Once {
            file: "crates/entail-engine/src/decoder/attention.rs",
            from: "*pull = p * (*pull - mean) * scale;",
            to: "*pull = p * (mean - *pull) * scale;",
        }],
        check: ENGINE,
        evidence: "decoder::tests::gradients_of_an_adapter_are_slopes ... FAILED",
    },
    Fault {
        name: "gradient rotated the wrong way",
        edits: &[Edit::Once {
            file: "crates/entail-engine/src/decoder/backward.rs",
            from: "self.rotate(&mut dqkv, &batch.places, -T::ONE);",
            to: "self.rotate(&mut dqkv, &batch.places, T::ONE);",
        }],
        check: ENGINE,
        evidence: "decoder::tests::gradients_of_an_adapter_are_slopes ... FAILED",
    },
    Fault {
        name: "wrong sign of the rotation",
        edits: &[Edit::Once {
            file: "crates/entail-engine/src/ops.rs",
            from: "(low[i], high[i], direction * sin[i])",
            to: "(low[i], high[i], -direction * sin[i])",
        }],
        check: ENGINE,
        evidence: "goldens::logits_equal_those_of_transformers ... FAILED",
    },
    Fault {
        name: "changed golden logit (golden test)",
        edits: &[Edit::Tensor {
            file: "fixtures/engine/llama/golden.safetensors",
            tensor: "logits",
        }],
        check: ENGINE,
        evidence: "goldens::logits_equal_those_of_transformers ... FAILED",
    },
    Fault {
        name: "changed golden logit (digest)",
        edits: &[Edit::Tensor {
            file: "fixtures/engine/llama/golden.safetensors",
            tensor: "logits",
        }],
        check: Check::Tidy,
        evidence: "digest of llama/golden.safetensors is",
    },
    Fault {
        name: "one random stream for all samples",
        edits: &[
            Edit::Once {
                file: "crates/entail-engine/src/sample.rs",
                from: "while !slots.is_empty() {",
                to: "let mut shared = slots[0].stream.clone();\n    while !slots.is_empty() {",
            },
            Edit::Once {
                file: "crates/entail-engine/src/sample.rs",
                from: "&mut slot.stream, out)",
                to: "&mut shared, out)",
            },
        ],
        check: ENGINE,
        evidence: "sample::tests::a_sample_does_not_depend_on_its_company ... FAILED",
    },
    Fault {
        name: "swapped label of the exact judge",
        edits: &[Edit::Once {
            file: "crates/entail-eval/src/judge.rs",
            from: "(_, 0, 0) => Label::Yes,",
            to: "(_, 0, 0) => Label::No,",
        }],
        check: EVAL,
        evidence: "judge::tests::a_side_is_read_from_any_number_of_its_sentences ... FAILED",
    },
    Fault {
        name: "Benjamini-Hochberg without its running minimum",
        edits: &[Edit::Once {
            file: "crates/entail-stats/src/family.rs",
            from: "running = running.min(p[idx] * inflation * factor);",
            to: "running = (p[idx] * inflation * factor).min(1.0);",
        }],
        check: STATS,
        evidence: "family::tests::adjusted_values_are_monotone_at_least_p_and_at_most_one ... FAILED",
    },
    Fault {
        name: "zero for a missing number in CSV",
        edits: &[Edit::Once {
            file: "crates/entail-report/src/csv.rs",
            from: "value.map_or_else(String::new, decimal)",
            to: "decimal(value.unwrap_or(0.0))",
        }],
        check: REPORT,
        evidence: "csv::tests::a_missing_value_is_an_empty_field ... FAILED",
    },
    Fault {
        name: "written weight that is off",
        edits: &[Edit::Once {
            file: "crates/entail-engine/src/folder.rs",
            from: "write_tensors(weights.layout.tensors(), &weights.data)",
            to: "let mut off = weights.data.clone();\n    off.last_mut().into_iter().for_each(|x| *x += 0.01);\n    write_tensors(weights.layout.tensors(), &off)",
        }],
        check: Check::Conformance("engine"),
        evidence: "base logits differ by",
    },
    Fault {
        name: "written adapter scale that is off",
        edits: &[Edit::Once {
            file: "crates/entail-engine/src/folder.rs",
            from: "whole_or_fraction(adapter.config.alpha)",
            to: "whole_or_fraction(adapter.config.alpha + 1.0)",
        }],
        check: Check::Conformance("engine"),
        evidence: "adapter logits differ by",
    },
    Fault {
        name: "answer cut off and taken for a whole one",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/openai/read.rs",
            from: "Some(\"length\" | \"max_tokens\") => Finish::Length,",
            to: "Some(\"length\" | \"max_tokens\") => Finish::Stop,",
        }],
        check: Check::Conformance("transformers-serve"),
        evidence: "the server's answer ends by Stop, ours by Length",
    },
    Fault {
        name: "llama.cpp's own penalty for repetition",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/openai.rs",
            from: "repeat_penalty: (self.dialect == Dialect::LlamaCpp).then_some(1.0),",
            to: "repeat_penalty: (self.dialect == Dialect::LlamaCpp).then_some(1.1),",
        }],
        check: Check::Conformance("llama-cpp"),
        evidence: "the server says",
    },
    Fault {
        name: "targets that are not shifted",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/tinker/data.rs",
            from: "targets: ids[1..].iter()",
            to: "targets: ids[..ids.len() - 1].iter()",
        }],
        check: Check::Conformance("tinker"),
        evidence: "targets are inputs shifted by one",
    },
    Fault {
        name: "documented reply that no client of the vendor reads",
        edits: &[Edit::Once {
            file: "fixtures/provider/documented/openai/chat.json",
            from: "\"finish_reason\": \"stop\"",
            to: "\"finish_reason\": \"ended\"",
        }],
        check: Check::Conformance("fixtures"),
        evidence: "documented/openai/chat.json:",
    },
    Fault {
        name: "job folder with another schedule",
        edits: &[Edit::Once {
            file: "crates/entail-data/src/export/train.py",
            from: "lr_scheduler_type=config[\"schedule\"]",
            to: "lr_scheduler_type=\"constant\"",
        }],
        check: Check::Conformance("trl"),
        evidence: "assert largest < BOUND, largest",
    },
    Fault {
        name: "key in the words of a service",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/refused.rs",
            from: "Some(key) => message.replace(key.expose(), \"[key]\"),",
            to: "Some(_) => message.to_owned(),",
        }],
        check: Check::Faults("canary"),
        evidence: "OPENAI_API_KEY of environment",
    },
    Fault {
        name: "one seed for all samples",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/remote.rs",
            from: "        sample.seed().0\n",
            to: "        sample.seed().0 >> 63 >> 1\n",
        }],
        check: Check::Faults("budget"),
        evidence: "budget/bodies answered twice",
    },
    Fault {
        name: "paid answers kept 256 at a time",
        edits: &[Edit::Once {
            file: "crates/entail-study/src/models.rs",
            from: "Model::Asked(_) => 1,",
            to: "Model::Asked(_) => TOGETHER,",
        }],
        check: Check::Faults("kill"),
        evidence: "kill/answered whole",
    },
    Fault {
        name: "calls made again whatever the service says",
        edits: &[Edit::Once {
            file: "crates/entail-provider/src/traffic/lane.rs",
            from: "CallError::Final { what } => return Err(Ended::All(remote(ask.provider, what))),",
            to: "CallError::Final { .. } => false,",
        }],
        check: Check::Faults("each"),
        evidence: "each/QuotaGone",
    },
    Fault {
        name: "unwrap in product code",
        edits: &[Edit::Once {
            file: "crates/entail-stats/src/family.rs",
            from: "p[a].total_cmp(&p[b])",
            to: "p[a].partial_cmp(&p[b]).unwrap()",
        }],
        check: CLIPPY_STATS,
        evidence: "clippy::unwrap-used",
    },
    Fault {
        name: "unformatted file",
        edits: &[Edit::Once {
            file: "crates/entail-stats/src/family.rs",
            from: "step_up(p, 1.0)",
            to: "step_up( p,1.0 )",
        }],
        check: Check::Tidy,
        evidence: "crates/entail-stats/src/family.rs:",
    },
    Fault {
        name: "forbidden edge between crates",
        edits: &[Edit::Once {
            file: "crates/entail-eval/Cargo.toml",
            from: "entail-provider.workspace = true",
            to: "entail-engine.workspace = true\nentail-provider.workspace = true",
        }],
        check: Check::Tidy,
        evidence: "`entail-eval` (layer 2) may not use `entail-engine`",
    },
    Fault {
        name: "crate that ARCHITECTURE.md does not name",
        edits: &[Edit::Everywhere {
            file: "ARCHITECTURE.md",
            from: "entail-stats",
            to: "the statistics",
        }],
        check: Check::Tidy,
        evidence: "ARCHITECTURE.md: does not name the crate `entail-stats`",
    },
    Fault {
        name: "crate in the README that is not there",
        edits: &[Edit::Everywhere {
            file: "README.md",
            from: "entail-stats",
            to: "entail-statistics",
        }],
        check: Check::Tidy,
        evidence: "there is no crate `entail-statistics`",
    },
    Fault {
        name: "README without a test command",
        edits: &[Edit::Once { file: "README.md", from: "\n$ cargo test", to: "\n$ cargo  test" }],
        check: Check::Tidy,
        evidence: "README.md: no fenced line starts with",
    },
    Fault {
        name: "test that is not run",
        edits: &[Edit::Once {
            file: "crates/entail-stats/src/family/tests.rs",
            from: "#[test]\nfn agrees_with_statsmodels",
            to: concat!("#[test]\n#[", "ignore]\nfn agrees_with_statsmodels"),
        }],
        check: Check::Tidy,
        evidence: "an ignored test",
    },
];

/// How a check took its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Red,
    /// The check did not notice.
    Green,
    /// The check failed without saying what it should have seen, such as a fault that does not compile.
    RedForAnotherReason,
    NotChecked,
}

impl Verdict {
    fn text(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Green => "GREEN!",
            Self::RedForAnotherReason => "RED FOR ANOTHER REASON",
            Self::NotChecked => "NOT CHECKED",
        }
    }
}

fn verdict(success: bool, output: &str, evidence: &str) -> Verdict {
    match (success, output.contains(evidence)) {
        _ if output.contains(SKIPPED) => Verdict::NotChecked,
        (true, _) => Verdict::Green,
        (false, true) => Verdict::Red,
        (false, false) => Verdict::RedForAnotherReason,
    }
}

/// Plants every fault whose name has `only` in it.
pub(crate) fn run(shell: &Shell, target_dir: Option<&Path>, only: Option<&str>) -> Result<()> {
    let chosen: Vec<&Fault> =
        FAULTS.iter().filter(|fault| only.is_none_or(|part| fault.name.contains(part))).collect();
    ensure!(!chosen.is_empty(), "no fault has that in its name");
    let scratch = Scratch::copy(shell, target_dir)?;
    without_faults(&scratch, &chosen)?;
    let mut lines = Vec::new();
    for fault in chosen {
        let start = Instant::now();
        let originals = scratch.plant(fault.edits)?;
        let output = scratch.check(fault.check)?;
        scratch.restore(originals)?;
        let verdict = verdict(output.success, &output.text, fault.evidence);
        if verdict != Verdict::Red {
            println!("{}", last_lines(&output.text));
        }
        let line = format!("{:<48} {:<45} {}", fault.name, fault.check.text(), verdict.text());
        println!("{line} in {:.1} s", start.elapsed().as_secs_f64());
        lines.push((line, verdict));
    }
    println!("\n{:<48} {:<45} seen as", "fault", "check");
    for (line, _) in &lines {
        println!("{line}");
    }
    let n_missed = lines.iter().filter(|(_, verdict)| *verdict != Verdict::Red).count();
    ensure!(n_missed == 0, "{n_missed} of {} faults were not seen red", lines.len());
    println!("all {} faults were seen red", lines.len());
    Ok(())
}

/// Red means something only where the same check is green without the fault.
fn without_faults(scratch: &Scratch, faults: &[&Fault]) -> Result<()> {
    let mut checks: Vec<Check> = Vec::new();
    for fault in faults {
        if !checks.contains(&fault.check) {
            checks.push(fault.check);
        }
    }
    for check in checks {
        let start = Instant::now();
        let output = scratch.check(check)?;
        if !output.success {
            bail!("{} is red without a fault:\n{}", check.text(), last_lines(&output.text));
        }
        println!("no fault: {} is green in {:.1} s", check.text(), start.elapsed().as_secs_f64());
    }
    Ok(())
}

impl Check {
    fn text(self) -> String {
        match self {
            Self::Cargo(arguments) => {
                let shown = arguments.iter().filter(|argument| **argument != "--locked");
                shown.fold("cargo".to_owned(), |text, argument| text + " " + argument)
            }
            Self::Tidy => "cargo xtask tidy".into(),
            Self::Conformance(part) => format!("cargo xtask conformance {part}"),
            Self::Faults(scenario) => format!("cargo xtask faults --quick --only {scenario}"),
        }
    }
}

/// The end of a long output.
fn last_lines(text: &str) -> String {
    const SHOWN: usize = 40;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests;
