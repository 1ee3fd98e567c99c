//! What needs somebody who looks at the nodes, where the release or the operator is set so that nobody does.

use super::*;

const UNSEEN: &str = "and cluster.observation.mode is Disabled: enable it";
const BLIND: &str =
    "and this operator was started with --observation=false: set operator.observation of its chart to true";

/// What is wrong, and what is odd, for an operator that looks at nodes and for one that does not.
fn told(spec: &str, observes: bool) -> Vec<String> {
    let release = fixture::release(spec);
    let facts = Facts { observes, ..Facts::default() };
    let verdict = validate(&release, &[&release], References::Unknown, &facts, now());
    let told = verdict.map_or_else(|problems| problems, |valid| valid.warnings);
    told.iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::discovery(
    "discovery: Operator",
    "spec.cluster.discovery: Operator has the operator connect the nodes, {}, or use another discovery"
)]
#[case::gate(
    "readinessGate: Enabled",
    "spec.cluster.readinessGate: Enabled has pods wait until the operator has seen them in the mesh, {}, or disable the gate"
)]
#[case::restart("healing: Restart", "spec.cluster.healing: Restart does nothing for nodes that nobody looks at, {}")]
fn needs_an_observer(#[case] wish: &str, #[case] expected: &str) {
    let wished = format!("cluster: {{{wish}}}");
    assert_eq!(told(&wished, true), [""; 0]);
    assert_eq!(told(&wished, false), [expected.replace("{}", BLIND)]);

    // The release's own word comes first: who changes that is told of the operator next.
    let unseen = format!("cluster: {{{wish}, observation: {{mode: Disabled}}}}");
    assert_eq!(told(&unseen, true), [expected.replace("{}", UNSEEN)]);
    assert_eq!(told(&unseen, false), [expected.replace("{}", UNSEEN)]);

    let lone = format!("cluster: {{{wish}, distribution: Disabled}}");
    assert_eq!(told(&lone, false), [""; 0]);
}

#[test]
fn both_are_told_at_once_and_only_one_of_them_stops_the_release() {
    let fields = |spec| {
        let told = told(spec, false);
        told.into_iter().map(|told| told.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = fields("cluster: {discovery: Operator, readinessGate: Enabled, healing: Restart}");
    assert_eq!(all, ["spec.cluster.discovery", "spec.cluster.readinessGate"]);

    let release = fixture::release("cluster: {healing: Restart}");
    let facts = Facts { observes: false, ..Facts::default() };
    assert!(validate(&release, &[&release], References::Unknown, &facts, now()).is_ok());
}

#[test]
fn the_default_is_no_wish() {
    assert_eq!(told("", false), [""; 0]);
    assert_eq!(told("cluster: {healing: Disabled}", false), [""; 0]);
}
