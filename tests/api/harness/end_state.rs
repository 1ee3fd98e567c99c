//! What a namespace holds in the end, in a form that two runs share: without uids, versions, times, addresses, the value
//! of a cookie and the name of the namespace.

use std::collections::BTreeMap;

use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::ResourceExt;
use kube::api::ListParams;
use serde_json::{Value, json};

use super::Namespace;

/// Everything in a namespace that could be a child, and the releases, by kind and name.
#[derive(Clone, Debug, PartialEq)]
pub struct EndState(BTreeMap<String, Value>);

impl EndState {
    pub(super) async fn of(namespace: &Namespace) -> Self {
        let mut objects = BTreeMap::new();
        for kind in ChildKind::ALL {
            for object in namespace.children(kind).list(&ListParams::default()).await.unwrap() {
                // The controller manager makes this ServiceAccount in every namespace, and the revisions that a StatefulSet
                // keeps for itself are nobody's children.
                let is_default = (kind, object.name_any().as_str()) == (ChildKind::ServiceAccount, "default");
                if !is_default && object.owner_references().iter().all(|owner| owner.kind != "StatefulSet") {
                    let name = format!("{} {}", kind.as_str(), object.name_any());
                    objects.insert(name, child(serde_json::to_value(object).unwrap()));
                }
            }
        }
        for release in namespace.releases().list(&ListParams::default()).await.unwrap() {
            objects
                .insert(format!("ElixirRelease {}", release.name_any()), told(serde_json::to_value(release).unwrap()));
        }
        Self(without_names(objects, &namespace.name))
    }

    /// Kind and name of everything in it that is no release.
    pub fn children(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).filter(|key| !key.starts_with("ElixirRelease")).collect()
    }

    /// An object by kind and name.
    pub fn object(&self, key: &str) -> &Value {
        self.0.get(key).unwrap_or_else(|| panic!("there is no {key}, but {:?}", self.children()))
    }

    /// The same without the releases: what is left when their specs may differ.
    pub fn only_children(mut self) -> Self {
        self.0.retain(|key, _| !key.starts_with("ElixirRelease"));
        self
    }

    /// Whether it tells of the releases as well.
    pub fn has_releases(&self) -> bool {
        self.0.keys().any(|key| key.starts_with("ElixirRelease"))
    }

    /// How it differs from another one, if it does.
    pub fn compared_with(&self, wanted: &Self) -> Result<(), String> {
        let keys: std::collections::BTreeSet<_> = self.0.keys().chain(wanted.0.keys()).collect();
        let different = keys.into_iter().filter(|key| self.0.get(*key) != wanted.0.get(*key));
        let told: Vec<_> = different.map(|key| difference(key, self.0.get(key), wanted.0.get(key))).collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    }
}

fn difference(key: &str, is: Option<&Value>, wanted: Option<&Value>) -> String {
    let (Some(is), Some(wanted)) = (is, wanted) else {
        return format!("{key} {}", if is.is_some() { "is one too many" } else { "is missing" });
    };
    let text = |value: &Value| serde_yaml::to_string(value).unwrap();
    let (is, wanted) = (text(is), text(wanted));
    let without = |one: &str, other: &str, mark: &str| {
        let others: Vec<_> = other.lines().collect();
        let lines = one.lines().filter(|line| !others.contains(line));
        lines.map(|line| format!("  {mark} {line}\n")).collect::<String>()
    };
    format!("{key} differs:\n{}{}", without(&wanted, &is, "wanted"), without(&is, &wanted, "is    "))
}

/// What the operator decides of a child.
fn child(mut object: Value) -> Value {
    let metadata = &object["metadata"];
    let mut annotations = metadata["annotations"].clone();
    if let Value::Object(annotations) = &mut annotations {
        annotations.retain(|name, _| !name.starts_with("deployment.kubernetes.io/"));
    }
    let data: Option<BTreeMap<String, usize>> = object["data"]
        .as_object()
        .filter(|_| object["kind"] == "Secret" || object.get("type").is_some())
        .map(|data| data.iter().map(|(key, value)| (key.clone(), value.as_str().map_or(0, str::len))).collect());
    let kept = json!({"labels": metadata["labels"], "annotations": annotations, "ownerReferences": owners(metadata)});
    for assigned in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        if object["spec"][assigned] != "None" && object["spec"][assigned] != json!(["None"]) {
            object["spec"].as_object_mut().map(|spec| spec.remove(assigned));
        }
    }
    for port in object["spec"]["ports"].as_array_mut().into_iter().flatten() {
        port.as_object_mut().map(|port| port.remove("nodePort"));
    }
    let root = object.as_object_mut().unwrap();
    root.remove("status");
    root.insert("metadata".to_owned(), kept);
    if let Some(lengths) = data {
        root.insert("data".to_owned(), json!(lengths));
    }
    object
}

fn owners(metadata: &Value) -> Vec<String> {
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let mut owners: Vec<_> =
        owners.map(|owner| format!("{} {} {}", owner["kind"], owner["name"], owner["controller"])).collect();
    owners.sort();
    owners
}

/// What a release asks for and what the operator tells of it.
fn told(release: Value) -> Value {
    let mut status = release["status"].clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition.as_object_mut().map(|condition| condition.remove("lastTransitionTime"));
    }
    status["cluster"].as_object_mut().map(|cluster| cluster.remove("changedAt"));
    json!({"spec": release["spec"], "status": status})
}

/// The name of the namespace is part of the pods' environment, and so of the digest that names a revision.
fn without_names(objects: BTreeMap<String, Value>, namespace: &str) -> BTreeMap<String, Value> {
    let mut text = serde_json::to_string(&objects).unwrap().replace(namespace, "(namespace)");
    for (key, object) in &objects {
        if let Some(name) = key.strip_prefix("ControllerRevision ") {
            let release = object["metadata"]["labels"][labels::RELEASE].as_str().unwrap_or_default();
            text = text.replace(name, &format!("{release}-revision-{}", object["revision"]));
        }
    }
    let mut objects: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
    for object in objects.values_mut() {
        // It digests the name of the namespace too.
        if let Some(inputs) =
            object.pointer_mut(&format!("/metadata/annotations/{}", labels::INPUTS.replace('/', "~1")))
        {
            *inputs = json!("(digest)");
        }
    }
    objects
}
