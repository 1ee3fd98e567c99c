//! The nodes of a BEAM cluster, asked one by one whom they see.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde::Deserialize;

use super::{Connections, Namespace, Release, eventually};

/// A node of a release.
pub struct Node<'a> {
    /// Its pod.
    pub pod: Pod,
    /// Where it is.
    pub namespace: &'a Namespace,
}

/// What the sample application tells about itself.
#[derive(Debug, Deserialize)]
pub struct Description {
    /// The node's name.
    pub node: String,
    /// The nodes it is connected to.
    pub peers: BTreeSet<String>,
    /// The application's version.
    pub version: String,
    /// The OTP release that runs it.
    pub otp_release: String,
    /// The counter that the nodes keep together.
    pub counter: u64,
}

impl Node<'_> {
    /// The address of its pod.
    pub fn address(&self) -> Option<&str> {
        self.pod.status.as_ref()?.pod_ip.as_deref()
    }

    /// What it tells about itself.
    pub async fn describe(&self) -> Result<Description, String> {
        let address = self.address().ok_or_else(|| format!("{} has no address yet", self.pod.name_any()))?;
        let text = Connections::fresh().get(&format!("http://{address}:4000/")).await?;
        serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))
    }

    /// What a command prints in its container.
    pub async fn exec(&self, command: &[&str]) -> Result<String, String> {
        let pod = self.pod.name_any();
        let exec = ["exec", &pod, "--container=release", "--"];
        self.namespace.try_kubectl(&exec.into_iter().chain(command.iter().copied()).collect::<Vec<_>>()).await
    }

    /// What `bin/shop rpc` prints: a second VM in the same pod that connects to the node.
    pub async fn rpc(&self, expression: &str) -> String {
        let answer = self.exec(&["/app/bin/shop", "rpc", expression]).await;
        answer.unwrap_or_else(|error| panic!("{error}")).trim().to_owned()
    }
}

/// Waits until these releases together have this many nodes and each of them sees every other one and nobody else.
pub async fn meshed(releases: &[Release<'_>], count: usize) -> Vec<Description> {
    eventually(&format!("a mesh of {count} nodes"), async || {
        let mut told = Vec::new();
        for release in releases {
            for node in release.nodes().await {
                told.push(node.describe().await?);
            }
        }
        let names: BTreeSet<_> = told.iter().map(|it| it.node.clone()).collect();
        let sees_all = |it: &Description| it.peers.len() + 1 == names.len() && it.peers.is_subset(&names);
        if names.len() == count && told.len() == count && told.iter().all(sees_all) {
            return Ok(told);
        }
        Err(format!("{told:#?}"))
    })
    .await
}
