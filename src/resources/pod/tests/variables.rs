//! Who wins and what resolves: the user's variables and ours.

use rstest::rstest;

use super::kubelet::environment;
use super::*;
use crate::resources::pod::containers;

#[rstest]
#[case("POD_IP", "10.1.2.3")]
#[case("POD_NAME", "<metadata.name>")]
#[case("POD_NAMESPACE", "<metadata.namespace>")]
#[case("BEAM_NODE", "shop@10.1.2.3")]
#[case("BEAM_BASENAME", "shop")]
#[case("BEAM_COOKIE", "<Secret/shop-cookie/cookie>")]
#[case("BEAM_CLUSTER_DNS", "shop-nodes.store.svc.cluster.local")]
#[case("BEAM_CLUSTER_SERVICE", "shop-nodes")]
#[case("BEAM_REVISION", "<metadata.labels['beam-operator.io/revision']>")]
#[case("RELEASE_NODE", "shop@10.1.2.3")]
#[case("RELEASE_COOKIE", "<Secret/shop-cookie/cookie>")]
#[case("RELEASE_DISTRIBUTION", "name")]
#[case("DNS_CLUSTER_QUERY", "shop-nodes.store.svc.cluster.local")]
fn a_release_reads_its_identity(#[case] variable: &str, #[case] expected: &str) {
    assert_eq!(read("{}", "{}", variable).as_deref(), Some(expected));
}

#[rstest]
#[case::cluster_name("cluster: {name: front}", "BEAM_NODE", "front@10.1.2.3")]
#[case::cluster_name_of_the_cookie("cluster: {name: front}", "BEAM_COOKIE", "<Secret/front-cookie/cookie>")]
#[case::cluster_name_of_the_service("cluster: {name: front}", "BEAM_CLUSTER_SERVICE", "front-nodes")]
#[case::basename("cluster: {name: front, basename: app}", "RELEASE_NODE", "app@10.1.2.3")]
#[case::service_name("cluster: {service: {name: peers}}", "DNS_CLUSTER_QUERY", "peers.store.svc.cluster.local")]
#[case::own_cookie("cluster: {cookie: {secretKeyRef: {name: ours, key: k}}}", "RELEASE_COOKIE", "<Secret/ours/k>")]
#[case::own_cookie_default_key(
    "cluster: {cookie: {secretKeyRef: {name: ours}}}",
    "BEAM_COOKIE",
    "<Secret/ours/cookie>"
)]
fn the_cluster_names_the_nodes(#[case] spec: &str, #[case] variable: &str, #[case] expected: &str) {
    assert_eq!(read(spec, "{}", variable).as_deref(), Some(expected));
}

const STATEFUL: &str = "{workload: {kind: StatefulSet}, cluster: {host: PodFQDN}}";

#[rstest]
#[case::node(STATEFUL, "BEAM_NODE", Some("shop@<metadata.name>.shop-nodes.store.svc.cluster.local"))]
#[case::node_for_the_tool(STATEFUL, "RELEASE_NODE", Some("shop@<metadata.name>.shop-nodes.store.svc.cluster.local"))]
#[case::long_names(STATEFUL, "RELEASE_DISTRIBUTION", Some("name"))]
#[case::seed(STATEFUL, "BEAM_SEED_NODE", Some("shop@shop-0.shop-nodes.store.svc.cluster.local"))]
#[case::seed_of_which_the_address_is_unknown("workload: {kind: StatefulSet}", "BEAM_SEED_NODE", None)]
#[case::seed_of_lone_nodes(
    "{workload: {kind: StatefulSet}, cluster: {distribution: Disabled}}",
    "BEAM_SEED_NODE",
    None
)]
#[case::addresses_that_no_node_is_called_by(STATEFUL, "DNS_CLUSTER_QUERY", None)]
#[case::addresses("workload: {kind: StatefulSet}", "DNS_CLUSTER_QUERY", Some("shop-nodes.store.svc.cluster.local"))]
#[case::no_node("cluster: {host: Application}", "BEAM_NODE", None)]
#[case::no_node_for_the_tool("cluster: {host: Application}", "RELEASE_NODE", None)]
#[case::basename_for_who_asks("cluster: {host: Application, basename: app}", "BEAM_BASENAME", Some("app"))]
#[case::mapped_by_the_user(
    "{workload: {kind: StatefulSet}, cluster: {host: PodFQDN}, env: [{name: SEED, value: $(BEAM_SEED_NODE)}]}",
    "SEED",
    Some("shop@shop-0.shop-nodes.store.svc.cluster.local")
)]
fn the_host_is_what_was_asked_for(#[case] spec: &str, #[case] variable: &str, #[case] expected: Option<&str>) {
    assert_eq!(read(spec, "{}", variable).as_deref(), expected);
}

#[test]
fn the_cluster_domain_is_the_operators() {
    let release = release("{}");
    let facts = Facts { cluster_domain: "example.org".to_owned(), ..Facts::default() };
    let draft = super::super::draft(&release).unwrap();
    let template = super::super::template(&release, &draft, &facts, &Contents::new());
    let read = environment(&template, "release", &Contents::new());
    assert_eq!(read["DNS_CLUSTER_QUERY"], "shop-nodes.store.svc.example.org");
}

#[rstest]
#[case::any_name("env: [{name: LIVEBOOK_NODE, value: $(BEAM_NODE)}]", "LIVEBOOK_NODE", "shop@10.1.2.3")]
#[case::several(
    "env: [{name: A, value: $(POD_IP)/$(BEAM_CLUSTER_DNS)}]",
    "A",
    "10.1.2.3/shop-nodes.store.svc.cluster.local"
)]
#[case::tool("env: [{name: A, value: $(RELEASE_NODE)}]", "A", "shop@10.1.2.3")]
#[case::cookie("env: [{name: ERL_COOKIE, value: $(BEAM_COOKIE)}]", "ERL_COOKIE", "<Secret/shop-cookie/cookie>")]
#[case::escaped("env: [{name: A, value: $$(POD_IP)}]", "A", "$(POD_IP)")]
#[case::earlier_of_their_own("env: [{name: A, value: a}, {name: B, value: $(A)}]", "B", "a")]
#[case::later_of_their_own("env: [{name: B, value: $(A)}, {name: A, value: a}]", "B", "$(A)")]
fn applications_receive_our_facts_under_any_name(#[case] spec: &str, #[case] variable: &str, #[case] expected: &str) {
    assert_eq!(read(spec, "{}", variable).as_deref(), Some(expected));
}

#[rstest]
#[case::replaced("env: [{name: RELEASE_NODE, value: me@here}]", "RELEASE_NODE", "me@here")]
#[case::what_follows("env: [{name: BEAM_NODE, value: me@here}]", "RELEASE_NODE", "me@here")]
#[case::address("env: [{name: POD_IP, value: 10.9.9.9}]", "RELEASE_NODE", "shop@10.9.9.9")]
#[case::field(
    "env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]",
    "RELEASE_NODE",
    "shop@<status.hostIP>"
)]
#[case::their_own_before(
    "env: [{name: A, value: '10.0.0.1'}, {name: POD_IP, value: $(A)}]",
    "RELEASE_NODE",
    "shop@10.0.0.1"
)]
#[case::through_one_of_ours("env: [{name: BEAM_NODE, value: app@$(POD_NAME)}]", "RELEASE_NODE", "app@<metadata.name>")]
#[case::emptied("env: [{name: RELEASE_COOKIE}]", "RELEASE_COOKIE", "")]
#[case::from_the_template(
    "podTemplate: {spec: {containers: [{name: release, env: [{name: RELEASE_NODE, value: me@here}]}]}}",
    "RELEASE_NODE",
    "me@here"
)]
#[case::the_template_over_the_spec(
    "{env: [{name: A, value: spec}], podTemplate: {spec: {containers: [{name: release, env: [{name: A, value: template}]}]}}}",
    "A",
    "template"
)]
fn an_entry_of_the_same_name_replaces_ours(#[case] spec: &str, #[case] variable: &str, #[case] expected: &str) {
    assert_eq!(read(spec, "{}", variable).as_deref(), Some(expected));
}

#[rstest]
#[case::secret(
    "envFrom: [{secretRef: {name: s}}]",
    "Secret/s: [RELEASE_COOKIE]",
    "RELEASE_COOKIE",
    "<Secret/s/RELEASE_COOKIE>"
)]
#[case::config_map(
    "envFrom: [{configMapRef: {name: s}}]",
    "ConfigMap/s: [RELEASE_NODE]",
    "RELEASE_NODE",
    "<ConfigMap/s/RELEASE_NODE>"
)]
#[case::prefix(
    "envFrom: [{prefix: RELEASE_, secretRef: {name: s}}]",
    "Secret/s: [COOKIE]",
    "RELEASE_COOKIE",
    "<Secret/s/COOKIE>"
)]
#[case::another_prefix(
    "envFrom: [{prefix: X_, secretRef: {name: s}}]",
    "Secret/s: [RELEASE_COOKIE]",
    "RELEASE_COOKIE",
    "<Secret/shop-cookie/cookie>"
)]
#[case::what_follows(
    "envFrom: [{secretRef: {name: s}}]",
    "Secret/s: [BEAM_NODE]",
    "RELEASE_NODE",
    "<Secret/s/BEAM_NODE>"
)]
#[case::address("envFrom: [{secretRef: {name: s}}]", "Secret/s: [POD_IP]", "RELEASE_NODE", "shop@<Secret/s/POD_IP>")]
#[case::template(
    "podTemplate: {spec: {containers: [{name: release, envFrom: [{secretRef: {name: s}}]}]}}",
    "Secret/s: [RELEASE_COOKIE]",
    "RELEASE_COOKIE",
    "<Secret/s/RELEASE_COOKIE>"
)]
#[case::another_key("envFrom: [{secretRef: {name: s}}]", "Secret/s: [OTHER]", "RELEASE_NODE", "shop@10.1.2.3")]
#[case::absent("envFrom: [{secretRef: {name: s, optional: true}}]", "{}", "RELEASE_NODE", "shop@10.1.2.3")]
#[case::binary_data("envFrom: [{configMapRef: {name: binary}}]", "{}", "RELEASE_NODE", "shop@10.1.2.3")]
#[case::of_the_other_kind(
    "envFrom: [{secretRef: {name: s}}]",
    "ConfigMap/s: [RELEASE_NODE]",
    "RELEASE_NODE",
    "shop@10.1.2.3"
)]
fn a_key_of_env_from_replaces_ours(
    #[case] spec: &str,
    #[case] objects: &str,
    #[case] variable: &str,
    #[case] expected: &str,
) {
    assert_eq!(read(spec, objects, variable).as_deref(), Some(expected));
}

#[test]
fn our_facts_go_first_and_the_users_keep_their_order() {
    let template =
        template("env: [{name: Z, value: z}, {name: POD_IP, value: $(Z)}, {name: B, value: b}, {name: A, value: a}]");
    let (_, container) = containers(&template).next().unwrap();
    let names: Vec<_> = container.env.iter().flatten().map(|entry| entry.name.as_str()).collect();
    let expected = [
        "POD_NAME",
        "POD_NAMESPACE",
        "BEAM_REVISION",
        "BEAM_BASENAME",
        "Z",
        "POD_IP",
        "BEAM_NODE",
        "BEAM_COOKIE",
        "BEAM_CLUSTER_DNS",
        "BEAM_CLUSTER_SERVICE",
        "RELEASE_DISTRIBUTION",
        "RELEASE_NODE",
        "RELEASE_COOKIE",
        "RELEASE_TMP",
        "RELEASE_REMOTE_VM_ARGS",
        "ERL_CRASH_DUMP",
        "DNS_CLUSTER_QUERY",
        "ERL_AFLAGS",
        "ERL_ZFLAGS",
        "B",
        "A",
    ];
    assert_eq!(names, expected);
}
