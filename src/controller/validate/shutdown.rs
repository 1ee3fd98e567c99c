//! How a node stops: whether there is time for it, and whether its drain can be called.

use super::limits::at_least;
use super::remote;
use crate::api::{Drain, ElixirRelease, Leave, ReleaseTool, Shutdown, Strategy, WorkloadKind};
use crate::resources::names;
use crate::resources::pod::{self, Draft};
use crate::resources::problem::Problem;

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
    if let Some(Drain { rpc, exec, .. }) = &shutdown.drain {
        problems.extend(what_is_run(release, "drain", rpc.as_deref(), exec.as_deref()));
    }
    problems.extend(shutdown.drain.iter().flat_map(|drain| in_time(shutdown, drain)));
    if let Some(Leave { rpc, exec, timeout_seconds }) = &shutdown.leave {
        problems.extend(what_is_run(release, "leave", rpc.as_deref(), exec.as_deref()));
        problems.extend(at_least("spec.shutdown.leave.timeoutSeconds", *timeout_seconds, 1));
        problems.extend(takes_nodes_away(release));
    }
    problems
}

/// What is wrong with a call, which is made in the pod.
fn what_is_run(release: &ElixirRelease, name: &str, rpc: Option<&str>, exec: Option<&[String]>) -> Option<Problem> {
    let field = format!("spec.shutdown.{name}");
    let Some(expression) = rpc.filter(|_| exec.is_none()) else {
        if rpc.is_some() || exec.is_none() {
            return Some(Problem::new(field, format!("shutdown.{name} takes either rpc or exec: give one of them")));
        }
        let is_empty = exec.and_then(<[_]>::first).is_none_or(String::is_empty);
        return is_empty.then(|| Problem::new(field + ".exec", "is empty: write the command and its arguments"));
    };
    if expression.trim().is_empty() {
        return Some(Problem::new(field + ".rpc", "is empty: write the expression, such as Shop.Drain.run()"));
    }
    cannot_be_called(release).map(|why| Problem::new(field + ".rpc", why))
}

/// Why every rollout would take nodes away for good, and not only a scale-down.
fn takes_nodes_away(release: &ElixirRelease) -> Option<Problem> {
    let is_kept = match release.spec.rollout.strategy {
        Strategy::RollingUpdate => true,
        Strategy::Recreate => release.spec.workload.kind == WorkloadKind::Deployment,
        Strategy::BlueGreen | Strategy::Canary => false,
    };
    (!is_kept).then(|| {
        let message = "shutdown.leave needs rollout.strategy RollingUpdate, or Recreate with workload.kind Deployment: the others \
                       take nodes away with every rollout";
        Problem::new("spec", message)
    })
}

/// The API server knows nothing of Services and counts the delay always, so that it is counted here as well.
fn in_time(shutdown: &Shutdown, drain: &Drain) -> Vec<Problem> {
    let mut problems: Vec<_> =
        at_least("spec.shutdown.drain.timeoutSeconds", drain.timeout_seconds, 1).into_iter().collect();
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
fn cannot_be_called(release: &ElixirRelease) -> Option<String> {
    Some(match release.spec.release.tool {
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
    })
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
