//! The PodDisruptionBudget: how many nodes an eviction, such as that of a drained Kubernetes node, may take at a time.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use super::{labels, metadata};
use crate::api::{DisruptionBudgetMode, ElixirRelease};

/// The budget of a release that can have more than one node. With a single node it could only stop the drain of the
/// Kubernetes node for ever or do nothing.
#[must_use]
pub fn build(release: &ElixirRelease) -> Option<PodDisruptionBudget> {
    let wishes = &release.spec.disruption_budget;
    if wishes.mode == DisruptionBudgetMode::Disabled || most_replicas(release) <= 1 {
        return None;
    }
    let max_unavailable = match (&wishes.max_unavailable, &wishes.min_available) {
        (None, None) => Some(IntOrString::Int(1)),
        (given, _) => given.clone(),
    };
    Some(PodDisruptionBudget {
        metadata: metadata::of_release(release, release.name_any()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable,
            min_available: wishes.min_available.clone(),
            selector: Some(LabelSelector {
                match_labels: Some(labels::pod_selector(release)),
                ..LabelSelector::default()
            }),
            // A node that is not ready serves nobody: it must not keep a Kubernetes node from being drained.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    })
}

fn most_replicas(release: &ElixirRelease) -> i32 {
    let limit = release.spec.autoscaling.as_ref().map_or(0, |autoscaling| autoscaling.max_replicas);
    limit.max(release.spec.replicas)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::*;

    #[test]
    fn three_nodes() {
        insta::assert_yaml_snapshot!(build(&fixture::release("replicas: 3")).unwrap());
    }

    #[rstest]
    #[case::one_node("{replicas: 1}", false)]
    #[case::no_node("{replicas: 0}", false)]
    #[case::two_nodes("{replicas: 2}", true)]
    #[case::one_that_may_grow("{autoscaling: {maxReplicas: 2}}", true)]
    #[case::one_that_may_not("{autoscaling: {maxReplicas: 1}}", false)]
    #[case::not_wanted("{replicas: 3, disruptionBudget: {mode: Disabled}}", false)]
    fn only_for_more_than_one_node(#[case] spec: &str, #[case] expected: bool) {
        assert_eq!(build(&fixture::release(spec)).is_some(), expected);
    }

    #[rstest]
    #[case::one_at_a_time("{}", json!(1), Value::Null)]
    #[case::a_share("{maxUnavailable: 25%}", json!("25%"), Value::Null)]
    #[case::none("{maxUnavailable: 0}", json!(0), Value::Null)]
    #[case::a_rest("{minAvailable: 2}", Value::Null, json!(2))]
    fn limits(#[case] budget: &str, #[case] max_unavailable: Value, #[case] min_available: Value) {
        let release = fixture::release(&format!("{{replicas: 3, disruptionBudget: {budget}}}"));
        let spec = serde_json::to_value(build(&release).unwrap().spec).unwrap();

        assert_eq!((&spec["maxUnavailable"], &spec["minAvailable"]), (&max_unavailable, &min_available));
    }
}
