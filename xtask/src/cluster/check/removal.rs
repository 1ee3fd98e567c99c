//! That nothing is left of a cluster, wherever `up` and `down` were killed before.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::machine::Machine;
use super::{FIRST, eventually, program};
use crate::cluster::record::{self, Cluster};
use crate::cluster::{down::down, leftovers};

/// Takes the cluster down, in one go.
pub(super) fn down_leaves_nothing(name: &str) -> Result<()> {
    let cluster = Cluster::open(name)?;
    down(name)?;
    nothing_is_left(&cluster)
}

/// Takes the cluster down by several `down`, of which each but the last is killed.
pub(super) fn interrupted_down_is_finished(moments: &[u64]) -> Result<()> {
    let cluster = Cluster::open(FIRST)?;
    moments.iter().try_for_each(|after| kill_down(*after))?;
    down(FIRST)?;
    nothing_is_left(&cluster)
}

/// Kills `up` in the middle, and then the first `down`; if the cluster had not even been recorded, there must be no
/// directory.
pub(super) fn interrupted_up_is_removed(up: &[&str], after: u64, machine: &Machine) -> Result<()> {
    kill(program().arg("cluster").args(up).args(["--name", FIRST]), after)?;
    let directory = record::directory(FIRST)?;
    let record = record::read(&directory)?;
    // Another moment for each: it takes less than half a second.
    kill_down(after % 370)?;
    down(FIRST)?;
    ensure!(!directory.exists(), "{} is left", directory.display());
    record.map_or(Ok(()), |record| nothing_is_left(&Cluster { directory, record }))?;
    machine.is_as_before()
}

fn kill_down(after: u64) -> Result<()> {
    kill(program().args(["cluster", "down", "--name", FIRST]), after)
}

fn kill(command: &mut Command, after: u64) -> Result<()> {
    let mut child = command.stderr(Stdio::null()).spawn()?;
    thread::sleep(Duration::from_millis(after));
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// A command that `up` had just started may still be about to end.
pub(super) fn nothing_is_left(cluster: &Cluster) -> Result<()> {
    eventually("something is left", || {
        let left = leftovers::of(cluster)?;
        ensure!(left.is_empty(), "{}", left.join("\n"));
        Ok(())
    })
}
