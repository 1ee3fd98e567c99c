//! What each release tool gets, and what a release without distribution does not.

use rstest::rstest;

use super::kubelet::environment;
use super::*;

/// What a container reads, but for the time that the VM has to stop, which is the same for all tools.
fn read(spec: &str) -> BTreeMap<String, String> {
    let mut read = environment(&template(spec), "release", &Contents::new());
    let flags = read.remove("ERL_ZFLAGS").map(|flags| flags.replace("-shutdown_time 58000", "").trim().to_owned());
    read.extend(flags.filter(|flags| !flags.is_empty()).map(|flags| ("ERL_ZFLAGS".to_owned(), flags)));
    read
}

/// The variables beside POD_* and BEAM_*.
fn beside_our_facts(spec: &str) -> Vec<(String, String)> {
    read(spec).into_iter().filter(|(name, _)| !name.starts_with("POD_") && !name.starts_with("BEAM_")).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const AFLAGS: (&str, &str) = ("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105");
const DNS: (&str, &str) = ("DNS_CLUSTER_QUERY", "shop-nodes.store.svc.cluster.local");
const DUMP: (&str, &str) = ("ERL_CRASH_DUMP", "/var/run/beam/erl_crash.dump");

#[rstest]
#[case::mix("{}", &[
    DNS, AFLAGS, DUMP,
    ("RELEASE_COOKIE", "<Secret/shop-cookie/cookie>"),
    ("RELEASE_DISTRIBUTION", "name"),
    ("RELEASE_NODE", "shop@10.1.2.3"),
    ("RELEASE_REMOTE_VM_ARGS", "/var/run/beam-arguments/remote.vm.args"),
    ("RELEASE_TMP", "/var/run/beam"),
])]
#[case::mix_that_names_itself("cluster: {host: Application, epmd: Application, ports: {epmd: 5000}}", &[
    DNS,
    ("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"),
    DUMP,
    ("RELEASE_COOKIE", "<Secret/shop-cookie/cookie>"),
    ("RELEASE_REMOTE_VM_ARGS", "/var/run/beam-arguments/remote.vm.args"),
    ("RELEASE_TMP", "/var/run/beam"),
])]
#[case::relx_with_an_epmd_of_its_own("{release: {tool: Relx}, cluster: {epmd: Application}}", &[
    DNS,
    ("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"),
    DUMP,
    ("RELX_OUT_FILE_PATH", "/var/run/beam"),
    ("RELX_REPLACE_OS_VARS", "true"),
])]
#[case::mix_alone("cluster: {distribution: Disabled}", &[
    DUMP, ("RELEASE_DISTRIBUTION", "none"), ("RELEASE_TMP", "/var/run/beam"),
])]
#[case::distillery("release: {tool: Distillery}", &[
    DNS, AFLAGS, DUMP, ("RELEASE_MUTABLE_DIR", "/var/run/beam"), ("REPLACE_OS_VARS", "true"),
])]
#[case::distillery_alone("{release: {tool: Distillery}, cluster: {distribution: Disabled}}", &[
    DUMP, ("RELEASE_MUTABLE_DIR", "/var/run/beam"), ("REPLACE_OS_VARS", "true"),
])]
#[case::relx("release: {tool: Relx}", &[
    DNS, AFLAGS, DUMP, ("RELX_OUT_FILE_PATH", "/var/run/beam"), ("RELX_REPLACE_OS_VARS", "true"),
])]
#[case::relx_without_epmd("{release: {tool: Relx}, cluster: {epmd: Disabled}}", &[
    DNS,
    ("ERL_AFLAGS", "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"),
    DUMP,
    ("ERL_DIST_PORT", "9100"),
    ("RELX_OUT_FILE_PATH", "/var/run/beam"),
    ("RELX_REPLACE_OS_VARS", "true"),
])]
#[case::none("release: {tool: None}", &[])]
#[case::none_alone("{release: {tool: None}, cluster: {distribution: Disabled}}", &[])]
#[case::none_without_epmd("{release: {tool: None}, cluster: {epmd: Disabled, ports: {epmd: 5000}}}", &[])]
fn each_tool_gets_its_own(#[case] spec: &str, #[case] expected: &[(&str, &str)]) {
    let mut expected = pairs(expected);
    expected.sort();
    assert_eq!(beside_our_facts(spec), expected);
}

#[rstest]
#[case("{}", 9)]
#[case("release: {tool: None}", 9)]
#[case("cluster: {distribution: Disabled}", 4)]
#[case("{release: {tool: None}, cluster: {distribution: Disabled}}", 4)]
fn every_tool_gets_our_facts(#[case] spec: &str, #[case] expected: usize) {
    let read = read(spec);
    assert_eq!(read.keys().filter(|name| name.starts_with("POD_") || name.starts_with("BEAM_")).count(), expected);
}

#[rstest]
#[case::dns("{}", true)]
#[case::kubernetes("cluster: {discovery: Kubernetes}", false)]
#[case::none("cluster: {discovery: None}", false)]
#[case::alone("cluster: {distribution: Disabled}", false)]
fn only_discovery_by_dns_gets_a_query(#[case] spec: &str, #[case] expected: bool) {
    assert_eq!(read(spec).contains_key("DNS_CLUSTER_QUERY"), expected);
}

#[rstest]
#[case::default("{}", None)]
#[case::moved("cluster: {ports: {epmd: 4370}}", Some("4370"))]
#[case::without_epmd("cluster: {epmd: Disabled, ports: {epmd: 4370}}", None)]
#[case::alone("cluster: {distribution: Disabled, ports: {epmd: 4370}}", None)]
fn a_moved_epmd_is_told(#[case] spec: &str, #[case] expected: Option<&str>) {
    assert_eq!(read(spec).get("ERL_EPMD_PORT").map(String::as_str), expected);
}

#[rstest]
#[case::range(
    "cluster: {ports: {distribution: {from: 9200, to: 9210}}}",
    "-kernel inet_dist_listen_min 9200 inet_dist_listen_max 9210"
)]
#[case::without_epmd(
    "cluster: {epmd: Disabled}",
    "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100 -start_epmd false -erl_epmd_port 9100"
)]
#[case::their_port(
    "{cluster: {epmd: Disabled}, env: [{name: ERL_AFLAGS, value: -erl_epmd_port 9200}]}",
    "-erl_epmd_port 9200 -kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100 -start_epmd false"
)]
#[case::options_say_nothing_about_ports(
    "env: [{name: ERL_FLAGS, value: '-kernel inet_dist_listen_options [{nodelay,true}]'}]",
    "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105"
)]
#[case::options_in_vm_flags(
    "vm: {flags: '-kernel inet_dist_listen_options [{nodelay,true}]'}",
    "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105"
)]
#[case::their_port_elsewhere(
    "{cluster: {epmd: Disabled}, env: [{name: ERL_FLAGS, value: -start_epmd false -erl_epmd_port 9200}]}",
    "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100"
)]
#[case::their_port_in_another_variable(
    "{cluster: {epmd: Disabled}, env: [{name: NOTE, value: -erl_epmd_port 9200}]}",
    "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9100 -start_epmd false -erl_epmd_port 9100"
)]
fn the_node_listens_where_the_cluster_says(#[case] spec: &str, #[case] expected: &str) {
    assert_eq!(read(spec)["ERL_AFLAGS"], expected);
}

#[test]
fn a_range_in_the_users_other_flags_is_not_overruled() {
    let flags = "-kernel inet_dist_listen_min 1 inet_dist_listen_max 2";
    let read = read(&format!("vm: {{flags: {flags}}}"));
    assert_eq!((read.get("ERL_AFLAGS"), read["ERL_ZFLAGS"].as_str()), (None, flags));
}
