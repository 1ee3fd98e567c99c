//! The Operator Lifecycle Manager, and what a person does with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster::{Cluster, output};
use super::{Namespace, eventually};

/// Where catalogs are offered to all namespaces from.
const NAMESPACE: &str = "olm";
const CATALOG: &str = "beam-operator";
const KINDS: &str = "subscriptions.operators.coreos.com,clusterserviceversions.operators.coreos.com";

/// OLM on the cluster. It is removed in the end, with all operators that it installed.
pub struct Olm<'a> {
    cluster: &'a Cluster,
    /// Images of catalogs, by the version of the operator that each offers.
    catalogs: BTreeMap<String, String>,
}

impl<'a> Olm<'a> {
    /// Installs it.
    pub async fn install(cluster: &'a Cluster) -> Self {
        // From here on it is removed again, also when the installation fails.
        let mut olm = Self { cluster, catalogs: BTreeMap::new() };
        let told = output(&mut cluster.olm(&[]).into(), "").await.unwrap_or_else(|error| panic!("{error}"));
        // It tells what it does before that.
        let catalogs = told.lines().last().unwrap_or_default();
        olm.catalogs = serde_json::from_str(catalogs).unwrap_or_else(|error| panic!("{error}: {told}"));
        olm
    }

    /// The versions that there are catalogs of, the earlier one first.
    pub fn versions(&self) -> [&str; 2] {
        let versions: Vec<_> = self.catalogs.keys().map(String::as_str).collect();
        versions.try_into().unwrap()
    }

    /// Offers a version of the operator to all namespaces, and no other any more.
    pub async fn offer(&self, version: &str) {
        let source = json!({
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "CatalogSource",
            "metadata": {"name": CATALOG, "namespace": NAMESPACE},
            "spec": {
                "sourceType": "grpc",
                "image": self.catalogs[version],
                "grpcPodConfig": {
                    "securityContextConfig": "restricted",
                    "extractContent": {"catalogDir": "/configs", "cacheDir": "/tmp/cache"},
                },
            },
        });
        self.apply(&source).await;
    }

    /// Has the operator installed in a namespace, to look in these; `None` leaves it to the OperatorGroup that is there.
    pub async fn subscribe(&self, namespace: &str, targets: Option<&[&Namespace]>) {
        if let Some(targets) = targets {
            let targets: Vec<_> = targets.iter().map(|target| &target.name).collect();
            let group = json!({
                "apiVersion": "operators.coreos.com/v1",
                "kind": "OperatorGroup",
                "metadata": {"name": "beam", "namespace": namespace},
                "spec": {"targetNamespaces": targets},
            });
            self.apply(&group).await;
        }
        let subscription = json!({
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "Subscription",
            "metadata": {"name": "beam-operator", "namespace": namespace},
            "spec": {"name": "beam-operator", "source": CATALOG, "sourceNamespace": NAMESPACE},
        });
        self.apply(&subscription).await;
    }

    /// Waits until a version, and no other, is installed in a namespace.
    pub async fn installed(&self, namespace: &str, version: &str) {
        let row = r#"--output=jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}"#;
        let versions = ["--namespace", namespace, "get", "clusterserviceversions.operators.coreos.com", row];
        let expected = format!("beam-operator.v{version} Succeeded\n");
        eventually(&format!("{version} in {namespace}"), async || {
            let found = self.kubectl(&versions, "").await?;
            if found == expected { Ok(()) } else { Err(format!("{found}{}", self.told(namespace).await)) }
        })
        .await;
    }

    /// Removes the operator of a namespace, as a person would: what subscribed to it, and what was installed.
    pub async fn uninstall(&self, namespace: &str) {
        let delete = ["--namespace", namespace, "delete", KINDS, "--all", "--wait", "--timeout=2m"];
        self.kubectl(&delete, "").await.unwrap_or_else(|error| panic!("{error}"));
        let wait = ["--namespace", namespace, "wait", "--for=delete", "deployment/beam-operator", "--timeout=2m"];
        self.kubectl(&wait, "").await.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn apply(&self, object: &Value) {
        let told = self.kubectl(&["apply", "--filename=-"], &object.to_string()).await;
        told.unwrap_or_else(|error| panic!("{error}"));
    }

    /// What tells why something is not installed.
    async fn told(&self, namespace: &str) -> String {
        let row = r#"--output=jsonpath={range .items[*]}{.kind} {.metadata.name}: {.status}{"\n"}{end}"#;
        let kinds = format!("{KINDS},installplans.operators.coreos.com");
        self.kubectl(&["--namespace", namespace, "get", &kinds, row], "").await.unwrap_or_else(|error| error)
    }

    async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        output(&mut self.cluster.kubectl(arguments).into(), input).await
    }
}

impl Drop for Olm<'_> {
    fn drop(&mut self) {
        let done = self.cluster.olm(&["--remove"]).output();
        let is_done = done.as_ref().is_ok_and(|output| output.status.success());
        assert!(is_done || std::thread::panicking(), "OLM is not removed: {done:?}");
    }
}
