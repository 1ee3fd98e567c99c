//! Warnings about references that the kubelet leaves as they stand.

use rstest::rstest;

use super::*;
use crate::resources::pod::undefined_variables;

#[rstest]
#[case::nowhere(
    "env: [{name: A, value: a}, {name: B, value: 'x$(NOPE)'}]",
    "{}",
    &["spec.env[1]: B refers to $(NOPE), which is defined nowhere: define it, or write $$ for a literal $"]
)]
#[case::later(
    "env: [{name: B, value: $(A)}, {name: A, value: a}]",
    "{}",
    &["spec.env[0]: B refers to $(A), which is not defined by an earlier entry: move it up"]
)]
#[case::template(
    "podTemplate: {spec: {initContainers: [{name: i, image: i, env: [{name: A, value: $(BEAM_COOKIE)}]}]}}",
    "{}",
    &["spec.podTemplate.spec.initContainers[0].env[0]: A refers to $(BEAM_COOKIE), which is defined nowhere: define it, or write $$ for a literal $"]
)]
#[case::not_distributed(
    "{cluster: {distribution: Disabled}, env: [{name: A, value: $(BEAM_NODE)}]}",
    "{}",
    &["spec.env[0]: A refers to $(BEAM_NODE), which is defined nowhere: define it, or write $$ for a literal $"]
)]
#[case::an_absent_key_defines_nothing(
    "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}, {name: B, value: $(A)}]",
    "{}",
    &["spec.env[1]: B refers to $(A), which is not defined by an earlier entry: move it up"]
)]
#[case::vm_flags(
    "vm: {flags: +P $(LIMIT)}",
    "{}",
    &["spec.vm.flags: ERL_ZFLAGS refers to $(LIMIT), which is defined nowhere: define it, or write $$ for a literal $"]
)]
#[case::not_of_the_api_server(
    "env: [{name: A, value: $(KUBERNETES_NAMESPACE)}, {name: B, value: $(KUBERNETES_SERVICE_ACCOUNT)}]",
    "{}",
    &[
        "spec.env[0]: A refers to $(KUBERNETES_NAMESPACE), which is defined nowhere: define it, or write $$ for a literal $",
        "spec.env[1]: B refers to $(KUBERNETES_SERVICE_ACCOUNT), which is defined nowhere: define it, or write $$ for a literal $",
    ]
)]
#[case::itself(
    "env: [{name: PATH, value: '/x:$(PATH)'}]",
    "{}",
    &["spec.env[0]: PATH refers to $(PATH), which is the entry itself, and what the image sets cannot be referred to: write the whole value"]
)]
#[case::itself_from_an_object("{envFrom: [{secretRef: {name: s}}], env: [{name: P, value: 'x$(P)'}]}", "Secret/s: [P]", &[])]
#[case::escape("env: [{name: A, value: $$(NOPE)}]", "{}", &[])]
#[case::ours("env: [{name: A, value: $(BEAM_NODE)$(RELEASE_TMP)}]", "{}", &[])]
#[case::env_from("{envFrom: [{prefix: P_, secretRef: {name: s}}], env: [{name: A, value: $(P_K)}]}", "Secret/s: [K]", &[])]
#[case::env_from_to_come("{envFrom: [{secretRef: {name: s, optional: true}}], env: [{name: A, value: $(K)}]}", "{}", &[])]
#[case::api_server("env: [{name: A, value: $(KUBERNETES_SERVICE_HOST)$(KUBERNETES_SERVICE_PORT)$(KUBERNETES_SERVICE_PORT_HTTPS)$(KUBERNETES_PORT)$(KUBERNETES_PORT_443_TCP_ADDR)}]", "{}", &[])]
#[case::service_links("{env: [{name: A, value: $(DB_SERVICE_HOST)}], podTemplate: {spec: {enableServiceLinks: true}}}", "{}", &[])]
fn undefined_variables_are_named(#[case] spec: &str, #[case] objects: &str, #[case] expected: &[&str]) {
    let contents = contents(objects);
    let warnings = undefined_variables(&release(spec), &template_with(spec, &contents), &contents);
    assert_eq!(warnings.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}
