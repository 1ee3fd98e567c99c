//! Nodes with names and claims of their own.
//!
//! Nobody makes volumes on these clusters, so the test makes one for each claim before it is made: a directory of the
//! machine that all nodes share, as they share all but /run and /var.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::harness::{Connections, Namespace, Node, Release, Traffic, is_complete, meshed, shop};

/// Volumes for the claims of a release `shop`. They are gone with this.
pub struct Volumes<'a> {
    namespace: &'a Namespace,
    directory: PathBuf,
}

impl<'a> Volumes<'a> {
    /// Makes as many as that, to be claimed by the first nodes.
    pub async fn new(namespace: &'a Namespace, count: usize) -> Self {
        let directory = PathBuf::from("/tmp/beam-operator-e2e").join(&namespace.name);
        let volumes = Self { namespace, directory };
        for number in 0..count {
            let path = volumes.directory.join(number.to_string());
            namespace
                .apply(&json!({
                    "apiVersion": "v1", "kind": "PersistentVolume",
                    "metadata": {"name": format!("{}-{number}", namespace.name), "labels": {"e2e": namespace.name}},
                    "spec": {
                        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                        "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                        "claimRef": {"namespace": namespace.name, "name": format!("data-shop-{number}")},
                        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
                    },
                }))
                .await;
        }
        volumes
    }
}

impl Drop for Volumes<'_> {
    fn drop(&mut self) {
        let of_test = format!("--selector=e2e={}", self.namespace.name);
        let _ = self.namespace.cluster.kubectl(&["delete", "persistentvolumes", &of_test, "--wait=false"]).output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The sample application with names in DNS and a directory that stays. The image runs as a user who may not write to a
/// directory of the machine before somebody lets him.
pub const SHOP: &str = "
replicas: 3
cluster: {host: PodFQDN}
env: [{name: SHOP_SRV_QUERY, value: $(BEAM_CLUSTER_DNS)}]
volumeMounts: [{name: data, mountPath: /data}]
podTemplate:
  spec:
    initContainers:
      - name: permissions
        image: localhost/shop:1
        command: [chmod, '777', /data]
        securityContext: {runAsUser: 0}
        volumeMounts: [{name: data, mountPath: /data}]
workload:
  kind: StatefulSet
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], storageClassName: '', resources: {requests: {storage: 1Gi}}}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_keep_their_names_and_their_claims() {
    let namespace = Namespace::new("stateful").await;
    let _volumes = Volumes::new(&namespace, 5).await;
    namespace.apply(&shop("shop", SHOP)).await;
    let shop = namespace.release("shop");
    let first = shop.complete().await;
    assert_eq!(names(shop, 3).await, expected(&namespace, 3));
    let seed = format!("shop@shop-0.shop-nodes.{}.svc.cluster.local", namespace.name);
    for node in shop.nodes().await {
        let name = node.describe().await.unwrap().node;
        assert_eq!(node.exec(&["printenv", "BEAM_SEED_NODE"]).await.unwrap().trim(), seed);
        assert_eq!(
            node.rpc("IO.puts([to_string(node()), 32, to_string(length(Node.list()))])").await,
            format!("{name} 2")
        );
        write(&node, &name).await;
    }

    for replicas in [5, 3] {
        namespace.kubectl(&["scale", "exr/shop", &format!("--replicas={replicas}")]).await;
        shop.complete().await;
        assert_eq!(names(shop, replicas).await, expected(&namespace, replicas));
        assert_eq!(bound(&namespace).await.len(), 5, "a claim that was made once stays");
    }
    assert_eq!(shop.status().await.current_revision, first.current_revision, "their number is no part of a revision");

    let roll = rolled_to(shop, "localhost/shop:2").await;
    assert_eq!(roll.fewest_ready, 2, "one node at a time");
    assert!(meshed(&[shop], 3).await.iter().all(|it| it.version == "2.0.0"));
    assert_eq!(names(shop, 3).await, expected(&namespace, 3));
    for node in shop.nodes().await {
        let name = node.describe().await.unwrap().node;
        assert_eq!(node.exec(&["cat", "/data/name"]).await.unwrap().trim(), name, "it has its own claim again");
    }

    namespace.kubectl(&["delete", "exr/shop", "--cascade=foreground"]).await;
    assert_eq!(bound(&namespace).await.len(), 5, "they outlive the release");
}

/// The nodes by the names that they give themselves, once each sees every other one.
async fn names(shop: Release<'_>, count: usize) -> BTreeSet<String> {
    meshed(&[shop], count).await.into_iter().map(|it| it.node).collect()
}

fn expected(namespace: &Namespace, count: usize) -> BTreeSet<String> {
    (0..count).map(|number| format!("shop@shop-{number}.shop-nodes.{}.svc.cluster.local", namespace.name)).collect()
}

async fn write(node: &Node<'_>, text: &str) {
    node.exec(&["sh", "-c", &format!("echo {text} > /data/name")]).await.unwrap();
}

/// The claims that have a volume, by name.
pub async fn bound(namespace: &Namespace) -> BTreeMap<String, String> {
    let claims: Api<PersistentVolumeClaim> = namespace.objects();
    let claims = claims.list(&ListParams::default()).await.unwrap().into_iter();
    let volume = |claim: PersistentVolumeClaim| Some((claim.name_any(), claim.spec?.volume_name?));
    claims.filter_map(volume).collect()
}

/// What was seen during a rollout.
struct Roll {
    fewest_ready: i32,
}

/// Asks for another image and looks at the release until that is what runs.
async fn rolled_to(shop: Release<'_>, image: &str) -> Roll {
    shop.change(&json!({"image": image})).await;
    shop.until("the rollout has begun", |release| !is_complete(release)).await;
    let mut roll = Roll { fewest_ready: i32::MAX };
    loop {
        let release = shop.get().await;
        if is_complete(&release) {
            return roll;
        }
        roll.fewest_ready = roll.fewest_ready.min(release.status.unwrap_or_default().ready_replicas);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// A release that served all the time from a Deployment goes on to do so from a StatefulSet, and back.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn the_kind_changes_under_traffic() {
    let namespace = Namespace::alone("kind").await;
    namespace.apply(&shop("shop", "{replicas: 2, rollout: {}, shutdown: {}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    let url = shop.url().await;
    let traffic = Traffic::start(&url);
    for (kind, gone) in [("StatefulSet", "deployment"), ("Deployment", "statefulset")] {
        shop.change(&json!({"workload": {"kind": kind}})).await;
        shop.until("the change has begun", |release| !is_complete(release)).await;
        shop.complete().await;
        meshed(&[shop], 2).await;
        assert_eq!(namespace.kubectl(&["get", gone, "--output=name"]).await, "");
    }
    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    assert!(tally.counted > 200, "the traffic was no more than {} requests", tally.counted);
    let counter = Connections::fresh().get(&format!("{url}/count")).await.unwrap();
    assert_eq!(counter, format!(r#"{{"counter":{}}}"#, tally.counted));
}

/// No node of the old revision is left when the first of the new one starts.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_stateful_set_is_recreated() {
    let namespace = Namespace::new("recreated").await;
    let spec = "{replicas: 2, workload: {kind: StatefulSet}, rollout: {strategy: Recreate, minReadySeconds: 1}}";
    namespace.apply(&shop("shop", spec)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    shop.change(&json!({"image": "localhost/shop:2"})).await;
    shop.until("the rollout has begun", |release| !is_complete(release)).await;
    let mut seen = BTreeSet::new();
    loop {
        let pods = namespace.objects::<Pod>().list(&ListParams::default()).await.unwrap();
        let image = |pod: &Pod| pod.spec.as_ref().unwrap().containers[0].image.clone().unwrap();
        seen.insert(pods.iter().map(image).collect::<BTreeSet<_>>());
        if is_complete(&shop.get().await) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(seen.iter().all(|images| images.len() <= 1), "{seen:?}");
    assert!(meshed(&[shop], 2).await.iter().all(|it| it.version == "2.0.0"));
}
