//! Nodes that speak TLS, with certificates of the operator's and of people's own.

use std::time::Duration;

use beam_operator::resources::tls::issue::{self, Issued, Role};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::DeleteParams;
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Namespace, Node, Operator, Release, eventually, meshed, shop};

const MANAGED: &str = "{replicas: 3, cluster: {tls: {mode: Managed}}}";

/// Longer than a kubelet takes to bring a Secret, and a VM then to read the files again.
const BROUGHT: Duration = Duration::from_mins(5);

/// What a node says of its connections: how it carries them, and how many there are.
async fn carried(node: &Node<'_>) -> String {
    let ask = "{:ok, [[carrier]]} = :init.get_argument(:proto_dist); IO.puts(\"#{carrier} #{length(Node.list())}\")";
    node.rpc(ask).await
}

/// Whether the node takes a VM of its own pod that connects without TLS, with the right cookie.
async fn takes_a_plain_peer(node: &Node<'_>) -> bool {
    let plain =
        "ERL_AFLAGS=\"-kernel inet_dist_listen_min 9100 inet_dist_listen_max 9105\" /app/bin/shop rpc 'IO.puts(:in)'";
    node.exec(&["sh", "-c", plain]).await.is_ok()
}

/// Start a node that other nodes have to meet anew.
async fn one_restarts(shop: Release<'_>) {
    let pods = shop.pods().await;
    let pod = pods.first().unwrap().metadata.name.clone().unwrap();
    shop.namespace.kubectl(&["delete", "pod", &pod]).await;
    shop.complete().await;
}

/// The serial number of the certificate that a node shows to one that connects, as OTP sees it.
async fn shown(node: &Node<'_>) -> String {
    let ask = "
        options = [verify: :verify_none, versions: [:\"tlsv1.2\"]] ++
          [certfile: System.get_env(\"BEAM_TLS_CERT_FILE\"), keyfile: System.get_env(\"BEAM_TLS_KEY_FILE\")]
        {:ok, _} = Application.ensure_all_started(:ssl)
        [name, host] = String.split(to_string(node()), \"@\")
        {:port, port, _} = :erl_epmd.port_please(to_charlist(name), to_charlist(host))
        {:ok, socket} = :ssl.connect(to_charlist(host), port, options)
        {:ok, der} = :ssl.peercert(socket)
        IO.puts(Base.encode16(:crypto.hash(:sha256, der)))";
    node.rpc(ask).await
}

async fn all_shown(shop: Release<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for node in shop.nodes().await {
        all.push(shown(&node).await);
    }
    all
}

#[rstest]
#[case::otp_27("tls", "localhost/shop:1", "27")]
#[case::otp_25("tls-otp25", "localhost/shop:1-otp25", "25")]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_meet_over_tls_and_answer_to_their_pod_only_so(
    #[case] subject: &str,
    #[case] image: &str,
    #[case] otp_release: &str,
) {
    let namespace = Namespace::new(subject).await;
    namespace.apply(&shop("shop", &MANAGED.replace("{replicas: 3", &format!("{{image: {image}, replicas: 3")))).await;
    let shop = namespace.release("shop");
    let status = shop.clustered().await;
    let told: Vec<_> = status.nodes.iter().map(|node| (node.otp_release.as_deref(), node.connected)).collect();
    assert_eq!(told, [(Some(otp_release), 2); 3], "the operator looks in over TLS");
    meshed(&[shop], 3).await;
    for node in shop.nodes().await {
        assert_eq!(carried(&node).await, "inet_tls 2");
        assert!(!takes_a_plain_peer(&node).await);
        let processes = node.exec(&["sh", "-c", "cat /proc/[0-9]*/cmdline"]).await.unwrap();
        assert!(processes.contains("inet_tls") && !processes.contains("PRIVATE"), "{processes}");
        let pid = node.exec(&["/app/bin/shop", "pid"]).await.unwrap();
        assert!(pid.trim().parse::<u32>().is_ok(), "{pid}");
    }
    let node = &shop.nodes().await[0];
    node.exec(&["/app/bin/shop", "stop"]).await.unwrap();
    shop.clustered().await;
    meshed(&[shop], 3).await;
}

/// Time passes for the certificate: somebody deletes its Secret, and another one is issued, whoever of the operator is left
/// to do so.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let namespace = Namespace::alone("tls-renewal").await;
    namespace.apply(&shop("shop", MANAGED)).await;
    let shop = namespace.release("shop");
    let before = shop.complete().await;
    meshed(&[shop], 3).await;
    let pods = shop.pods().await.into_iter().map(|pod| pod.metadata.uid).collect::<Vec<_>>();
    let certificates = all_shown(shop).await;
    assert!(certificates.iter().all(|it| *it == certificates[0]), "the nodes share one");

    let secrets = namespace.objects::<Secret>();
    let uid = secrets.get("shop-distribution-tls").await.unwrap().uid();
    secrets.delete("shop-distribution-tls", &DeleteParams::default()).await.unwrap();
    Operator::of(&namespace.cluster).kill().await;
    eventually("another Secret", async || {
        let secret = secrets.get("shop-distribution-tls").await.map_err(|error| error.to_string())?;
        if secret.uid() == uid { Err("the one that was deleted".to_owned()) } else { Ok(()) }
    })
    .await;
    shop.clustered().await;
    namespace.share();
    let begun = std::time::Instant::now();
    loop {
        let now = all_shown(shop).await;
        if now.iter().all(|it| *it == now[0] && *it != certificates[0]) {
            break;
        }
        assert!(begun.elapsed() < BROUGHT, "{certificates:?} {now:?}");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    println!("every node shows the new certificate after {:?}", begun.elapsed());
    assert_eq!(shop.pods().await.into_iter().map(|pod| pod.metadata.uid).collect::<Vec<_>>(), pods, "nobody restarted");
    meshed(&[shop], 3).await;
    one_restarts(shop).await;
    meshed(&[shop], 3).await;
    shop.clustered().await;
    assert_eq!(shop.status().await.current_revision, before.current_revision);
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_meet_with_certificates_of_peoples_own() {
    let namespace = Namespace::new("tls-own").await;
    let authority = issue::authority(Timestamp::now(), later()).unwrap();
    let name = format!("shop-nodes.{}.svc", namespace.name);
    let signer = (authority.certificate.as_str(), authority.key.as_str());
    let node = issue::leaf(Role::Node, &name, signer, Timestamp::now(), later()).unwrap();
    namespace.apply(&secret(&node, &authority)).await;
    namespace.apply(&shop("shop", "{replicas: 3, cluster: {tls: {mode: Secret, secretName: mine}}}")).await;
    let shop = namespace.release("shop");
    shop.clustered().await;
    meshed(&[shop], 3).await;
    for node in shop.nodes().await {
        assert_eq!(carried(&node).await, "inet_tls 2");
    }
    let secrets = namespace.kubectl(&["get", "secrets", "--output=name"]).await;
    assert_eq!(secrets.lines().collect::<Vec<_>>(), ["secret/mine", "secret/shop-cookie"]);
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * 30)
}

fn secret(node: &Issued, authority: &Issued) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "mine"}, "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": node.certificate, "tls.key": *node.key, "ca.crt": authority.certificate}})
}

/// Nodes of either kind do not meet, which is said, and the sample application is ready only once it has met the others: so
/// one part goes before the other comes.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn tls_is_turned_on_and_off() {
    let namespace = Namespace::new("tls-turned").await;
    namespace.apply(&shop("shop", "replicas: 3")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    for (mode, change) in [("Managed", "turned on"), ("Disabled", "turned off")] {
        shop.change(&json!({"rollout": {"strategy": "Recreate"}, "cluster": {"tls": {"mode": mode}}})).await;
        let told = shop.condition("ConfigurationValid", "ValidWithWarnings").await;
        assert!(told.message.starts_with(&format!("spec.cluster.tls: is being {change}")), "{}", told.message);
        shop.complete().await;
        shop.condition("ConfigurationValid", "Valid").await;
        meshed(&[shop], 3).await;
    }
}

/// Start scripts that reach the node by a VM of their own speak TLS as well.
#[rstest]
#[case::distillery("tls-distillery", "Distillery", &["rpc", "IO.puts(length(Node.list()))"])]
#[case::relx("tls-relx", "Relx", &["eval", "length(nodes())."])]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn other_tools_speak_tls(#[case] subject: &str, #[case] tool: &str, #[case] count_peers: &[&str]) {
    let namespace = Namespace::new(subject).await;
    let spec = format!(
        "{{replicas: 2, image: 'localhost/shop:1-{}', release: {{tool: {tool}}}, cluster: {{tls: {{mode: Managed}}}}, \
         env: [{{name: NODE_NAME, value: $(BEAM_NODE)}}, {{name: ERLANG_COOKIE, value: $(BEAM_COOKIE)}}]}}",
        tool.to_lowercase()
    );
    namespace.apply(&shop("shop", &spec)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    for node in shop.nodes().await {
        for (command, answer) in [(&["ping"][..], "pong"), (count_peers, "1")] {
            let told = node.exec(&[&["/app/bin/shop"], command].concat()).await.unwrap();
            assert_eq!(told.trim(), answer, "{command:?}");
        }
    }
}
