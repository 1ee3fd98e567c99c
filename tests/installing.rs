//! The manifests and the operator agree: it understands the arguments that it gets, and holds the permissions that it
//! checks for when it starts and no others.

use std::collections::BTreeSet;
use std::fs;

use beam_operator::api::ElixirRelease;
use beam_operator::cli::{Cli, Command};
use beam_operator::operator::settings::WatchScope;
use beam_operator::operator::startup::{FOR_ROUTES, PERMISSIONS, Permission, Place};
use beam_operator::resources::discovery_rbac;
use clap::Parser;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role};
use serde::Deserialize;
use serde_json::Value;

/// Rights in words, such as `apps/deployments create`.
type Rights = BTreeSet<String>;

fn rights_of(rules: &[PolicyRule]) -> Rights {
    let mut rights = Rights::new();
    for rule in rules {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                rights.extend(rule.verbs.iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    rights
}

/// An object of the manifests.
fn installed(kind: &str, name: &str) -> Value {
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/manifests/install.yaml");
    let manifests = fs::read_to_string(manifests).unwrap();
    let mut documents = serde_yaml::Deserializer::from_str(&manifests).map(|it| Value::deserialize(it).unwrap());
    documents.find(|it| it["kind"] == kind && it["metadata"]["name"] == name).unwrap()
}

/// What the manifests grant by the Role or ClusterRole of this name.
fn granted(kind: &str, name: &str) -> Rights {
    let rules: Vec<PolicyRule> = serde_json::from_value(installed(kind, name)["rules"].take()).unwrap();
    rights_of(&rules)
}

/// What the operator checks for.
fn needed(place: Place) -> Rights {
    let rights = |it: &Permission| {
        it.verbs.iter().map(|verb| format!("{}/{} {verb}", it.group, it.resource)).collect::<Vec<_>>()
    };
    PERMISSIONS.iter().filter(|permission| permission.place == place).flat_map(rights).collect()
}

/// What the operator grants to the nodes of a release, for which it has to hold it.
fn passed_on() -> Rights {
    let release = "{apiVersion: beam-operator.io/v1alpha1, kind: ElixirRelease, metadata: {name: shop, namespace: store}, \
                   spec: {image: a, cluster: {discovery: Kubernetes}}}";
    let release: ElixirRelease = serde_yaml::from_str(release).unwrap();
    let Role { rules, .. } = discovery_rbac::build(&release, "shop-discovery").unwrap().role;
    rights_of(&rules.unwrap())
}

#[track_caller]
fn assert_same(granted: &Rights, expect: &Rights) {
    let (superfluous, missing): (Vec<_>, Vec<_>) =
        (granted.difference(expect).collect(), expect.difference(granted).collect());
    assert!(superfluous.is_empty() && missing.is_empty(), "superfluous: {superfluous:?}, missing: {missing:?}");
}

#[test]
fn where_it_looks_for_releases_the_operator_may_do_what_it_does() {
    let mut expect = needed(Place::Watched);
    expect.extend(passed_on());
    // Asked for by the admission plugin OwnerReferencesPermissionEnforcement only, so not checked at start-up.
    expect.insert("beam-operator.io/elixirreleases/finalizers update".to_owned());
    assert_same(&granted("ClusterRole", "beam-operator"), &expect);
}

/// Routes are objects of others: who wants canaries by weight grants them by `rbac.httpRoutes`.
#[test]
fn routes_are_not_granted_by_default() {
    let granted = granted("ClusterRole", "beam-operator");
    let (group, resource) = (FOR_ROUTES.group, FOR_ROUTES.resource);
    assert!(!granted.iter().any(|right| right.starts_with(&format!("{group}/{resource} "))));
    let rules = text("deploy/helm/beam-operator/templates/_rules.tpl");
    let rule = format!("resources: [{resource}]\n  verbs: [{}]", FOR_ROUTES.verbs.join(", "));
    assert!(rules.contains("{{- if .Values.rbac.httpRoutes }}") && rules.contains(&rule), "{rule}");
}

#[test]
fn in_its_own_namespace_it_may_keep_its_lease() {
    assert_same(&granted("Role", "beam-operator-election"), &needed(Place::Own));
}

/// What a file of the checkout holds.
fn text(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A value that the chart takes and the operator does not would be a pod that ends again and again.
#[test]
fn the_chart_takes_the_numbers_that_the_operator_takes() {
    let schema: Value = serde_json::from_str(&text("deploy/helm/beam-operator/values.schema.json")).unwrap();
    let is_taken = |flag: &str, value: i64| {
        Cli::try_parse_from(["beam-operator".to_owned(), "run".to_owned(), format!("--{flag}={value}")]).is_ok()
    };
    for (group, name, flag) in [
        ("operator", "concurrency", "concurrency"),
        ("operator", "workerThreads", "worker-threads"),
        ("operator", "resyncIntervalSeconds", "resync-interval"),
        ("operator", "requestTimeoutSeconds", "request-timeout"),
        ("leaderElection", "leaseDurationSeconds", "lease-duration"),
        ("leaderElection", "renewDeadlineSeconds", "lease-renew-deadline"),
        ("leaderElection", "retryPeriodSeconds", "lease-retry-period"),
    ] {
        let value = &schema["properties"][group]["properties"][name];
        let (least, most) = (value["minimum"].as_i64().unwrap(), value["maximum"].as_i64().unwrap());
        let taken = [least - 1, least, most, most + 1].map(|value| is_taken(flag, value));
        assert_eq!(taken, [false, true, true, false], "{group}.{name} from {least} to {most}");
    }
}

#[test]
fn the_image_is_empty_but_for_the_binary_and_its_user_is_the_charts() {
    let dockerfile = text("Dockerfile");
    let lines = |word: &str| {
        let with = dockerfile.lines().filter_map(|line| line.strip_prefix(word)).map(str::trim);
        with.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let (_, last_stage) = dockerfile.rsplit_once("\nFROM ").unwrap();
    assert_eq!(last_stage.lines().next(), Some("scratch"));
    assert_eq!(last_stage.matches("\nCOPY ").count(), 1);

    let deployment = installed("Deployment", "beam-operator");
    let context = &deployment["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(lines("USER "), [format!("{}:{}", context["runAsUser"], context["runAsGroup"])]);
    assert_eq!(
        (&context["runAsNonRoot"], lines("ENTRYPOINT ")),
        (&Value::Bool(true), vec![r#"["/beam-operator"]"#.to_owned()])
    );
}

#[test]
fn the_arguments_of_the_pod_are_valid_and_say_what_the_operator_would_do_anyway() {
    let deployment = installed("Deployment", "beam-operator");
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments = arguments.as_array().unwrap().iter().map(|it| it.as_str().unwrap());

    let parse = |cli: Cli| if let Command::Run(settings) = cli.command { *settings } else { panic!("not run") };
    let given = parse(Cli::try_parse_from(std::iter::once("beam-operator").chain(arguments)).unwrap());
    let default = parse(Cli::try_parse_from(["beam-operator", "run"]).unwrap());

    given.validate().unwrap();
    assert_eq!(given.watch_namespace, WatchScope::Cluster);
    assert_eq!(given.election.leader_elect, Some(true));
    // Defaults of the chart that are not those of the program would be two truths.
    assert_eq!(given.cluster_domain, default.cluster_domain);
    assert_eq!(given.concurrency, default.concurrency);
    assert_eq!(given.worker_threads, default.worker_threads);
    assert_eq!(given.resync_interval, default.resync_interval);
    assert_eq!(given.request_timeout, default.request_timeout);
    assert_eq!(given.metrics_address, default.metrics_address);
    assert_eq!(given.health_address, default.health_address);
    assert_eq!(given.election.lease_name, default.election.lease_name);
    assert_eq!(given.election.lease_duration, default.election.lease_duration);
    assert_eq!(given.election.lease_renew_deadline, default.election.lease_renew_deadline);
    assert_eq!(given.election.lease_retry_period, default.election.lease_retry_period);
}
