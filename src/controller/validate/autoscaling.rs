//! The autoscaler: its limits, and metrics that name what they measure.

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, MetricSpec};

use super::limits::at_least;
use crate::api::{Autoscaling, ElixirRelease};
use crate::resources::problem::Problem;

/// `autoscaler` is the finished one, absent where a part of it could not be read.
pub(super) fn problems(release: &ElixirRelease, autoscaler: Option<&HorizontalPodAutoscaler>) -> Vec<Problem> {
    let Some(wishes) = &release.spec.autoscaling else { return Vec::new() };
    let spec = autoscaler.and_then(|autoscaler| autoscaler.spec.as_ref());
    let metrics = spec.and_then(|spec| spec.metrics.as_deref()).unwrap_or_default();
    let ours = usize::from(wishes.target_cpu_utilization_percentage.is_some());
    let mut problems = limits(wishes);
    problems.extend(metrics.iter().skip(ours).enumerate().filter_map(|(index, metric)| source(index, metric)));
    if wishes.min_replicas == 0 && spec.is_some() && !metrics.iter().any(counts_without_pods) {
        let message = "may be 0 only with a metric of type External or Object: no other says when to start the first node; set it to 1";
        problems.push(Problem::new("spec.autoscaling.minReplicas", message));
    }
    problems
}

fn limits(wishes: &Autoscaling) -> Vec<Problem> {
    let least = wishes.min_replicas;
    let target = wishes.target_cpu_utilization_percentage;
    let bounds = [
        at_least("spec.autoscaling.minReplicas", least, 0),
        at_least("spec.autoscaling.maxReplicas", wishes.max_replicas, 1),
        target.and_then(|target| at_least("spec.autoscaling.targetCPUUtilizationPercentage", target, 1)),
    ];
    let mut problems: Vec<_> = bounds.into_iter().flatten().collect();
    if least > wishes.max_replicas {
        problems.push(Problem::new(
            "spec.autoscaling",
            "autoscaling.minReplicas must not be above autoscaling.maxReplicas: lower the first or raise the second",
        ));
    }
    problems
}

/// A metric says by its type which of its fields describes it.
fn source(index: usize, metric: &MetricSpec) -> Option<Problem> {
    let field = format!("spec.autoscaling.metrics[{index}]");
    let (name, is_given) = match metric.type_.as_str() {
        "Resource" => ("resource", metric.resource.is_some()),
        "ContainerResource" => ("containerResource", metric.container_resource.is_some()),
        "Pods" => ("pods", metric.pods.is_some()),
        "Object" => ("object", metric.object.is_some()),
        "External" => ("external", metric.external.is_some()),
        _ => {
            let message = "must be Resource, ContainerResource, Pods, Object or External";
            return Some(Problem::new(format!("{field}.type"), message));
        }
    };
    (!is_given).then(|| Problem::new(field, format!("is of type {} and needs the field {name}", metric.type_)))
}

fn counts_without_pods(metric: &MetricSpec) -> bool {
    metric.type_ == "External" || metric.type_ == "Object"
}
