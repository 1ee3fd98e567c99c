//! The operator is killed after every single write of a reconcile and started again: the end is always the same.

use beam_operator::controller::kind::ChildKind;
use futures::{StreamExt, stream};
use rstest::rstest;
use serde_json::Value;

use super::{FIRST, SECOND, ending, settings};
use crate::harness::{EndState, Scene};

/// Processes that run at a time: more would only wait for each other.
const AT_A_TIME: usize = 3;

/// A release that has a child of every kind, alone in a cluster.
const EVERYTHING: &str = "
image: shop:1
replicas: 2
ports: [{name: http, containerPort: 4000}]
envFrom: [{configMapRef: {name: settings}}]
autoscaling: {minReplicas: 2, maxReplicas: 4}
cluster: {name: market, discovery: Kubernetes}
rollout: {strategy: Recreate}
";

/// The same release later, in another cluster and with as little as there can be.
const LITTLE: &str = "
image: shop:1
replicas: 2
cluster: {name: fair}
networkPolicy: Disabled
disruptionBudget: {mode: Disabled}
rollout: {strategy: Recreate}
";

/// What a person does while the operator may die.
#[derive(Clone, Copy)]
enum Story {
    /// Makes a release.
    Creation,
    /// Makes one that has a child of every kind.
    Everything,
    /// Changes image and replicas of one.
    Update,
    /// Takes everything away that one can do without, and the cluster that only it was in.
    Little,
    /// Asks for a Service that the one which is there cannot become.
    ServiceType,
    /// Changes an object that the pods read.
    Configuration,
    /// Makes two releases of one cluster.
    TwoInOneCluster,
    /// Moves one of two releases to another cluster.
    Leaving,
}

fn in_market() -> String {
    format!("{FIRST}cluster: {{name: market}}")
}

impl Story {
    async fn begin(self, purpose: &str) -> Scene {
        let scene = Scene::start(purpose).await;
        settings(&scene, "5").await;
        let before: &[(&str, &str)] = match self {
            Self::Creation | Self::Everything | Self::TwoInOneCluster => &[],
            Self::Update | Self::ServiceType | Self::Configuration => &[("shop", FIRST)],
            Self::Little => &[("shop", EVERYTHING)],
            Self::Leaving => &[("shop", &in_market()), ("blog", &in_market())],
        };
        for (release, spec) in before {
            scene.apply(release, spec).await;
            scene.applied(release).await;
        }
        for (release, _) in before {
            ending(&scene, release, 2).await;
        }
        scene.proxy.forget();
        scene
    }

    async fn happen(self, scene: &Scene) {
        let apply = async |release: &str, spec: &str| _ = scene.apply(release, spec).await;
        match self {
            Self::Creation => apply("shop", FIRST).await,
            Self::Everything => apply("shop", EVERYTHING).await,
            Self::Update => apply("shop", SECOND).await,
            Self::Little => apply("shop", LITTLE).await,
            Self::ServiceType => apply("shop", &format!("{FIRST}service: {{type: Headless}}")).await,
            Self::Configuration => settings(scene, "6").await,
            Self::TwoInOneCluster => {
                apply("shop", &in_market()).await;
                apply("blog", &in_market()).await;
            }
            Self::Leaving => apply("shop", &in_market().replace("market", "fair")).await,
        }
    }

    async fn end(self, scene: &Scene) -> EndState {
        let (others, replicas): (&[&str], _) = match self {
            Self::Update => (&[], 3),
            Self::TwoInOneCluster | Self::Leaving => (&["blog"], 2),
            _ => (&[], 2),
        };
        scene.applied("shop").await;
        if let Self::Configuration = self {
            // The release itself is as it was, so only its children tell that something has happened.
            let changed = |it: &Value| it["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2";
            scene.child(ChildKind::Deployment, "shop", changed).await;
        }
        for other in others {
            ending(scene, other, replicas).await;
        }
        ending(scene, "shop", replicas).await
    }

    /// Tells the story with an operator that dies after so many writes; whether it lived to try another one.
    async fn with_a_crash_after(self, writes: usize, wanted: &EndState) -> bool {
        let mut scene = self.begin("crash").await;
        scene.proxy.refuse_after(writes);
        self.happen(&scene).await;
        let interrupted = tokio::select! {
            () = scene.proxy.refusing() => true,
            _ = self.end(&scene) => false,
        };
        scene.operator.kill();
        scene.proxy.accept();
        scene.restart();
        scene.operator.ready().await;
        scene.reaches(wanted).await;
        self.end(&scene)
            .await
            .compared_with(wanted)
            .unwrap_or_else(|how| panic!("killed after {writes} writes: {how}"));
        interrupted
    }

    async fn with_a_crash_after_each_write(self) {
        let undisturbed = self.begin("no-crash").await;
        self.happen(&undisturbed).await;
        let wanted = &self.end(&undisturbed).await;
        let writes = undisturbed.proxy.writes().len();
        let changes = undisturbed.proxy.changes().len();
        drop(undisturbed);

        let runs = stream::iter(0..writes).map(|passed| self.with_a_crash_after(passed, wanted));
        let interrupted: Vec<_> = runs.buffered(AT_A_TIME).collect().await;
        // How often the status is written depends on what else happens, so the last of these may not be met.
        let crashes = interrupted.iter().filter(|interrupted| **interrupted).count();
        assert!(crashes >= changes, "{crashes} crashes do not cover {changes} changes");
    }
}

#[rstest]
#[case::a_creation(Story::Creation)]
#[case::a_creation_of_everything(Story::Everything)]
#[case::an_update(Story::Update)]
#[case::less(Story::Little)]
#[case::another_type_of_service(Story::ServiceType)]
#[case::changed_configuration(Story::Configuration)]
#[case::two_releases_of_one_cluster(Story::TwoInOneCluster)]
#[case::a_release_that_leaves(Story::Leaving)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_was_begun_is_resumed_after_any_write(#[case] story: Story) {
    story.with_a_crash_after_each_write().await;
}
