//! Kubernetes nodes that are lost: because they stop, or because their link is cut while they go on running.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{Cluster, Namespace, Operator, Release, eventually};

/// A Kubernetes node that can be lost, and the pod on it. Node n1 carries the traffic from outside, and an operator that is
/// lost with its node comes back only after five minutes.
pub async fn victim(namespace: &Namespace, shop: Release<'_>) -> (String, String) {
    let operator = Operator::of(&namespace.cluster).places().await;
    let pods: Vec<_> = shop.pods().await;
    let mut places = pods.iter().map(|pod| (place(pod), pod.name_any()));
    let victim = places.find(|(place, _)| place != "n1" && !operator.contains(place));
    victim.unwrap_or_else(|| panic!("the operator is on {operator:?}, so there is no node to lose"))
}

/// The Kubernetes node of a pod.
pub fn place(pod: &Pod) -> String {
    pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default()
}

/// A node that is lost, and brought back also when the test fails.
pub struct Outage<'a> {
    cluster: &'a Cluster,
    node: &'a str,
    kind: Kind,
    is_over: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Stopped,
    Cut,
}

impl<'a> Outage<'a> {
    /// Pulls the plug of a node.
    pub async fn stop_node(cluster: &'a Cluster, node: &'a str) -> Self {
        cluster.change_node("stop", node).await;
        Self { cluster, node, kind: Kind::Stopped, is_over: false }
    }

    /// Cuts the link of a node that goes on running.
    pub async fn cut_link(cluster: &'a Cluster, node: &'a str) -> Self {
        cluster.change_link("cut", node).await;
        Self { cluster, node, kind: Kind::Cut, is_over: false }
    }

    /// Brings it back, and waits until Kubernetes has noticed.
    pub async fn end(mut self) {
        match self.kind {
            Kind::Stopped => self.cluster.change_node("start", self.node).await,
            Kind::Cut => self.cluster.change_link("restore", self.node).await,
        }
        self.is_over = true;
        eventually("all Kubernetes nodes are ready", async || {
            let nodes = self.cluster.kubectl(&["get", "nodes", "--no-headers"]).output();
            let nodes = nodes.map_err(|error| error.to_string())?;
            let nodes = String::from_utf8_lossy(&nodes.stdout).into_owned();
            if nodes.is_empty() || nodes.contains("NotReady") { Err(nodes) } else { Ok(()) }
        })
        .await;
    }
}

impl Drop for Outage<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let mut back = match self.kind {
                Kind::Stopped => self.cluster.node_change("start", self.node),
                Kind::Cut => self.cluster.link_change("restore", self.node),
            };
            eprintln!("bringing {} back: {:?}", self.node, back.status());
        }
    }
}
