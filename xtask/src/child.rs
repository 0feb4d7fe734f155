//! The program as a child: started, watched, killed.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Between two looks at a child.
const LOOK: Duration = Duration::from_millis(5);

/// A child at work. One that is dropped is killed: a scenario that fails leaves nobody behind.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    started: Instant,
    /// File names of standard output and standard error.
    logs: [PathBuf; 2],
    peak_kib: Option<u64>,
}

/// What a child left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` for one that was killed.
    pub(crate) code: Option<i32>,
    pub(crate) seconds: f64,
    /// Largest resident size that was seen.
    pub(crate) peak_kib: Option<u64>,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts a command whose output goes to two files.
    pub(crate) fn start(command: &mut Command, logs: [PathBuf; 2]) -> Result<Self> {
        let [out, error] = &logs;
        command.stdout(File::create(out)?).stderr(File::create(error)?);
        let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { child, started: Instant::now(), logs, peak_kib: None })
    }

    /// Its state if it has ended, after a look at its memory.
    pub(crate) fn look(&mut self) -> Result<Option<ExitStatus>> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        if let Some(kib) = status.ok().as_deref().and_then(peak) {
            self.peak_kib = Some(kib);
        }
        Ok(self.child.try_wait()?)
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self, limit: Duration) -> Result<Ended> {
        loop {
            if let Some(status) = self.look()? {
                return self.ended(status);
            }
            if self.started.elapsed() > limit {
                self.child.kill()?;
                let status = self.child.wait()?;
                let ended = self.ended(status)?;
                bail!("not done after {} s: {}", limit.as_secs(), ended.last_words());
            }
            thread::sleep(LOOK);
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Result<Ended> {
        // One that has ended by itself meanwhile is as good as killed.
        let _ = self.child.kill();
        let status = self.child.wait()?;
        self.ended(status)
    }

    fn ended(&self, status: ExitStatus) -> Result<Ended> {
        let read = |path: &PathBuf| -> Result<String> {
            Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
        };
        let [_, stderr] = &self.logs;
        Ok(Ended {
            code: status.code(),
            seconds: self.started.elapsed().as_secs_f64(),
            peak_kib: self.peak_kib,
            stderr: read(stderr)?,
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It must have ended well.
    pub(crate) fn well(self, what: &str) -> Result<Self> {
        if self.code != Some(0) {
            bail!("{what} ended with {}: {}", self.code_text(), self.last_words());
        }
        Ok(self)
    }

    pub(crate) fn code_text(&self) -> String {
        self.code.map_or("by a signal".into(), |code| code.to_string())
    }

    /// The line that begins with `error`, or the last one.
    pub(crate) fn error_line(&self) -> &str {
        let mut lines = self.stderr.lines().filter(|line| !line.trim().is_empty());
        let error = self.stderr.lines().find(|line| line.starts_with("error"));
        error.or_else(|| lines.next_back()).unwrap_or("says nothing")
    }

    /// The end of what it said, on one line.
    pub(crate) fn last_words(&self) -> String {
        let lines: Vec<&str> = self.stderr.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" / ")
    }
}

/// `VmHWM` of a process's status: the most memory that was ever resident, in KiB.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_where_it_stands() {
        assert_eq!(
            peak("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t    1234 kB\nThreads:\t1\n"),
            Some(1234)
        );
        assert_eq!(peak("Name:\tx\nState:\tZ (zombie)\n"), None);
    }
}
