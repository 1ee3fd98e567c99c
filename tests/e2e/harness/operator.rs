//! The operator as the Helm chart installed it.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams};
use kube::{Api, ResourceExt};

use super::Cluster;

/// Where `cargo xtask test` installs it.
pub const NAMESPACE: &str = "beam-operator";
const PODS: &str = "app.kubernetes.io/name=beam-operator";

/// The operator of the cluster.
pub struct Operator {
    pods: Api<Pod>,
}

impl Operator {
    /// The one that is installed.
    pub fn of(cluster: &Cluster) -> Self {
        Self { pods: Api::namespaced(cluster.client.clone(), NAMESPACE) }
    }

    /// Deletes its pods without any grace; Kubernetes starts others.
    pub async fn kill(&self) {
        let pods = self.list().await;
        assert!(!pods.is_empty(), "no pod of the operator is there to be killed");
        for pod in pods {
            self.pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
        }
    }

    /// The Kubernetes nodes it runs on.
    pub async fn places(&self) -> Vec<String> {
        self.list().await.into_iter().filter_map(|pod| pod.spec?.node_name).collect()
    }

    async fn list(&self) -> Vec<Pod> {
        self.pods.list(&ListParams::default().labels(PODS)).await.unwrap().items
    }
}
