//! What each value of the chart does to the objects that it renders.

mod labels;
mod monitoring;
mod network;
mod rbac;
mod refusals;
mod releases;
mod scope;
mod values;
mod verification;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::Rendering;

/// The rendered objects of one installation as release `beam-operator` in namespace `system`.
struct Objects(Vec<Value>);

fn render(values: &[&str]) -> Objects {
    let rendering = Rendering::new("beam-operator", "system");
    Objects::of(&values.iter().fold(rendering, |rendering, value| rendering.set(*value)))
}

impl Objects {
    fn of(rendering: &Rendering) -> Self {
        Self(rendering.objects().unwrap())
    }

    fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    fn has(&self, kind: &str) -> bool {
        self.all(kind).next().is_some()
    }

    /// The only object of a kind.
    fn only<'a>(&'a self, kind: &'a str) -> &'a Value {
        let all: Vec<_> = self.all(kind).collect();
        assert_eq!(all.len(), 1, "objects of kind {kind}");
        all[0]
    }

    fn named<'a>(&'a self, kind: &'a str, name: &str) -> &'a Value {
        self.all(kind).find(|object| object["metadata"]["name"] == name).unwrap()
    }

    fn pod(&self) -> &Value {
        &self.only("Deployment")["spec"]["template"]
    }

    fn container(&self) -> &Value {
        &self.pod()["spec"]["containers"][0]
    }

    fn has_argument(&self, argument: &str) -> bool {
        self.container()["args"].as_array().unwrap().iter().any(|found| found == argument)
    }
}

#[test]
fn the_version_of_a_chart_is_that_of_the_workspace() {
    for chart in [&super::OPERATOR, &super::RELEASE] {
        let chart: Value = serde_yaml::from_str(&text(chart.chart())).unwrap();
        assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    }
}

/// A file of the checkout.
fn text(path: &str) -> String {
    std::fs::read_to_string(crate::checkout::root().join(path)).unwrap()
}

#[test]
fn by_default_one_locked_down_pod_runs() {
    let objects = render(&[]);
    let deployment = objects.only("Deployment");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], "beam-operator");
    let pod = &objects.pod()["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        objects.container()["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
    assert_eq!(
        objects.container()["resources"],
        json!({"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}})
    );
    assert_eq!(objects.container()["image"], concat!("localhost/beam-operator:", env!("CARGO_PKG_VERSION")));
    assert_eq!(objects.only("ServiceAccount")["automountServiceAccountToken"], false);
}

#[test]
fn every_object_is_in_the_namespace_of_the_release_or_in_none() {
    for object in render(&["replicas=2"]).0 {
        let cluster_scoped = ["ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"];
        let expect =
            if cluster_scoped.iter().any(|kind| object["kind"] == *kind) { Value::Null } else { "system".into() };
        assert_eq!(object["metadata"]["namespace"], expect, "{}", object["kind"]);
    }
}

#[test]
fn the_ports_of_probes_and_metrics_are_those_of_the_flags() {
    let objects = render(&[]);
    assert!(objects.has_argument("--metrics-address=:8080") && objects.has_argument("--health-address=:8081"));
    let container = objects.container();
    assert_eq!(
        container["ports"],
        json!([{"name": "metrics", "containerPort": 8080}, {"name": "health", "containerPort": 8081}])
    );
    assert_eq!(container["livenessProbe"]["httpGet"], json!({"path": "/healthz", "port": "health"}));
    assert_eq!(container["readinessProbe"]["httpGet"], json!({"path": "/readyz", "port": "health"}));
    assert_eq!(objects.only("Service")["spec"]["ports"][0]["targetPort"], "metrics");
}

#[test]
fn names_follow_the_release_and_can_be_set() {
    let name = |rendering: Rendering| {
        let yaml = rendering.yaml().unwrap();
        serde_yaml::Deserializer::from_str(&yaml)
            .map(|document| Value::deserialize(document).unwrap())
            .find(|object| object["kind"] == "Deployment")
            .map(|deployment| deployment["metadata"]["name"].as_str().unwrap().to_owned())
            .unwrap()
    };
    assert_eq!(name(Rendering::new("my-beam-operator", "system")), "my-beam-operator");
    assert_eq!(name(Rendering::new("prod", "system")), "prod-beam-operator");
    assert_eq!(name(Rendering::new("prod", "system").set(r#"fullnameOverride="exr""#)), "exr");
}

#[test]
fn two_replicas_spread_and_are_protected_from_evictions() {
    let one = render(&[]);
    assert!(!one.has("PodDisruptionBudget"));
    assert!(one.pod()["spec"]["topologySpreadConstraints"].is_null());

    let two = render(&["replicas=2"]);
    assert_eq!(two.only("Deployment")["spec"]["replicas"], 2);
    assert_eq!(two.only("PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    assert_eq!(two.pod()["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"], "ScheduleAnyway");

    assert!(!render(&["replicas=2", "podDisruptionBudget.enabled=false"]).has("PodDisruptionBudget"));
    let own = render(&["replicas=2", r#"topologySpreadConstraints=[{"maxSkew":3}]"#]);
    assert_eq!(own.pod()["spec"]["topologySpreadConstraints"], json!([{"maxSkew": 3}]));
}

#[test]
fn the_image_is_named_by_repository_and_tag_or_digest() {
    let image = |values: &[&str]| render(values).container()["image"].clone();
    assert_eq!(image(&[r#"image.repository="r/o""#, r#"image.tag="v2""#]), "r/o:v2");
    let digest = format!("sha256:{}", "0".repeat(64));
    let value = format!("image.digest=\"{digest}\"");
    assert_eq!(image(&[r#"image.tag="v2""#, &value]), format!("localhost/beam-operator@{digest}"));
    assert_eq!(render(&[r#"image.pullPolicy="Always""#]).container()["imagePullPolicy"], "Always");
    let secrets = render(&[r#"imagePullSecrets=[{"name":"a"}]"#]);
    assert_eq!(secrets.pod()["spec"]["imagePullSecrets"], json!([{"name": "a"}]));
}

#[test]
fn settings_of_the_operator_are_its_flags() {
    for (value, flag) in [
        (r#"clusterDomain="k8s.local""#, "--cluster-domain=k8s.local"),
        ("operator.concurrency=8", "--concurrency=8"),
        ("operator.workerThreads=4", "--worker-threads=4"),
        ("operator.resyncIntervalSeconds=604800", "--resync-interval=604800"),
        ("operator.observation=false", "--observation=false"),
        ("operator.requestTimeoutSeconds=30", "--request-timeout=30"),
        ("leaderElection.leaseDurationSeconds=60", "--lease-duration=60"),
        ("leaderElection.renewDeadlineSeconds=15", "--lease-renew-deadline=15"),
        ("leaderElection.retryPeriodSeconds=3", "--lease-retry-period=3"),
        (r#"log.format="text""#, "--log-format=text"),
        (r#"log.level="debug,kube=info""#, "--log-level=debug,kube=info"),
        (r#"watchNamespaces=["a","b"]"#, "--watch-namespace=a,b"),
    ] {
        assert!(render(&[value]).has_argument(flag), "{value} is not {flag}");
    }
}

#[test]
fn fields_of_the_pod_are_taken_as_they_are() {
    for (value, field, expect) in [
        (r#"podSecurityContext={"fsGroup":1}"#, "/spec/securityContext/fsGroup", json!(1)),
        (r#"podLabels={"a":"b"}"#, "/metadata/labels/a", json!("b")),
        (r#"podAnnotations={"a":"b"}"#, "/metadata/annotations/a", json!("b")),
        (r#"nodeSelector={"a":"b"}"#, "/spec/nodeSelector", json!({"a": "b"})),
        (r#"tolerations=[{"operator":"Exists"}]"#, "/spec/tolerations", json!([{"operator": "Exists"}])),
        (r#"affinity={"nodeAffinity":{}}"#, "/spec/affinity", json!({"nodeAffinity": {}})),
        (r#"priorityClassName="high""#, "/spec/priorityClassName", json!("high")),
        (
            r#"securityContext={"procMount":"Default"}"#,
            "/spec/containers/0/securityContext/procMount",
            json!("Default"),
        ),
        (r#"resources.limits.cpu="1""#, "/spec/containers/0/resources/limits/cpu", json!("1")),
    ] {
        assert_eq!(render(&[value]).pod().pointer(field), Some(&expect), "{value}");
    }
}

#[test]
fn the_user_can_be_left_to_the_cluster() {
    let objects = render(&["podSecurityContext.runAsUser=null", "podSecurityContext.runAsGroup=null"]);
    let context = &objects.pod()["spec"]["securityContext"];
    assert_eq!(context, &json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
}

#[test]
fn the_service_account_can_be_named_annotated_or_brought() {
    let objects = render(&[r#"serviceAccount={"name":"ops","annotations":{"a":"b"}}"#]);
    assert_eq!(objects.only("ServiceAccount")["metadata"]["name"], "ops");
    assert_eq!(objects.only("ServiceAccount")["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(objects.pod()["spec"]["serviceAccountName"], "ops");
    assert_eq!(objects.only("ClusterRoleBinding")["subjects"][0]["name"], "ops");

    let brought = render(&["serviceAccount.create=false", r#"serviceAccount.name="mine""#]);
    assert!(!brought.has("ServiceAccount"));
    assert_eq!(brought.pod()["spec"]["serviceAccountName"], "mine");
    assert_eq!(render(&["serviceAccount.create=false"]).pod()["spec"]["serviceAccountName"], "default");
}

#[test]
fn the_metrics_service_can_be_annotated_or_left_out() {
    let annotated = render(&[r#"metrics.service.annotations={"a":"b"}"#]);
    assert_eq!(annotated.only("Service")["metadata"]["annotations"], json!({"a": "b"}));
    assert!(!render(&["metrics.service.enabled=false"]).has("Service"));
}

#[test]
fn the_crd_is_installed_to_be_kept_or_not_or_left_out() {
    let objects = render(&[]);
    let metadata = &objects.only("CustomResourceDefinition")["metadata"];
    assert_eq!(metadata["annotations"]["helm.sh/resource-policy"], "keep");
    let told = render(&["crds.keep=false"]);
    assert!(told.only("CustomResourceDefinition")["metadata"]["annotations"].is_null());
    assert!(!render(&["crds.install=false"]).has("CustomResourceDefinition"));
}

#[test]
fn the_committed_crd_is_the_charts() {
    let objects = render(&[]);
    let crd =
        std::fs::read_to_string(crate::checkout::root().join("crds/elixirreleases.beam-operator.io.yaml")).unwrap();
    let crd: Value = serde_yaml::from_str(&crd).unwrap();
    assert_eq!(objects.only("CustomResourceDefinition")["spec"], crd["spec"]);
}
