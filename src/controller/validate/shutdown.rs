//! How a node stops: whether there is time for it, and whether its drain can be called.

use super::limits::at_least;
use super::remote;
use crate::api::{Drain, ElixirRelease, ReleaseTool, Shutdown};
use crate::resources::names;
use crate::resources::pod::{self, Draft};
use crate::resources::problem::Problem;

const DRAIN: &str = "spec.shutdown.drain";
const GRACE_OF_THE_POD: &str = "spec.podTemplate.spec.terminationGracePeriodSeconds";

pub(super) fn problems(release: &ElixirRelease) -> Vec<Problem> {
    let shutdown = &release.spec.shutdown;
    let mut problems: Vec<_> = [
        at_least("spec.shutdown.gracePeriodSeconds", shutdown.grace_period_seconds, 1),
        at_least("spec.shutdown.delaySeconds", shutdown.delay_seconds, 0),
    ]
    .into_iter()
    .flatten()
    .collect();
    if shutdown.delay_seconds >= shutdown.grace_period_seconds {
        problems.push(Problem::new(
            "spec.shutdown",
            "shutdown.delaySeconds must be below shutdown.gracePeriodSeconds: the delay is part of the grace period, raise the latter",
        ));
    }
    if let Some(drain) = &shutdown.drain {
        problems.extend(what_is_run(drain));
        problems.extend(in_time(shutdown, drain));
        problems.extend(drain.rpc.as_ref().and_then(|_| cannot_be_called(release)));
    }
    problems
}

fn what_is_run(drain: &Drain) -> Option<Problem> {
    if drain.rpc.is_some() == drain.exec.is_some() {
        return Some(Problem::new(DRAIN, "shutdown.drain takes either rpc or exec: give one of them"));
    }
    if drain.rpc.as_ref().is_some_and(|expression| expression.trim().is_empty()) {
        let message = "is empty: write the expression, such as Shop.Drain.run()";
        return Some(Problem::new(format!("{DRAIN}.rpc"), message));
    }
    let names_a_command = |command: &Vec<String>| command.first().is_some_and(|program| !program.is_empty());
    let is_empty = drain.exec.as_ref().is_some_and(|command| !names_a_command(command));
    is_empty.then(|| Problem::new(format!("{DRAIN}.exec"), "is empty: write the command and its arguments"))
}

/// The API server knows nothing of Services and counts the delay always, so that it is counted here as well.
fn in_time(shutdown: &Shutdown, drain: &Drain) -> Vec<Problem> {
    let mut problems: Vec<_> =
        at_least(&format!("{DRAIN}.timeoutSeconds"), drain.timeout_seconds, 1).into_iter().collect();
    if shutdown.delay_seconds.saturating_add(drain.timeout_seconds) >= shutdown.grace_period_seconds {
        problems.push(Problem::new(
            "spec.shutdown",
            "shutdown.delaySeconds and shutdown.drain.timeoutSeconds together must be below shutdown.gracePeriodSeconds: raise the \
             latter, or the node is killed while it drains",
        ));
    }
    problems
}

/// Why nothing in the pod can call the node.
fn cannot_be_called(release: &ElixirRelease) -> Option<Problem> {
    let why = match release.spec.release.tool {
        ReleaseTool::None => "release.tool None says nothing of a script that could call the node: use exec".to_owned(),
        _ if !names::is_distributed(release) => {
            "with cluster.distribution Disabled a node cannot be called: use exec".to_owned()
        }
        _ => {
            let remote::Obstacle { commands, field, remedy } = remote::obstacle(release)?;
            format!(
                "{field} leaves the one port to the node, so that {commands} cannot start beside it: use exec, or {remedy}"
            )
        }
    };
    Some(Problem::new(format!("{DRAIN}.rpc"), why))
}

/// `podTemplate` may shorten the grace period of the finished pod. How long a command of its own takes is not known.
pub(super) fn grace_period(release: &ElixirRelease, draft: &Draft) -> Option<Problem> {
    let grace = draft.pod.termination_grace_period_seconds?;
    let sleep = draft.container.lifecycle.as_ref().and_then(|hooks| hooks.pre_stop.as_ref()?.sleep.as_ref());
    match (pod::pre_stop_seconds(release, draft), sleep) {
        (Some(needed), None) => (grace <= needed && grace != release.spec.shutdown.grace_period_seconds).then(|| {
            let message =
                format!("is {grace}, and the delay and the drain of shutdown take up to {needed} seconds: raise it");
            Problem::new(GRACE_OF_THE_POD, message)
        }),
        (_, Some(sleep)) => (sleep.seconds > grace).then(|| {
            let message =
                format!("is {grace}, and the node would still sleep for {} seconds (preStop): raise it", sleep.seconds);
            Problem::new(GRACE_OF_THE_POD, message)
        }),
        (None, None) => None,
    }
}
