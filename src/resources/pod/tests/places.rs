//! What the pods read, and where they may write.

use rstest::rstest;

use super::*;

const EVERYTHING: &str = "
cluster: {cookie: {secretKeyRef: {name: mine}}}
env:
  - {name: PLAIN, value: a}
  - {name: A, valueFrom: {configMapKeyRef: {name: env-map, key: a}}}
  - {name: B, valueFrom: {secretKeyRef: {name: env-secret, key: b, optional: true}}}
envFrom:
  - configMapRef: {name: from-map}
  - secretRef: {name: from-secret, optional: true}
volumes:
  - {name: empty, emptyDir: {}}
  - {name: map, configMap: {name: vol-map}}
  - {name: secret, secret: {secretName: vol-secret, optional: true, items: [{key: tls.crt, path: a}, {key: tls.key, path: b}]}}
  - name: all
    projected:
      sources:
        - {configMap: {name: pro-map, items: [{key: k, path: p}]}}
        - {serviceAccountToken: {path: token}}
        - {secret: {name: pro-secret}}
imagePullSecrets: [{name: regcred}]
podTemplate:
  spec:
    volumes: [{name: more, secret: {secretName: more-secret}}]
    initContainers:
      - {name: init, image: i, envFrom: [{secretRef: {name: init-secret}}]}
    containers:
      - {name: log, image: i, env: [{name: L, valueFrom: {secretKeyRef: {name: log-secret, key: l}}}]}
      - {name: release, env: [{name: R, valueFrom: {configMapKeyRef: {name: over-map, key: r}}}]}
";

const READ_OBJECTS: [&str; 14] = [
    "spec.cluster.cookie.secretKeyRef Secret mine/cookie",
    "spec.podTemplate.spec.initContainers[0].envFrom[0].secretRef Secret init-secret/*",
    "spec.podTemplate.spec.containers[0].env[0].valueFrom.secretKeyRef Secret log-secret/l",
    "spec.envFrom[0].configMapRef ConfigMap from-map/*",
    "spec.envFrom[1].secretRef Secret from-secret/* (optional)",
    "spec.env[1].valueFrom.configMapKeyRef ConfigMap env-map/a",
    "spec.env[2].valueFrom.secretKeyRef Secret env-secret/b (optional)",
    "spec.podTemplate.spec.containers[1].env[0].valueFrom.configMapKeyRef ConfigMap over-map/r",
    "spec.volumes[1].configMap ConfigMap vol-map/*",
    "spec.volumes[2].secret.items[0] Secret vol-secret/tls.crt (optional)",
    "spec.volumes[2].secret.items[1] Secret vol-secret/tls.key (optional)",
    "spec.volumes[3].projected.sources[0].configMap.items[0] ConfigMap pro-map/k",
    "spec.volumes[3].projected.sources[2].secret Secret pro-secret/*",
    "spec.podTemplate.spec.volumes[0].secret Secret more-secret/*",
];

#[test]
fn every_object_that_a_pod_reads_is_named_with_its_field() {
    let release = release(EVERYTHING);
    let draft = super::super::draft(&release).unwrap();
    let told: Vec<_> = super::super::references(&release, &draft)
        .iter()
        .map(|found| {
            let key = found.key.as_deref().unwrap_or("*");
            let optional = if found.optional { " (optional)" } else { "" };
            format!("{} {}/{key}{optional}", found.field, found.reference)
        })
        .collect();
    assert_eq!(told, READ_OBJECTS);
}

#[rstest]
#[case::generated_cookie("{}")]
#[case::lone_nodes_have_no_cookie("cluster: {distribution: Disabled, cookie: {secretKeyRef: {name: mine}}}")]
#[case::pulling("imagePullSecrets: [{name: regcred}]")]
fn is_not_a_reference(#[case] spec: &str) {
    let release = release(spec);
    assert_eq!(super::super::references(&release, &super::super::draft(&release).unwrap()), []);
}

#[test]
fn a_field_that_the_template_replaces_is_the_templates() {
    let spec = "{envFrom: [{secretRef: {name: a}}], podTemplate: {spec: {containers: [{name: release, envFrom: [{secretRef: {name: b}}]}]}}}";
    let release = release(spec);
    let uses = super::super::references(&release, &super::super::draft(&release).unwrap());
    let told: Vec<_> = uses.iter().map(|found| (found.field.as_str(), found.reference.name.as_str())).collect();
    assert_eq!(told, [("spec.podTemplate.spec.containers[0].envFrom[0].secretRef", "b")]);
}

fn mounts(spec: &str) -> Vec<String> {
    let pod = pod(spec);
    pod.containers[0]
        .volume_mounts
        .iter()
        .flatten()
        .map(|mount| format!("{} at {}", mount.name, mount.mount_path))
        .collect()
}

#[rstest]
#[case::mix("{}", &["beam-tmp at /var/run/beam", "beam-arguments at /var/run/beam-arguments"])]
#[case::mix_alone("cluster: {distribution: Disabled}", &["beam-tmp at /var/run/beam"])]
#[case::relx("release: {tool: Relx}", &["beam-tmp at /var/run/beam"])]
#[case::none("release: {tool: None}", &[])]
#[case::their_own_arguments("env: [{name: RELEASE_REMOTE_VM_ARGS, value: /a}]", &["beam-tmp at /var/run/beam"])]
#[case::names_taken(
    "{volumes: [{name: beam-tmp, emptyDir: {}}, {name: beam-tmp-2, emptyDir: {}}], volumeMounts: [{name: beam-tmp, mountPath: /var/run/beam/}]}",
    &["beam-tmp at /var/run/beam/", "beam-tmp-3 at /var/run/beam-2", "beam-arguments at /var/run/beam-arguments"]
)]
fn volumes_of_ours(#[case] spec: &str, #[case] expected: &[&str]) {
    assert_eq!(mounts(spec), expected);
}

#[test]
fn variables_follow_a_directory_that_had_to_move() {
    let spec = "{volumes: [{name: v, emptyDir: {}}], volumeMounts: [{name: v, mountPath: /var/run/beam}]}";
    let read = kubelet::environment(&template(spec), "release", &Contents::new());
    assert_eq!(read["RELEASE_TMP"], "/var/run/beam-2");
    assert_eq!(read["ERL_CRASH_DUMP"], "/var/run/beam-2/erl_crash.dump");
}

#[rstest]
#[case::ours("{}", "-dist_listen false")]
#[case::theirs(
    "podTemplate: {metadata: {annotations: {beam-operator.io/remote-vm-args: -dist_listen false -proto_dist inet_tls}}}",
    "-dist_listen false -proto_dist inet_tls"
)]
fn remote_shells_do_not_listen(#[case] spec: &str, #[case] expected: &str) {
    let template = template(spec);
    assert_eq!(template.metadata.unwrap().annotations.unwrap()["beam-operator.io/remote-vm-args"], expected);
    let volumes = template.spec.unwrap().volumes.unwrap();
    let arguments = volumes.into_iter().find(|volume| volume.name == "beam-arguments").unwrap();
    let item = arguments.downward_api.unwrap().items.unwrap().remove(0);
    assert_eq!(item.field_ref.unwrap().field_path, "metadata.annotations['beam-operator.io/remote-vm-args']");
}

#[rstest]
#[case::by_default("{}", &[("kubernetes.io/hostname", 1), ("topology.kubernetes.io/zone", 1)])]
#[case::loosened(
    "podTemplate: {spec: {topologySpreadConstraints: [{topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, maxSkew: 3}]}}",
    &[("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 1)]
)]
#[case::removed(
    "podTemplate: {spec: {topologySpreadConstraints: [{topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, $patch: delete}]}}",
    &[("kubernetes.io/hostname", 1)]
)]
fn nodes_are_spread(#[case] spec: &str, #[case] expected: &[(&str, i32)]) {
    let constraints = template(spec).spec.unwrap().topology_spread_constraints.unwrap();
    let found: Vec<_> = constraints.iter().map(|it| (it.topology_key.as_str(), it.max_skew)).collect();
    assert_eq!(found, expected);
    assert!(constraints.iter().all(|it| it.when_unsatisfiable == "ScheduleAnyway"));
    let selected = constraints[0].label_selector.as_ref().unwrap().match_labels.as_ref().unwrap();
    assert_eq!(selected, &crate::resources::labels::pod_selector(&release(spec)));
}
