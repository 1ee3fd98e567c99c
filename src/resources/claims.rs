//! The claims of a StatefulSet's pods, which the resource carries verbatim.
//!
//! The API server stores the list as one value and completes it; written as it does, what was applied can be compared with
//! what is stored. It never lets the list change either, so it is compared before anything is written.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};
use serde_json::Value;

use super::pod::canonical_amount;
use super::problem::Problem;
use super::strict;
use super::syntax::is_dns_label;
use crate::api::{ElixirRelease, WorkloadKind};
use crate::digest;

/// The field that holds them.
pub const FIELD: &str = "spec.workload.volumeClaimTemplates";
/// What Kubernetes allows in the name of a volume.
const VOLUME: usize = 63;

/// The claims of each pod; none where the workload is no StatefulSet.
///
/// # Errors
/// What is wrong with them, each with its path. Kubernetes would take some of it and then make no pod.
pub fn build(release: &ElixirRelease) -> Result<Vec<PersistentVolumeClaim>, Vec<Problem>> {
    let workload = &release.spec.workload;
    if workload.kind != WorkloadKind::StatefulSet {
        return Ok(Vec::new());
    }
    let (mut claims, mut problems) = (Vec::new(), Vec::new());
    for (index, written) in workload.volume_claim_templates.iter().enumerate() {
        let field = format!("{FIELD}[{index}]");
        match strict::parse::<PersistentVolumeClaim>(&written.to_value(), &field) {
            Ok(claim) => {
                problems.extend(missing(&claim, &field));
                claims.push(complete(claim));
            }
            Err(more) => problems.extend(more),
        }
    }
    problems.extend(repeated(&claims));
    if problems.is_empty() { Ok(claims) } else { Err(problems) }
}

/// What a claim is told from another by: its name and a digest of all that was written.
#[must_use]
pub fn identities(stored: &Value) -> Vec<(Box<str>, u64)> {
    let claims = stored.as_array().into_iter().flatten();
    // A field that we do not know was written by nobody who used this resource.
    let claims = claims.filter_map(|claim| serde_json::from_value::<PersistentVolumeClaim>(claim.clone()).ok());
    claims.map(complete).map(|claim| (name(&claim).into(), digest::of(&claim))).collect()
}

fn name(claim: &PersistentVolumeClaim) -> &str {
    claim.metadata.name.as_deref().unwrap_or_default()
}

fn missing(claim: &PersistentVolumeClaim, field: &str) -> Vec<Problem> {
    let spec = claim.spec.clone().unwrap_or_default();
    let modes = spec.access_modes.unwrap_or_default();
    let requests = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
    let is_volume = is_dns_label(name(claim)) && name(claim).len() <= VOLUME;
    let rules = [
        (is_volume, "metadata.name", "must be a DNS label: it is the name of the volume that containers mount"),
        (!modes.is_empty(), "spec.accessModes", "must name one at least, such as ReadWriteOnce"),
        (requests.contains_key("storage"), "spec.resources.requests.storage", "must say how much is claimed"),
        (claim.status.is_none(), "status", "is set by Kubernetes: remove it"),
    ];
    let broken = rules.into_iter().filter(|(holds, ..)| !holds);
    broken.map(|(_, path, message)| Problem::new(format!("{field}.{path}"), message)).collect()
}

fn repeated(claims: &[PersistentVolumeClaim]) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let again = claims.iter().enumerate().filter(|(_, claim)| !seen.insert(name(claim)));
    let told = again.map(|(index, claim)| {
        let message = format!("names {} a second time: rename one of them", name(claim));
        Problem::new(format!("{FIELD}[{index}].metadata.name"), message)
    });
    told.collect()
}

/// The claim with the defaults that the API server stores, and without what it adds to a stored object.
fn complete(mut claim: PersistentVolumeClaim) -> PersistentVolumeClaim {
    claim.metadata.creation_timestamp = None;
    let spec = claim.spec.get_or_insert_default();
    spec.volume_mode.get_or_insert_with(|| "Filesystem".to_owned());
    if let Some(resources) = &mut spec.resources {
        let lists = [&mut resources.limits, &mut resources.requests];
        lists.into_iter().flatten().flat_map(|list| list.values_mut()).for_each(canonical_amount);
    }
    claim.status = Some(PersistentVolumeClaimStatus {
        phase: Some("Pending".to_owned()),
        ..PersistentVolumeClaimStatus::default()
    });
    claim
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::fixture;
    use super::*;

    fn of(claims: &str) -> Result<Vec<PersistentVolumeClaim>, Vec<String>> {
        let spec = format!("workload: {{kind: StatefulSet, volumeClaimTemplates: {claims}}}");
        let built = build(&fixture::release(&spec));
        built.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    const DATA: &str =
        "{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0.5Gi}}}}";

    /// As an API server 1.35 has it.
    #[test]
    fn a_claim_is_written_as_it_is_stored() {
        let stored = json!([{
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "512Mi"}},
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Pending"},
        }]);
        let built = of(&format!("[{DATA}]")).unwrap();
        assert_eq!(json!(built), stored);
        assert_eq!(identities(&stored), identities(&json!(built)));
    }

    #[rstest]
    #[case::size("storage", json!("1Gi"))]
    #[case::nothing("none", json!("0"))]
    fn what_was_written_otherwise_is_another(#[case] resource: &str, #[case] amount: Value) {
        let mut stored = json!(of(&format!("[{DATA}]")).unwrap());
        let before = identities(&stored);
        stored[0]["spec"]["resources"]["requests"][resource] = amount;
        let after = identities(&stored);
        assert_eq!((&*before[0].0, &*after[0].0), ("data", "data"));
        assert_ne!(before, after);
    }

    #[rstest]
    #[case::misspelled(
        "[{metadata: {name: data}, spec: {accessMode: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]",
        &["spec.workload.volumeClaimTemplates[0].spec.accessMode: is not a field of this API: check its spelling and place"],
    )]
    #[case::empty("[{}]", &[
        "spec.workload.volumeClaimTemplates[0].metadata.name: must be a DNS label: it is the name of the volume that containers mount",
        "spec.workload.volumeClaimTemplates[0].spec.accessModes: must name one at least, such as ReadWriteOnce",
        "spec.workload.volumeClaimTemplates[0].spec.resources.requests.storage: must say how much is claimed",
    ])]
    #[case::another_kind(
        "[{kind: Pod}]",
        &["spec.workload.volumeClaimTemplates[0]: invalid value: string \"Pod\", expected PersistentVolumeClaim"],
    )]
    fn a_mistake_is_told_with_its_path(#[case] claims: &str, #[case] expected: &[&str]) {
        assert_eq!(of(claims).unwrap_err(), expected);
    }

    #[test]
    fn a_name_is_given_once() {
        let expected =
            "spec.workload.volumeClaimTemplates[1].metadata.name: names data a second time: rename one of them";
        assert_eq!(of(&format!("[{DATA}, {DATA}]")).unwrap_err(), [expected]);
    }

    #[test]
    fn a_status_is_nobodys_to_write() {
        let claims = format!("[{}]", DATA.replacen('{', "{status: {phase: Bound}, ", 1));
        assert_eq!(
            of(&claims).unwrap_err(),
            ["spec.workload.volumeClaimTemplates[0].status: is set by Kubernetes: remove it"]
        );
    }
}
