//! What is allowed and probably not meant. A warning stops nothing.

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::remote::{Obstacle, obstacle};
use crate::api::ElixirRelease;
use crate::resources::disruption_budget;
use crate::resources::problem::Problem;

pub(super) fn of(release: &ElixirRelease, containers: &[&Container]) -> Vec<Problem> {
    no_request(release, containers).into_iter().chain(no_eviction(release)).chain(no_remote_shell(release)).collect()
}

/// The autoscaler measures use as a share of what was requested, and gives up where one container requests nothing.
fn no_request(release: &ElixirRelease, containers: &[&Container]) -> Option<Problem> {
    release.spec.autoscaling.as_ref()?.target_cpu_utilization_percentage?;
    let without: Vec<_> =
        containers.iter().filter(|container| !requests_cpu(container)).map(|c| c.name.as_str()).collect();
    (!without.is_empty()).then(|| {
        let message = format!("is a share of the requested CPU, and no request is written for container {}: set its resources.requests.cpu", without.join(", "));
        Problem::new("spec.autoscaling.targetCPUUtilizationPercentage", message)
    })
}

fn requests_cpu(container: &Container) -> bool {
    let Some(resources) = &container.resources else { return false };
    // Kubernetes takes the limit for the request where only that is given.
    [&resources.requests, &resources.limits].into_iter().flatten().any(|amounts| amounts.contains_key("cpu"))
}

fn no_eviction(release: &ElixirRelease) -> Option<Problem> {
    let budget = disruption_budget::build(release)?.spec?;
    let message = "no node could ever be evicted, so that Kubernetes nodes cannot be drained: allow one";
    if budget.max_unavailable.as_ref().is_some_and(is_zero) {
        return Some(Problem::new("spec.disruptionBudget.maxUnavailable", message));
    }
    let Some(IntOrString::Int(least)) = budget.min_available else { return None };
    let most = release.spec.autoscaling.as_ref().map_or(0, |autoscaling| autoscaling.max_replicas);
    (least >= most.max(release.spec.replicas)).then(|| Problem::new("spec.disruptionBudget.minAvailable", message))
}

fn is_zero(limit: &IntOrString) -> bool {
    matches!(limit, IntOrString::Int(0)) || *limit == IntOrString::String("0%".to_owned())
}

fn no_remote_shell(release: &ElixirRelease) -> Option<Problem> {
    let Obstacle { commands, field, remedy } = obstacle(release)?;
    let message = format!(
        "leaves the one port to the node, so that {commands} cannot start beside it: {remedy} if you need them"
    );
    Some(Problem::new(field, message))
}
