//! The operator is killed after every single write of a reconcile and started again: the end is always the same.

use futures::{StreamExt, stream};

use super::{FIRST, SECOND, ending, settings};
use crate::harness::{EndState, Scene};

/// Processes that run at a time: more would only wait for each other.
const AT_A_TIME: usize = 3;

/// What a person does while the operator may die.
#[derive(Clone, Copy)]
enum Story {
    /// Makes a release.
    Creation,
    /// Changes image and replicas of one.
    Update,
    /// Makes two releases of one cluster.
    TwoInOneCluster,
}

impl Story {
    async fn begin(self, purpose: &str) -> Scene {
        let scene = Scene::start(purpose).await;
        settings(&scene).await;
        if let Self::Update = self {
            scene.apply("shop", FIRST).await;
            scene.applied("shop").await;
            ending(&scene, "shop", 2).await;
        }
        scene.proxy.forget();
        scene
    }

    async fn happen(self, scene: &Scene) {
        match self {
            Self::Creation => _ = scene.apply("shop", FIRST).await,
            Self::Update => _ = scene.apply("shop", SECOND).await,
            Self::TwoInOneCluster => {
                scene.apply("shop", &format!("{FIRST}cluster: {{name: market}}")).await;
                scene.apply("blog", &format!("{FIRST}cluster: {{name: market}}")).await;
            }
        }
    }

    async fn end(self, scene: &Scene) -> EndState {
        match self {
            Self::Creation => ending(scene, "shop", 2).await,
            Self::Update => ending(scene, "shop", 3).await,
            Self::TwoInOneCluster => {
                ending(scene, "blog", 2).await;
                ending(scene, "shop", 2).await
            }
        }
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

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_creation_is_resumed_after_any_write() {
    Story::Creation.with_a_crash_after_each_write().await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_update_is_resumed_after_any_write() {
    Story::Update.with_a_crash_after_each_write().await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn two_releases_of_one_cluster_are_resumed_after_any_write() {
    Story::TwoInOneCluster.with_a_crash_after_each_write().await;
}
