//! A namespace of a test's own, and what a person does in it.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace as KubeNamespace;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use super::cluster::{Cluster, output};
use super::eventually;
use super::release::Release;

/// What Kubernetes makes, of other objects or to tell what it does.
const MADE_BY_KUBERNETES: [&str; 4] =
    ["events", "events.events.k8s.io", "endpoints", "endpointslices.discovery.k8s.io"];

/// The cluster, which several tests use at the same time, or one alone.
static TURN: LazyLock<Arc<RwLock<()>>> = LazyLock::new(Arc::default);

/// The turn of a test, until it is dropped.
enum Turn {
    Shared { _turn: OwnedRwLockReadGuard<()> },
    Alone(OwnedRwLockWriteGuard<()>),
    Over,
}

/// A namespace that nobody else uses. It is deleted when the test is over; a test that failed shows before what is in it.
pub struct Namespace {
    /// The cluster it is in.
    pub cluster: Cluster,
    /// Its name.
    pub name: String,
    turn: Mutex<Turn>,
}

impl Namespace {
    /// Makes one for a subject that other tests may go on beside.
    pub async fn new(subject: &str) -> Self {
        Self::make(subject, Turn::Shared { _turn: TURN.clone().read_owned().await }).await
    }

    /// Makes one for a subject that disturbs others or is disturbed by them: the operator is killed, a node is lost, requests
    /// are counted.
    pub async fn alone(subject: &str) -> Self {
        Self::make(subject, Turn::Alone(TURN.clone().write_owned().await)).await
    }

    /// Makes another one for a test that has its turn.
    pub async fn beside(&self, subject: &str) -> Self {
        Self::make(subject, Turn::Over).await
    }

    async fn make(subject: &str, turn: Turn) -> Self {
        let cluster = Cluster::of_environment().await;
        let namespace = json!({"metadata": {"generateName": format!("e2e-{subject}-")}});
        let namespace: KubeNamespace = serde_json::from_value(namespace).unwrap();
        let namespaces = Api::all(cluster.client.clone());
        let name = namespaces.create(&PostParams::default(), &namespace).await.unwrap().name_any();
        let namespace = Self { cluster, name, turn: Mutex::new(turn) };
        eventually("what Kubernetes puts into every namespace", async || {
            namespace.try_kubectl(&["get", "serviceaccount/default", "configmap/kube-root-ca.crt"]).await
        })
        .await;
        namespace
    }

    /// Lets other tests go on again: what disturbs them is over, and what follows takes its time.
    pub fn share(&self) {
        let mut turn = self.turn.lock().unwrap();
        if let Turn::Alone(alone) = std::mem::replace(&mut *turn, Turn::Over) {
            *turn = Turn::Shared { _turn: alone.downgrade() };
        }
    }

    /// A release in it.
    pub fn release<'a>(&'a self, name: &'a str) -> Release<'a> {
        Release { namespace: self, name }
    }

    /// Objects of a kind in it.
    pub fn objects<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.cluster.client.clone(), &self.name)
    }

    /// Does what a person does with `kubectl apply`.
    pub async fn apply(&self, object: &Value) {
        let told = self.run(&["apply", "--filename=-"], &object.to_string()).await;
        told.unwrap_or_else(|error| panic!("{error}"));
    }

    /// What kubectl prints.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, or what it says when it fails.
    pub async fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        self.run(arguments, "").await
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.cluster.kubectl(&["--namespace", &self.name]);
        command.args(arguments);
        output(&mut command.into(), input).await
    }

    /// Everything in it that somebody put there: kinds, names, uids and versions.
    pub async fn contents(&self) -> BTreeSet<String> {
        let kinds = self.kubectl(&["api-resources", "--namespaced", "--verbs=list", "--output=name"]).await;
        let kinds: Vec<_> = kinds.lines().filter(|kind| !MADE_BY_KUBERNETES.contains(kind)).collect();
        let row = r#"{range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{"\n"}{end}"#;
        let all = self.kubectl(&["get", &kinds.join(","), &format!("--output=jsonpath={row}")]).await;
        all.lines().map(ToOwned::to_owned).collect()
    }

    /// Waits until there is in it what there was before.
    pub async fn becomes(&self, before: &BTreeSet<String>) {
        eventually("what was there before, and nothing else", async || {
            let now = self.contents().await;
            let (more, less) = (now.difference(before), before.difference(&now));
            if now == *before { Ok(()) } else { Err(format!("more: {more:#?}, less: {less:#?}")) }
        })
        .await;
    }

    /// Tells what a person would look at first.
    fn show(&self) {
        let questions = [
            format!("--namespace {} get elixirreleases,deployments,pods --output=wide", self.name),
            format!("--namespace {} get elixirreleases --output=yaml", self.name),
            format!("--namespace {} events", self.name),
            format!("--namespace {} logs deployment/beam-operator --tail=40", super::operator::NAMESPACE),
        ];
        for question in questions {
            let shown = self.cluster.kubectl(&question.split(' ').collect::<Vec<_>>()).output();
            let shown = shown.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            eprintln!("--- kubectl {question}\n{}", shown.unwrap_or_else(|error| error.to_string()));
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
        // The next test need not wait until the last pod has stopped.
        let deleted = self.cluster.kubectl(&["delete", "namespace", &self.name, "--wait=false"]).output();
        let deleted = deleted.map(|output| output.status.success());
        if !matches!(deleted, Ok(true)) {
            eprintln!("the namespace {} could not be deleted: {deleted:?}", self.name);
        }
    }
}
