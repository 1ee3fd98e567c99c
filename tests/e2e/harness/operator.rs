//! The operator as the Helm chart installed it.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};

use super::cluster::{Cluster, output};

/// Where `cargo xtask test` installs it.
pub const NAMESPACE: &str = "beam-operator";
const PODS: &str = "app.kubernetes.io/name=beam-operator";

/// The operator of the cluster.
pub struct Operator {
    cluster: Cluster,
    pods: Api<Pod>,
}

impl Operator {
    /// The one that is installed.
    pub fn of(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone(), pods: Api::namespaced(cluster.client.clone(), NAMESPACE) }
    }

    /// Deletes its pods without any grace; Kubernetes starts others.
    pub async fn kill(&self) {
        let pods = self.list().await;
        assert!(!pods.is_empty(), "no pod of the operator is there to be killed");
        for pod in pods {
            self.pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
        }
    }

    /// The same for the one that is the holder of a Lease, by the name that it signs with.
    pub async fn kill_one(&self, holder: &str) {
        let pods = self.list().await;
        let pod = pods.iter().find(|pod| holder.contains(&pod.name_any()));
        let pod = pod.unwrap_or_else(|| panic!("{holder} is none of the operator's {} pods", pods.len()));
        self.pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    /// Has so many of its pods run, until the result is dropped.
    pub async fn replicas(&self, count: usize) -> Replicas<'_> {
        let replicas = Replicas { cluster: &self.cluster };
        replicas.scale(count);
        // A number that is zero is left out of the status.
        let available = format!("--for=jsonpath={{.status.availableReplicas}}={count}");
        let selector = format!("--selector={PODS}");
        let wait = match count {
            0 => ["wait", "--for=delete", "--namespace", NAMESPACE, "pod", &selector, "--timeout=2m"].to_vec(),
            _ => ["wait", &available, "--namespace", NAMESPACE, "deployment/beam-operator", "--timeout=2m"].to_vec(),
        };
        output(&mut self.cluster.kubectl(&wait).into(), "").await.unwrap();
        replicas
    }

    /// The Kubernetes nodes it runs on.
    pub async fn places(&self) -> Vec<String> {
        self.list().await.into_iter().filter_map(|pod| pod.spec?.node_name).collect()
    }

    async fn list(&self) -> Vec<Pod> {
        self.pods.list(&ListParams::default().labels(PODS)).await.unwrap().items
    }
}

/// More pods of the operator than the chart installs.
pub struct Replicas<'a> {
    cluster: &'a Cluster,
}

impl Replicas<'_> {
    fn scale(&self, count: usize) {
        let count = format!("--replicas={count}");
        let scale = ["scale", "--namespace", NAMESPACE, "deployment/beam-operator", &count];
        let scaled = self.cluster.kubectl(&scale).output().map(|output| output.status.success());
        assert!(matches!(scaled, Ok(true)) || std::thread::panicking(), "{scale:?}: {scaled:?}");
    }
}

impl Drop for Replicas<'_> {
    fn drop(&mut self) {
        self.scale(1);
    }
}
