//! The table of crates, and the comparison with what cargo knows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Violation;
use crate::shell::{self, Shell};

/// One crate: which layer it is on, and which crates of the workspace it may use.
struct Crate {
    name: &'static str,
    layer: u8,
    may_use: &'static [&'static str],
}

/// The picture in ARCHITECTURE.md as code. Every edge goes down by a layer or more.
const CRATES: [Crate; 12] = [
    Crate { name: "entail-schema", layer: 0, may_use: &[] },
    Crate { name: "entail-stats", layer: 1, may_use: &["entail-schema"] },
    Crate { name: "entail-engine", layer: 1, may_use: &["entail-schema"] },
    Crate { name: "entail-provider", layer: 1, may_use: &["entail-schema", "entail-faults"] },
    Crate { name: "entail-report", layer: 2, may_use: &["entail-schema", "entail-stats"] },
    Crate {
        name: "entail-data",
        layer: 2,
        may_use: &["entail-schema", "entail-engine", "entail-provider"],
    },
    Crate {
        name: "entail-eval",
        layer: 2,
        may_use: &["entail-schema", "entail-stats", "entail-provider"],
    },
    Crate {
        name: "entail-study",
        layer: 3,
        may_use: &[
            "entail-schema",
            "entail-stats",
            "entail-engine",
            "entail-provider",
            "entail-report",
            "entail-data",
            "entail-eval",
        ],
    },
    Crate {
        name: "entail",
        layer: 4,
        may_use: &[
            "entail-schema",
            "entail-stats",
            "entail-engine",
            "entail-provider",
            "entail-report",
            "entail-data",
            "entail-eval",
            "entail-study",
        ],
    },
    // A misbehaving server that tests start: it must not share a mistake with the clients that it tries.
    Crate { name: "entail-faults", layer: 0, may_use: &[] },
    Crate {
        name: "bench",
        layer: 4,
        may_use: &["entail-schema", "entail-stats", "entail-provider", "entail-faults"],
    },
    Crate {
        name: "xtask",
        layer: 4,
        may_use: &[
            "entail-schema",
            "entail-stats",
            "entail-engine",
            "entail-provider",
            "entail-data",
            "entail-study",
            "entail-faults",
        ],
    },
];

/// The layer of a crate of the table.
pub(super) fn layer(name: &str) -> Option<u8> {
    CRATES.iter().find(|row| row.name == name).map(|row| row.layer)
}

/// What a workspace has: each crate's manifest and the crates of the workspace that it uses.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    manifest: String,
    uses: BTreeSet<String>,
}

/// Compares the table with `cargo metadata`.
pub(super) fn check(shell: &Shell) -> Result<Vec<Violation>> {
    let query = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let text = shell::read(shell.command("cargo").args(query))?;
    let members = members(&serde_json::from_str(&text)?).context("output of cargo metadata")?;
    let mut violations = compare(&members, |manifest, name| {
        let text = shell.read(manifest).ok()?;
        text.lines().position(|line| line.starts_with(name)).map(|index| index + 1)
    });
    for folder in crate_folders(shell)? {
        let manifest = format!("crates/{folder}/Cargo.toml");
        if members.get(&folder).is_none_or(|member| member.manifest != manifest) {
            violations
                .push(Violation::whole(&manifest, format!("is not the workspace's `{folder}`")));
        }
    }
    Ok(violations)
}

/// Names of the folders in `crates/`, sorted.
pub(super) fn crate_folders(shell: &Shell) -> Result<Vec<String>> {
    let files = shell.tracked_files()?;
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|f| f.strip_prefix("crates/")?.split('/').next()).collect();
    Ok(folders.into_iter().map(str::to_owned).collect())
}

/// The workspace as `cargo metadata` describes it. Dev-dependencies are free.
fn members(metadata: &Value) -> Option<BTreeMap<String, Member>> {
    let root = metadata["workspace_root"].as_str()?;
    let packages = metadata["packages"].as_array()?;
    let names: BTreeSet<&str> =
        packages.iter().map(|package| package["name"].as_str()).collect::<Option<_>>()?;
    let member = |package: &Value| {
        let manifest = package["manifest_path"].as_str()?;
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/');
        let uses = package["dependencies"]
            .as_array()?
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|name| names.contains(name))
            .map(str::to_owned)
            .collect();
        Some((package["name"].as_str()?.to_owned(), Member { manifest: manifest.to_owned(), uses }))
    };
    packages.iter().map(member).collect()
}

/// What the table does not allow. `line_of` finds a dependency in a manifest.
fn compare(
    members: &BTreeMap<String, Member>,
    line_of: impl Fn(&str, &str) -> Option<usize>,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (name, Member { manifest, uses }) in members {
        let Some(row) = CRATES.iter().find(|row| row.name == name) else {
            let what =
                format!("unknown crate `{name}`: give it a layer in xtask/src/tidy/edges.rs");
            violations.push(Violation::whole(manifest, what));
            continue;
        };
        for used in uses.iter().filter(|used| !row.may_use.contains(&used.as_str())) {
            let what = format!(
                "forbidden edge: `{name}` (layer {}) may not use `{used}`, only {:?}",
                row.layer, row.may_use
            );
            let line = line_of(manifest, used);
            violations.push(Violation { file: manifest.clone(), line, what });
        }
    }
    for row in CRATES.iter().filter(|row| !members.contains_key(row.name)) {
        let what = format!("the table of crates has `{}`, the workspace does not", row.name);
        violations.push(Violation::whole("xtask/src/tidy/edges.rs", what));
    }
    violations
}

#[cfg(test)]
mod tests;
