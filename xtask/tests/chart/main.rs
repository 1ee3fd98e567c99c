//! The chart and the manifests on a real API server with a controller manager. There are no nodes, so pods are admitted
//! but never run; what the operator does inside of one is tested elsewhere.

mod cluster;

use std::fs;
use std::path::Path;

use cluster::{Cluster, checkout};

const CHART: &str = "deploy/helm/beam-operator";
const CRD: &str = "crd/elixirreleases.beam-operator.io";
/// The operator's ServiceAccount where it is installed by default.
const OPERATOR: &str = "--as=system:serviceaccount:beam-operator:beam-operator";

/// The description of the first printed column, as a part of the CRD that is easy to change.
const FIRST_COLUMN: &str = "-o=jsonpath={.spec.versions[0].additionalPrinterColumns[0].description}";

/// Helm never upgrades what lies in a chart's `crds/`, and deletes a template on uninstall. The CRD wants neither.
#[test]
fn an_upgrade_changes_the_crd_and_uninstalling_keeps_it() {
    let cluster = Cluster::up("crd");
    let newer = newer_chart(&cluster);

    let notes = cluster.helm(&["install", "beam-operator", CHART, "--namespace=beam-operator", "--create-namespace"]);
    for expect in [
        "looks for ElixirReleases in all namespaces.",
        "kubectl -n beam-operator rollout status deployment/beam-operator",
        "The image localhost/beam-operator:",
        "kubectl apply -f -",
    ] {
        assert!(notes.contains(expect), "{expect:?} is not in\n{notes}");
    }
    cluster.kubectl(&["wait", "--for=condition=Established", CRD]);
    cluster.kubectl(&["apply", "-f", "examples/minimal.yaml"]);

    cluster.helm(&["upgrade", "beam-operator", &newer, "--namespace=beam-operator"]);
    assert_eq!(cluster.kubectl(&["get", CRD, FIRST_COLUMN]), "newer");

    cluster.helm(&["uninstall", "beam-operator", "--namespace=beam-operator"]);
    assert_eq!(cluster.kubectl(&["get", "exr", "-o=name"]).trim(), "elixirrelease.beam-operator.io/shop");
    let labelled = "-l=app.kubernetes.io/name=beam-operator";
    assert_eq!(cluster.kubectl(&["get", "clusterrole,clusterrolebinding", labelled, "-o=name"]), "");

    // Unless it is told otherwise.
    let install = ["install", "beam-operator", CHART, "--namespace=beam-operator", "--set=crds.keep=false"];
    let notes = cluster.helm(&install);
    assert!(notes.contains("helm uninstall deletes the CustomResourceDefinition"), "{notes}");
    cluster.helm(&["uninstall", "beam-operator", "--namespace=beam-operator", "--wait"]);
    let gone = cluster.refused(&["get", CRD]);
    assert!(gone.contains("NotFound"), "{gone}");
}

/// Objects of other operators are taken by their CRDs as they are published.
#[test]
fn everything_that_the_chart_can_make_is_accepted() {
    let cluster = Cluster::up("everything");
    for namespace in ["store", "beam-operator"] {
        cluster.kubectl(&["create", "namespace", namespace]);
    }
    cluster.install_prometheus_operator();
    let everything = [
        r#"watchNamespaces=["store"]"#,
        "watchOwnNamespace=true",
        "replicas=2",
        "networkPolicy.enabled=true",
        r#"metrics.serviceMonitor={"enabled":true,"interval":"30s","labels":{"release":"prometheus"}}"#,
        r#"metrics.prometheusRule={"enabled":true,"runbookUrl":"https://example.com/monitoring"}"#,
        "metrics.dashboard.enabled=true",
        r#"commonLabels={"team":"beam"}"#,
    ];
    let set = everything.iter().flat_map(|value| ["--set-json", value]);
    let install = ["install", "beam-operator", CHART, "--namespace=beam-operator"];
    cluster.helm(&install.into_iter().chain(set).collect::<Vec<_>>());
    let kinds = "servicemonitor,prometheusrule,configmap,networkpolicy,pdb";
    let made = cluster.kubectl(&["get", kinds, "-n=beam-operator", "-l=team=beam", "-o=name"]);
    assert_eq!(made.lines().count(), 6, "{made}");

    // In the namespaces that it was given it may do its work, and nowhere else.
    for (namespace, expect) in [("store", "yes"), ("beam-operator", "yes"), ("default", "no")] {
        let may = cluster.says(&["auth", "can-i", "create", "deployments", OPERATOR, "-n", namespace]);
        assert_eq!(may.trim(), expect, "{namespace}");
    }

    let scraped = ["metrics.serviceMonitor.enabled=false", "metrics.podMonitor.enabled=true"];
    let set = scraped.iter().flat_map(|value| ["--set-json", value]);
    let upgrade = ["upgrade", "beam-operator", CHART, "--namespace=beam-operator", "--reset-then-reuse-values"];
    cluster.helm(&upgrade.into_iter().chain(set).collect::<Vec<_>>());
    let made = cluster.kubectl(&["get", "servicemonitor,podmonitor", "-n=beam-operator", "-o=name"]);
    assert_eq!(made.trim(), "podmonitor.monitoring.coreos.com/beam-operator");

    releases_of_the_chart_are_accepted(&cluster);
}

/// The chart of releases, with each of the sets of values that it is checked with, and with a mistake that only the API
/// server finds.
fn releases_of_the_chart_are_accepted(cluster: &Cluster) {
    let chart = "deploy/helm/beam-release";
    let files = fs::read_dir(checkout().join(chart).join("ci")).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.map(|path| path.to_str().unwrap().to_owned()).collect();
    assert!(files.len() > 2, "{files:?}");
    for values in &files {
        cluster.helm(&["install", "shop", chart, "--namespace=store", "--values", values, "--dry-run=server"]);
        let file = cluster.directory.join("release.yaml");
        fs::write(
            &file,
            cluster.helm(&[
                "template",
                "shop",
                chart,
                "--namespace=store",
                "--kube-version=1.31.0",
                "--values",
                values,
            ]),
        )
        .unwrap();
        cluster.kubectl(&["apply", "--dry-run=server", "-f", file.to_str().unwrap()]);
    }
    let both = r#"disruptionBudget={"minAvailable":1,"maxUnavailable":1}"#;
    let install = ["install", "shop", chart, "--namespace=store", "--set=image=localhost/shop:1"];
    let refused = cluster.helm_refused(&[&install[..], &["--set-json", both]].concat());
    assert!(refused.contains("disruptionBudget takes maxUnavailable or minAvailable, not both"), "{refused}");

    let notes = cluster.helm(&[&["upgrade", "--install"], &install[1..]].concat());
    assert!(notes.contains("kubectl -n store wait --for=condition=Ready exr/shop"), "{notes}");
    assert_eq!(cluster.kubectl(&["get", "exr/shop", "-n=store", "-o=jsonpath={.spec.image}"]), "localhost/shop:1");
}

/// A CRD that was kept belongs to nobody's manifest any more, and Helm treats such an object differently from its own.
#[test]
fn a_crd_that_was_kept_is_brought_up_to_date_by_whoever_takes_it_over() {
    let cluster = Cluster::up("takeover");
    let newer = newer_chart(&cluster);
    let column = || cluster.kubectl(&["get", CRD, FIRST_COLUMN]);
    let here = ["--namespace=beam-operator", "--create-namespace"];
    let elsewhere = ["--namespace=elsewhere", "--create-namespace", "--take-ownership"];

    cluster.helm(&[&["install", "beam-operator", CHART], &here[..]].concat());
    let before = column();
    cluster.helm(&["uninstall", "beam-operator", "--namespace=beam-operator"]);
    cluster.helm(&[&["install", "beam-operator", &newer], &here[..]].concat());
    assert_eq!(column(), "newer");

    cluster.helm(&["upgrade", "beam-operator", &newer, "--namespace=beam-operator", "--set=crds.install=false"]);
    assert_eq!(column(), "newer");
    cluster.helm(&["upgrade", "beam-operator", CHART, "--namespace=beam-operator", "--set=crds.install=true"]);
    assert_eq!(column(), before);

    cluster.helm(&["uninstall", "beam-operator", "--namespace=beam-operator"]);
    cluster.helm(&[&["install", "beam-operator", &newer], &elsewhere[..]].concat());
    assert_eq!(column(), "newer");
}

/// A copy of the chart with another CRD.
fn newer_chart(cluster: &Cluster) -> String {
    let newer = cluster.directory.join("chart");
    copy(&checkout().join(CHART), &newer);
    let template = newer.join("templates/crd.yaml");
    let crd = fs::read_to_string(&template).unwrap();
    let (before, after) = crd.split_once("    - description: ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    fs::write(&template, format!("{before}    - description: newer\n{after}")).unwrap();
    newer.to_str().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.unwrap().path(), to.to_owned());
        let target = target.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &target) } else { fs::copy(&entry, &target).map(drop).unwrap() }
    }
}

#[test]
fn plain_manifests_apply_by_either_side_and_the_pod_is_admitted() {
    let cluster = Cluster::up("manifests");
    let apply = ["apply", "-f", "deploy/manifests/install.yaml"];

    cluster.kubectl(&apply);
    cluster.kubectl(&["wait", "--for=condition=Established", CRD]);
    let again = cluster.kubectl(&apply);
    assert!(again.lines().all(|line| line.ends_with("unchanged")), "{again}");
    cluster.kubectl(&[&apply[..], &["--server-side", "--force-conflicts"]].concat());

    // The namespace admits restricted pods only; a ReplicaSet that may not make its pod says so.
    let observed = "--for=jsonpath={.status.replicas}=1";
    cluster.kubectl(&["-n", "beam-operator", "wait", observed, "deployment/beam-operator", "--timeout=30s"]);

    // One of the examples has a route of the Gateway API.
    cluster.kubectl(&["apply", "--server-side", "-f", &cluster::xtask(&["http-routes"])]);
    cluster.kubectl(&["wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io"]);
    let examples = fs::read_dir(checkout().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = examples.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    assert!(examples.len() > 3, "{examples:?}");
    for example in examples {
        cluster.kubectl(&["apply", "--dry-run=server", "-f", example.to_str().unwrap()]);
    }
}

/// The children of a release are applied by somebody else in the name of the operator, so that each permission is tried.
#[test]
fn in_its_namespaces_the_operator_may_apply_every_child_and_elsewhere_none() {
    let cluster = Cluster::up("permissions");
    for namespace in ["store", "foreign"] {
        cluster.kubectl(&["create", "namespace", namespace]);
    }
    let values = r#"watchNamespaces=["store"]"#;
    let install = ["install", "beam-operator", CHART, "--namespace=beam-operator", "--create-namespace", "--set-json"];
    let notes = cluster.helm(&[&install[..], &[values]].concat());
    for expect in ["looks for ElixirReleases in store.", "kubectl apply -n store -f -", "kubectl -n store wait"] {
        assert!(notes.contains(expect), "{expect:?} is not in\n{notes}");
    }
    cluster.kubectl(&["wait", "--for=condition=Established", CRD]);
    cluster.kubectl(&["apply", "-n=store", "-f", "examples/minimal.yaml"]);
    let uid = cluster.kubectl(&["get", "exr/shop", "-n=store", "-o=jsonpath={.metadata.uid}"]);

    let children = fs::read_to_string(checkout().join("xtask/tests/chart/children.yaml")).unwrap().replace("UID", &uid);
    let file = cluster.directory.join("children.yaml");
    fs::write(&file, &children).unwrap();
    let apply = ["apply", "--server-side", "--field-manager=beam-operator", OPERATOR, "-f", file.to_str().unwrap()];

    // The admission plugin hears of a new kind only when it looks again, after half a minute at most.
    cluster.eventually(&[&apply[..], &["-n=store"]].concat());
    let refused = cluster.refused(&[&apply[..], &["-n=foreign"]].concat());
    let documents = children.matches("\nkind: ").count();
    assert_eq!(refused.matches("is forbidden").count(), documents, "{refused}");

    let delete = ["delete", OPERATOR, "-n=store"];
    for unwanted in ["networkpolicy,hpa,pdb,service shop", "role,rolebinding,serviceaccount shop-discovery"] {
        cluster.kubectl(&delete.into_iter().chain(unwanted.split(' ')).collect::<Vec<_>>());
    }
    cluster.kubectl(&[&delete[..], &["controllerrevision/shop-1"]].concat());
    // One kind of workload goes when the other has taken its place, and the cookie of a revision with the revision (no rule
    // can tell it from that of a cluster, which never goes), but never a pod or a claim.
    cluster.kubectl(&[&delete[..], &["deployment/shop", "secret/shop-cookie"]].concat());
    for lasting in ["pod/shop-0", "persistentvolumeclaim/data-shop-0", "exr/shop"] {
        let refused = cluster.refused(&[&delete[..], &[lasting]].concat());
        assert!(refused.contains("is forbidden"), "{refused}");
    }
}

/// A Role that its maker does not hold himself would be a way around his own.
#[test]
fn the_operator_cannot_grant_more_than_it_holds() {
    let cluster = Cluster::up("escalation");
    cluster.helm(&["install", "beam-operator", CHART, "--namespace=beam-operator", "--create-namespace"]);
    let role = ["create", "role", "discovery", "--resource=pods,endpoints", OPERATOR];

    cluster.kubectl(&[&role[..], &["--verb=get,list"]].concat());
    let refused = cluster.refused(&["create", "role", "wider", "--resource=pods", "--verb=delete", OPERATOR]);
    assert!(refused.contains("attempting to grant RBAC permissions not currently held"), "{refused}");
}
