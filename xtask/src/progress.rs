//! Tells a waiting person what takes so long, why, and for how long it has been going on.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

const REMINDER: Duration = Duration::from_secs(15);

/// Runs a step that takes seconds or minutes, printing what it is and why it takes that long, a reminder every
/// 15 seconds, and the time it took.
pub(crate) fn step<T>(what: &str, why: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let explanation = if why.is_empty() { String::new() } else { format!(" ({why})") };
    eprintln!("==> {what}{explanation}");
    let result = thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        scope.spawn(move || {
            while is_done.recv_timeout(REMINDER) == Err(RecvTimeoutError::Timeout) {
                eprintln!("    … {what}: {} s so far", started.elapsed().as_secs());
            }
        });
        let result = work();
        drop(done);
        result
    });
    let outcome = if result.is_ok() { "done" } else { "failed" };
    eprintln!("    {outcome} after {:.1} s: {what}", started.elapsed().as_secs_f64());
    result
}
