//! What the API server cannot know and the operator tells, as a condition and an event. Nothing is written for it.

use rstest::rstest;
use serde_json::{Value, json};

use super::rendered::render;
use crate::harness::Scene;

/// The spec of a release with a mistake, and the problems that are told.
#[rstest]
#[case::image("image: 'shop: 1'", &["spec.image: must not have spaces or line breaks: remove them"])]
#[case::extra_overlaps_distribution("{image: 'shop:1', cluster: {ports: {extra: [{port: 9103, endPort: 9110}]}}}", &["spec.cluster.ports.extra[0]: 9103 to 9110/TCP is taken by spec.cluster.ports.distribution (9100 to 9105/TCP): remove it or choose another"])]
#[case::extra_overlaps_extra(
    "{image: 'shop:1', cluster: {ports: {extra: [{port: 5369, endPort: 5380}, {port: 5370}]}}}", &["spec.cluster.ports.extra[1]: 5370/TCP is taken by spec.cluster.ports.extra[0] (5369 to 5380/TCP): remove it or choose another"])]
#[case::port_name_twice(
    "{image: 'shop:1', ports: [{name: http, containerPort: 4000}, {name: http, containerPort: 4001}]}", &["spec.ports[1].name: names http a second time: rename one of them"])]
#[case::port_of_a_sidecar(
    "{image: 'shop:1', ports: [{containerPort: 4000}],
      podTemplate: {spec: {containers: [{name: proxy, image: 'proxy:1', ports: [{containerPort: 4000}]}]}}}", &["spec.podTemplate.spec.containers[0].ports: 4000/TCP is taken by spec.ports[0].containerPort (4000/TCP): remove it or choose another"])]
#[case::headless_service_with_the_name_of_the_other("{image: 'shop:1', cluster: {service: {name: shop}}}", &["spec.cluster.service.name: must not be the release's own name, which its traffic Service has: choose another"])]
#[case::no_pod_template(
    "{image: 'shop:1', podTemplate: {spec: {containers: [{name: release, ports: [{containerPort: four}]}]}}}", &["spec.podTemplate.spec.containers[0].ports[0].containerPort: invalid type: string \"four\", expected i32"])]
#[case::misspelt_pod_template("{image: 'shop:1', podTemplate: {spec: {tolerationz: []}}}", &["spec.podTemplate.spec.tolerationz: is not a field of this API: check its spelling and place"])]
#[case::pod_template_of_another_type("{image: 'shop:1', podTemplate: {spec: [1]}}", &["spec.podTemplate.spec: invalid type: sequence, expected PodSpec"])]
#[case::without_our_container(
    "{image: 'shop:1', podTemplate: {spec: {containers: [{name: release, $patch: delete}]}}}", &["spec.podTemplate.spec.containers: removes the container \"release\", which runs the release: keep it and change its fields instead"])]
#[case::without_our_label(
    "{image: 'shop:1', podTemplate: {metadata: {labels: {beam-operator.io/release: other}}}}", &["spec.podTemplate.metadata.labels[beam-operator.io/release]: must stay \"shop\": the operator selects pods by it, remove the line"])]
#[case::cookie_as_a_flag("{image: 'shop:1', vm: {flags: '-setcookie secret'}}", &["spec.vm.flags: must not have -setcookie: the start script passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"])]
#[case::reference_without_a_name(
    "{image: 'shop:1', envFrom: [{secretRef: {name: ''}}]}", &["spec.envFrom[0].secretRef.name: is empty: name a Secret, or remove the reference"])]
#[case::volume_without_a_name(
    "{image: 'shop:1', volumes: [{name: v, secret: {}}]}", &["spec.volumes[0].secret.secretName: is empty: name a Secret, or remove the reference"])]
#[case::reference_of_the_template_without_a_name(
    "{image: 'shop:1', podTemplate: {spec: {containers: [{name: release, envFrom: [{secretRef: {}}]}]}}}", &["spec.podTemplate.spec.containers[0].envFrom[0].secretRef.name: is empty: name a Secret, or remove the reference"])]
#[case::cookie_with_a_space("{image: 'shop:1', cluster: {cookie: {secretKeyRef: {name: 'shop cookie'}}}}", &["spec.cluster.cookie.secretKeyRef.name: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"])]
#[case::reference_that_would_read_another("{image: 'shop:1', envFrom: [{secretRef: {name: 'a?x'}}]}", &["spec.envFrom[0].secretRef.name: is not a name that a Secret can have: lower-case letters, digits, dashes and dots"])]
#[case::cookie_of_relx("{image: 'shop:1', release: {tool: Relx}, vm: {flags: '-setcookie secret'}}", &["spec.vm.flags: must not have -setcookie: vm.args passes it already and given twice it is ignored; use cluster.cookie.secretKeyRef"])]
#[case::two_mistakes("{image: 'shop: 1', podTemplate: {spec: {tolerationz: []}}}", &["spec.image: must not have spaces or line breaks: remove them", "spec.podTemplate.spec.tolerationz: is not a field of this API: check its spelling and place"])]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_is_told(#[case] spec: &str, #[case] problems: &[&str]) {
    let scene = Scene::start("told").await;
    scene.proxy.forget();
    scene.apply("shop", spec).await;
    let condition = scene.condition("shop", "ConfigurationValid", "Invalid").await;
    let offline = render(&[("shop", spec)]);
    let lines: String = problems.iter().map(|problem| format!("ElixirRelease shop: {problem}\n")).collect();
    assert_eq!((condition.message, offline), (problems.join("; "), (1, lines)));
    assert_eq!(condition.status, "False");
    assert_eq!(scene.event("shop", "ConfigurationInvalid").await, problems.join("; "));
    assert!(scene.operator.log().contains(problems[0]), "it is not in the log");
    assert_eq!(scene.proxy.reads(), [""; 0], "an object was looked for that cannot exist");
    let progressing = scene.condition("shop", "Progressing", "ConfigurationInvalid").await;
    assert_eq!(progressing.message, "the release is not valid: what runs is left alone until it is corrected");
    assert_eq!(scene.proxy.changes(), [""; 0]);

    scene.apply("shop", "{image: 'shop:1'}").await;
    scene.applied("shop").await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    assert_eq!(scene.event("shop", "ConfigurationCorrected").await, "the release is valid again");
}

/// A mistake in a later version of a release leaves the earlier one running.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_runs_is_left_alone() {
    let scene = Scene::start("runs").await;
    scene.apply("shop", "{image: 'shop:1', replicas: 2}").await;
    scene.applied("shop").await;
    let before = scene.state().await.only_children();
    scene.rest().await;
    scene.proxy.forget();
    scene.apply("shop", "{image: 'shop: 2', replicas: 3}").await;
    scene.condition("shop", "ConfigurationValid", "Invalid").await;
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
    scene.reaches(&before).await;
    let status = scene.releases().get("shop").await.unwrap().status.unwrap();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!((status.observed_generation, ready.observed_generation), (Some(2), Some(1)));
}

/// The younger of two members that disagree is told; the older runs on.
#[rstest]
#[case::cookie(
    "cookie: {secretKeyRef: {name: mine}}",
    "cookie: is key cookie of Secret mine here and key cookie of Secret market-cookie"
)]
#[case::epmd("epmd: Disabled", "epmd: is Disabled here and Enabled")]
#[case::basename("basename: other", "basename: is other here and market")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn members_that_disagree_are_told(#[case] cluster: &str, #[case] problem: &str) {
    let scene = Scene::start("members").await;
    let api = "{image: 'api:1', cluster: {name: market}}";
    let worker = format!("{{image: 'worker:1', cluster: {{name: market, {cluster}}}}}");
    scene.apply("api", api).await;
    scene.applied("api").await;
    scene
        .apply_object(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "stringData": {"cookie": "c"}}),
        )
        .await;
    // Creation times have whole seconds; of two that are equally old, the first by name counts as the older.
    scene.apply("worker", &worker).await;
    let condition = scene.condition("worker", "ConfigurationValid", "Invalid").await;
    let problem = format!(
        "spec.cluster.{problem} in api, the oldest release of cluster market: their nodes could not meet; make them equal \
         or give this release a cluster.name of its own"
    );
    assert_eq!(condition.message, problem);
    assert_eq!(scene.event("worker", "ConfigurationInvalid").await, problem);
    let offline = render(&[("api", api), ("worker", &worker)]);
    assert_eq!(offline, (1, format!("ElixirRelease worker: {problem}\n")));
    scene.condition("api", "ConfigurationValid", "Valid").await;
    let of_worker: Vec<_> = scene.proxy.changes().into_iter().filter(|change| change.contains("worker")).collect();
    assert_eq!(of_worker, [""; 0]);
}

/// A variable that nobody defines is most likely a mistake, but not certainly.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_undefined_variable_is_a_warning() {
    let scene = Scene::start("undefined").await;
    let settings =
        |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data});
    scene.apply_object(settings(json!({}))).await;
    let spec = "{image: 'shop:1', envFrom: [{configMapRef: {name: settings}}], env: [{name: URL, value: $(HOST)/x}]}";
    scene.apply("shop", spec).await;
    let condition = scene.condition("shop", "ConfigurationValid", "ValidWithWarnings").await;
    assert_eq!(
        (condition.status.as_str(), condition.message.as_str()),
        (
            "True",
            "spec.env[0]: URL refers to $(HOST), which is defined nowhere: define it, or write $$ for a literal $"
        )
    );
    assert_eq!(scene.event("shop", "ConfigurationWarning").await, condition.message);
    scene.applied("shop").await;

    // A key of an object that the environment is taken from defines it.
    scene.apply_object(settings(json!({"HOST": "example.com"}))).await;
    let condition = scene.condition("shop", "ConfigurationValid", "Valid").await;
    assert_eq!(condition.message, "");
}
