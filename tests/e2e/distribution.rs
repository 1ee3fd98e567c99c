//! Nodes without EPMD, and nodes without each other.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use rstest::rstest;

use crate::harness::{Namespace, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn nodes_meet_without_epmd() {
    let namespace = Namespace::new("epmd").await;
    namespace.apply(&shop("shop", "{replicas: 2, cluster: {epmd: Disabled}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    for node in shop.nodes().await {
        let told = node.rpc("IO.puts(length(Node.list()))").await;
        assert_eq!(told, "1", "a remote command works beside the one port");
        let processes = node.exec(&["sh", "-c", "cat /proc/[0-9]*/comm"]).await.unwrap();
        assert!(processes.contains("beam.smp"), "{processes}");
        assert!(!processes.contains("epmd"), "{processes}");
    }
}

/// As Livebook does: its `env.sh` turns the distribution off, and the application starts it later, under a name that it was
/// given or makes itself and with a module of its own in the place of EPMD.
#[rstest]
#[case::named_by_the_operator("own-epmd", "PodIP", "$(BEAM_NODE)", "shop")]
#[case::named_by_itself("own-name", "Application", "stall@$(POD_IP)", "stall")]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_distribution_that_the_application_starts_is_seen(
    #[case] subject: &str,
    #[case] host: &str,
    #[case] name: &str,
    #[case] basename: &str,
) {
    let namespace = Namespace::new(subject).await;
    let spec = format!(
        "{{replicas: 2, image: 'localhost/shop:1-own-epmd', env: [{{name: SHOP_NODE, value: {name}}}], \
         cluster: {{host: {host}, epmd: Application, ports: {{distribution: {{from: 13825, to: 13825}}}}}}}}"
    );
    namespace.apply(&shop("shop", &spec)).await;
    let shop = namespace.release("shop");
    let status = shop.clustered().await;
    meshed(&[shop], 2).await;
    for node in shop.nodes().await {
        let name = format!("{basename}@{}", node.address().unwrap());
        let seen = status.nodes.iter().find(|seen| seen.node.as_ref() == Some(&name));
        let seen = seen.unwrap_or_else(|| panic!("{name} is not among {:?}", status.nodes));
        assert_eq!(seen.expected_node.as_ref(), (host == "PodIP").then_some(&name));
        let processes = node.exec(&["sh", "-c", "cat /proc/[0-9]*/comm"]).await.unwrap();
        assert!(processes.contains("beam.smp") && !processes.contains("epmd"), "{processes}");
    }
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn without_distribution_nodes_are_alone() {
    let namespace = Namespace::new("lone").await;
    namespace.apply(&shop("shop", "{replicas: 2, cluster: {distribution: Disabled}}")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    for node in shop.nodes().await {
        let told = node.describe().await.unwrap();
        assert_eq!(told.node, "nonode@nohost");
        assert!(told.peers.is_empty(), "{told:?}");
        let processes = node.exec(&["sh", "-c", "cat /proc/[0-9]*/comm"]).await.unwrap();
        assert!(!processes.contains("epmd"), "{processes}");
    }
    let (services, policies): (Api<Service>, Api<NetworkPolicy>) = (namespace.objects(), namespace.objects());
    let names = |list: Vec<Service>| list.iter().map(ResourceExt::name_any).collect::<Vec<_>>();
    assert_eq!(names(services.list(&ListParams::default()).await.unwrap().items), ["shop"], "no headless Service");
    assert!(policies.list(&ListParams::default()).await.unwrap().items.is_empty(), "nothing to close to outsiders");
    let secrets = namespace.kubectl(&["get", "secrets", "--output=name"]).await;
    assert_eq!(secrets, "", "no cookie");
}
