//! Three lines of spec are a BEAM cluster behind a Service, and people can look into it.

use serde_json::json;

use crate::harness::{Connections, Namespace, Release, eventually, meshed};

const NODES: usize = 3;

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn three_lines_of_spec_are_a_cluster() {
    let namespace = Namespace::new("first").await;
    namespace
        .apply(&json!({
            "apiVersion": "beam-operator.io/v1alpha1",
            "kind": "ElixirRelease",
            "metadata": {"name": "shop"},
            "spec": {"image": "localhost/shop:1", "replicas": NODES, "ports": [{"name": "http", "containerPort": 4000}]},
        }))
        .await;
    namespace.kubectl(&["wait", "--for=condition=Ready", "exr/shop", "--timeout=5m"]).await;

    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], NODES).await;
    each_node_sees_the_others_beside_its_pinned_ports(shop).await;
    a_person_gets_a_shell_in_a_node(shop).await;
    the_service_answers_from_outside(shop).await;
    the_vm_gets_the_cookie_once_and_not_from_us(shop).await;
    a_node_has_no_token_that_it_does_not_need(shop).await;
    kubectl_tells_the_state(&namespace).await;
    kubectl_explains_the_resource(&namespace).await;
    a_node_that_is_told_to_stop_comes_back(shop).await;
}

/// `rpc` is a second VM in the pod. It would fail if the range of pinned ports had room for one only.
async fn each_node_sees_the_others_beside_its_pinned_ports(shop: Release<'_>) {
    let nodes = shop.nodes().await;
    let name_of = |address: Option<&str>| format!("shop@{}", address.unwrap());
    for node in &nodes {
        let told = node.rpc(r#"IO.puts(Enum.join([node() | Enum.sort(Node.list())], " "))"#).await;
        let mut others: Vec<_> =
            nodes.iter().map(|it| name_of(it.address())).filter(|it| *it != name_of(node.address())).collect();
        others.sort();
        assert_eq!(told, format!("{} {}", name_of(node.address()), others.join(" ")));
    }
    let told = nodes[0].rpc("IO.inspect(:net_adm.names())").await;
    assert!(told.contains(r#"{~c"shop", 9100}"#), "the node listens where the NetworkPolicy expects it: {told}");
}

/// A remote shell is a second VM too. It is killed while its input is still open: at the end of its input, IEx stops the node
/// that it is connected to.
async fn a_person_gets_a_shell_in_a_node(shop: Release<'_>) {
    let node = &shop.nodes().await[0];
    let shell = r#"
        { printf 'IO.puts("this is #{node()}, one of #{length(Node.list()) + 1}")\n'; sleep 60; } |
            /app/bin/shop remote >/tmp/shell 2>&1 &
        for attempt in $(seq 60); do grep -q "this is shop" /tmp/shell && break; sleep 1; done
        kill -KILL $!
        cat /tmp/shell"#;
    let told = node.exec(&["sh", "-c", shell]).await.unwrap();
    let expected = format!("this is shop@{}, one of {NODES}", node.address().unwrap());
    assert!(told.contains(&expected), "{expected:?} is not in {told}");
    meshed(&[shop], NODES).await;
}

async fn the_service_answers_from_outside(shop: Release<'_>) {
    let connections = Connections::fresh();
    let url = shop.url().await;
    eventually("an answer of the Service", async || connections.post(&format!("{url}/count")).await).await;
    let counter = eventually("the counter", async || connections.get(&format!("{url}/count")).await).await;
    assert_eq!(counter, r#"{"counter":1}"#);
}

/// The start script of Mix passes `-setcookie`, whoever set the cookie. Given twice, the VM would ignore both.
async fn the_vm_gets_the_cookie_once_and_not_from_us(shop: Release<'_>) {
    for node in shop.nodes().await {
        let line = node.exec(&["sh", "-c", "tr '\\0' ' ' </proc/1/cmdline"]).await.unwrap();
        assert_eq!(line.matches("-setcookie").count(), 1, "{line}");
        let flags = node.exec(&["sh", "-c", "echo $ERL_AFLAGS $ERL_FLAGS $ERL_ZFLAGS"]).await.unwrap();
        assert!(flags.contains("inet_dist_listen_min 9100"), "{flags}");
        assert!(!flags.contains("cookie"), "{flags}");
    }
}

async fn a_node_has_no_token_that_it_does_not_need(shop: Release<'_>) {
    let node = &shop.nodes().await[0];
    let refused = node.exec(&["ls", "/var/run/secrets/kubernetes.io"]).await.unwrap_err();
    assert!(refused.contains("No such file or directory"), "{refused}");
}

async fn kubectl_tells_the_state(namespace: &Namespace) {
    let table = namespace.kubectl(&["get", "exr", "--output=wide"]).await;
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    let heads = "NAME READY CLUSTER ROLLOUT IMAGE AGE CLUSTER NAME REVISION";
    assert_eq!(rows[0].join(" "), heads);
    assert_eq!(rows[1][..5], ["shop", "3/3", "3", "Complete", "localhost/shop:1"], "{table}");
    let revision = namespace.release("shop").status().await.current_revision.unwrap();
    assert_eq!(rows[1][rows[1].len() - 2..], ["shop", &*revision], "{table}");
    let by_category = namespace.kubectl(&["get", "beam", "--output=name"]).await;
    assert_eq!(by_category.trim(), "elixirrelease.beam-operator.io/shop");
}

async fn kubectl_explains_the_resource(namespace: &Namespace) {
    let text = namespace.kubectl(&["explain", "exr.spec.cluster"]).await;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "How the nodes find, trust and reach each other.",
        "Enabled: the nodes speak the Erlang distribution protocol.",
        "discovery <string>",
    ] {
        assert!(words.contains(expected), "{expected:?} is not in\n{text}");
    }
}

async fn a_node_that_is_told_to_stop_comes_back(shop: Release<'_>) {
    let node = &shop.nodes().await[0];
    let before = node.describe().await.unwrap();
    node.exec(&["/app/bin/shop", "stop"]).await.unwrap();

    let uid = node.pod.metadata.uid.clone();
    eventually("the same pod with its container started again", async || {
        let pods = shop.pods().await;
        let pod = pods.iter().find(|pod| pod.metadata.uid == uid).ok_or("the pod was replaced")?;
        let containers = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
        let container = &containers.ok_or("no container")?[0];
        if container.restart_count == 1 && container.ready { Ok(()) } else { Err(format!("{container:?}")) }
    })
    .await;
    let after = meshed(&[shop], NODES).await;
    assert!(after.iter().any(|it| it.node == before.node), "a node keeps its name as long as its pod lives");
    assert!(
        after.iter().all(|it| it.counter == before.counter),
        "and it learns the counter from the others: {after:?}"
    );
}
