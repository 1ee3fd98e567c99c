//! The cookie is nowhere but where it has to be.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::harness::{Namespace, OPERATOR_NAMESPACE, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn the_cookie_is_in_no_log_event_status_metric_or_argument() {
    let namespace = Namespace::new("secrecy").await;
    namespace.apply(&shop("shop", "{replicas: 2, cluster: {discovery: Operator}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    shop.condition("Clustered", "AllNodesConnected").await;
    let secrets: Api<Secret> = namespace.objects();
    let secret = secrets.get("shop-cookie").await.unwrap().data.unwrap();
    let cookie = String::from_utf8(secret["cookie"].0.clone()).unwrap();
    assert_eq!(cookie.len(), 64);

    let operator = ["logs", "--namespace", OPERATOR_NAMESPACE, "deployment/beam-operator"];
    let metrics = format!("/api/v1/namespaces/{OPERATOR_NAMESPACE}/services/beam-operator-metrics:8080/proxy/metrics");
    for place in [
        &operator[..],
        &["get", "events.events.k8s.io", "--output=yaml"],
        &["get", "exr,pods,deployments,controllerrevisions,configmaps,networkpolicies", "--output=yaml"],
        &["get", "--raw", &metrics],
    ] {
        let text = namespace.kubectl(place).await;
        assert!(!text.is_empty(), "{place:?}");
        assert!(!text.contains(&cookie), "the cookie is in {place:?}");
    }
    let figures = namespace.kubectl(&["get", "--raw", &metrics]).await;
    let of_node = format!("beam_node_memory_bytes{{namespace=\"{}\",release=\"shop\"", namespace.name);
    assert!(figures.contains(&of_node), "{figures}");
    // The operator starts nothing, and its own arguments are in its Deployment; all processes of the machine are looked at.
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let is_release = String::from_utf8_lossy(&arguments).contains("beam.smp");
        let has_cookie = arguments.windows(cookie.len()).any(|window| window == cookie.as_bytes());
        // The start script of a Mix release passes it to the virtual machine itself, in its own pod.
        assert!(!has_cookie || is_release || is_start_script(&arguments), "{}", String::from_utf8_lossy(&arguments));
    }
}

fn is_start_script(arguments: &[u8]) -> bool {
    String::from_utf8_lossy(arguments).contains("/app/")
}
