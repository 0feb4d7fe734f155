//! Serves a script for some seconds and prints where: for curl, and for other tools' clients in benchmarks.
//!
//! `cargo run -p entail-faults --example serve -- --port 8000 --seconds 60 --fault-share 0.2 --latency-ms 50`

#![expect(clippy::print_stdout, reason = "its address is what it is for")]

use std::error::Error;
use std::time::Duration;

use entail_faults::{Fault, Script, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut script, mut port, mut seconds) = (Script::default(), 0, 60);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--port" => port = value.parse()?,
            "--seconds" => seconds = value.parse()?,
            "--fault-share" => script.faults = Fault::mixture(value.parse()?),
            "--latency-ms" => script.latency = Duration::from_millis(value.parse()?),
            "--seed" => script.seed = value.parse()?,
            "--key" => script.key = Some(value),
            _ => {
                return Err(format!(
                    "{flag} is none of --port --seconds --fault-share --latency-ms --seed --key"
                )
                .into());
            }
        }
    }
    let server = Server::start_at(port, script)?;
    println!("{}", server.url());
    std::thread::sleep(Duration::from_secs(seconds));
    let counts = server.counts();
    println!(
        "{} calls, {} whole, {} spoiled, {} answered twice, at most {} at once",
        counts.calls,
        counts.whole,
        counts.spoiled,
        counts.answered_twice(),
        counts.max_at_work
    );
    for (fault, times) in &counts.faults {
        println!("{times:>8} {fault:?}");
    }
    Ok(())
}
