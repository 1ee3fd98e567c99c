//! Canaries by weight.

use super::*;

const ROUTE: &str = "httpRoute: {name: front}, ";

fn told(ports: &str, more: &str, canary: &str) -> Vec<String> {
    let release = fixture::release(&format!("{{{ports} rollout: {{strategy: Canary, {more} canary: {{{canary}}}}}}}"));
    judge(&release, &Contents::new()).err().unwrap_or_default()
}

const PORTS: &str = "ports: [{containerPort: 4000}],";

#[test]
fn weights_with_a_route_are_fine() {
    for steps in ["steps: [{weight: 0}, {weight: 100, replicas: 2}]", "steps: [{replicas: 50%}]"] {
        assert_eq!(told(PORTS, "", &format!("{ROUTE}{steps}")), Vec::<String>::new());
    }
    let elsewhere = fixture::release(
        "{rollout: {maxSurge: 0, maxUnavailable: 1, canary: {httpRoute: {name: a}, steps: [{weight: 1}]}}}",
    );
    assert!(judge(&elsewhere, &Contents::new()).is_ok(), "another strategy has no use for it");
}

#[rstest]
#[case::no_route(
    "",
    "",
    "steps: [{replicas: 1}, {weight: 5}]",
    "spec.rollout.canary.steps[1]: a step with weight needs rollout.canary.httpRoute: name the HTTPRoute whose traffic is split, or say replicas"
)]
#[case::nothing_said(
    "",
    "",
    "steps: [{pauseSeconds: 1}]",
    "spec.rollout.canary.steps[0]: a step needs replicas, or weight with rollout.canary.httpRoute: say how many nodes run the new revision"
)]
#[case::more_than_all(
    "",
    ROUTE,
    "steps: [{weight: 101}]",
    "spec.rollout.canary.steps[0].weight: must be from 0 to 100 percent, not 101"
)]
#[case::a_path(
    "",
    "httpRoute: {name: a/b}, ",
    "steps: [{weight: 5}]",
    "spec.rollout.canary.httpRoute.name: is \"a/b\", which no object can be called"
)]
#[case::one_side_at_a_time(
    "maxSurge: 0%, maxUnavailable: 1,",
    ROUTE,
    "steps: [{weight: 5}]",
    "spec.rollout: rollout.canary.httpRoute needs rollout.maxSurge above 0: there have to be nodes on both sides before traffic is split; set it to 1"
)]
fn what_is_wrong(#[case] more: &str, #[case] route: &str, #[case] steps: &str, #[case] expected: &str) {
    assert_eq!(told(PORTS, more, &format!("{route}{steps}")), [expected]);
}

#[rstest]
#[case::no_port("")]
#[case::not_wanted("service: {type: None}, ports: [{containerPort: 4000}],")]
fn there_has_to_be_a_service_to_send_to(#[case] ports: &str) {
    let expected = "spec.rollout.canary.httpRoute: splits the traffic of the release's Service, which it does not have: give it \
                    spec.ports, or a spec.service.type other than None";
    assert_eq!(told(ports, "", &format!("{ROUTE}steps: [{{weight: 5}}]")), [expected]);
}

#[test]
fn the_headless_service_is_not_that_of_previews() {
    let release = fixture::release(&format!(
        "{{{PORTS} cluster: {{service: {{name: shop-preview}}}}, rollout: {{strategy: Canary, canary: {{{ROUTE}steps: [{{weight: 5}}]}}}}}}"
    ));
    let told = judge(&release, &Contents::new()).unwrap_err();
    assert_eq!(
        told,
        ["spec.cluster.service.name: must not be shop-preview, which the Service for previews has: choose another"]
    );
}
