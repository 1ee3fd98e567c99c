//! Two pods of the operator: one works, and when it is gone the other does.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;

use crate::harness::{Namespace, Operator, eventually, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn the_other_pod_finishes_what_the_first_began() {
    let namespace = Namespace::alone("replicas").await;
    let operator = Operator::of(&namespace.cluster);
    let replicas = operator.replicas(2).await;
    namespace.apply(&shop("shop", "replicas: 2")).await;
    let shop = namespace.release("shop");
    shop.complete().await;

    let leases = Api::<Lease>::namespaced(namespace.cluster.client.clone(), crate::harness::OPERATOR_NAMESPACE);
    let holder = async || leases.get("beam-operator").await.unwrap().spec.unwrap().holder_identity.unwrap_or_default();
    let first = holder().await;
    shop.change(&json!({"image": "localhost/shop:2"})).await;
    operator.kill_one(&first).await;
    shop.complete().await;
    assert!(meshed(&[shop], 2).await.iter().all(|it| it.version == "2.0.0"));
    eventually("somebody else holds the Lease", async || match holder().await {
        now if now == first || now.is_empty() => Err(format!("the holder is {now:?}")),
        _ => Ok(()),
    })
    .await;
    drop(replicas);
}
