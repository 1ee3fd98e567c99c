//! Every strategy: the operator is killed after every write of a rollout, and the spec changes twice more after every write; the
//! end is always the same. One rollout follows the other, so there is history to trim, too.
//!
//! Runs with an API server and the controllers of Deployments, and with a stand-in for kubelets that makes every pod ready.

use std::collections::BTreeMap;
use std::time::Duration;

use beam_operator::api::{ElixirRelease, RequestOutcome, RolloutPhase};
use beam_operator::controller::kind::ChildKind;
use beam_operator::resources::labels;
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{Scene, eventually};

/// Releases that are rolled out at a time, each by an operator of its own.
const AT_A_TIME: usize = 2;

const ROLLING: &str = "rollout: {strategy: RollingUpdate, minReadySeconds: 0}";
const RECREATE: &str = "rollout: {strategy: Recreate, minReadySeconds: 0}";
const APART: &str = "{rollout: {strategy: RollingUpdate, minReadySeconds: 0}, cluster: {scope: Revision}}";
const BLUE_GREEN: &str = "rollout: {strategy: BlueGreen, blueGreen: {scaleDownDelaySeconds: 0}, minReadySeconds: 0}";
pub(super) const MANUAL: &str =
    "rollout: {strategy: BlueGreen, blueGreen: {promotion: Manual, scaleDownDelaySeconds: 60}, minReadySeconds: 0}";
const CANARY: &str = "rollout: {strategy: Canary, minReadySeconds: 0, \
                      canary: {steps: [{replicas: 1, pauseSeconds: 0}, {replicas: 50%, pauseSeconds: 1}]}}";

/// A version of the shop with these fields.
pub(super) fn version(image: &str, fields: &str) -> String {
    let mut spec: Value = serde_yaml::from_str(fields).unwrap();
    spec["image"] = image.into();
    spec["replicas"] = 3.into();
    spec["ports"] = json!([{"name": "http", "containerPort": 4000}]);
    spec.to_string()
}

/// Makes every pod ready as long as it lives.
pub(super) struct Kubelet(JoinHandle<()>);

impl Kubelet {
    pub(super) fn of(scene: &Scene) -> Self {
        let (client, namespace) = (scene.client.clone(), scene.name.clone());
        Self(tokio::spawn(async move {
            loop {
                crate::harness::make_ready(&client, &namespace).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }))
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is left in the end: images and sizes of Deployments, where Services send traffic, and what routes are like.
pub(super) type End = (BTreeMap<String, i64>, BTreeMap<String, Option<String>>, Vec<Value>);

pub(super) async fn found(scene: &Scene) -> End {
    let list = async |kind| scene.children(kind).list(&ListParams::default()).await.unwrap().items;
    let deployments = list(ChildKind::Deployment).await;
    let image = |object: &DynamicObject| {
        object.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    };
    let sizes = deployments.iter().map(|it| (image(it), it.data["spec"]["replicas"].as_i64().unwrap()));
    // The name of a revision says in which namespace it is.
    let runs = |object: &DynamicObject, name: &Value| {
        object.data["spec"]["template"]["metadata"]["labels"][labels::REVISION] == *name
    };
    let of_revision = |name: &Value| deployments.iter().find(|it| runs(it, name)).map(image);
    let services = list(ChildKind::Service).await.into_iter().map(|object| {
        let revision = &object.data["spec"]["selector"][labels::REVISION];
        let leads_to = (!revision.is_null()).then(|| of_revision(revision).unwrap_or_default());
        (object.name_any().replace(revision.as_str().unwrap_or("?"), leads_to.as_deref().unwrap_or_default()), leads_to)
    });
    (sizes.collect(), services.collect(), crate::routes::rules(scene).await)
}

pub(super) async fn complete(scene: &Scene, image: &str) -> End {
    let is_complete = |release: &ElixirRelease| {
        let status = release.status.clone().unwrap_or_default();
        let is_current = status.observed_generation == release.metadata.generation && release.spec.image == image;
        is_current
            && status.rollout.is_some_and(|rollout| rollout.phase == RolloutPhase::Complete)
            && status.target_revision == status.current_revision
    };
    scene.until("shop", &format!("{image} runs completely"), is_complete).await;
    let only: BTreeMap<_, _> = [(image.to_owned(), 3)].into();
    eventually("nothing else is left", async || {
        let end = found(scene).await;
        // What belongs to a revision that is gone leads nowhere.
        let is_left = end.1.values().any(|leads_to| leads_to.as_deref() == Some(""));
        let is_split = end.2.iter().any(|rules| rules.to_string().contains("-preview"));
        if end.0 == only && !is_left && !is_split { Ok(end) } else { Err(format!("{end:?}")) }
    })
    .await
}

/// A release whose first version runs completely.
pub(super) async fn begin(purpose: &str, rollout: &str) -> (Scene, Kubelet) {
    let scene = Scene::start(purpose).await;
    if rollout.contains("httpRoute") {
        crate::routes::make(&scene).await;
    }
    let kubelet = Kubelet::of(&scene);
    scene.apply("shop", &version("shop:1", rollout)).await;
    complete(&scene, "shop:1").await;
    scene.rest().await;
    scene.proxy.forget();
    (scene, kubelet)
}

/// A release that is rolled out again and again.
struct Story<'a> {
    scene: Scene,
    _kubelet: Kubelet,
    rollout: &'a str,
    /// The version that the spec asks for.
    version: usize,
}

impl<'a> Story<'a> {
    async fn begin(rollout: &'a str) -> Self {
        let (scene, kubelet) = begin("strategy", rollout).await;
        Self { scene, _kubelet: kubelet, rollout, version: 1 }
    }

    fn image(&self) -> String {
        format!("shop:{}", self.version)
    }

    /// Has the spec ask for another version.
    async fn go_on(&mut self) {
        self.version += 1;
        self.scene.apply("shop", &version(&self.image(), self.rollout)).await;
    }

    /// Waits until the rollout is complete, and tells what there is, but for the number of the version.
    async fn complete(&self) -> String {
        format!("{:?}", complete(&self.scene, &self.image()).await).replace(&self.image(), "the newest")
    }

    /// The number of writes of a rollout, once there is history that is trimmed, and its end.
    async fn undisturbed(&mut self) -> (usize, String) {
        for _ in 0..3 {
            self.scene.rest().await;
            self.scene.proxy.forget();
            self.go_on().await;
            self.complete().await;
        }
        self.scene.rest().await;
        (self.scene.proxy.writes().len(), self.complete().await)
    }

    /// Whether the operator was killed before it was done.
    async fn killed_after(&mut self, writes: usize, wanted: &str) -> bool {
        self.scene.rest().await;
        self.scene.proxy.refuse_after(writes);
        self.go_on().await;
        let was_interrupted = tokio::select! {
            () = self.scene.proxy.refusing() => true,
            _ = self.complete() => false,
        };
        self.scene.operator.kill();
        self.scene.proxy.accept();
        self.scene.restart();
        self.scene.operator.ready().await;
        assert_eq!(self.complete().await, wanted, "killed after {writes} writes");
        was_interrupted
    }

    /// Changes the spec twice in a row once so much was written.
    async fn changed_after(&mut self, writes: usize) {
        self.scene.rest().await;
        self.scene.proxy.forget();
        self.go_on().await;
        let are_made = async || {
            let made = self.scene.proxy.writes().len();
            if made >= writes { Ok(()) } else { Err(format!("{made} writes")) }
        };
        tokio::select! {
            () = eventually("so many writes", are_made) => {}
            _ = self.complete() => {}
        }
        self.go_on().await;
        self.go_on().await;
        self.complete().await;
    }
}

/// Every so many-th number of writes, for one of the stories that go on side by side.
fn share(story: usize, writes: usize) -> impl Iterator<Item = usize> {
    (story..writes).step_by(AT_A_TIME)
}

#[rstest]
#[case::rolling(ROLLING)]
#[case::recreate(RECREATE)]
#[case::apart(APART)]
#[case::blue_green(BLUE_GREEN)]
#[case::canary(CANARY)]
#[case::by_weight(crate::routes::WEIGHTED)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_is_resumed_after_any_write_and_takes_another_spec_in_the_middle(#[case] rollout: &str) {
    let mut rollout: Value = serde_yaml::from_str(rollout).unwrap();
    rollout["rollout"]["revisionHistoryLimit"] = 1.into();
    let rollout = &rollout.to_string();
    let mut undisturbed = Story::begin(rollout).await;
    let (writes, wanted) = &undisturbed.undisturbed().await;
    assert!(*writes > 3, "{writes} writes make no rollout");
    drop(undisturbed);
    let runs = (0..AT_A_TIME).map(async |story| {
        let mut kills = 0;
        let mut story_of_kills = Story::begin(rollout).await;
        for after in share(story, *writes) {
            kills += usize::from(story_of_kills.killed_after(after, wanted).await);
        }
        drop(story_of_kills);
        let mut story_of_changes = Story::begin(rollout).await;
        for after in share(story, *writes) {
            story_of_changes.changed_after(after).await;
        }
        kills
    });
    // How often the status is written depends on what else happens, so the last of them may not be met.
    let kills: usize = futures::future::join_all(runs).await.into_iter().sum();
    assert!(2 * kills > *writes, "{kills} kills do not cover {writes} writes");
}

/// The new side never becomes ready, and everything else goes on.
#[rstest]
#[case::blue_green(BLUE_GREEN)]
#[case::canary(CANARY)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_rollout_that_is_stuck_blocks_no_configuration_no_repair_and_no_scaling(#[case] rollout: &str) {
    let (scene, kubelet) = begin("stuck", rollout).await;
    drop(kubelet);
    scene.apply("shop", &version("shop:2", rollout)).await;
    scene.condition("shop", "Progressing", "RolloutInProgress").await;
    let with = |fields: Value| {
        let mut spec: Value = serde_yaml::from_str(&version("shop:2", rollout)).unwrap();
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        spec.to_string()
    };
    scene.apply("shop", &with(json!({"service": {"annotations": {"example.com/a": "b"}}}))).await;
    let annotated = |it: &Value| it["metadata"]["annotations"]["example.com/a"] == "b";
    let service = scene.child(ChildKind::Service, "shop", annotated).await;
    scene.children(ChildKind::Service).delete("shop", &DeleteParams::default()).await.unwrap();
    let again = |it: &Value| it["metadata"]["uid"] != *service.uid().unwrap();
    scene.child(ChildKind::Service, "shop", again).await;
    scene.apply("shop", &with(json!({"replicas": 5}))).await;
    eventually("both sides follow the scale", async || {
        let (sizes, ..) = found(&scene).await;
        let all: i64 = sizes.values().sum();
        if sizes.len() == 2 && all >= 5 { Ok(()) } else { Err(format!("{sizes:?}")) }
    })
    .await;
}

pub(super) async fn annotate(scene: &Scene, annotation: &str, value: &str) {
    let releases = scene.objects("beam-operator.io/v1alpha1", "ElixirRelease");
    scene.patch(&releases, "shop", json!({"metadata": {"annotations": {annotation: value}}})).await;
    let is_answered = |release: &ElixirRelease| {
        let mut requests = release.status.iter().flat_map(|status| &status.requests);
        requests.any(|it| it.annotation == annotation && it.value == value && it.outcome == RequestOutcome::Done)
    };
    scene.until("shop", "the request is answered", is_answered).await;
}

/// At rest nothing is written.
pub(super) async fn writes_nothing(scene: &Scene) {
    scene.rest().await;
    scene.proxy.forget();
    scene.rest().await;
    assert_eq!(scene.proxy.writes(), []);
}

pub(super) async fn leads_to(scene: &Scene, service: &str, revision: &str) {
    let path = format!("/spec/selector/{}", labels::REVISION.replace('/', "~1"));
    scene.child(ChildKind::Service, service, |it| it.pointer(&path) == Some(&json!(revision))).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_person_switches_and_goes_back() {
    let (scene, _kubelet) = begin("promotion", MANUAL).await;
    let first = scene.applied("shop").await.status.unwrap().current_revision.unwrap();
    scene.apply("shop", &version("shop:2", MANUAL)).await;
    let told = scene.condition("shop", "Progressing", "WaitingForPromotion").await.message;
    assert!(told.contains(&format!("traffic still goes to {first}")) && told.contains(labels::PROMOTE), "{told}");
    let second = scene.applied("shop").await.status.unwrap().target_revision.unwrap();
    leads_to(&scene, "shop", &first).await;
    leads_to(&scene, "shop-preview", &second).await;
    annotate(&scene, labels::PROMOTE, "1").await;
    leads_to(&scene, "shop", &second).await;
    annotate(&scene, labels::UNDO, &first).await;
    leads_to(&scene, "shop", &first).await;
    assert_eq!(found(&scene).await.0, [("shop:1".to_owned(), 3), ("shop:2".to_owned(), 3)].into());
    writes_nothing(&scene).await;
}
