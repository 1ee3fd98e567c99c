//! What the other containers of the pod read.

use rstest::rstest;

use super::kubelet::environment;
use super::*;

const SIDECAR: &str = "podTemplate: {spec: {initContainers: [{name: init, image: i}], containers: [{name: log, image: i, env: [{name: N, value: $(BEAM_NODE)}, {name: BEAM_BASENAME, value: mine}]}]}}";

#[rstest]
#[case("init")]
#[case("log")]
fn other_containers_get_all_facts_but_the_cookie(#[case] container: &str) {
    let read = environment(&template(SIDECAR), container, &Contents::new());
    let ours: Vec<_> = read.keys().filter(|name| name.starts_with("POD_") || name.starts_with("BEAM_")).collect();
    let expected = [
        "BEAM_BASENAME",
        "BEAM_CLUSTER_DNS",
        "BEAM_CLUSTER_SERVICE",
        "BEAM_NODE",
        "BEAM_REVISION",
        "POD_IP",
        "POD_NAME",
        "POD_NAMESPACE",
    ];
    assert_eq!(ours, expected);
    assert!(read.keys().all(|name| !name.starts_with("RELEASE_") && !name.starts_with("ERL_")));
    assert!(!read.values().any(|value| value.contains("cookie")));
}

#[test]
fn variables_of_other_containers_win_too() {
    let read = environment(&template(SIDECAR), "log", &Contents::new());
    assert_eq!((read["N"].as_str(), read["BEAM_BASENAME"].as_str()), ("shop@10.1.2.3", "mine"));
    let objects = contents("Secret/s: [POD_IP]");
    let spec = "podTemplate: {spec: {containers: [{name: log, image: i, envFrom: [{secretRef: {name: s}}]}]}}";
    assert_eq!(environment(&template_with(spec, &objects), "log", &objects)["BEAM_NODE"], "shop@<Secret/s/POD_IP>");
}
