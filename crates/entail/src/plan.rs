//! `entail plan`: what a run would do.

use std::fmt::{self, Write};
use std::sync::atomic::AtomicBool;

use entail_study::{Workshop, describe, status};

use crate::StudyArgs;
use crate::run::{Failure, Place, load};
use crate::speech::print;

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
    let steps = status(&plan, workshop).map_err(|error| place.failure(error))?;
    let arms = describe(&plan);
    if args.json {
        let arms = arms
            .into_iter()
            .map(|(arm, what)| serde_json::json!({ "arm": arm, "intervention": what }));
        let json = serde_json::json!({
            "study": plan.name(), "plan": plan.key(), "arms": arms.collect::<Vec<_>>(), "steps": steps,
        });
        return print(&format!("{json:#}\n"));
    }
    let mut text = format!("study {}, plan {}\n\n", plan.name(), plan.key().short());
    let mut line =
        |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all text");
    for (arm, what) in arms {
        line(format_args!("  {arm}: {what}"));
    }
    line(format_args!("\n  {:<14} {:>8} {:>8}  what", "step", "cached", "to do"));
    for step in &steps {
        line(format_args!(
            "  {:<14} {:>8} {:>8}  {}",
            step.kind, step.cached, step.to_do, step.what
        ));
    }
    print(&text)
}
