//! Two versions that crash each other when they meet, side by side in one release: `cluster.scope: Revision`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::harness::{Connections, Namespace, Release, Traffic, eventually, shop};

const NODES: usize = 3;

/// What the sample application answers on `/`.
type Told = (String, BTreeSet<String>, String);

fn release(name: &str, scope: &str) -> Value {
    let env = "[{name: SHOP_CRASH, value: mixed}]";
    let spec = format!(
        "{{replicas: {NODES}, env: {env}, cluster: {{scope: {scope}}}, rollout: {{minReadySeconds: 3, onFailure: Hold}}}}"
    );
    shop(name, &spec)
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn versions_that_crash_each_other_never_meet() {
    let namespace = Namespace::alone("apart").await;
    they_would_crash(&namespace).await;

    namespace.apply(&release("shop", "Revision")).await;
    let shop = namespace.release("shop");
    let first = shop.clustered().await.current_revision.unwrap();
    own_of(&namespace, &[&first]).await;
    let cookie = cookie_of(&namespace, &first).await;

    let url = shop.url().await;
    let traffic = Traffic::start(&url);
    let watch = Watch::over(&namespace);
    shop.change(&json!({"image": "localhost/shop:2"})).await;
    let second = rolled(shop, &first).await;
    own_of(&namespace, &[&second]).await;
    assert_ne!(cookie_of(&namespace, &second).await, cookie);

    // Going back needs again what was deleted.
    shop.change(&json!({"image": "localhost/shop:1"})).await;
    assert_eq!(rolled(shop, &second).await, first);
    own_of(&namespace, &[&first]).await;
    assert_eq!(cookie_of(&namespace, &first).await, cookie, "it follows from the revision");

    let tally = traffic.stop().await;
    assert_eq!(tally.failures, Vec::<String>::new(), "beside {} good requests", tally.counted);
    assert!(tally.counted > 200, "the traffic was no more than {} requests", tally.counted);
    watch.nobody_was_mixed(&namespace);
    assert!(restarted(&namespace, "shop").await.is_empty(), "nobody crashed");
    let status = shop.clustered().await;
    let cluster = status.cluster.unwrap();
    assert_eq!((cluster.size, cluster.partitions), (Some(3), Some(1)));
    assert!(status.nodes.iter().all(|node| (node.connected, node.expected) == (2, 2)), "{:?}", status.nodes);
}

/// In one cluster these two versions crash.
async fn they_would_crash(namespace: &Namespace) {
    namespace.apply(&release("together", "Cluster")).await;
    let together = namespace.release("together");
    together.clustered().await;
    together.change(&json!({"image": "localhost/shop:2"})).await;
    eventually("a node that met another version has crashed", async || {
        let restarted = restarted(namespace, "together").await;
        if restarted.is_empty() { Err("no container was restarted".to_owned()) } else { Ok(()) }
    })
    .await;
    namespace.kubectl(&["delete", "exr/together"]).await;
}

/// The pods whose container was started more than once.
async fn restarted(namespace: &Namespace, release: &str) -> Vec<String> {
    let selector = format!("beam-operator.io/release={release}");
    let pods = namespace.objects::<Pod>().list(&ListParams::default().labels(&selector)).await.unwrap();
    let count = |pod: &Pod| {
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
        containers.iter().map(|container| container.restart_count).sum::<i32>()
    };
    pods.iter().filter(|pod| count(pod) > 0).map(ResourceExt::name_any).collect()
}

/// Waits until another revision than this one runs completely, and names it.
async fn rolled(shop: Release<'_>, before: &str) -> String {
    let is_another = |revision: Option<&str>| revision.is_some_and(|revision| revision != before);
    shop.until("another revision runs", |release| {
        is_another(release.status.as_ref().and_then(|status| status.current_revision.as_deref()))
    })
    .await;
    shop.clustered().await.current_revision.unwrap()
}

/// Waits until these revisions, and no others, have a cookie and a headless Service.
async fn own_of(namespace: &Namespace, revisions: &[&str]) {
    let wanted: BTreeSet<_> = revisions.iter().flat_map(|it| [format!("{it}-cookie"), format!("{it}-nodes")]).collect();
    let selector = ListParams::default().labels("beam-operator.io/release=shop,beam-operator.io/revision");
    eventually("every revision that runs, and no other, has its own", async || {
        let secrets = namespace.objects::<Secret>().list(&selector).await.map_err(|error| error.to_string())?;
        let services = namespace.objects::<Service>().list(&selector).await.map_err(|error| error.to_string())?;
        let names = secrets.iter().map(ResourceExt::name_any).chain(services.iter().map(ResourceExt::name_any));
        let there: BTreeSet<_> = names.collect();
        if there == wanted { Ok(()) } else { Err(format!("{there:?}")) }
    })
    .await;
}

async fn cookie_of(namespace: &Namespace, revision: &str) -> Vec<u8> {
    let secrets: Api<Secret> = namespace.objects();
    let secret = secrets.get(&format!("{revision}-cookie")).await.unwrap();
    secret.data.unwrap()["cookie"].0.clone()
}

/// Asks every node again and again whom it sees.
struct Watch {
    told: Arc<Mutex<Vec<Told>>>,
    _task: JoinSet<()>,
}

impl Watch {
    fn over(namespace: &Namespace) -> Self {
        let (told, mut task) = (Arc::<Mutex<Vec<Told>>>::default(), JoinSet::new());
        let (pods, seen) = (namespace.objects::<Pod>(), told.clone());
        let selector = ListParams::default().labels("beam-operator.io/release=shop");
        task.spawn(async move {
            loop {
                for pod in pods.list(&selector).await.into_iter().flatten() {
                    let Some(address) = pod.status.and_then(|status| status.pod_ip) else { continue };
                    let answer = Connections::fresh().get(&format!("http://{address}:4000/")).await;
                    let Some(answer) = answer.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()) else {
                        continue;
                    };
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let peers = answer["peers"].as_array().into_iter().flatten().map(text).collect();
                    seen.lock().unwrap().push((text(&answer["node"]), peers, text(&answer["version"])));
                }
                sleep(Duration::from_millis(200)).await;
            }
        });
        Self { told, _task: task }
    }

    /// Both versions were there at the same time, and no node ever saw one of another version.
    fn nobody_was_mixed(&self, namespace: &Namespace) {
        let told = self.told.lock().unwrap().clone();
        let versions: BTreeSet<_> = told.iter().map(|(_, _, version)| version.clone()).collect();
        assert_eq!(versions, ["1.0.0".to_owned(), "2.0.0".to_owned()].into(), "in {}", namespace.name);
        let of = |name: &str| told.iter().filter(|(node, ..)| node == name).map(|(.., version)| version).collect();
        for (node, peers, version) in &told {
            for peer in peers {
                let peers_version: BTreeSet<_> = of(peer);
                assert!(
                    peers_version.is_empty() || peers_version.contains(version),
                    "{node} of version {version} sees {peer} of version {peers_version:?}"
                );
            }
        }
        let changes = told.windows(2).filter(|pair| pair[0].2 != pair[1].2).count();
        assert!(changes > 2, "both versions were asked in turns: {changes}");
    }
}
