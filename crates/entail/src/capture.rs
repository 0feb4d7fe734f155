//! `entail capture`: asks a model a whole battery now and keeps everything, to be judged whenever.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use entail_provider::{ExchangeError, Sampling};
use entail_study::{Capture, CaptureSpec, Workshop};

use crate::CaptureArgs;
use crate::around::Around;
use crate::folder::write_whole_by;
use crate::run::{Failure, Place, Teller, handle_interrupts};
use crate::services::Reach;
use crate::speech::{print, talk};

pub(crate) fn capture(args: &CaptureArgs) -> Result<(), Failure> {
    let around = Around::of(None)?;
    let spec = CaptureSpec {
        model: args.model.clone(),
        batteries: args.batteries.clone(),
        world: args.world,
        system: args.system.clone(),
        sampling: Sampling {
            logprobs: args.logprobs,
            ..Sampling::new(args.temperature, args.top_p, args.max_tokens.get())
        },
        samples: args.samples.get(),
        limit: args.limit.map(std::num::NonZeroUsize::get),
    };
    let capture = Capture::check(&spec, &around)
        .map_err(|problem| Failure::Setup(format!("nothing was asked: {problem}")))?;
    let place = Place::open(&args.store)?;
    let cancelled = Arc::new(AtomicBool::new(false));
    handle_interrupts(&cancelled)?;
    let reach = Reach::new(&around, &args.traffic, &place, &cancelled)?;
    let teller = Teller::new(io::stderr().is_terminal());
    let progress = |p: &entail_study::Progress| teller.tell(p);
    let workshop = Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        services: &reach,
        progress: &progress,
        cancelled: &cancelled,
        side_by_side: 256,
    };
    talk(format_args!("asking {} for {} answers", args.model, capture.len()));
    let asked = capture.run(workshop);
    if let Some(told) = reach.told() {
        talk(format_args!("{told}"));
    }
    let tally = asked.map_err(|error| place.failure(error))?;
    let written = write_whole_by(&args.out, |file| {
        let mut n_answers = 0;
        for answer in capture.answers(&place.completions) {
            serde_json::to_writer(&mut *file, &answer?).map_err(io::Error::from)?;
            file.write_all(b"\n")?;
            n_answers += 1;
        }
        Ok::<usize, ExchangeError>(n_answers)
    });
    let n_answers = written.map_err(|error| place.exchange_failure(error, &args.out))?;
    talk(format_args!("  answers        reused {:>7}, made {:>7}", tally.reused, tally.made));
    if args.json {
        let json = serde_json::json!({
            "model": args.model, "answers": n_answers, "reused": tally.reused, "made": tally.made, "file": args.out,
        });
        print(&format!("{json}\n"))
    } else {
        print(&format!("{} answers: {}\n", n_answers, args.out.display()))
    }
}
