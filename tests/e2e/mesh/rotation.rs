//! Another cookie for a cluster that runs.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use rstest::rstest;

use crate::harness::{Namespace, Operator, eventually, meshed, shop};

#[rstest]
#[case::in_the_clear("rotation", 3, "Disabled")]
#[case::over_tls("rotation-tls", 2, "Managed")]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn the_cookie_is_rotated_without_a_restart_and_without_a_gap_in_the_mesh(
    #[case] subject: &str,
    #[case] count: usize,
    #[case] tls: &str,
) {
    let namespace = Namespace::alone(subject).await;
    namespace.apply(&shop("shop", &format!("{{replicas: {count}, cluster: {{tls: {{mode: {tls}}}}}}}"))).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    let secrets: Api<Secret> = namespace.objects();
    let before = secrets.get("shop-cookie").await.unwrap().data.unwrap()["cookie"].clone();
    let pods: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();

    namespace.kubectl(&["annotate", "exr/shop", "beam-operator.io/rotate-cookie=1"]).await;
    // Whoever comes after the operator goes on from where it was.
    Operator::of(&namespace.cluster).kill().await;
    let after = eventually("the cookie is another one", async || {
        let secret = secrets.get("shop-cookie").await.map_err(|error| error.to_string())?;
        let done = secret.annotations().get("rotated-cookie.beam-operator.io/shop").map(String::as_str) == Some("1");
        let data = secret.data.unwrap_or_default();
        if done && data.len() == 1 && data["cookie"] != before {
            Ok(data["cookie"].clone())
        } else {
            Err(format!("{:?}", data.keys()))
        }
    })
    .await;
    meshed(&[shop], count).await;
    let now: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(now, pods, "no pod was replaced");
    assert!(shop.pods().await.iter().all(|pod| restarts(pod) == 0), "no node was restarted");
    let events = namespace.kubectl(&["get", "events.events.k8s.io", "--output=jsonpath={.items[*].reason}"]).await;
    assert!(events.contains("CookieRotated"), "{events}");
    for trouble in ["Partitioned", "NodesMissing", "CookieMismatch"] {
        assert!(!events.contains(trouble), "{events}");
    }

    // The old one is of no use any more: a node that starts now has the new one, and meets the others.
    namespace.kubectl(&["scale", "exr/shop", &format!("--replicas={}", count + 1)]).await;
    shop.clustered().await;
    meshed(&[shop], count + 1).await;
    assert_eq!(secrets.get("shop-cookie").await.unwrap().data.unwrap()["cookie"], after);
}

fn restarts(pod: &k8s_openapi::api::core::v1::Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).sum()
}
