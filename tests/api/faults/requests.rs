//! Each kind of request fails in each way, twice in a row where it is tried again.

use rstest::rstest;
use tokio::sync::OnceCell;

use super::{ending, story};
use crate::harness::{Cluster, EndState, Fault, Namespace, Proxy, Request, Scene};

/// Kinds of requests that are answered differently when they fail.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// What is asked before anything else.
    Start,
    List,
    Watch,
    Get,
    /// Of the cookie.
    Create,
    Apply,
    Status,
    Delete,
    Event,
}

impl Kind {
    fn is_of(self, request: &Request) -> bool {
        let is_start = request.resource.is_empty() || request.resource.ends_with("reviews");
        let is_status = request.subresource.as_deref() == Some("status");
        let is_event = request.resource == "events";
        match self {
            Self::Start => is_start,
            Self::List => request.verb == "list" && !is_start,
            Self::Watch => request.verb == "watch",
            Self::Get => request.verb == "get",
            Self::Create => request.verb == "create" && !is_start && !is_event,
            Self::Apply => request.verb == "apply" && !is_status,
            Self::Status => request.verb == "apply" && is_status,
            Self::Delete => request.verb == "delete",
            Self::Event => is_event,
        }
    }
}

/// How the story ends when nothing goes wrong.
async fn undisturbed() -> &'static EndState {
    static END: OnceCell<EndState> = OnceCell::const_new();
    END.get_or_init(async || {
        let scene = Scene::start("undisturbed").await;
        story(&scene).await;
        ending(&scene, "shop", 3).await
    })
    .await
}

#[rstest]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_end_is_the_same(
    #[values(
        Fault::Status(409),
        Fault::TooManyRequests(1),
        Fault::Status(500),
        Fault::Status(503),
        Fault::Refused,
        Fault::AnswerLost,
        Fault::Hang
    )]
    fault: Fault,
    #[values(
        Kind::Start,
        Kind::List,
        Kind::Watch,
        Kind::Get,
        Kind::Create,
        Kind::Apply,
        Kind::Status,
        Kind::Delete,
        Kind::Event
    )]
    kind: Kind,
) {
    let wanted = undisturbed().await;
    let cluster = Cluster::shared().await;
    let namespace = Namespace::new(&cluster, "faults").await;
    let proxy = Proxy::to(cluster.client).await;
    proxy.fail(2, fault, move |request| kind.is_of(request));
    let mut scene = Scene::on(namespace, proxy, &["--request-timeout", "2"]);
    scene.operator.ready().await;
    story(&scene).await;
    scene.reaches(wanted).await;
    scene.rest().await;
    scene.state().await.compared_with(wanted).unwrap();
    assert!(scene.proxy.has_struck(), "{fault:?} was not met by any {kind:?}");
}

/// The first writes fail, each in another way.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_end_is_the_same_after_one_fault_after_the_other() {
    let wanted = undisturbed().await;
    let scene = Scene::with("one-after-the-other", &["--request-timeout", "2"]).await;
    for fault in [
        Fault::AnswerLost,
        Fault::Status(409),
        Fault::Status(500),
        Fault::Refused,
        Fault::TooManyRequests(1),
        Fault::Hang,
    ] {
        scene.proxy.fail(1, fault, Request::is_write);
    }
    story(&scene).await;
    scene.reaches(wanted).await;
    scene.rest().await;
    scene.state().await.compared_with(wanted).unwrap();
    assert!(scene.proxy.has_struck());
}
