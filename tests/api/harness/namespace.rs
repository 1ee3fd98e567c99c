//! A namespace of a test's own, and what a person does in it.

use std::hash::{BuildHasher, RandomState};

use beam_operator::api::ElixirRelease;
use beam_operator::controller::kind::ChildKind;
use k8s_openapi::api::core::v1::Namespace as KubeNamespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use super::{Cluster, EndState, eventually};

/// The field manager of the person in front of the cluster.
const PERSON: &str = "person";

/// A namespace that nobody else uses. It stays, with the cluster, for whoever wants to see how a test ended.
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Talks to the API server directly.
    pub client: Client,
}

impl Namespace {
    /// Makes one for a purpose.
    pub async fn new(cluster: &Cluster, purpose: &str) -> Self {
        let name = format!("{purpose}-{:08x}", RandomState::new().hash_one(()) >> 32);
        let namespace: KubeNamespace = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
        let namespaces = Api::<KubeNamespace>::all(cluster.client.clone());
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        Self { name, client: cluster.client.clone() }
    }

    /// The releases in it.
    pub fn releases(&self) -> Api<ElixirRelease> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Objects of a kind in it.
    pub fn objects(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.name, &resource)
    }

    /// Children of a kind in it.
    pub fn children(&self, kind: ChildKind) -> Api<DynamicObject> {
        kind.api(&self.client, &self.name)
    }

    /// Applies a release with this spec in YAML, as a person does with `kubectl apply --server-side`.
    pub async fn apply(&self, name: &str, spec: &str) -> ElixirRelease {
        let spec: Value = serde_yaml::from_str(spec).unwrap();
        let release = json!({
            "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
        });
        let params = PatchParams::apply(PERSON).force();
        let applied = self.releases().patch(name, &params, &Patch::Apply(&release)).await;
        applied.unwrap_or_else(|refused| panic!("{name} was refused: {}", told(&refused)))
    }

    /// Creates a release as `kubectl create` does; what the API server says if it refuses.
    pub async fn create(&self, name: &str, spec: &str) -> Result<(), String> {
        let spec: Value = serde_yaml::from_str(spec).unwrap();
        let release: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
        }))
        .unwrap();
        let releases = self.objects("beam-operator.io/v1alpha1", "ElixirRelease");
        releases.create(&PostParams::default(), &release).await.map(drop).map_err(|error| told(&error))
    }

    /// Changes a release or a child with a merge patch, as `kubectl patch` or `kubectl edit` do.
    pub async fn patch(&self, api: &Api<DynamicObject>, name: &str, patch: Value) -> DynamicObject {
        let params = PatchParams { field_manager: Some(PERSON.to_owned()), ..PatchParams::default() };
        api.patch(name, &params, &Patch::Merge(patch)).await.unwrap()
    }

    /// Applies an object of another kind, as another manager.
    pub async fn apply_object(&self, object: Value) -> DynamicObject {
        let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply(PERSON).force();
        self.objects(version, kind).patch(name, &params, &Patch::Apply(&object)).await.unwrap()
    }

    /// Deletes a release.
    pub async fn delete(&self, name: &str) {
        self.releases().delete(name, &DeleteParams::background()).await.unwrap();
    }

    /// Waits until the operator has applied the release as it is now.
    pub async fn applied(&self, name: &str) -> ElixirRelease {
        self.until(name, "its present generation is applied", |release| {
            let applied = condition(release, "Degraded").and_then(|condition| condition.observed_generation);
            applied == release.metadata.generation
        })
        .await
    }

    /// Waits until something holds for a release.
    pub async fn until(&self, name: &str, what: &str, holds: impl Fn(&ElixirRelease) -> bool) -> ElixirRelease {
        eventually(&format!("{name}: {what}"), async || {
            let release = self.releases().get(name).await.map_err(|error| error.to_string())?;
            let status = || serde_yaml::to_string(&release.status).unwrap();
            if holds(&release) { Ok(release) } else { Err(status()) }
        })
        .await
    }

    /// Waits until a condition of a release has this reason.
    pub async fn condition(&self, name: &str, type_: &str, reason: &str) -> Condition {
        let has_it = |release: &ElixirRelease| condition(release, type_).filter(|it| it.reason == reason).cloned();
        let release = self.until(name, &format!("{type_} is {reason}"), |release| has_it(release).is_some()).await;
        has_it(&release).unwrap()
    }

    /// Waits until a child is as wanted.
    pub async fn child(&self, kind: ChildKind, name: &str, wanted: impl Fn(&Value) -> bool) -> DynamicObject {
        eventually(&format!("{} {name} as wanted", kind.as_str()), async || {
            let child = self.children(kind).get(name).await.map_err(|error| error.to_string())?;
            let value = serde_json::to_value(&child).unwrap();
            if wanted(&value) { Ok(child) } else { Err(serde_yaml::to_string(&value).unwrap()) }
        })
        .await
    }

    /// Waits until a child is gone.
    pub async fn gone(&self, kind: ChildKind, name: &str) {
        eventually(&format!("no {} {name}", kind.as_str()), async || {
            let found = self.children(kind).get_opt(name).await.map_err(|error| error.to_string())?;
            found.map_or(Ok(()), |child| Err(serde_yaml::to_string(&child).unwrap()))
        })
        .await;
    }

    /// Waits for an event about a release, and returns what it says.
    pub async fn event(&self, release: &str, reason: &str) -> String {
        let events = Api::<Event>::namespaced(self.client.clone(), &self.name);
        eventually(&format!("an event {reason} about {release}"), async || {
            let all = events.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let regards = |event: &Event| event.regarding.as_ref().and_then(|it| it.name.as_deref()) == Some(release);
            let about: Vec<_> = all.into_iter().filter(regards).collect();
            let found = about.iter().find(|event| event.reason.as_deref() == Some(reason));
            let reasons = || about.iter().filter_map(|event| event.reason.clone()).collect::<Vec<_>>().join(", ");
            found.and_then(|event| event.note.clone()).ok_or_else(reasons)
        })
        .await
    }

    /// The version of an object, which tells whether somebody touched it.
    pub async fn version(&self, api_version: &str, kind: &str, name: &str) -> String {
        self.objects(api_version, kind).get(name).await.unwrap().resource_version().unwrap()
    }

    /// What there is now.
    pub async fn state(&self) -> EndState {
        EndState::of(self).await
    }

    /// Waits until there is this and, of what it tells, nothing else.
    pub async fn reaches(&self, wanted: &EndState) {
        eventually("the same end state", async || {
            let state = self.state().await;
            let state = if wanted.has_releases() { state } else { state.only_children() };
            state.compared_with(wanted)
        })
        .await;
    }
}

fn condition<'a>(release: &'a ElixirRelease, type_: &str) -> Option<&'a Condition> {
    release.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == type_)
}

/// What the API server said.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
