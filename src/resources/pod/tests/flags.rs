//! Flags in variables: ours joined to the user's.

use rstest::rstest;

use super::*;

const LISTEN: &str = "-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105";
const LAST: &str = "+S 2:2 -shutdown_time 58000";

#[rstest]
#[case::nothing_of_theirs("vm: {schedulers: 2}", "{}", LISTEN, LAST)]
#[case::literal(
    "{vm: {schedulers: 2}, env: [{name: ERL_AFLAGS, value: -heart}, {name: ERL_ZFLAGS, value: +S 4}]}",
    "{}",
    &format!("-heart {LISTEN}"),
    "+S 2:2 +S 4 -shutdown_time 58000"
)]
#[case::refers_to_their_own(
    "{vm: {schedulers: 2}, env: [{name: F, value: -heart}, {name: ERL_AFLAGS, value: $(F)}, {name: ERL_ZFLAGS, value: $(F)}]}",
    "{}",
    &format!("-heart {LISTEN}"),
    "+S 2:2 -heart -shutdown_time 58000"
)]
#[case::vm_flags_refer_to_their_own(
    "{vm: {schedulers: 2, flags: +P $(LIMIT)}, env: [{name: LIMIT, value: '99'}]}",
    "{}",
    LISTEN,
    "+S 2:2 +P 99 -shutdown_time 58000"
)]
#[case::from_a_key(
    "{vm: {schedulers: 2}, env: [{name: ERL_AFLAGS, valueFrom: {secretKeyRef: {name: s, key: a}}}, \
      {name: ERL_ZFLAGS, valueFrom: {configMapKeyRef: {name: m, key: z}}}]}",
    "{Secret/s: [a], ConfigMap/m: [z]}",
    &format!("<Secret/s/a> {LISTEN}"),
    "+S 2:2 <ConfigMap/m/z> -shutdown_time 58000"
)]
#[case::from_an_object(
    "{vm: {schedulers: 2}, envFrom: [{secretRef: {name: s}}]}",
    "Secret/s: [ERL_AFLAGS, ERL_ZFLAGS]",
    &format!("<Secret/s/ERL_AFLAGS> {LISTEN}"),
    "+S 2:2 <Secret/s/ERL_ZFLAGS> -shutdown_time 58000"
)]
#[case::from_an_optional_key_that_is_absent(
    "{vm: {schedulers: 2}, env: [{name: ERL_AFLAGS, valueFrom: {secretKeyRef: {name: s, key: a, optional: true}}}]}",
    "Secret/s: [b]",
    LISTEN,
    LAST
)]
#[case::an_absent_key_over_an_object(
    "{vm: {schedulers: 2}, envFrom: [{secretRef: {name: s}}], \
      env: [{name: ERL_AFLAGS, valueFrom: {secretKeyRef: {name: s, key: a, optional: true}}}]}",
    "Secret/s: [ERL_AFLAGS]",
    &format!("<Secret/s/ERL_AFLAGS> {LISTEN}"),
    LAST
)]
#[case::empty("{vm: {schedulers: 2}, env: [{name: ERL_AFLAGS}, {name: ERL_ZFLAGS, value: ''}]}", "{}", LISTEN, LAST)]
#[case::the_helper_name_is_taken(
    "{vm: {schedulers: 2}, env: [{name: BEAM_ERL_AFLAGS, value: x}, \
      {name: ERL_AFLAGS, valueFrom: {secretKeyRef: {name: s, key: a}}}]}",
    "Secret/s: [a]",
    &format!("<Secret/s/a> {LISTEN}"),
    LAST
)]
#[case::they_end_the_flags(
    "{vm: {schedulers: 2}, env: [{name: ERL_ZFLAGS, value: -extra a}]}",
    "{}",
    LISTEN,
    "-shutdown_time 58000 +S 2:2 -extra a"
)]
#[case::vm_flags_end_the_flags(
    "vm: {schedulers: 2, flags: -extra a}",
    "{}",
    LISTEN,
    "-shutdown_time 58000 +S 2:2 -extra a"
)]
fn flags_are_joined(#[case] spec: &str, #[case] objects: &str, #[case] first: &str, #[case] last: &str) {
    assert_eq!(read(spec, objects, "ERL_AFLAGS").as_deref(), Some(first));
    assert_eq!(read(spec, objects, "ERL_ZFLAGS").as_deref(), Some(last));
}

#[rstest]
#[case::all_of_the_grace_period("{}", Some("58000"))]
#[case::less_the_delay("ports: [{containerPort: 4000}]", Some("53000"))]
#[case::less_the_drain(
    "{ports: [{containerPort: 4000}], shutdown: {drain: {rpc: a, timeoutSeconds: 20}}}",
    Some("33000")
)]
#[case::less_a_hook_of_theirs(
    "{ports: [{containerPort: 4000}], \
      podTemplate: {spec: {containers: [{name: release, lifecycle: {preStop: {sleep: {seconds: 9}}}}]}}}",
    Some("49000")
)]
#[case::of_their_command_nothing_is_known(
    "{ports: [{containerPort: 4000}], podTemplate: {spec: {containers: [\
      {name: release, lifecycle: {preStop: {sleep: null, exec: {command: [a]}}}}]}}}",
    Some("58000")
)]
#[case::nothing_is_left("{shutdown: {gracePeriodSeconds: 2}}", Some("1000"))]
#[case::by_the_template("podTemplate: {spec: {terminationGracePeriodSeconds: 10}}", Some("8000"))]
#[case::alone("cluster: {distribution: Disabled}", Some("58000"))]
#[case::without_a_tool("release: {tool: None}", None)]
#[case::theirs("env: [{name: ERL_FLAGS, value: -shutdown_time 1}]", None)]
#[case::theirs_in_vm_flags("vm: {flags: -shutdown_time 1}", Some("1"))]
#[case::theirs_behind("env: [{name: ERL_ZFLAGS, value: -shutdown_time 1}]", Some("1"))]
fn the_vm_stops_within_the_grace_period(#[case] spec: &str, #[case] expected: Option<&str>) {
    let flags = read(spec, "{}", "ERL_ZFLAGS").unwrap_or_default();
    let time = flags.split(' ').skip_while(|flag| *flag != "-shutdown_time").nth(1);
    assert_eq!(time, expected, "{flags}");
}

#[test]
fn erl_flags_is_the_users_alone() {
    assert_eq!(read("env: [{name: ERL_FLAGS, value: +P 99}]", "{}", "ERL_FLAGS").as_deref(), Some("+P 99"));
    assert_eq!(read("{}", "{}", "ERL_FLAGS"), None);
}

#[rstest]
#[case("{}")]
#[case("release: {tool: Distillery}")]
#[case("release: {tool: Relx}")]
#[case("release: {tool: None}")]
#[case("{cluster: {epmd: Disabled}, vm: {schedulers: 1, flags: +P 1}}")]
fn nothing_ever_passes_a_cookie_as_a_flag(#[case] spec: &str) {
    assert!(!serde_yaml::to_string(&template(spec)).unwrap().contains("setcookie"));
}
