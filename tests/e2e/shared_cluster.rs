//! Two releases that name the same cluster are one BEAM cluster, though each has versions of its own of everything else.

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::{Api, ResourceExt};

use crate::harness::{Namespace, eventually, meshed, shop};

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn two_releases_on_different_otp_releases_are_one_cluster() {
    let namespace = Namespace::new("shared").await;
    namespace.apply(&shop("api", "{replicas: 2, cluster: {name: market}}")).await;
    let indexer = "{replicas: 2, cluster: {name: market}, image: 'localhost/shop:1-otp25', service: {type: None}}";
    namespace.apply(&shop("indexer", indexer)).await;
    let (api, indexer) = (namespace.release("api"), namespace.release("indexer"));
    api.complete().await;
    indexer.complete().await;

    let told = meshed(&[api, indexer], 4).await;
    assert!(told.iter().all(|it| it.node.starts_with("market@")), "{told:?}");
    let mut otp_releases: Vec<_> = told.iter().map(|it| &*it.otp_release).collect();
    otp_releases.sort_unstable();
    assert_eq!(otp_releases, ["25", "25", "27", "27"]);
    let (secrets, services): (Api<Secret>, Api<Service>) = (namespace.objects(), namespace.objects());
    let cookie = secrets.get("market-cookie").await.unwrap();
    assert_eq!(owners(&cookie), ["api", "indexer"]);
    assert_eq!(owners(&services.get("market-nodes").await.unwrap()), ["api", "indexer"]);
    let cookies = secrets.list(&kube::api::ListParams::default()).await.unwrap();
    assert_eq!(cookies.items.len(), 1, "there is one cookie");

    namespace.kubectl(&["delete", "exr/api"]).await;
    eventually("the pods of api are gone", async || {
        let pods =
            namespace.kubectl(&["get", "pods", "--selector=beam-operator.io/release=api", "--output=name"]).await;
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    })
    .await;
    meshed(&[indexer], 2).await;
    eventually("the cookie belongs to indexer alone", async || {
        let cookie = secrets.get("market-cookie").await.map_err(|error| error.to_string())?;
        if owners(&cookie) == ["indexer"] { Ok(()) } else { Err(format!("{:?}", owners(&cookie))) }
    })
    .await;
    assert_eq!(secrets.get("market-cookie").await.unwrap().data, cookie.data, "the cookie is the same");
    assert_eq!(owners(&services.get("market-nodes").await.unwrap()), ["indexer"]);

    // A node that starts now still finds the cluster and knows its cookie.
    namespace.kubectl(&["scale", "exr/indexer", "--replicas=3"]).await;
    indexer.complete().await;
    meshed(&[indexer], 3).await;
}

fn owners(object: &impl ResourceExt) -> Vec<String> {
    let mut names: Vec<_> = object.owner_references().iter().map(|owner| owner.name.clone()).collect();
    names.sort();
    names
}
