//! A StatefulSet in the place of a Deployment: its life, what of it can never change, and the change from one to the other.
//!
//! Runs with an API server and the controller manager, which makes pods and claims. No node runs the pods: the tests write
//! what a kubelet would have said of them.

mod replaced;

use beam_operator::api::ElixirRelease;
use beam_operator::controller::kind::ChildKind;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use kube::{Api, ResourceExt};
use rstest::rstest;
use serde_json::{Value, json};

use crate::harness::{Scene, eventually, this_pod_says};

const SET: ChildKind = ChildKind::StatefulSet;

const SHOP: &str = "
image: shop:1
replicas: 3
rollout: {minReadySeconds: 0}
cluster: {host: PodFQDN}
volumeMounts: [{name: data, mountPath: /data}]
workload:
  kind: StatefulSet
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 0.5Gi}}}
";

/// A release whose StatefulSet has every pod, ready.
async fn complete(purpose: &str, spec: &str) -> Scene {
    let scene = Scene::start(purpose).await;
    scene.apply("shop", spec).await;
    scene.become_ready("shop", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    scene
}

/// Claims by name.
async fn claims(scene: &Scene) -> Vec<String> {
    let claims = Api::<PersistentVolumeClaim>::namespaced(scene.client.clone(), &scene.name);
    claims.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect()
}

/// Pods by name, with their uids.
async fn pods(scene: &Scene) -> Vec<(String, String)> {
    let pods = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    let pods = pods.list(&ListParams::default()).await.unwrap();
    pods.iter().map(|pod| (pod.name_any(), pod.uid().unwrap())).collect()
}

async fn orphan(scene: &Scene, kind: ChildKind) {
    let orphaned = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    scene.children(kind).delete("shop", &orphaned).await.unwrap();
}

/// Lets pods of an image become ready, and names them.
async fn say_ready(scene: &Scene, image: &str) -> Result<Vec<String>, String> {
    let api = Api::<Pod>::namespaced(scene.client.clone(), &scene.name);
    let found = api.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
    let is_of_image = |pod: &&Pod| pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some(image);
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"});
    let mut names = Vec::new();
    for pod in found.iter().filter(is_of_image) {
        this_pod_says(&api, pod, &json!({"phase": "Running", "conditions": [ready]})).await?;
        names.push(pod.name_any());
    }
    Ok(names)
}

/// Lets pods of an image become ready, one as soon as the other is made, until so many are.
async fn roll(scene: &Scene, image: &str, wanted: usize) {
    eventually(&format!("{wanted} pods of {image}"), async || {
        let names = say_ready(scene, image).await?;
        if names.len() == wanted { Ok(()) } else { Err(names.join(", ")) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_lives_from_its_first_pod_to_the_claims_that_it_leaves() {
    let scene = Scene::start("stateful").await;
    scene.apply("shop", SHOP).await;
    let told = scene.condition("shop", "Ready", "NodesNotReady").await;
    assert_eq!(told.message, "0 of 3 nodes are ready");
    assert_eq!(scene.pods("shop", 3).await, ["shop-0", "shop-1", "shop-2"]);
    scene.become_ready("shop", 3).await;
    scene.condition("shop", "Ready", "AllNodesReady").await;
    let first = scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert_eq!(first.status, "False");
    let expected = [
        "ControllerRevision shop-revision-1",
        "NetworkPolicy shop",
        "PodDisruptionBudget shop",
        "Secret shop-cookie",
        "Service shop-nodes",
        "StatefulSet shop",
    ];
    assert_eq!(scene.state().await.children(), expected);

    for replicas in [5, 2] {
        scene.apply("shop", &SHOP.replace("replicas: 3", &format!("replicas: {replicas}"))).await;
        scene.pods("shop", replicas).await;
        scene.become_ready("shop", replicas).await;
        scene.until("shop", "complete", |it| ready(it) == Some(format!("{replicas}/{replicas}"))).await;
    }
    let all = ["data-shop-0", "data-shop-1", "data-shop-2", "data-shop-3", "data-shop-4"];
    assert_eq!(claims(&scene).await, all, "the claims of pods that are not wanted any more stay");

    scene.delete("shop").await;
    scene.gone(SET, "shop").await;
    scene.pods("shop", 0).await;
    assert_eq!(claims(&scene).await, all, "the claims of a release that is gone stay");
}

fn ready(release: &ElixirRelease) -> Option<String> {
    release.status.as_ref()?.ready.clone()
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_new_revision_replaces_one_pod_after_the_other() {
    let scene = complete("stateful-roll", SHOP).await;
    let before = pods(&scene).await;
    scene.apply("shop", &SHOP.replace("shop:1", "shop:2")).await;
    scene.condition("shop", "Progressing", "RolloutInProgress").await;
    eventually("the last pod is new", async || {
        let now = pods(&scene).await;
        if now.len() == 3 && now[2].1 != before[2].1 { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    scene.rest().await;
    assert_eq!(pods(&scene).await[..2], before[..2], "the others wait until it is ready");

    roll(&scene, "shop:2", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    let status = scene.releases().get("shop").await.unwrap().status.unwrap();
    assert_eq!((status.current_revision, status.updated_replicas), (status.target_revision, 3));
    let running = pods(&scene).await;
    assert!(running.iter().zip(&before).all(|(now, before)| now.0 == before.0 && now.1 != before.1));
}

/// The API server completes claims and spells amounts anew. Who has just started knows it all the same.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn another_process_recognises_it() {
    let mut scene = complete("stateful-again", SHOP).await;
    scene.rest().await;
    scene.proxy.forget();
    scene.restart();
    scene.operator.ready().await;
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
}

#[rstest]
#[case::changed(
    "stateful-drift",
    json!({"spec": {"replicas": 9, "template": {"spec": {"terminationGracePeriodSeconds": 45}}}})
)]
#[case::claims_that_would_go(
    "stateful-claims",
    json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"}}})
)]
#[case::labels("stateful-labels", json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": null}}}))]
#[case::owners("stateful-owners", json!({"metadata": {"ownerReferences": null}}))]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_somebody_changes_is_put_right(#[case] purpose: &str, #[case] patch: Value) {
    let scene = complete(purpose, SHOP).await;
    let (wanted, uid) = (scene.state().await.only_children(), scene.children(SET).get("shop").await.unwrap().uid());
    scene.patch(&scene.children(SET), "shop", patch).await;
    scene.rest().await;
    scene.reaches(&wanted).await;
    assert_eq!(scene.children(SET).get("shop").await.unwrap().uid(), uid);
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn one_that_is_deleted_is_made_anew_around_its_pods() {
    let scene = complete("stateful-deleted", SHOP).await;
    let (wanted, before) = (scene.state().await.only_children(), pods(&scene).await);
    orphan(&scene, SET).await;
    scene.reaches(&wanted).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    assert_eq!(pods(&scene).await, before);
}

const REMEDY: &str = "kubectl delete statefulset shop --cascade=orphan, after which the operator makes it anew around the \
                      pods that run; no claim is deleted by it";

/// The rest of a change that would be possible waits for it as well: what runs is left alone as a whole.
#[rstest]
#[case::claims(
    "storage: 0.5Gi",
    "storage: 2Gi",
    "spec.workload.volumeClaimTemplates: cannot change while StatefulSet shop exists, which was made with other settings of data"
)]
#[case::order(
    "kind: StatefulSet",
    "kind: StatefulSet\n  podManagementPolicy: OrderedReady",
    "spec.workload.podManagementPolicy: cannot change while StatefulSet shop exists, which was made with Parallel"
)]
#[case::service(
    "host: PodFQDN",
    "host: PodFQDN, name: market",
    "spec.cluster.name: cannot change while StatefulSet shop exists, which was made with the headless Service shop-nodes"
)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_can_never_change_is_told_and_can_be_had_nevertheless(
    #[case] from: &str,
    #[case] to: &str,
    #[case] what: &str,
) {
    let scene = complete("stateful-fixed", SHOP).await;
    scene.rest().await;
    let before = (scene.state().await.only_children(), pods(&scene).await);
    scene.proxy.forget();
    let other = SHOP.replace(from, to);
    scene.apply("shop", &format!("{other}\nnetworkPolicy: Disabled")).await;
    let told = scene.condition("shop", "ConfigurationValid", "Invalid").await;
    assert_eq!((&*told.status, &*told.message), ("False", &*format!("{what}: put it back, or run {REMEDY}")));
    assert_eq!(scene.event("shop", "ConfigurationInvalid").await, told.message);
    scene.rest().await;
    assert_eq!(scene.proxy.changes(), [""; 0]);
    scene.reaches(&before.0).await;

    scene.apply("shop", SHOP).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.apply("shop", &other).await;
    scene.condition("shop", "ConfigurationValid", "Invalid").await;
    let uid = scene.children(SET).get("shop").await.unwrap().uid().unwrap();
    orphan(&scene, SET).await;
    scene.child(SET, "shop", |it| it["metadata"]["uid"] != uid).await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.applied("shop").await;
    if !to.contains("market") {
        // The cluster is part of what a pod looks like.
        assert_eq!(pods(&scene).await, before.1);
    }
    assert_eq!(claims(&scene).await, ["data-shop-0", "data-shop-1", "data-shop-2"]);
}

/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback>
#[rstest]
#[case::at_once("Parallel", false)]
#[case::in_order("OrderedReady", true)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_broken_pod_is_replaced_or_told_to_be_deleted(#[case] policy: &str, #[case] is_stuck: bool) {
    let spec = SHOP.replace("kind: StatefulSet", &format!("kind: StatefulSet\n  podManagementPolicy: {policy}"));
    let scene = Scene::start("broken-pod").await;
    scene.apply("shop", &spec).await;
    roll(&scene, "shop:1", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    scene.apply("shop", &spec.replace("shop:1", "shop:9")).await;
    let broken = async || {
        let pods = scene.objects("v1", "Pod");
        let pod = pods.get_opt("shop-2").await.unwrap();
        pod.is_some_and(|pod| pod.data["spec"]["containers"][0]["image"] == "shop:9")
    };
    eventually("the last pod is new", async || {
        // It may be made of the old revision once more, and replaced when it is ready.
        say_ready(&scene, "shop:1").await?;
        if broken().await { Ok(()) } else { Err("it is old".to_owned()) }
    })
    .await;
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
    scene
        .pod_says(
            "shop-2",
            &json!({"phase": "Pending", "containerStatuses": [crate::harness::container(false, &waiting)]}),
        )
        .await;
    scene.condition("shop", "Degraded", "ImagePullFailed").await;

    scene.apply("shop", &spec).await;
    if is_stuck {
        let remedy = "run kubectl delete pod shop-2: it is of an earlier revision, and podManagementPolicy OrderedReady waits for it";
        scene
            .until("shop", "the remedy is told", |it| {
                it.status.iter().flat_map(|it| &it.conditions).any(|it| it.message.ends_with(remedy))
            })
            .await;
        scene.rest().await;
        assert!(broken().await, "Kubernetes waits for it");
        scene.objects("v1", "Pod").delete("shop-2", &DeleteParams::default()).await.unwrap();
    }
    roll(&scene, "shop:1", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    scene.condition("shop", "Degraded", "AsExpected").await;
}

/// A StatefulSet knows no deadline; the operator tells it from what moves.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_without_progress_is_told() {
    let scene = Scene::start("stateful-late").await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    scene.apply_object(quota).await;
    let spec = SHOP.replace("{minReadySeconds: 0}", "{minReadySeconds: 0, progressDeadlineSeconds: 3}");
    scene.apply("shop", &spec).await;
    let told = scene.condition("shop", "Degraded", "ProgressDeadlineExceeded").await;
    let expected = "no progress for 3 seconds (spec.rollout.progressDeadlineSeconds): pods are not made; kubectl describe \
                    statefulset shop says why";
    assert_eq!(told.message, expected);
    assert_eq!(scene.event("shop", "ProgressDeadlineExceeded").await, expected);
    scene.objects("v1", "ResourceQuota").delete("none", &DeleteParams::default()).await.unwrap();
    scene.become_ready("shop", 3).await;
    scene.condition("shop", "Progressing", "RolloutComplete").await;
    scene.condition("shop", "Degraded", "AsExpected").await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn lone_nodes_have_names_in_dns() {
    let scene = Scene::start("stateful-lone").await;
    scene.apply("shop", "{image: 'shop:1', workload: {kind: StatefulSet}, cluster: {distribution: Disabled}}").await;
    scene.applied("shop").await;
    let state = scene.state().await;
    let expected = ["ControllerRevision shop-revision-1", "Service shop-nodes", "StatefulSet shop"];
    assert_eq!(state.children(), expected);
    assert_eq!(state.object("StatefulSet shop")["spec"]["serviceName"], "shop-nodes");
    assert_eq!(state.object("Service shop-nodes")["spec"]["clusterIP"], "None");
}
