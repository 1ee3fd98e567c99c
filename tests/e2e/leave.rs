//! Nodes that leave before a scale-down takes them away.

use kube::ResourceExt;
use serde_json::json;

use crate::harness::{Namespace, Operator, Release, meshed, shop};

/// What its own user device prints is in the log of the node.
const LEAVE: &str = "IO.puts(:user, \"#{node()} leaves\")";

async fn scale(shop: Release<'_>, replicas: i32) {
    shop.namespace.kubectl(&["scale", "exr", shop.name, &format!("--replicas={replicas}")]).await;
}

/// Lets the operator run commands in the pods of a namespace, as the chart does with rbac.execIntoPods for all of them.
async fn let_it_run_commands(namespace: &Namespace) {
    let rules = ["create", "role", "leave", "--verb=get,create", "--resource=pods/exec"];
    namespace.kubectl(&rules).await;
    let binding = ["create", "rolebinding", "leave", "--role=leave", "--serviceaccount=beam-operator:beam-operator"];
    namespace.kubectl(&binding).await;
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_scale_down_waits_until_the_node_has_left_and_takes_that_one() {
    let namespace = Namespace::alone("leave").await;
    let exec = json!(["sh", "-c", "test -e /tmp/handed-over || { echo two queues are left >&2; exit 3; }"]);
    let spec = json!({"replicas": 3, "shutdown": {"delaySeconds": 3, "leave": {"exec": exec, "timeoutSeconds": 20}}});
    namespace.apply(&shop("shop", &spec.to_string())).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    let names: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();

    scale(shop, 2).await;
    let told = shop.condition("Degraded", "LeaveFailed").await.message;
    assert!(told.contains("rbac.execIntoPods"), "{told}");
    let_it_run_commands(&namespace).await;
    let not_yet = |release: &beam_operator::api::ElixirRelease| {
        let conditions = release.status.iter().flat_map(|status| &status.conditions);
        let said = "ended with exit code 3: two queues are left";
        conditions.into_iter().any(|it| it.type_ == "Degraded" && it.message.contains(said))
    };
    shop.until("the command says why not yet", not_yet).await;
    let told = shop.condition("Degraded", "LeaveFailed").await.message;
    let leaving = names.iter().find(|name| told.contains(*name)).unwrap();
    let operator = Operator::of(&namespace.cluster);
    operator.kill().await;
    shop.until("it goes on to wait", not_yet).await;
    meshed(&[shop], 3).await;

    namespace.kubectl(&["exec", leaving, "-c", "release", "--", "touch", "/tmp/handed-over"]).await;
    shop.complete().await;
    meshed(&[shop], 2).await;
    let left: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();
    assert!(!left.contains(leaving), "{leaving} has left, and {left:?} are there");
    let events = namespace.kubectl(&["events", "--for", "elixirrelease/shop"]).await;
    assert!(events.contains(&format!("the node of pod {leaving} has left")), "{events}");
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_stateful_set_gives_up_its_highest_ordinals_one_after_the_other() {
    let namespace = Namespace::new("leave-in-order").await;
    let_it_run_commands(&namespace).await;
    let leave = json!({"delaySeconds": 3, "leave": {"rpc": LEAVE}});
    let spec = json!({"replicas": 3, "workload": {"kind": "StatefulSet"}, "shutdown": leave});
    namespace.apply(&shop("shop", &spec.to_string())).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let mut logs = tokio::process::Command::from(namespace.cluster.kubectl(&[
        "--namespace",
        &namespace.name,
        "logs",
        "--follow",
        "--tail=0",
        "--prefix",
        "--selector=beam-operator.io/release=shop",
        "--max-log-requests=9",
    ]));
    let logs = logs.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let logs = logs.spawn().unwrap();
    // It has to be there before there is something to hear.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;

    scale(shop, 1).await;
    shop.complete().await;
    let left: Vec<_> = shop.pods().await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(left, ["shop-0"]);
    // With its last pod, the log ends.
    scale(shop, 0).await;
    let said = String::from_utf8_lossy(&logs.wait_with_output().await.unwrap().stdout).into_owned();
    let who: Vec<_> = said.lines().filter(|line| line.contains(" leaves")).collect();
    let pods: Vec<_> = who.iter().filter_map(|line| line.split('/').nth(1)).collect();
    assert_eq!(pods, ["shop-2", "shop-1"], "{said}");
}
