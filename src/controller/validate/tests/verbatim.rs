//! Objects of other APIs.

use super::*;

#[rstest]
#[case::field_that_is_none(
    "{spec: {containers: [{name: release, imge: x}]}}",
    "spec.podTemplate.spec.containers[0].imge: is not a field of this API: check its spelling and place"
)]
#[case::wrong_type(
    "{spec: {containers: [{name: release, tty: 'yes'}]}}",
    "spec.podTemplate.spec.containers[0].tty: invalid type: string \"yes\", expected a boolean"
)]
#[case::pod_instead_of_a_template(
    "{kind: Pod, spec: {}}",
    "spec.podTemplate.kind: is not a field of this API: check its spelling and place"
)]
#[case::without_our_container(
    "{spec: {containers: [{name: release, $patch: delete}]}}",
    "spec.podTemplate.spec.containers: removes the container \"release\", which runs the release: keep it and change its fields instead"
)]
#[case::with_another_selector(
    "{metadata: {labels: {beam-operator.io/release: other}}}",
    "spec.podTemplate.metadata.labels[beam-operator.io/release]: must stay \"shop\": the operator selects pods by it, remove the line"
)]
fn pod_templates(#[case] template: &str, #[case] expected: &str) {
    let mut release = valid();
    release.spec.pod_template = yaml(template);
    assert_eq!(judge(&release, &contents()).unwrap_err(), [expected]);
}

#[rstest]
#[case::service(
    |r: Broken| r.spec.service.spec = yaml("{sesionAffinity: ClientIP}"),
    "spec.service.spec.sesionAffinity: is not a field of this API: check its spelling and place"
)]
#[case::metric(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().metrics = yaml("[{type: Pods, pods: {metrics: {}}}]"),
    "spec.autoscaling.metrics[0].pods.metrics: is not a field of this API: check its spelling and place"
)]
#[case::behavior(
    |r: Broken| r.spec.autoscaling.as_mut().unwrap().behavior = yaml("{scaleUp: {selectPolicy: 1}}"),
    "spec.autoscaling.behavior.scaleUp.selectPolicy: invalid type: integer `1`, expected a string"
)]
fn what_is_carried_verbatim(#[case] breaks: fn(&mut ElixirRelease), #[case] expected: &str) {
    only(breaks, expected);
}
