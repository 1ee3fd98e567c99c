//! `spec.vm`.

use rstest::rstest;

use super::kubelet::environment;
use super::*;

const NO_SPINNING: &str = "+sbwt none +sbwtdcpu none +sbwtdio none";

#[rstest]
#[case::nothing_known("{}", None)]
#[case::limit("resources: {limits: {cpu: '2'}}", Some(format!("+S 2:2 {NO_SPINNING}")))]
#[case::limit_rounded_up("resources: {limits: {cpu: 1500m}}", Some(format!("+S 2:2 {NO_SPINNING}")))]
#[case::limit_before_request("resources: {limits: {cpu: '2'}, requests: {cpu: '1'}}", Some(format!("+S 2:2 {NO_SPINNING}")))]
#[case::request("resources: {requests: {cpu: 500m}, limits: {memory: 1Gi}}", Some("+S 1:1".to_owned()))]
#[case::memory_only("resources: {limits: {memory: 512Mi}}", None)]
#[case::limit_of_the_template(
    "{resources: {limits: {cpu: '2'}}, podTemplate: {spec: {containers: [{name: release, resources: {limits: {cpu: '4'}}}]}}}",
    Some(format!("+S 4:4 {NO_SPINNING}"))
)]
#[case::limit_removed_by_the_template(
    "{resources: {limits: {cpu: '2'}}, podTemplate: {spec: {containers: [{name: release, resources: {limits: {cpu: null}}}]}}}",
    None
)]
#[case::vm_decides("{resources: {limits: {cpu: '2'}}, vm: {schedulers: Default, busyWait: Default}}", None)]
#[case::number("vm: {schedulers: 3}", Some("+S 3:3".to_owned()))]
#[case::number_under_a_limit("{resources: {limits: {cpu: '8'}}, vm: {schedulers: 3, busyWait: Default}}", Some("+S 3:3".to_owned()))]
#[case::flags_are_appended("vm: {schedulers: 3, flags: ' +P 2000000 '}", Some("+S 3:3 +P 2000000".to_owned()))]
#[case::not_a_quantity("{resources: {limits: {cpu: many}}, vm: {busyWait: Default}}", None)]
#[case::none_sets_nothing("{release: {tool: None}, resources: {limits: {cpu: '2'}}}", None)]
#[case::none_only_schedulers("{release: {tool: None}, resources: {limits: {cpu: '2'}}, vm: {schedulers: Auto}}", Some("+S 2:2".to_owned()))]
#[case::none_only_busy_wait("{release: {tool: None}, resources: {limits: {cpu: '2'}}, vm: {busyWait: None}}", Some(NO_SPINNING.to_owned()))]
#[case::none_without_a_limit("{release: {tool: None}, vm: {busyWait: None, schedulers: Auto}}", None)]
#[case::none_only_flags("{release: {tool: None}, vm: {flags: +P 1}}", Some("+P 1".to_owned()))]
#[case::not_distributed("{cluster: {distribution: Disabled}, vm: {schedulers: 2}}", Some("+S 2:2".to_owned()))]
fn emulator_flags(#[case] spec: &str, #[case] expected: Option<String>) {
    let read = environment(&template(spec), "release", &Contents::new());
    // How long it may take to stop is no flag of the emulator.
    let flags = read.get("ERL_ZFLAGS").map(|flags| flags.replace("-shutdown_time 58000", "").trim().to_owned());
    assert_eq!(flags.filter(|flags| !flags.is_empty()), expected);
}
