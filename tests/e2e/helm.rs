//! The life of an installation by Helm, with a release that runs through all of it: an old chart with an older CRD, the
//! upgrade, the test, and an end that keeps what runs, unless it is told otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::harness::{CHART, Helm, Installed, Namespace, Release, eventually, shop};
use crate::stateful::{SHOP, Volumes, bound};

const CRD: &str = "crd/elixirreleases.beam-operator.io";
/// A field that the older CRD lacks, with a value that nobody has by default.
const NEW_FIELD: &str = "disruptionBudget.maxUnavailable=2";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn an_installation_is_upgraded_tested_and_removed_while_a_release_runs() {
    let namespace = Namespace::alone("helm").await;
    let _volumes = Volumes::new(&namespace, 2).await;
    let (operator, team) = (Helm::of_operator(&namespace.cluster), Helm::new(&namespace.cluster, &namespace.name));
    let files = Files::new(&namespace.name);
    let release = namespace.release("shop");
    let chart = ["shop", "deploy/helm/beam-release"];

    // The team ships with Helm, too.
    let values = files.write("values.json", &shop("shop", SHOP)["spec"].to_string());
    let notes = team.run(&[&["install"], &chart[..], &["--values", &values, "--set=replicas=2"]].concat()).await;
    assert!(notes.contains("wait --for=condition=Ready exr/shop"), "{notes}");
    release.complete().await;
    let before = pods(release).await;
    assert_eq!(before.len(), 2);

    let installed = Installed(&namespace.cluster);
    operator.run(&["uninstall", "beam-operator", "--wait"]).await;
    assert_eq!(namespace.kubectl(&["get", "exr", "--output=name"]).await, "elixirrelease.beam-operator.io/shop\n");
    assert_eq!(pods(release).await, before);

    let older = files.older_chart();
    operator.run(&["install", "beam-operator", &older, "--wait"]).await;
    let wish = files.write("wish.json", &shop("wish", "disruptionBudget: {maxUnavailable: 2}").to_string());
    let wished = ["create", "--dry-run=server", "--filename", &wish];
    eventually("the older schema", async || match namespace.try_kubectl(&wished).await {
        Err(refused) if refused.contains("unknown field \"spec.disruptionBudget\"") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    operator.run(&["upgrade", "beam-operator", CHART, "--reset-then-reuse-values", "--wait"]).await;
    eventually("the newer schema", async || namespace.try_kubectl(&wished).await).await;
    team.run(&[&["upgrade"], &chart[..], &["--reuse-values", "--set", NEW_FIELD]].concat()).await;
    eventually("what the new field asks for", async || {
        let budget: PodDisruptionBudget = namespace.objects().get("shop").await.map_err(|error| error.to_string())?;
        let most = budget.spec.and_then(|spec| spec.max_unavailable);
        if most == Some(IntOrString::Int(2)) { Ok(()) } else { Err(format!("{most:?}")) }
    })
    .await;
    let told = operator.run(&["test", "beam-operator"]).await;
    assert!(told.contains("Succeeded"), "{told}");
    assert_eq!(pods(release).await, before, "no node was touched by any of it");

    let told = ["upgrade", "beam-operator", CHART, "--reset-then-reuse-values", "--set=crds.keep=false", "--wait"];
    operator.run(&told).await;
    operator.run(&["uninstall", "beam-operator", "--wait"]).await;
    let gone = namespace.try_kubectl(&["get", CRD]).await.unwrap_err();
    assert!(gone.contains("NotFound"), "{gone}");
    eventually("all pods are gone", async || {
        let left = pods(release).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    assert_eq!(bound(&namespace).await.len(), 2, "what they wrote is still there");
    drop(installed);
}

/// The pods of a release, each with its uid and how often its containers were restarted.
async fn pods(release: Release<'_>) -> BTreeMap<String, (Option<String>, i32)> {
    let restarts = |pod: &Pod| {
        let containers = pod.status.iter().filter_map(|it| it.container_statuses.as_ref()).flatten();
        containers.map(|container| container.restart_count).sum()
    };
    let pods = release.pods().await.into_iter();
    pods.map(|pod| (pod.name_any(), (pod.metadata.uid.clone(), restarts(&pod)))).collect()
}

/// Files of the test, gone with it.
struct Files(std::path::PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A copy of the chart as it might have been before: another version, and a CRD that lacks a field.
    fn older_chart(&self) -> String {
        let older = self.0.join("chart");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(CHART), &older);
        let change = |file: &str, change: &dyn Fn(&str) -> String| {
            let file = older.join(file);
            let (before, after) = (fs::read_to_string(&file).unwrap(), change(&fs::read_to_string(&file).unwrap()));
            assert_ne!(before, after);
            fs::write(file, after).unwrap();
        };
        change("Chart.yaml", &|chart| {
            chart.replace(concat!("\nversion: ", env!("CARGO_PKG_VERSION")), "\nversion: 0.0.1")
        });
        let (field, _) = NEW_FIELD.split_once('.').unwrap();
        change("templates/crd.yaml", &|crd| without(crd, field));
        older.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// YAML without a field of this name: its line, and those after it that are indented more.
fn without(yaml: &str, field: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut inside = None;
    let kept = yaml.lines().filter(|line| {
        if inside.is_some_and(|outer| indent(line) <= outer) {
            inside = None;
        }
        if line.trim() == format!("{field}:") {
            inside = Some(indent(line));
        }
        inside.is_none()
    });
    kept.flat_map(|line| [line, "\n"]).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() { copy(&entry, &target) } else { fs::copy(&entry, &target).map(drop).unwrap() }
    }
}
