//! Discovery by the Kubernetes API: what libcluster needs for it, and no more.

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Endpoints, Pod, Secret};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use crate::harness::{Namespace, meshed, shop};

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The sample application knows DNS only, so it is given the name that `discovery: DNS` would have put there.
const KUBERNETES: &str = "
replicas: 2
cluster: {discovery: Kubernetes}
env: [{name: DNS_CLUSTER_QUERY, value: $(BEAM_CLUSTER_DNS)}]
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_node_may_list_its_peers_and_nothing_else() {
    let namespace = Namespace::new("discovery").await;
    namespace.apply(&shop("shop", KUBERNETES)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;

    let token = shop.nodes().await[0].exec(&["cat", TOKEN]).await.unwrap();
    let client = namespace.cluster.as_bearer_of(token.trim()).await;
    assert_eq!(list::<Pod>(&client, &namespace.name).await, Ok(2));
    assert_eq!(list::<Endpoints>(&client, &namespace.name).await, Ok(2), "those of both Services");
    assert_eq!(list::<EndpointSlice>(&client, &namespace.name).await, Ok(2), "those of both Services");
    assert_eq!(list::<Secret>(&client, &namespace.name).await, Err(403));
    assert_eq!(list::<Pod>(&client, "kube-system").await, Err(403));
}

/// How many objects of a kind the client gets to see, or the code of the refusal.
async fn list<K>(client: &Client, namespace: &str) -> Result<usize, u16>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let objects = Api::<K>::namespaced(client.clone(), namespace);
    match objects.list(&ListParams::default()).await {
        Ok(list) => Ok(list.items.len()),
        Err(kube::Error::Api(refusal)) => Err(refusal.code),
        Err(error) => panic!("{error}"),
    }
}
