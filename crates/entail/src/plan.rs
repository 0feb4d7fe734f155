//! `entail plan`: what a run would do.

use std::sync::atomic::AtomicBool;

use entail_study::{Workshop, describe, status};

use crate::StudyArgs;
use crate::run::{Failure, Place, load};

pub(crate) fn plan(args: &StudyArgs) -> Result<(), Failure> {
    let plan = load(args)?;
    let place = Place::open(&args.store)?;
    let cancelled = AtomicBool::new(false);
    let workshop = Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        progress: &|_| {},
        cancelled: &cancelled,
        side_by_side: 1,
    };
    let steps = status(&plan, workshop).map_err(Failure::Run)?;
    if args.json {
        let json = serde_json::json!({
            "study": plan.name(),
            "plan": plan.key(),
            "arms": describe(&plan).into_iter().map(|(arm, what)| serde_json::json!({ "arm": arm, "intervention": what }))
                .collect::<Vec<_>>(),
            "steps": steps,
        });
        println!("{}", serde_json::to_string_pretty(&json).expect("plain data"));
        return Ok(());
    }
    println!("study {}, plan {}\n", plan.name(), plan.key().short());
    for (arm, what) in describe(&plan) {
        println!("  {arm}: {what}");
    }
    println!("\n  {:<14} {:>8} {:>8}  what", "step", "cached", "to do");
    for step in &steps {
        println!("  {:<14} {:>8} {:>8}  {}", step.kind, step.cached, step.to_do, step.what);
    }
    Ok(())
}
