//! `cargo xtask cluster check`: does to clusters of its own what happens to clusters, and looks at the result.

mod control_plane;
mod machine;
mod nodes;
mod pods;
mod removal;

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use self::machine::Machine;
use super::down::down;
use super::up::{Wanted, up};
use crate::progress::step;

const FIRST: &str = "check-1";
const SECOND: &str = "check-2";
/// Moments in milliseconds at which `up` is killed: from its first record to its last wait.
const UP_INTERRUPTED: [u64; 10] = [30, 100, 300, 1_000, 2_000, 2_700, 3_200, 3_700, 4_200, 5_000];
/// The same for a cluster without nodes.
const CONTROL_PLANE_INTERRUPTED: [u64; 3] = [100, 700, 2_000];
/// Moments at which one `down` after the other is killed.
const DOWN_INTERRUPTED: [u64; 4] = [20, 60, 120, 240];
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs all checks, and takes down what they made whatever their outcome.
pub(crate) fn check() -> Result<()> {
    let result = check_all();
    for name in [FIRST, SECOND] {
        down(name)?;
    }
    result
}

fn check_all() -> Result<()> {
    let machine = Machine::now()?;
    step("check: a cluster in another network keeps its slot", "", machine::slot_of_another_network_is_left)?;
    check_cluster(&machine)?;
    step("check: an API server without nodes comes and goes", "", control_plane::comes_and_goes)?;
    step("check: without root an API server is had, and nodes are refused", "", control_plane::works_without_root)?;
    step("check: a down finishes one that was killed at its end", "", || machine.is_restored_without_a_cluster(FIRST))?;
    let with_nodes = UP_INTERRUPTED.map(|moment| (&["up"][..], moment));
    let without_nodes = CONTROL_PLANE_INTERRUPTED.map(|moment| (&["up", "--control-plane-only"][..], moment));
    for (up, moment) in with_nodes.into_iter().chain(without_nodes) {
        let what = format!("check: nothing is left of an {} that was killed after {moment} ms", up.join(" "));
        step(&what, "", || removal::interrupted_up_is_removed(up, moment, &machine))?;
    }
    Ok(())
}

/// The life of a cluster with nodes.
fn check_cluster(machine: &Machine) -> Result<()> {
    let first = up(FIRST, &wanted(3))?;
    step("check: a pod on every node, reached from the machine and from another node", "", || {
        pods::pods_run(&first)?;
        pods::mounts_reach_containers(&first)
    })?;
    step("check: nodes leave the machine's settings alone", "", || machine.has_its_settings())?;
    step("check: the machine reaches a Service", "", || pods::service_answers(&first))?;
    step("check: a second up changes nothing", "", || nodes::up_changes_nothing(&first))?;
    step("check: a cut link loses the node's pods, a restored one brings them back", "", || {
        nodes::link_is_cut(&first)
    })?;
    step("check: a node that is stopped is lost, one that is started is ready", "", || nodes::node_is_stopped(&first))?;
    step("check: status tells what has died and what is cut", "", || nodes::status_tells(&first))?;
    step("check: up starts what was killed", "", || nodes::up_repairs(&first))?;
    let second = up(SECOND, &wanted(1))?;
    step("check: a second cluster goes without a trace in the first", "", || {
        let nodes = second.record.extent.nodes();
        pods::is_reached(&second, nodes[0], &pods::pod_on(&second, nodes[0])?)?;
        removal::down_leaves_nothing(SECOND)?;
        pods::pods_run(&first)
    })?;
    step("check: down leaves nothing behind, also when it was killed before", "", || {
        removal::interrupted_down_is_finished(&DOWN_INTERRUPTED)
    })?;
    machine.is_as_before()
}

fn wanted(nodes: u8) -> Wanted {
    Wanted { nodes: Some(nodes), ..Wanted::default() }
}

/// This very program, even if its file has been replaced since by a newer build.
fn program() -> Command {
    Command::new("/proc/self/exe")
}

/// What came of a run of this program.
#[derive(Debug)]
struct Outcome {
    success: bool,
    output: String,
    error: String,
}

impl Outcome {
    fn of(command: &mut Command) -> Result<Self> {
        let output = command.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { success: output.status.success(), output: text(&output.stdout), error: text(&output.stderr) })
    }
}

/// Tries for a minute, and fails with the last error.
fn eventually(otherwise: &str, attempt: impl Fn() -> Result<()>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = attempt() {
        if Instant::now() > deadline {
            return Err(error.context(otherwise.to_owned()));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
