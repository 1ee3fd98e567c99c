//! What a migration is made of, and what it leaves of the release's pods.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::resources::reference::Contents;
use crate::resources::{Facts, fixture, pod};

fn prepared(spec: &str) -> Result<Vec<Prepared>, Vec<String>> {
    let release = fixture::release(spec);
    let draft = pod::draft(&release).unwrap();
    let nodes = pod::template(&release, &draft, &Facts::default(), &Contents::new());
    prepare(&release, &nodes).map_err(|problems| problems.iter().map(Problem::to_string).collect())
}

/// The first migration of a release, as the Job of its first try.
fn job(spec: &str) -> Job {
    prepared(spec).unwrap()[0].job(&fixture::release(spec), "shop-7c9d4", 1)
}

fn pod_of(spec: &str) -> Value {
    json!(job(spec).spec.unwrap().template.spec)
}

fn container(spec: &str) -> Value {
    pod_of(spec)["containers"][0].clone()
}

fn value(container: &Value, variable: &str) -> Option<String> {
    let env = container["env"].as_array()?;
    let found: Vec<_> = env.iter().filter(|entry| entry["name"] == variable).collect();
    assert!(found.len() < 2, "{variable} is given twice");
    Some(found.first()?["value"].as_str()?.to_owned())
}

/// The Secret of a revision is not there yet, or not any more: a migration runs outside of any mesh.
#[test]
fn the_cookie_is_that_of_the_cluster() {
    let cookie = |scope: &str| {
        let spec = format!("{{migrations: [{{name: ecto, eval: a}}], cluster: {{name: market, scope: {scope}}}}}");
        let env = container(&spec)["env"].as_array().unwrap().clone();
        env.into_iter().find(|entry| entry["name"] == "BEAM_COOKIE").unwrap()
    };
    assert_eq!(cookie("Revision")["valueFrom"]["secretKeyRef"], json!({"name": "market-cookie", "key": "cookie"}));
    assert_eq!(cookie("Revision"), cookie("Cluster"));
}

#[test]
fn one_line() {
    insta::assert_yaml_snapshot!(job("migrations: [{name: ecto, eval: Shop.Release.migrate()}]"));
}

/// All that a release can give to its pods.
const RICH: &str = r"
    release: {name: store}
    imagePullSecrets: [{name: registry}]
    serviceAccountName: shop
    ports: [{containerPort: 4000}]
    env: [{name: DATABASE, value: shop}]
    envFrom: [{secretRef: {name: shop-env}}]
    resources: {limits: {memory: 512Mi}}
    probes: {readiness: {httpGet: {path: /, port: 4000}}, liveness: {httpGet: {path: /, port: 4000}}}
    volumes: [{name: conf, configMap: {name: shop}}, {name: data, persistentVolumeClaim: {claimName: data}}]
    volumeMounts: [{name: conf, mountPath: /etc/shop}, {name: data, mountPath: /data}]
    shutdown: {drain: {rpc: 'Shop.drain()'}}
    cluster: {readinessGate: Enabled}
    podTemplate:
      metadata: {labels: {team: store}, annotations: {vault: enabled}}
      spec:
        initContainers: [{name: wait, image: busybox}]
        containers:
        - {name: proxy, image: proxy}
        - {name: release, securityContext: {readOnlyRootFilesystem: true}, volumeDevices: [{name: disk, devicePath: /dev/disk}]}
        securityContext: {runAsUser: 1000}
        tolerations: [{key: beam}]
        nodeSelector: {disk: ssd}
        affinity: {nodeAffinity: {}, podAntiAffinity: {}}
        priorityClassName: high
        volumes: [{name: disk, ephemeral: {volumeClaimTemplate: {spec: {}}}}]
";

fn rich(migration: &str) -> String {
    format!("{RICH}\n    migrations: [{migration}]")
}

#[test]
fn it_inherits_what_a_task_needs_and_nothing_that_serves() {
    let spec = rich("{name: ecto, eval: 'Shop.migrate()'}");
    insta::assert_yaml_snapshot!(job(&spec));
    let pod = pod_of(&spec);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    for absent in ["initContainers", "readinessGates", "topologySpreadConstraints", "terminationGracePeriodSeconds"] {
        assert_eq!(pod[absent], Value::Null, "{absent}");
    }
    for absent in ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "volumeDevices"] {
        assert_eq!(pod["containers"][0][absent], Value::Null, "{absent}");
    }
    let text = pod.to_string();
    assert!(!text.contains("laim") && !text.contains("/data"), "no claim: {text}");
}

#[rstest]
#[case::none_that_the_release_does_not_have("", json!(false))]
#[case::that_of_its_own_account(", serviceAccountName: seeds", Value::Null)]
fn a_token_is_mounted(#[case] own: &str, #[case] expected: Value) {
    let job = job(&format!("migrations: [{{name: seeds, command: [seed]{own}}}]"));
    assert_eq!(json!(job.spec)["template"]["spec"]["automountServiceAccountToken"], expected);
}

#[test]
fn its_own_fields_win() {
    let own = "{name: seeds, command: [/app/bin/seed], args: [--all], image: 'seeds:1', serviceAccountName: seeds, \
               env: [{name: DATABASE, value: other}, {name: NEW, value: $(DATABASE)}], envFrom: [{configMapRef: {name: seeds}}], \
               backoffLimit: 2, activeDeadlineSeconds: 60, podTemplate: {metadata: {labels: {a: b}}, \
               spec: {nodeSelector: null, containers: [{name: migration, workingDir: /tmp}]}}}";
    let job = job(&rich(own));
    let spec = json!(job.spec.unwrap());
    assert_eq!((&spec["backoffLimit"], &spec["activeDeadlineSeconds"]), (&json!(2), &json!(60)));
    assert_eq!(spec["template"]["metadata"]["labels"]["a"], "b");
    let pod = &spec["template"]["spec"];
    assert_eq!((&pod["serviceAccountName"], &pod["nodeSelector"]), (&json!("seeds"), &Value::Null));
    let container = &pod["containers"][0];
    assert_eq!(
        (&container["command"], &container["args"], &container["image"], &container["workingDir"]),
        (&json!(["/app/bin/seed"]), &json!(["--all"]), &json!("seeds:1"), &json!("/tmp"))
    );
    assert_eq!(value(container, "DATABASE").as_deref(), Some("other"));
    assert_eq!(value(container, "NEW").as_deref(), Some("$(DATABASE)"));
    assert_eq!(container["envFrom"].as_array().unwrap().len(), 2);
}

#[rstest]
#[case::clustered("")]
#[case::of_the_user("env: [{name: RELEASE_DISTRIBUTION, value: sname}], ")]
#[case::lone("cluster: {distribution: Disabled}, ")]
fn a_mix_release_is_kept_out_of_the_mesh(#[case] spec: &str) {
    let container = container(&format!("{{{spec}migrations: [{{name: a, eval: b}}]}}"));
    assert_eq!(value(&container, "RELEASE_DISTRIBUTION").as_deref(), Some("none"));
}

#[test]
fn nothing_selects_its_pods() {
    let spec = "{replicas: 2, migrations: [{name: a, eval: b}]}";
    let labels = job(spec).spec.unwrap().template.metadata.unwrap().labels.unwrap();
    let release = fixture::release(spec);
    let known = labels::of_release(&release);
    assert_eq!(labels.iter().filter(|(key, _)| known.contains_key(*key)).count(), 0, "{labels:?}");
}

#[rstest]
#[case::mix("Mix", Some("bin/shop"))]
#[case::distillery("Distillery", Some("bin/shop"))]
#[case::relx("Relx", None)]
#[case::none("None", None)]
fn eval_needs_a_script_that_starts_no_node(#[case] tool: &str, #[case] script: Option<&str>) {
    let spec = format!("{{release: {{tool: {tool}}}, migrations: [{{name: a, eval: 'A.b(\"$c\")'}}]}}");
    match (prepared(&spec), script) {
        (Ok(all), Some(script)) => {
            let job = json!(all[0].job(&fixture::release(&spec), "shop-1", 1));
            let command = &job["spec"]["template"]["spec"]["containers"][0]["command"];
            assert_eq!(*command, json!([script, "eval", "A.b(\"$c\")"]), "no shell reads it");
        }
        (Err(problems), None) => {
            let [problem] = &problems[..] else { panic!("{problems:?}") };
            assert!(problem.starts_with("spec.migrations[0].eval: ") && problem.ends_with("use command"), "{problem}");
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[rstest]
#[case::two_of_a_name("[{name: a, eval: b}, {name: a, eval: c}]", "spec.migrations[1].name: is that of another one")]
#[case::both("[{name: a, eval: b, command: [c]}]", "spec.migrations[0]: a migration takes either eval or command")]
#[case::neither("[{name: a}]", "spec.migrations[0]: a migration takes either eval or command")]
#[case::variable("[{name: a, eval: b, env: [{nam: c}]}]", "spec.migrations[0].env[0]")]
#[case::source("[{name: a, eval: b, envFrom: [{ref: c}]}]", "spec.migrations[0].envFrom[0]")]
#[case::template("[{name: a, eval: b, podTemplate: {spec: {nodeSelectors: {}}}}]", "spec.migrations[0].podTemplate")]
#[case::label(
    "[{name: a, eval: b, podTemplate: {metadata: {labels: {beam-operator.io/release: shop}}}}]",
    "spec.migrations[0].podTemplate.metadata.labels[\"beam-operator.io/release\"]: is what Services"
)]
fn what_is_wrong_is_named(#[case] migrations: &str, #[case] words: &str) {
    let problems = prepared(&format!("migrations: {migrations}")).unwrap_err();
    assert!(problems.iter().any(|problem| problem.starts_with(words)), "{problems:?}");
}

#[test]
fn every_wrong_one_is_told_at_once() {
    let problems =
        prepared("{release: {tool: None}, migrations: [{name: a, eval: b}, {name: c, eval: d}]}").unwrap_err();
    assert_eq!(problems.len(), 2);
}

#[test]
fn another_try_tells_who_asked_for_it() {
    let spec = "migrations: [{name: a, eval: b}]";
    let mut release = fixture::release(spec);
    release.annotations_mut().insert(labels::RETRY.to_owned(), "again".to_owned());
    let [first, second] = [1, 2].map(|attempt| prepared(spec).unwrap()[0].job(&release, "shop-1", attempt));
    assert_eq!(first.annotations().get(labels::RETRY), None);
    assert_eq!(second.annotations().get(labels::RETRY).map(String::as_str), Some("again"));
    assert_ne!(first.name_any(), second.name_any());
}

proptest! {
    #[test]
    fn names_are_names_however_long_they_are(
        release in "[a-z]([-a-z0-9]{0,51}[a-z0-9])?",
        migration in "[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?",
        attempt in 1_u32..,
    ) {
        let name = job_name(&fixture::named(&release, ""), &migration, &format!("{release}-0123456789"), attempt);
        prop_assert!(name.len() <= 63, "{name}");
        prop_assert!(name.split('.').all(|label| !label.starts_with('-') && !label.ends_with('-')), "{name}");
        let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        prop_assert!(name.chars().all(letters), "{name}");
    }
}

#[rstest]
#[case::release("shop2", "ecto", "shop-1", 1)]
#[case::migration("shop", "seeds", "shop-1", 1)]
#[case::revision("shop", "ecto", "shop-2", 1)]
#[case::attempt("shop", "ecto", "shop-1", 2)]
fn each_has_a_name_of_its_own(
    #[case] release: &str,
    #[case] migration: &str,
    #[case] revision: &str,
    #[case] attempt: u32,
) {
    let other = job_name(&fixture::named("shop", ""), "ecto", "shop-1", 1);
    assert_ne!(job_name(&fixture::named(release, ""), migration, revision, attempt), other);
    assert_eq!(job_name(&fixture::named("shop", ""), "ecto", "shop-1", 1), other, "and keeps it");
}
