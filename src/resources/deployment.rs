//! The Deployment that runs the nodes.
//!
//! Kubernetes itself rolls RollingUpdate and Recreate, so a rollout goes on while the operator is away. The history is in
//! ControllerRevisions; the ReplicaSets that the Deployment keeps are only what it needs to roll.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

use super::{labels, metadata};
use crate::api::{ElixirRelease, Rollout, Strategy};

/// Empty ReplicaSets that are kept: the last two, for a person who looks what ran before.
const REPLICA_SETS: i32 = 2;

/// The Deployment of a release at a revision. The template carries the revision's label already.
///
/// `replicas` is always ours: autoscalers write that of the release through its scale subresource.
#[must_use]
pub fn build(release: &ElixirRelease, template: PodTemplateSpec, revision: &str, replicas: i32) -> Deployment {
    let deployment = named(release, release.name_any(), template, revision, replicas);
    let paused = labels::is_rollout_paused(release).then_some(true);
    Deployment { spec: deployment.spec.map(|spec| DeploymentSpec { paused, ..spec }), ..deployment }
}

/// The Deployment of one revision and no other, named like it. Its template never changes, so there is nothing to hold.
#[must_use]
pub fn of_revision(release: &ElixirRelease, template: PodTemplateSpec, revision: &str, replicas: i32) -> Deployment {
    let mut deployment = named(release, revision.to_owned(), template, revision, replicas);
    let spec = deployment.spec.get_or_insert_default();
    spec.selector.match_labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    deployment
}

fn named(
    release: &ElixirRelease,
    name: String,
    template: PodTemplateSpec,
    revision: &str,
    replicas: i32,
) -> Deployment {
    let wishes = &release.spec.rollout;
    let mut metadata = metadata::of_release(release, name);
    metadata.labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    Deployment {
        metadata,
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: LabelSelector { match_labels: Some(labels::pod_selector(release)), ..LabelSelector::default() },
            strategy: Some(strategy(wishes)),
            min_ready_seconds: (wishes.min_ready_seconds > 0).then_some(wishes.min_ready_seconds),
            progress_deadline_seconds: Some(wishes.progress_deadline_seconds),
            revision_history_limit: Some(REPLICA_SETS),
            paused: None,
            template,
        }),
        status: None,
    }
}

/// Where each revision has a Deployment of its own, only one that Kubernetes rolled before is ever rolled on.
///
/// Both limits are always written: with Recreate the API server refuses any that is left over, and what we own goes when
/// we stop writing it.
fn strategy(rollout: &Rollout) -> DeploymentStrategy {
    if rollout.strategy == Strategy::Recreate {
        return DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None };
    }
    let rolling_update = RollingUpdateDeployment {
        max_surge: Some(rollout.max_surge.clone()),
        max_unavailable: Some(rollout.max_unavailable.clone()),
    };
    DeploymentStrategy { type_: Some("RollingUpdate".to_owned()), rolling_update: Some(rolling_update) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::*;

    fn spec_of(spec: &str) -> Value {
        let release = fixture::release(spec);
        let deployment = build(&release, PodTemplateSpec::default(), "shop-7c9d4", release.spec.replicas);
        serde_json::to_value(deployment.spec.unwrap()).unwrap()
    }

    #[test]
    fn a_release_of_three_lines() {
        let release = fixture::release("{replicas: 3, ports: [{name: http, containerPort: 4000}]}");
        insta::assert_yaml_snapshot!(build(&release, PodTemplateSpec::default(), "shop-7c9d4", 3));
    }

    #[rstest]
    #[case::replicas_default_to_one("{}", "/replicas", json!(1))]
    #[case::zero_replicas_are_meant("{replicas: 0}", "/replicas", json!(0))]
    #[case::an_autoscaler_writes_the_release("{replicas: 4, autoscaling: {maxReplicas: 9}}", "/replicas", json!(4))]
    #[case::min_ready("{rollout: {minReadySeconds: 30}}", "/minReadySeconds", json!(30))]
    #[case::deadline("{rollout: {progressDeadlineSeconds: 120}}", "/progressDeadlineSeconds", json!(120))]
    #[case::surge("{rollout: {maxSurge: 25%}}", "/strategy/rollingUpdate/maxSurge", json!("25%"))]
    #[case::unavailable("{rollout: {maxUnavailable: 1}}", "/strategy/rollingUpdate/maxUnavailable", json!(1))]
    #[case::none_unavailable("{}", "/strategy/rollingUpdate/maxUnavailable", json!(0))]
    #[case::recreate("{rollout: {strategy: Recreate}}", "/strategy", json!({"type": "Recreate"}))]
    #[case::selector("{cluster: {name: market}}", "/selector", json!({"matchLabels": {"beam-operator.io/release": "shop"}}))]
    fn a_field_reaches_the_deployment(#[case] spec: &str, #[case] pointer: &str, #[case] expected: Value) {
        assert_eq!(spec_of(spec).pointer(pointer), Some(&expected));
    }

    #[test]
    fn the_deployment_of_a_revision_selects_its_own_pods_only() {
        let release = fixture::release("{replicas: 3, rollout: {strategy: BlueGreen}}");
        let deployment = of_revision(&release, PodTemplateSpec::default(), "shop-7c9d4", 2);
        assert_eq!(
            (deployment.name_any().as_str(), deployment.spec.as_ref().unwrap().replicas),
            ("shop-7c9d4", Some(2))
        );
        let selector = json!({"beam-operator.io/release": "shop", "beam-operator.io/revision": "shop-7c9d4"});
        assert_eq!(json!(deployment.spec.unwrap().selector), json!({"matchLabels": selector}));
    }

    #[test]
    fn no_wait_is_left_to_kubernetes() {
        assert_eq!(spec_of("{rollout: {minReadySeconds: 0}}").get("minReadySeconds"), None);
    }
}
