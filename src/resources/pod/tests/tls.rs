//! What a node that speaks TLS gets.

use rstest::rstest;

use super::*;
use crate::resources::labels;

const MANAGED: &str = "cluster: {tls: {mode: Managed}}";
const SECRET: &str = "cluster: {tls: {mode: Secret, secretName: mine}}";
const FLAGS: &str = "-proto_dist inet_tls -ssl_dist_optfile /var/run/beam-tls/inet_tls.conf";
const VARIABLES: [(&str, &str); 4] = [
    ("BEAM_TLS_CERT_FILE", "/var/run/beam-tls/tls.crt"),
    ("BEAM_TLS_KEY_FILE", "/var/run/beam-tls/tls.key"),
    ("BEAM_TLS_CA_FILE", "/var/run/beam-tls/ca.crt"),
    ("BEAM_TLS_OPTIONS_FILE", "/var/run/beam-tls/inet_tls.conf"),
];

/// The Secret that a pod mounts for TLS, and the keys that it takes of it.
fn mounted(pod: &PodSpec) -> Option<(String, Vec<String>)> {
    let volume = pod.volumes.iter().flatten().find(|volume| volume.name.starts_with("beam-tls"))?;
    let secret = volume.projected.as_ref()?.sources.iter().flatten().find_map(|source| source.secret.as_ref())?;
    Some((secret.name.clone(), secret.items.iter().flatten().map(|item| item.key.clone()).collect()))
}

#[rstest]
#[case(MANAGED, "shop-distribution-tls")]
#[case(SECRET, "mine")]
#[case("{release: {tool: None}, cluster: {tls: {mode: Managed}}}", "shop-distribution-tls")]
fn a_node_has_its_certificate_and_knows_where(#[case] spec: &str, #[case] secret: &str) {
    let pod = pod(spec);
    let keys = ["tls.crt", "tls.key", "ca.crt"].map(ToOwned::to_owned).to_vec();
    assert_eq!(mounted(&pod), Some((secret.to_owned(), keys)), "and no key of an authority");
    for (variable, value) in VARIABLES {
        assert_eq!(read(spec, "{}", variable).as_deref(), Some(value));
    }
}

#[rstest]
#[case("{}")]
#[case("cluster: {tls: {mode: Application, secretName: mine}}")]
#[case("cluster: {distribution: Disabled, tls: {mode: Managed}}")]
fn without_it_nothing_is_mounted_and_said(#[case] spec: &str) {
    assert_eq!(mounted(&pod(spec)), None);
    assert_eq!(read(spec, "{}", "BEAM_TLS_CERT_FILE"), None);
    assert!(!read(spec, "{}", "ERL_AFLAGS").unwrap_or_default().contains("tls"));
    let annotations = template(spec).metadata.unwrap().annotations.unwrap_or_default();
    assert!(!annotations.contains_key(labels::TLS_OPTIONS));
}

#[rstest]
#[case::mix("")]
#[case::distillery("release: {tool: Distillery}, ")]
#[case::relx("release: {tool: Relx}, ")]
fn the_vm_is_told_once(#[case] tool: &str) {
    let flags = |more: &str| read(&format!("{{{tool}{MANAGED}{more}}}"), "{}", "ERL_AFLAGS").unwrap();
    assert!(flags("").ends_with(FLAGS), "{}", flags(""));
    let theirs = flags(", vm: {flags: -proto_dist inet6_tls}");
    assert!(!theirs.contains("proto_dist") && theirs.contains("-ssl_dist_optfile"), "{theirs}");
    let theirs = flags(", env: [{name: ERL_FLAGS, value: -ssl_dist_optfile /mine}]");
    assert!(theirs.contains("-proto_dist inet_tls") && !theirs.contains("ssl_dist_optfile"), "{theirs}");
}

#[test]
fn without_a_tool_the_vm_is_told_nothing() {
    assert_eq!(read(&format!("{{release: {{tool: None}}, {MANAGED}}}"), "{}", "ERL_AFLAGS"), None);
}

/// `erl_call`, which the start script of relx uses otherwise, cannot speak TLS.
#[test]
fn relx_asks_its_node_by_a_vm() {
    let relx = format!("{{release: {{tool: Relx}}, {MANAGED}}}");
    assert_eq!(read(&relx, "{}", "USE_NODETOOL").as_deref(), Some("true"));
    assert_eq!(read("release: {tool: Relx}", "{}", "USE_NODETOOL"), None);
}

#[test]
fn other_containers_do_not_hear_of_it() {
    let spec = format!("{{{MANAGED}, podTemplate: {{spec: {{containers: [{{name: log, image: log}}]}}}}}}");
    let template = template(&spec);
    let log = kubelet::environment(&template, "log", &Contents::new());
    assert!(log.keys().all(|name| !name.contains("TLS")), "{log:?}");
    let pod = template.spec.unwrap();
    assert_eq!(pod.containers[1].volume_mounts, None);
}

#[test]
fn options_that_the_user_wrote_stay() {
    let key = labels::TLS_OPTIONS;
    let spec = format!("{{{MANAGED}, podTemplate: {{metadata: {{annotations: {{{key}: '[].'}}}}}}}}");
    assert_eq!(template(&spec).metadata.unwrap().annotations.unwrap()[key], "[].");
}

#[test]
fn a_place_that_is_taken_is_left_to_the_user() {
    let spec = format!(
        "{{{MANAGED}, volumes: [{{name: beam-tls, emptyDir: {{}}}}], \
         volumeMounts: [{{name: beam-tls, mountPath: /var/run/beam-tls}}]}}"
    );
    assert_eq!(read(&spec, "{}", "BEAM_TLS_CA_FILE").as_deref(), Some("/var/run/beam-tls-2/ca.crt"));
    let options = template(&spec).metadata.unwrap().annotations.unwrap()[labels::TLS_OPTIONS].clone();
    assert!(options.contains("\"/var/run/beam-tls-2/tls.key\""), "{options}");
}
