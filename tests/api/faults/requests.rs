//! Each kind of request fails in each way, twice in a row where it is tried again.

use rstest::rstest;
use tokio::sync::OnceCell;

use super::{FIRST, ending, settings, story};
use crate::harness::{Cluster, EndState, Fault, Namespace, Proxy, Request, Scene, Strikes};

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
    /// Of the owners of a cookie.
    Patch,
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
            Self::Status => request.verb == "patch" && is_status,
            Self::Delete => request.verb == "delete",
            Self::Event => is_event,
            Self::Patch => request.verb == "patch" && !is_status,
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

/// A scene in which the first two requests of a kind fail.
async fn with_fault(fault: Fault, kind: Kind) -> (Scene, Strikes) {
    let cluster = Cluster::shared().await;
    let namespace = Namespace::new(&cluster, "faults").await;
    let proxy = Proxy::to(cluster.client).await;
    let strikes = proxy.fail(2, fault, move |request| kind.is_of(request));
    let mut scene = Scene::on(namespace, proxy, &["--request-timeout", "2"]);
    scene.operator.ready().await;
    (scene, strikes)
}

/// Waits until it ends as wanted, and stays so.
async fn ends_as(scene: &Scene, wanted: &EndState) {
    scene.reaches(wanted).await;
    scene.rest().await;
    scene.state().await.compared_with(wanted).unwrap();
}

/// How often a fault has to be met for the operator to have tried again after it.
fn expected_strikes(fault: Fault, kind: Kind) -> usize {
    match (fault, kind) {
        // An event is told once, and again only where the API server asks for it.
        (Fault::TooManyRequests(_) | Fault::Status(503), Kind::Event) => 2,
        // What was carried out is told by the watch.
        (_, Kind::Event) | (Fault::AnswerLost, Kind::Create | Kind::Delete | Kind::Patch) => 1,
        _ => 2,
    }
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
    let (scene, strikes) = with_fault(fault, kind).await;
    story(&scene).await;
    ends_as(&scene, wanted).await;
    let (met, expected) = (strikes.count(), expected_strikes(fault, kind));
    assert!(met >= expected, "{fault:?} was met by {met} of {expected} {kind:?}");
}

/// A release joins the cluster of another, so that somebody has to write that the cookie belongs to both.
async fn joining(scene: &Scene) {
    settings(scene, "5").await;
    for release in ["shop", "blog"] {
        scene.apply(release, &format!("{FIRST}cluster: {{name: market}}")).await;
        scene.applied(release).await;
    }
}

/// How that ends when nothing goes wrong.
async fn joined() -> &'static EndState {
    static END: OnceCell<EndState> = OnceCell::const_new();
    END.get_or_init(async || {
        let scene = Scene::start("joined").await;
        joining(&scene).await;
        ending(&scene, "blog", 2).await;
        ending(&scene, "shop", 2).await
    })
    .await
}

#[rstest]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_cookie_gets_its_owners_in_the_end(
    #[values(
        Fault::Status(409),
        Fault::TooManyRequests(1),
        Fault::Status(500),
        Fault::Refused,
        Fault::AnswerLost,
        Fault::Hang
    )]
    fault: Fault,
) {
    let wanted = joined().await;
    let owners = &wanted.object("Secret market-cookie")["metadata"]["ownerReferences"];
    assert_eq!(owners.as_array().unwrap().len(), 2);
    let (scene, strikes) = with_fault(fault, Kind::Patch).await;
    joining(&scene).await;
    ends_as(&scene, wanted).await;
    let (met, expected) = (strikes.count(), expected_strikes(fault, Kind::Patch));
    assert!(met >= expected, "{fault:?} was met {met} times and not {expected}");
}

/// Once everything else has come to rest, only the operator's own memory of the failure can bring it back to it.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_cookie_without_its_owners_is_not_forgotten() {
    let wanted = joined().await;
    let scene = Scene::start("not-forgotten").await;
    let strikes = scene.proxy.fail(usize::MAX, Fault::Status(500), |request| Kind::Patch.is_of(request));
    settings(&scene, "5").await;
    let spec = format!("{FIRST}cluster: {{name: market}}");
    scene.apply("shop", &spec).await;
    // Its cookie is made by then, with one owner.
    scene.applied("shop").await;
    scene.apply("blog", &spec).await;
    for release in ["shop", "blog"] {
        scene.condition(release, "Degraded", "WriteFailed").await;
    }
    strikes.reach(4).await;
    scene.rest().await;
    scene.proxy.heal();
    ends_as(&scene, wanted).await;
}

/// The first writes fail, each in another way.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_end_is_the_same_after_one_fault_after_the_other() {
    let wanted = undisturbed().await;
    let scene = Scene::with("one-after-the-other", &["--request-timeout", "2"]).await;
    let faults = [
        Fault::AnswerLost,
        Fault::Status(409),
        Fault::Status(500),
        Fault::Refused,
        Fault::TooManyRequests(1),
        Fault::Hang,
    ];
    let strikes = faults.map(|fault| scene.proxy.fail(1, fault, Request::is_write));
    story(&scene).await;
    ends_as(&scene, wanted).await;
    assert_eq!(strikes.map(|strikes| strikes.count()), [1; 6]);
}
