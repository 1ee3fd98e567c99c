//! The operator as OLM installs it, from a Subscription to releases that run: in every install mode, and through an upgrade.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Helm, Installed, Namespace, Olm, eventually, shop};

/// Where OLM has an OperatorGroup for all namespaces.
const GLOBAL: &str = "operators";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn every_install_mode_serves_its_namespaces_and_an_upgrade_touches_no_node() {
    let own = Namespace::alone("olm-own").await;
    let (single, multi) = (own.beside("olm-single").await, own.beside("olm-multi").await);
    let (target, one, two) = (own.beside("olm-target").await, own.beside("olm-one").await, own.beside("olm-two").await);
    let foreign = own.beside("olm-foreign").await;
    let served = [&own, &target, &one, &two];

    let installed = Installed(&own.cluster);
    Helm::of_operator(&own.cluster).run(&["uninstall", "beam-operator", "--wait"]).await;
    let olm = Olm::install(&own.cluster).await;
    let [earlier, version] = olm.versions();
    olm.offer(earlier).await;
    let operators = [(&own, vec![&own]), (&single, vec![&target]), (&multi, vec![&one, &two])];
    for (namespace, targets) in &operators {
        olm.subscribe(&namespace.name, Some(targets)).await;
    }
    for (namespace, _) in &operators {
        olm.installed(&namespace.name, earlier).await;
    }
    for namespace in served.iter().chain([&&foreign]) {
        namespace.apply(&shop("shop", "replicas: 1")).await;
    }
    for namespace in served {
        namespace.release("shop").complete().await;
    }
    assert_eq!(foreign.release("shop").get().await.status, None, "no operator looks there");
    for (namespace, targets) in &operators {
        assert!(may_list(namespace, targets[0]).await && !may_list(namespace, &foreign).await, "{}", namespace.name);
    }

    let before = pods(&served).await;
    olm.offer(version).await;
    for (namespace, _) in &operators {
        olm.installed(&namespace.name, version).await;
    }
    assert_eq!(pods(&served).await, before);
    for namespace in served {
        namespace.release("shop").change(&json!({"replicas": 2, "disruptionBudget": {"maxUnavailable": 1}})).await;
    }
    for namespace in served {
        namespace.release("shop").complete().await;
        let field = ["get", "exr/shop", "--output=jsonpath={.spec.disruptionBudget.maxUnavailable}"];
        assert_eq!(namespace.kubectl(&field).await, "1", "the earlier CRD lacks it");
    }
    let after = pods(&served).await;
    assert!(before.iter().all(|(pod, uid)| after.get(pod) == Some(uid)), "{before:?} {after:?}");

    // Operators that look in all namespaces tolerate no other beside them.
    for (namespace, _) in &operators {
        olm.uninstall(&namespace.name).await;
    }
    assert_eq!(pods(&served).await, after, "releases outlive their operator");
    olm.subscribe(GLOBAL, None).await;
    olm.installed(GLOBAL, version).await;
    foreign.release("shop").complete().await;
    for namespace in served {
        namespace.release("shop").change(&json!({"replicas": 1})).await;
        namespace.release("shop").complete().await;
        eventually("one node", async || match namespace.release("shop").pods().await.len() {
            1 => Ok(()),
            other => Err(other.to_string()),
        })
        .await;
    }
    drop(olm);
    drop(installed);
}

/// Whether the operator of a namespace may list pods in another.
async fn may_list(operator: &Namespace, namespace: &Namespace) -> bool {
    let account = format!("--as=system:serviceaccount:{}:beam-operator", operator.name);
    match namespace.try_kubectl(&["get", "pods", &account]).await {
        Ok(_) => true,
        Err(refused) if refused.contains("(Forbidden)") => false,
        Err(other) => panic!("{other}"),
    }
}

/// The pods of the releases, by namespace and name, with their uids.
async fn pods(namespaces: &[&Namespace]) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for namespace in namespaces {
        for pod in namespace.release("shop").pods().await {
            found.insert(format!("{}/{}", namespace.name, pod.name_any()), pod.uid());
        }
    }
    found
}
