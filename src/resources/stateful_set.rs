//! The StatefulSet that runs the nodes where they want names and claims of their own.
//!
//! Kubernetes itself replaces the pods one by one, so a rollout goes on while the operator is away. Of its own
//! ControllerRevisions it keeps what it needs to roll; the history is in ours.

use k8s_openapi::api::apps::v1::{
    RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
    StatefulSetUpdateStrategy,
};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use serde_json::Value;

use super::{claims, labels, metadata, names};
use crate::api::{ElixirRelease, Strategy};

/// Revisions of its own that it keeps, as many as a Deployment keeps empty ReplicaSets.
const REVISIONS: i32 = 2;

/// The StatefulSet of a release at a revision, with this many pods. The template carries the revision's label already.
#[must_use]
pub fn build(
    release: &ElixirRelease,
    claims: &[PersistentVolumeClaim],
    template: PodTemplateSpec,
    revision: &str,
    replicas: i32,
) -> StatefulSet {
    let rollout = &release.spec.rollout;
    let mut metadata = metadata::of_release(release, release.name_any());
    metadata.labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    // Claims hold what nobody has elsewhere: neither fewer pods nor the end of the release may take them.
    let retain = || Some("Retain".to_owned());
    let retention = StatefulSetPersistentVolumeClaimRetentionPolicy { when_deleted: retain(), when_scaled: retain() };
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(replicas),
            selector: LabelSelector { match_labels: Some(labels::pod_selector(release)), ..LabelSelector::default() },
            service_name: Some(names::governing_service(release)),
            pod_management_policy: Some(release.spec.workload.pod_management_policy.as_str().to_owned()),
            update_strategy: Some(strategy(release)),
            min_ready_seconds: (rollout.min_ready_seconds > 0).then_some(rollout.min_ready_seconds),
            persistent_volume_claim_retention_policy: Some(retention),
            revision_history_limit: Some(REVISIONS),
            template,
            volume_claim_templates: (!claims.is_empty()).then(|| claims.to_vec()),
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}

/// One pod at a time is what Kubernetes does unasked. More takes the feature gate MaxUnavailableStatefulSet, without which
/// the API server drops the field; so it is written only where it says something else.
///
/// It knows no pause. But pods below the partition are not updated, and with one as high as their number none is.
fn strategy(release: &ElixirRelease) -> StatefulSetUpdateStrategy {
    let rollout = &release.spec.rollout;
    let partition = labels::is_rollout_paused(release).then_some(release.spec.replicas);
    let is_more_than_one = match &rollout.max_unavailable {
        IntOrString::Int(count) => *count > 1,
        IntOrString::String(share) => share != "0%",
    };
    let is_wanted = rollout.strategy == Strategy::RollingUpdate && is_more_than_one;
    let rolling_update = (is_wanted || partition.is_some()).then(|| RollingUpdateStatefulSetStrategy {
        max_unavailable: is_wanted.then(|| rollout.max_unavailable.clone()),
        partition,
    });
    StatefulSetUpdateStrategy { type_: Some("RollingUpdate".to_owned()), rolling_update }
}

/// What of a StatefulSet can never change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// The headless Service that names its pods.
    pub service: Box<str>,
    /// How its pods start and stop.
    pub pod_management_policy: Box<str>,
    /// Its claims, by name, with a digest of each.
    pub claims: Vec<(Box<str>, u64)>,
}

impl Fixed {
    /// What can never change of a StatefulSet with this spec; `None` if it is the spec of something else.
    #[must_use]
    pub fn of(spec: &Value) -> Option<Self> {
        // The API server completes it, and no other kind of child has the field.
        let pod_management_policy = spec["podManagementPolicy"].as_str()?.into();
        Some(Self {
            service: spec["serviceName"].as_str().unwrap_or_default().into(),
            pod_management_policy,
            claims: claims::identities(&spec["volumeClaimTemplates"]),
        })
    }

    /// What can never change of the StatefulSet that a release asks for.
    #[must_use]
    pub fn wanted(release: &ElixirRelease, claims: &[PersistentVolumeClaim]) -> Self {
        Self {
            service: names::governing_service(release).into(),
            pod_management_policy: release.spec.workload.pod_management_policy.as_str().into(),
            claims: claims::identities(&serde_json::to_value(claims).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::fixture;
    use super::*;

    const CLAIM: &str =
        "{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";

    fn stateful_set(spec: &str) -> StatefulSet {
        let mut release = fixture::release(spec);
        release.spec.workload.kind = crate::api::WorkloadKind::StatefulSet;
        let claims = claims::build(&release).unwrap();
        build(&release, &claims, PodTemplateSpec::default(), "shop-7c9d4", release.spec.replicas)
    }

    fn spec_of(spec: &str) -> Value {
        serde_json::to_value(stateful_set(spec).spec.unwrap()).unwrap()
    }

    #[test]
    fn three_nodes_with_a_claim() {
        let spec = format!("{{replicas: 3, workload: {{volumeClaimTemplates: [{CLAIM}]}}}}");
        insta::assert_yaml_snapshot!(stateful_set(&spec));
    }

    #[rstest]
    #[case::replicas("{replicas: 4}", "/replicas", json!(4))]
    #[case::service("{cluster: {name: market}}", "/serviceName", json!("market-nodes"))]
    #[case::service_of_lone_nodes("{cluster: {name: market, distribution: Disabled}}", "/serviceName", json!("shop-nodes"))]
    #[case::ordered("{workload: {podManagementPolicy: OrderedReady}}", "/podManagementPolicy", json!("OrderedReady"))]
    #[case::parallel("{}", "/podManagementPolicy", json!("Parallel"))]
    #[case::min_ready("{rollout: {minReadySeconds: 30}}", "/minReadySeconds", json!(30))]
    #[case::one_at_a_time("{}", "/updateStrategy", json!({"type": "RollingUpdate"}))]
    #[case::one_said("{rollout: {maxUnavailable: 1}}", "/updateStrategy", json!({"type": "RollingUpdate"}))]
    #[case::two("{rollout: {maxUnavailable: 2}}", "/updateStrategy/rollingUpdate", json!({"maxUnavailable": 2}))]
    #[case::a_share("{rollout: {maxUnavailable: 50%}}", "/updateStrategy/rollingUpdate", json!({"maxUnavailable": "50%"}))]
    #[case::no_share("{rollout: {maxUnavailable: 0%}}", "/updateStrategy", json!({"type": "RollingUpdate"}))]
    #[case::selector("{cluster: {name: market}}", "/selector", json!({"matchLabels": {"beam-operator.io/release": "shop"}}))]
    #[case::claims_are_kept("{}", "/persistentVolumeClaimRetentionPolicy", json!({"whenDeleted": "Retain", "whenScaled": "Retain"}))]
    fn a_field_reaches_the_stateful_set(#[case] spec: &str, #[case] pointer: &str, #[case] expected: Value) {
        assert_eq!(spec_of(spec).pointer(pointer), Some(&expected));
    }

    #[test]
    fn what_is_wanted_is_what_it_will_have() {
        let spec = format!(
            "workload: {{kind: StatefulSet, podManagementPolicy: OrderedReady, volumeClaimTemplates: [{CLAIM}]}}"
        );
        let release = fixture::release(&spec);
        let wanted = Fixed::wanted(&release, &claims::build(&release).unwrap());
        assert_eq!(Fixed::of(&spec_of(&spec)), Some(wanted.clone()));
        assert_eq!((&*wanted.service, &*wanted.pod_management_policy), ("shop-nodes", "OrderedReady"));
    }

    #[test]
    fn a_deployment_has_nothing_that_is_fixed() {
        assert_eq!(Fixed::of(&json!({"replicas": 1, "template": {}})), None);
    }
}
