//! The releases of the simulated nodes and their pods, which no kubelet ever runs.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::server::Ports;
use super::world::{MESH, NodeId, mesh_name};
use crate::bench::plain::PlainRequest;

/// Where they are.
pub(super) const NAMESPACE: &str = "meshes";

const RELEASE_LABEL: &str = "beam-operator.io/release";
const READY_SINCE: &str = "2026-01-01T00:00:00Z";

/// The path of the objects of a kind.
pub(super) fn path(group: &str, plural: &str) -> String {
    format!("{group}/namespaces/{NAMESPACE}/{plural}")
}

pub(super) fn releases_path() -> String {
    path("/apis/beam-operator.io/v1alpha1", "elixirreleases")
}

pub(super) fn pods_path() -> String {
    path("/api/v1", "pods")
}

/// What makes the ServiceAccount that every pod has, for want of the controller that makes it.
pub(super) fn service_account() -> PlainRequest {
    let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    PlainRequest::create(path("/api/v1", "serviceaccounts"), body)
}

/// What makes a release whose nodes listen on these ports.
pub(super) fn new_release(mesh: u32, ports: Ports) -> PlainRequest {
    let Ports { epmd, distribution } = ports;
    let body = json!({
        "apiVersion": "beam-operator.io/v1alpha1",
        "kind": "ElixirRelease",
        "metadata": {"name": mesh_name(mesh), "namespace": NAMESPACE},
        "spec": {
            "image": "registry.example.com/shop:1",
            "replicas": MESH,
            "cluster": {"ports": {"epmd": epmd, "distribution": {"from": distribution, "to": distribution}}},
        },
    });
    PlainRequest::create(releases_path(), body)
}

/// The pod template of each release, from its Deployment.
pub(super) fn templates(mut deployments: Value) -> Result<BTreeMap<String, Value>> {
    let items = deployments["items"].as_array_mut().context("the list of Deployments has no items")?;
    let template = |item: &mut Value| {
        let template = item["spec"]["template"].take();
        let release = template["metadata"]["labels"][RELEASE_LABEL].as_str();
        let release = release.context("a Deployment whose pods are of no release")?.to_owned();
        Ok((release, template))
    };
    items.iter_mut().map(template).collect()
}

/// What makes the pod of a node, as a ReplicaSet would.
pub(super) fn new_pod(node: NodeId, template: &Value) -> PlainRequest {
    let mut body = template.clone();
    body["apiVersion"] = "v1".into();
    body["kind"] = "Pod".into();
    body["metadata"]["name"] = pod_name(node).into();
    PlainRequest::create(pods_path(), body)
}

/// What a kubelet says of that pod: it runs and is ready.
pub(super) fn ready_pod(node: NodeId) -> PlainRequest {
    let address = node.address().to_string();
    let is = |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": READY_SINCE});
    let body = json!({"status": {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": READY_SINCE,
        "conditions": [is("PodScheduled"), is("Initialized"), is("ContainersReady"), is("Ready")],
        "containerStatuses": [{
            "name": "release", "image": "registry.example.com/shop:1", "imageID": "", "ready": true, "restartCount": 0,
            "started": true, "state": {"running": {"startedAt": READY_SINCE}},
        }],
    }});
    PlainRequest::change(format!("{}/{}/status", pods_path(), pod_name(node)), body)
}

fn pod_name(node: NodeId) -> String {
    format!("{}-{:02}", mesh_name(node.mesh()), node.0 % MESH)
}

/// The cookie that the operator made for each of so many releases.
pub(super) fn cookies(secrets: &Value, meshes: u32) -> Result<Vec<Vec<u8>>> {
    let items = secrets["items"].as_array().context("the list of Secrets has no items")?;
    let cookie = |mesh: u32| {
        let name = format!("{}-cookie", mesh_name(mesh));
        let secret = items.iter().find(|item| item["metadata"]["name"] == *name);
        let encoded = secret.and_then(|secret| secret["data"]["cookie"].as_str());
        let encoded = encoded.with_context(|| format!("there is no cookie in Secret {name}"))?;
        BASE64_STANDARD.decode(encoded).context("a cookie that is not base64")
    };
    (0..meshes).map(cookie).collect()
}

/// What the statuses of the releases say of their nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::bench) struct Told {
    /// Nodes that are clustered: connected to all others of their release.
    pub(in crate::bench) clustered: usize,
    /// Nodes that lost others.
    pub(in crate::bench) partitioned: usize,
    /// Releases whose condition says that every node is connected to every other.
    pub(in crate::bench) whole: usize,
    /// Releases whose condition says that they have fallen apart.
    pub(in crate::bench) apart: usize,
}

impl Told {
    pub(in crate::bench) fn of(releases: &Value) -> Self {
        let mut told = Self::default();
        for status in releases["items"].as_array().into_iter().flatten().map(|release| &release["status"]) {
            let nodes = status["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
            let count = |state: &str| nodes.iter().filter(|node| node["state"] == state).count();
            told.clustered += count("Clustered");
            told.partitioned += count("Partitioned");
            let mut conditions = status["conditions"].as_array().into_iter().flatten();
            let clustered = conditions.find(|condition| condition["type"] == "Clustered");
            match clustered.and_then(|condition| condition["reason"].as_str()) {
                Some("AllNodesConnected") => told.whole += 1,
                Some("Partitioned") => told.apart += 1,
                _ => {}
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_what_its_deployment_would_make() {
        let labels = json!({"beam-operator.io/release": "mesh-0001", "beam-operator.io/revision": "mesh-0001-5f"});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": []}});
        let deployments = json!({"items": [{"spec": {"template": template}}]});
        let templates = templates(deployments).unwrap();

        let pod = new_pod(NodeId(23), &templates["mesh-0001"]);
        let metadata = json!({"name": "mesh-0001-03", "labels": labels});
        assert_eq!(pod.path, "/api/v1/namespaces/meshes/pods");
        let expected = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": []}});
        assert_eq!(*pod.body(), expected);
        let ready = ready_pod(NodeId(23));
        assert_eq!(ready.path, "/api/v1/namespaces/meshes/pods/mesh-0001-03/status");
        assert_eq!(ready.body()["status"]["podIP"], "127.83.0.23");
    }

    #[test]
    fn cookies_are_in_the_order_of_the_releases() {
        let secret = |name: &str, cookie: &str| json!({"metadata": {"name": name}, "data": {"cookie": cookie}});
        let secrets = json!({"items": [secret("mesh-0001-cookie", "Yg=="), secret("mesh-0000-cookie", "YQ==")]});
        assert_eq!(cookies(&secrets, 2).unwrap(), [b"a", b"b"]);
        assert_eq!(cookies(&secrets, 3).unwrap_err().to_string(), "there is no cookie in Secret mesh-0002-cookie");
    }

    #[test]
    fn what_statuses_tell_is_added_up() {
        let release = |reason: &str, states: &[&str]| {
            let nodes: Vec<_> = states.iter().map(|state| json!({"state": state})).collect();
            json!({"status": {"nodes": nodes, "conditions": [{"type": "Clustered", "reason": reason}]}})
        };
        let releases = json!({"items": [
            release("AllNodesConnected", &["Clustered", "Clustered"]),
            release("Partitioned", &["Partitioned", "Clustered", "Joining"]),
            {},
        ]});
        assert_eq!(Told::of(&releases), Told { clustered: 3, partitioned: 1, whole: 1, apart: 1 });
    }
}
