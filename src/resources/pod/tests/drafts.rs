//! What is wrong with a spec, with the exact field.

use rstest::rstest;

use super::*;

#[rstest]
#[case::unknown_field(
    "podTemplate: {spec: {containers: [{name: release, imge: x}]}}",
    &["spec.podTemplate.spec.containers[0].imge: is not a field of this API: check its spelling and place"]
)]
#[case::place_in_what_was_written(
    "podTemplate: {spec: {containers: [{name: log, image: i}, {name: release, imge: x}]}}",
    &["spec.podTemplate.spec.containers[1].imge: is not a field of this API: check its spelling and place"]
)]
#[case::wrong_type(
    "podTemplate: {spec: {containers: [{name: release, env: [{name: A, value: 1}]}]}}",
    &["spec.podTemplate.spec.containers[0].env[0].value: invalid type: integer `1`, expected a string"]
)]
#[case::not_a_template(
    "podTemplate: {containers: []}",
    &["spec.podTemplate.containers: is not a field of this API: check its spelling and place"]
)]
#[case::no_name(
    "podTemplate: {spec: {containers: [{image: i}]}}",
    &["spec.podTemplate.spec.containers[0]: needs name: elements of containers merge by it"]
)]
#[case::release_deleted(
    "podTemplate: {spec: {containers: [{name: release, $patch: delete}]}}",
    &["spec.podTemplate.spec.containers: removes the container \"release\", which runs the release: keep it and change its fields instead"]
)]
#[case::release_replaced_by_others(
    "podTemplate: {spec: {containers: [{$patch: replace}, {name: mine, image: i}]}}",
    &["spec.podTemplate.spec.containers: removes the container \"release\", which runs the release: keep it and change its fields instead"]
)]
#[case::everything_removed(
    "podTemplate: {spec: null}",
    &["spec.podTemplate.spec.containers: removes the container \"release\", which runs the release: keep it and change its fields instead"]
)]
#[case::image_removed(
    "podTemplate: {spec: {containers: [{name: release, image: null}]}}",
    &["spec.podTemplate.spec.containers[0].image: the container \"release\" needs an image"]
)]
#[case::image_empty("image: ''", &["spec.image: the container \"release\" needs an image"])]
#[case::sidecar_without_image(
    "podTemplate: {spec: {initContainers: [{name: init}], containers: [{name: log}]}}",
    &[
        "spec.podTemplate.spec.initContainers[0].image: the container \"init\" needs an image",
        "spec.podTemplate.spec.containers[0].image: the container \"log\" needs an image",
    ]
)]
#[case::one_name_twice(
    "podTemplate: {spec: {containers: [{name: log, image: i}, {name: log, image: j}]}}",
    &["spec.podTemplate.spec.containers[1]: names log a second time: remove one of them"]
)]
#[case::name_of_an_init_container(
    "podTemplate: {spec: {initContainers: [{name: release, image: i}]}}",
    &["spec.podTemplate.spec.initContainers[0]: has the name of another container, \"release\": rename it"]
)]
#[case::release_label(
    "podTemplate: {metadata: {labels: {beam-operator.io/release: other}}}",
    &["spec.podTemplate.metadata.labels[beam-operator.io/release]: must stay \"shop\": the operator selects pods by it, remove the line"]
)]
#[case::cluster_label_removed(
    "podTemplate: {metadata: {labels: {beam-operator.io/cluster: null}}}",
    &["spec.podTemplate.metadata.labels[beam-operator.io/cluster]: must stay \"shop\": the operator selects pods by it, remove the line"]
)]
#[case::cluster_label_of_a_lone_node(
    "{cluster: {distribution: Disabled}, podTemplate: {metadata: {labels: {beam-operator.io/cluster: shop}}}}",
    &["spec.podTemplate.metadata.labels[beam-operator.io/cluster]: must be absent: the operator selects pods by it, remove the line"]
)]
#[case::revision_label(
    "podTemplate: {metadata: {labels: {beam-operator.io/revision: a}}}",
    &["spec.podTemplate.metadata.labels[beam-operator.io/revision]: is set by the operator: remove the line"]
)]
#[case::duplicates(
    "{env: [{name: A}, {name: A}], volumes: [{name: v}, {name: v}], volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /v}], imagePullSecrets: [{name: s}, {name: s}]}",
    &[
        "spec.env[1]: names A a second time: remove one of them",
        "spec.volumes[1]: names v a second time: remove one of them",
        "spec.volumeMounts[1]: names /v a second time: remove one of them",
        "spec.imagePullSecrets[1]: names s a second time: remove one of them",
    ]
)]
#[case::cookie_in_the_flags(
    "{vm: {flags: +P 1 -setcookie a}, env: [{name: ERL_FLAGS, value: -setcookie b}, {name: NOTE, value: -setcookie b}]}",
    &[
        "spec.env[0].value: must not have -setcookie: the start script passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef",
        "spec.vm.flags: must not have -setcookie: the start script passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef",
    ]
)]
#[case::cookie_in_the_template(
    "podTemplate: {spec: {containers: [{name: release, env: [{name: A, value: b}, {name: ERL_FLAGS, value: -setcookie x}]}]}}",
    &["spec.podTemplate.spec.containers[0].env[1].value: must not have -setcookie: the start script passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"]
)]
#[case::cookie_of_distillery(
    "{release: {tool: Distillery}, vm: {flags: -setcookie a}}",
    &["spec.vm.flags: must not have -setcookie: vm.args passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"]
)]
#[case::cookie_of_relx(
    "{release: {tool: Relx}, env: [{name: ERL_ZFLAGS, value: -setcookie a}]}",
    &["spec.env[0].value: must not have -setcookie: vm.args passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"]
)]
#[case::every_problem_at_once(
    "{env: [{name: A}, {name: A}], podTemplate: {metadata: {labels: {beam-operator.io/revision: a}}, spec: {containers: [{name: log}]}}}",
    &[
        "spec.env[1]: names A a second time: remove one of them",
        "spec.podTemplate.metadata.labels[beam-operator.io/revision]: is set by the operator: remove the line",
        "spec.podTemplate.spec.containers[0].image: the container \"log\" needs an image",
    ]
)]
fn names_what_is_wrong(#[case] spec: &str, #[case] expected: &[&str]) {
    assert_eq!(problems(spec), expected);
}

#[test]
fn a_label_of_the_same_value_is_no_problem() {
    let spec = "podTemplate: {metadata: {labels: {beam-operator.io/release: shop, beam-operator.io/cluster: shop}}}";
    assert!(super::super::draft(&release(spec)).is_ok());
}

/// What a chart stamps on everything it makes: nothing selects pods by it.
#[rstest]
#[case::of_a_chart("Helm", Some("Helm"))]
#[case::removed("null", None)]
fn the_template_may_say_who_manages_the_pods(#[case] manager: &str, #[case] expected: Option<&str>) {
    let spec = format!("podTemplate: {{metadata: {{labels: {{app.kubernetes.io/managed-by: {manager}}}}}}}");
    let labels = template(&spec).metadata.unwrap().labels.unwrap();
    assert_eq!(labels.get("app.kubernetes.io/managed-by").map(String::as_str), expected);
}

#[test]
fn an_entry_that_the_template_replaces_is_not_judged() {
    let spec = "{env: [{name: ERL_FLAGS, value: -setcookie x}], \
                podTemplate: {spec: {containers: [{name: release, env: [{name: ERL_FLAGS, value: +P 1}]}]}}}";
    assert!(super::super::draft(&release(spec)).is_ok());
}

#[test]
fn an_application_without_a_tool_may_pass_its_own_cookie() {
    let spec = "{release: {tool: None}, vm: {flags: -setcookie a}}";
    assert!(super::super::draft(&release(spec)).is_ok());
}
