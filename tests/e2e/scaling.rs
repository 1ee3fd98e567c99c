//! The number of nodes follows the scale subresource, whoever writes it.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use beam_operator::api::ElixirRelease;

use crate::harness::{Namespace, eventually, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn the_mesh_follows_the_number_of_nodes() {
    let namespace = Namespace::new("scaling").await;
    namespace.apply(&shop("shop", "replicas: 3")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    let revision = shop.status().await.current_revision;

    namespace.kubectl(&["scale", "exr/shop", "--replicas=5"]).await;
    shop.complete().await;
    meshed(&[shop], 5).await;

    namespace.kubectl(&["scale", "exr/shop", "--replicas=3"]).await;
    shop.complete().await;
    meshed(&[shop], 3).await;

    // As KEDA does at night and in the morning.
    namespace.kubectl(&["scale", "exr/shop", "--replicas=0"]).await;
    shop.complete().await;
    eventually("no pod", async || {
        let pods = shop.pods().await.len();
        if pods == 0 { Ok(()) } else { Err(pods.to_string()) }
    })
    .await;
    namespace.kubectl(&["scale", "exr/shop", "--replicas=2"]).await;
    shop.complete().await;
    meshed(&[shop], 2).await;
    assert_eq!(shop.status().await.current_revision, revision, "the number of nodes is no part of a revision");
}

/// There is no metrics server on these clusters, so the autoscaler has nothing to compare with its targets. It holds the
/// bounds nevertheless, through the scale subresource as ever.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn an_autoscaler_scales_the_release() {
    let namespace = Namespace::new("autoscaler").await;
    let spec = "{autoscaling: {minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 70}, \
                resources: {requests: {cpu: 10m}}}";
    namespace.apply(&shop("shop", spec)).await;
    let shop = namespace.release("shop");

    shop.until("2 nodes, which is the autoscaler's least", |release| release.spec.replicas == 2).await;
    shop.complete().await;
    meshed(&[shop], 2).await;
    let autoscalers: Api<HorizontalPodAutoscaler> = namespace.objects();
    eventually("an autoscaler that counts 2 nodes", async || {
        let status = autoscalers.get("shop").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let can_scale = status.conditions.iter().flatten().any(|it| it.type_ == "AbleToScale" && it.status == "True");
        let is_right = can_scale && status.current_replicas == Some(2);
        if is_right { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;

    // What an autoscaler writes when it has its metrics.
    let releases: Api<ElixirRelease> = namespace.objects();
    let scale = Patch::Merge(json!({"spec": {"replicas": 3}}));
    releases.patch_scale("shop", &PatchParams::default(), &scale).await.unwrap();
    shop.complete().await;
    meshed(&[shop], 3).await;
    let scale = releases.get_scale("shop").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(3));
    let seen = scale.status.unwrap();
    assert_eq!((seen.replicas, seen.selector.as_deref()), (3, Some("beam-operator.io/release=shop")));
}
