//! `entail data export`: a study's answers and training rows in the formats of other tools.

use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use entail_eval::inspect::{Log, Moment, WriteError, write_eval, write_json};
use entail_eval::{RowForm, training_jsonl};
use entail_schema::Message;
use entail_study::{ReplicateLog, TrainedRows, replicate_logs, trained_rows};
use serde_json::{Value, json};

use crate::StudyArgs;
use crate::folder::write_whole;
use crate::registration;
use crate::run::{Failure, Place, Study, load};
use crate::speech::{print, talk};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// The format.
    #[arg(long, value_name = "FORMAT")]
    to: Format,
    /// Logs of Inspect as `.json`, in place of `.eval`.
    #[arg(long)]
    json_logs: bool,
    /// Folder of the files; what stands there under their names is replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Whose format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Answers and verdicts as logs of `inspect_ai`, one for each replicate of each arm.
    Inspect,
    /// Rows of each training run, as OpenAI's fine-tuning takes them: `messages`.
    Openai,
    /// The same for TRL: `prompt` and `completion`, of which the last answer alone is learned.
    Trl,
}

pub(crate) fn export(args: &ExportArgs) -> Result<(), Failure> {
    let form = match args.to {
        Format::Inspect => None,
        Format::Openai => Some(RowForm::Messages),
        Format::Trl => Some(RowForm::PromptCompletion),
    };
    if args.json_logs && form.is_some() {
        return Err(Failure::Options("--json-logs is for logs: it goes with --to inspect only"));
    }
    let study = load(&args.study)?;
    let place = Place::open(&args.study.store)?;
    let Some(begun) = registration::begun(&study.plan, &place)? else {
        let what =
            "this study has not been run with these options in this store; `entail run` first";
        return Err(Failure::NotRun { path: args.study.study.clone(), what });
    };
    let output = |error| Failure::Output { path: args.out.clone(), error };
    fs::create_dir_all(&args.out).map_err(output)?;
    let files = match form {
        None => logs(&study, &place, Moment(begun), args)?,
        Some(form) => rows(&study, &place, form, args)?,
    };
    if args.study.json {
        let (name, plan) = (study.plan.name(), study.plan.key());
        let json = json!({ "study": name, "plan": plan, "folder": args.out, "files": files });
        return print(&format!("{json}\n"));
    }
    print(&format!("{} files: {}\n", files.len(), args.out.display()))
}

/// Writes a log for each replicate of each arm.
fn logs(
    study: &Study,
    place: &Place,
    begun: Moment,
    args: &ExportArgs,
) -> Result<Vec<Value>, Failure> {
    let mut files = Vec::new();
    for found in replicate_logs(&study.plan, &place.completions, begun) {
        let found = found.map_err(|error| place.store_failure(error))?;
        let log = found.log();
        let ending = if args.json_logs { "json" } else { "eval" };
        let name = format!("{}.{ending}", log.file_stem());
        let bytes = bytes(&log, args.json_logs);
        write(&args.out, &name, bytes.map_err(io::Error::other))?;
        let ReplicateLog { missing, unjudged, .. } = found;
        if missing + unjudged > 0 {
            talk(format_args!(
                "{name}: {missing} answers are missing, {unjudged} wait for a judge"
            ));
        }
        files.push(json!({
            "file": name, "status": log.status.as_str(), "answers": log.samples.len(), "missing": missing, "unjudged": unjudged,
        }));
    }
    Ok(files)
}

fn bytes(log: &Log<'_>, as_json: bool) -> Result<Vec<u8>, WriteError> {
    let mut sink = Cursor::new(Vec::new());
    if as_json {
        write_json(log, &mut sink)?;
    } else {
        write_eval(log, &mut sink)?;
    }
    Ok(sink.into_inner())
}

/// Writes the rows of each training run.
fn rows(
    study: &Study,
    place: &Place,
    form: RowForm,
    args: &ExportArgs,
) -> Result<Vec<Value>, Failure> {
    let path = || args.study.study.clone();
    let all = trained_rows(&study.plan, &place.shelf).map_err(|error| place.failure(error))?;
    if all.is_empty() {
        let what = "no arm of this study is trained, so that there are no rows";
        return Err(Failure::NotRun { path: path(), what });
    }
    let mut files = Vec::new();
    for TrainedRows { arm, base, replicate, key, rows } in all {
        let Some(rows) = rows else {
            talk(format_args!(
                "{arm} on {base}, replicate {replicate}: its rows are not drawn yet"
            ));
            continue;
        };
        let messages: Vec<Vec<Message>> = rows.into_iter().map(|row| row.messages).collect();
        let text = training_jsonl(&messages, form);
        let name = format!("{}_{replicate}_{}.jsonl", plain(&arm), key.short());
        write(&args.out, &name, text.map(String::into_bytes).map_err(io::Error::other))?;
        files.push(json!({
            "file": name, "arm": arm, "base": base, "replicate": replicate, "rows": messages.len(),
        }));
    }
    Ok(files)
}

fn write(folder: &Path, name: &str, bytes: io::Result<Vec<u8>>) -> Result<(), Failure> {
    let path = folder.join(name);
    let written = bytes.and_then(|bytes| write_whole(&path, &bytes));
    written.map_err(|error| Failure::Output { path, error })
}

/// A name without characters that mean something to a shell or a file system.
fn plain(name: &str) -> String {
    name.replace(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'), "-")
}
