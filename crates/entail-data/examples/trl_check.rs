//! Two halves of a check that `fixtures/trl/check.py` runs: writes a job's folder, and reads the adapter that the job's
//! script made.
//!
//! `trl_check write BASE FOLDER` and `trl_check read BASE ADAPTER`.
#![expect(clippy::print_stdout, reason = "a program to be run by hand and by checks")]
#![expect(clippy::disallowed_methods, reason = "a program that writes files")]

use std::error::Error;
use std::fs;
use std::path::Path;

use entail_data::{TrlRecipe, trl_job};
use entail_engine::{Config, Message, read_adapter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", base, folder] => write(base, Path::new(folder)),
        ["read", base, adapter] => read(Path::new(base), Path::new(adapter)),
        _ => {
            println!("trl_check: SKIPPED, expected `write BASE FOLDER` or `read BASE ADAPTER`");
            Ok(())
        }
    }
}

fn write(base: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let words = ["red", "green", "blue", "stone", "river"];
    let rows: Vec<Vec<Message>> = words
        .iter()
        .map(|word| {
            vec![
                Message::user(format!("what is {word}")),
                Message::assistant(format!("{word} is {word}")),
            ]
        })
        .collect();
    let recipe = TrlRecipe {
        base: base.to_owned(),
        rank: 4,
        alpha: 8.0,
        batch: 4,
        rate: 1e-2,
        linear: true,
        weight_decay: 0.0,
        clip_norm: Some(1.0),
        init_seed: 3,
    };
    // Two epochs, each with a short batch.
    let batches = [vec![4, 2, 0, 1], vec![3], vec![1, 3, 2, 4], vec![0]];
    for file in trl_job(&recipe, &rows, &batches)? {
        fs::write(folder.join(file.name), file.content)?;
    }
    Ok(())
}

fn read(base: &Path, adapter: &Path) -> Result<(), Box<dyn Error>> {
    let config = Config::parse(&fs::read_to_string(base.join("config.json"))?)?;
    let description = fs::read_to_string(adapter.join("adapter_config.json"))?;
    let tensors = fs::read(adapter.join("adapter_model.safetensors"))?;
    let adapter = read_adapter(&config, &description, &tensors)?;
    println!(
        "rank {} alpha {} of {} maps",
        adapter.config.rank,
        adapter.config.alpha,
        adapter.config.targets.len()
    );
    Ok(())
}
