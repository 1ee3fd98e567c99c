//! The HorizontalPodAutoscaler of a release.
//!
//! It scales the ElixirRelease itself, by its scale subresource: `spec.replicas` of the release stays the one place that
//! says how many nodes there are, and the Deployment follows it.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use kube::{Resource, ResourceExt};

use super::problem::Problem;
use super::{metadata, strict};
use crate::api::{Autoscaling, ElixirRelease};

/// The autoscaler; `None` without `spec.autoscaling`.
///
/// # Errors
/// What is wrong with the metrics and the behaviour, which the resource carries verbatim.
pub fn build(release: &ElixirRelease) -> Result<Option<HorizontalPodAutoscaler>, Vec<Problem>> {
    let Some(wishes) = &release.spec.autoscaling else { return Ok(None) };
    let (metrics, behavior) = match (metrics(wishes), behavior(wishes)) {
        (Ok(metrics), Ok(behavior)) => (metrics, behavior),
        (metrics, behavior) => return Err([metrics.err(), behavior.err()].into_iter().flatten().flatten().collect()),
    };
    Ok(Some(HorizontalPodAutoscaler {
        metadata: metadata::of_release(release, release.name_any()),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some(ElixirRelease::api_version(&()).into_owned()),
                kind: ElixirRelease::kind(&()).into_owned(),
                name: release.name_any(),
            },
            min_replicas: Some(wishes.min_replicas),
            max_replicas: wishes.max_replicas,
            // Without a metric the API server would add its own, so there is nothing to say.
            metrics: (!metrics.is_empty()).then_some(metrics),
            behavior,
        }),
        status: None,
    }))
}

fn metrics(wishes: &Autoscaling) -> Result<Vec<MetricSpec>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut metrics: Vec<_> = wishes.target_cpu_utilization_percentage.map(cpu).into_iter().collect();
    for (index, metric) in wishes.metrics.iter().enumerate() {
        match strict::parse(&metric.to_value(), &format!("spec.autoscaling.metrics[{index}]")) {
            Ok(metric) => metrics.push(metric),
            Err(mut more) => problems.append(&mut more),
        }
    }
    if problems.is_empty() { Ok(metrics) } else { Err(problems) }
}

fn behavior<T: serde::de::DeserializeOwned>(wishes: &Autoscaling) -> Result<Option<T>, Vec<Problem>> {
    if wishes.behavior.is_empty() {
        return Ok(None);
    }
    strict::parse(&wishes.behavior.to_value(), "spec.autoscaling.behavior").map(Some)
}

fn cpu(percentage: i32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(percentage),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture;
    use super::*;

    #[test]
    fn every_field() {
        let release = fixture::release(
            "
            autoscaling:
              minReplicas: 3
              maxReplicas: 12
              targetCPUUtilizationPercentage: 70
              metrics:
                - type: Pods
                  pods: {metric: {name: queue_length}, target: {type: AverageValue, averageValue: '30'}}
              behavior: {scaleDown: {stabilizationWindowSeconds: 600}}
            ",
        );
        insta::assert_yaml_snapshot!(build(&release).unwrap().unwrap());
    }

    #[test]
    fn only_a_limit() {
        insta::assert_yaml_snapshot!(build(&fixture::release("autoscaling: {maxReplicas: 5}")).unwrap().unwrap().spec);
    }

    #[test]
    fn none_by_default() {
        assert_eq!(build(&fixture::release("")), Ok(None));
    }

    #[rstest]
    #[case::metric("{maxReplicas: 2, metrics: [{type: Pods, pods: {metrik: {}}}]}", &["spec.autoscaling.metrics[0].pods.metrik"])]
    #[case::behavior("{maxReplicas: 2, behavior: {scaleUp: {policies: 1}}}", &["spec.autoscaling.behavior.scaleUp.policies"])]
    #[case::all_at_once(
        "{maxReplicas: 2, metrics: [{tpe: Pods}, {type: 1}], behavior: {up: {}}}",
        &["spec.autoscaling.metrics[0].tpe", "spec.autoscaling.metrics[1].type", "spec.autoscaling.behavior.up"],
    )]
    fn a_mistake_is_told_with_its_path(#[case] autoscaling: &str, #[case] expected: &[&str]) {
        let problems = build(&fixture::release(&format!("autoscaling: {autoscaling}"))).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), expected);
    }
}
