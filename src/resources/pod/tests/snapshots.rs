//! Whole templates, to be read.

use rstest::rstest;

use super::*;

#[rstest]
#[case::three_lines("three_lines", "{replicas: 3, ports: [{containerPort: 4000}]}", "{}")]
#[case::distillery("distillery", "release: {tool: Distillery}", "{}")]
#[case::relx("relx", "release: {tool: Relx}", "{}")]
#[case::stateful("stateful", "{workload: {kind: StatefulSet}, cluster: {host: PodFQDN}}", "{}")]
#[case::no_tool("no_tool", "{release: {tool: None}, ports: [{containerPort: 4000}]}", "{}")]
#[case::lone_nodes("lone_nodes", "{cluster: {distribution: Disabled}, ports: [{containerPort: 4000}]}", "{}")]
#[case::without_epmd(
    "without_epmd",
    "{cluster: {epmd: Disabled, discovery: Kubernetes}, resources: {limits: {cpu: '2'}}}",
    "{}"
)]
#[case::tls("tls", "cluster: {tls: {mode: Managed}}", "{}")]
#[case::own_variables(
    "own_variables",
    "env: [{name: NODE_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}, {name: PHX_HOST, value: shop.example.com}, \
      {name: POD_IP, value: $(NODE_IP)}, {name: LIVEBOOK_NODE, value: $(BEAM_NODE)}]",
    "{}"
)]
#[case::env_from(
    "env_from",
    "{envFrom: [{secretRef: {name: shop-env}}], vm: {schedulers: 2}}",
    "Secret/shop-env: [RELEASE_COOKIE, ERL_ZFLAGS, PHX_HOST]"
)]
#[case::joined_flags(
    "joined_flags",
    "{vm: {schedulers: 2}, envFrom: [{configMapRef: {name: flags}}], env: [{name: ERL_AFLAGS, valueFrom: {secretKeyRef: {name: s, key: k}}}, \
      {name: ERL_FLAGS, value: +P 99}]}",
    "{ConfigMap/flags: [ERL_ZFLAGS], Secret/s: [k]}"
)]
#[case::sidecar(
    "sidecar",
    "podTemplate: {metadata: {labels: {team: checkout}}, spec: {securityContext: {runAsUser: 1000}, \
      initContainers: [{name: wait, image: busybox, command: ['true']}], \
      containers: [{name: log, image: log}, {name: release, securityContext: {readOnlyRootFilesystem: true}}]}}",
    "{}"
)]
fn template_of(#[case] name: &str, #[case] spec: &str, #[case] objects: &str) {
    insta::with_settings!({ description => spec, omit_expression => true }, {
        insta::assert_yaml_snapshot!(name, template_with(spec, &contents(objects)));
    });
}
