//! What belongs to one kind of workload only, and what Kubernetes would not tell about a StatefulSet.

use super::*;

const CLAIM: &str =
    "{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}";

/// A release with a claim, and what more is said of it.
fn with_claim(more: &str) -> String {
    format!("{{workload: {{kind: StatefulSet, volumeClaimTemplates: [{CLAIM}]}}, {more}}}")
}

fn problems(spec: &str) -> Vec<String> {
    judge(&fixture::release(spec), &Contents::new()).err().unwrap_or_default()
}

const HOST: &str = "spec.cluster.host: cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP";

#[rstest]
#[case::names_in_dns("{cluster: {host: PodFQDN}}", HOST)]
#[case::revisions_apart(
    "{workload: {kind: StatefulSet}, cluster: {scope: Revision}}",
    "spec.cluster.scope: cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster"
)]
#[case::a_service_for_all_revisions(
    "{cluster: {scope: Revision, service: {name: peers}}}",
    "spec.cluster.service.name: is of no use with cluster.scope Revision: remove it"
)]
#[case::a_revision_of_the_users(
    "{cluster: {scope: Revision}, env: [{name: BEAM_REVISION, value: '1'}]}",
    "spec.env[0]: sets BEAM_REVISION, by which the nodes of a revision find each other with cluster.scope Revision: give the variable another name"
)]
#[case::claims(
    &format!("{{workload: {{volumeClaimTemplates: [{CLAIM}]}}}}"),
    "spec.workload: workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes"
)]
#[case::order(
    "{workload: {podManagementPolicy: OrderedReady}}",
    "spec.workload: workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy"
)]
#[case::misspelled_claim(
    "{workload: {kind: StatefulSet, volumeClaimTemplates: [{metadat: {}}]}}",
    "spec.workload.volumeClaimTemplates[0].metadat: is not a field of this API: check its spelling and place"
)]
#[case::lost_mount(
    "{workload: {kind: StatefulSet}, volumeMounts: [{name: data, mountPath: /data}]}",
    "spec.volumeMounts[0]: names a volume data that is neither in volumes nor in workload.volumeClaimTemplates"
)]
#[case::lost_mount_of_a_sidecar(
    "{workload: {kind: StatefulSet}, podTemplate: {spec: {containers: [{name: log, image: log, volumeMounts: [{name: logs, mountPath: /logs}]}]}}}",
    "spec.podTemplate.spec.containers[0].volumeMounts: names a volume logs that is neither in volumes nor in workload.volumeClaimTemplates"
)]
#[case::volume_of_the_same_name(
    &with_claim("volumes: [{name: data, emptyDir: {}}]"),
    "spec.workload.volumeClaimTemplates[0].metadata.name: is the name of a volume already: choose another"
)]
#[case::volume_of_ours(
    &with_claim("replicas: 1").replace("name: data", "name: beam-tmp"),
    "spec.workload.volumeClaimTemplates[0].metadata.name: is the name of a volume already: choose another"
)]
fn one_thing_is_wrong(#[case] spec: &str, #[case] expected: &str) {
    assert_eq!(problems(spec), [expected]);
}

#[rstest]
#[case::mounted(&with_claim("volumeMounts: [{name: data, mountPath: /data}]"))]
#[case::mounted_from_volumes(
    "{workload: {kind: StatefulSet}, volumes: [{name: tmp, emptyDir: {}}], volumeMounts: [{name: tmp, mountPath: /tmp}]}"
)]
#[case::names_in_dns("{workload: {kind: StatefulSet}, cluster: {host: PodFQDN}}")]
#[case::lone("{cluster: {host: PodFQDN, distribution: Disabled}}")]
#[case::revisions_apart("{cluster: {scope: Revision, host: Application, discovery: Operator}}")]
#[case::lone_revisions(
    "{workload: {kind: StatefulSet}, cluster: {scope: Revision, service: {name: peers}, distribution: Disabled}}"
)]
#[case::its_own_names("{cluster: {host: Application, epmd: Application}}")]
fn nothing_is_wrong(#[case] spec: &str) {
    assert_eq!(problems(spec), [""; 0]);
}

/// The longest names that there may be, in a namespace `store`; the tenth pod has a name that is one character longer.
#[test]
fn a_node_has_a_name_that_an_atom_can_hold() {
    let of = |basename: usize, replicas: u32| {
        let (service, basename) = ("s".repeat(63), "b".repeat(basename));
        let cluster = format!("{{host: PodFQDN, service: {{name: {service}}}, basename: {basename}}}");
        let spec = format!("{{replicas: {replicas}, workload: {{kind: StatefulSet}}, cluster: {cluster}}}");
        let release = fixture::named(&"r".repeat(52), &spec);
        judge(&release, &Contents::new()).err().unwrap_or_default()
    };
    let host = 52 + "-9".len() + ".".len() + 63 + ".store.svc.cluster.local".len();
    let room = 255 - "@".len() - host;
    assert_eq!(of(room, 10), [""; 0]);
    let [problem] = &of(room, 11)[..] else { panic!("one problem") };
    assert!(problem.starts_with("spec.cluster.basename: makes bbb"), "{problem}");
    let remedy = "which has 256 characters and may have 255: shorten it, or the names of release, cluster or namespace";
    assert!(problem.ends_with(remedy), "{problem}");
}
