//! Canaries whose requests an HTTPRoute splits.

use super::fleet::{annotate, deployments, first, killed_often, leads_to, phase, sizes, status, version};
use super::*;
use crate::api::RolloutPhase;
use crate::controller::fixture::route::Route;
use crate::resources::labels;
use crate::rollout::fleet::way;

const ROUTE: &str = "canary: {httpRoute: {name: shop}, steps: [{weight: 20, pauseSeconds: 60}, {weight: 50}]}";
const PLAIN: &str = "strategy: Canary, canary: {steps: [{replicas: 1, pauseSeconds: 60}, {replicas: 2}]}";

fn weighted() -> String {
    format!("strategy: Canary, {ROUTE}")
}

fn with_route(world: &mut World) {
    world.route = Some(Route::of(&[json!([{"name": "shop", "port": 4000}])]));
}

/// The first version runs completely, and a route sends requests to it.
fn first_version(rollout: &str) -> World {
    let mut world = World::default();
    with_route(&mut world);
    first(&mut world, rollout);
    world
}

/// The weights of the backendRefs to the traffic Service and to the one for previews.
fn weights(world: &World) -> Vec<i32> {
    world.route.as_ref().unwrap().view().rules[0].iter().map(|backend| backend.weight).collect()
}

fn services(world: &World) -> [Option<String>; 2] {
    ["shop", "shop-preview"].map(|name| leads_to(world, name))
}

fn lead_to(images: [u32; 2]) -> [Option<String>; 2] {
    images.map(|image| Some(format!("shop:{image}")))
}

fn wait(world: &mut World, second: i64) {
    world.now = Timestamp::from_second(second).unwrap();
    world.kubernetes_settles();
}

#[test]
fn by_weight_from_one_version_to_the_next() {
    let rollout = weighted();
    let mut world = first_version(&rollout);
    assert_eq!((services(&world), weights(&world)), (lead_to([1, 1]), vec![1]));
    assert_eq!(status(&world).selector.unwrap(), "beam-operator.io/release=shop", "all nodes serve");

    world.store("shop", &version(2, &rollout));
    world.settle();
    assert_eq!((services(&world), weights(&world)), (lead_to([1, 2]), vec![1]), "nodes come first");
    world.kubernetes_settles();
    assert_eq!((deployments(&world), weights(&world)), (sizes(&[("shop:1", 2), ("shop:2", 1)]), vec![80, 20]));
    let message = status(&world).rollout.unwrap().message;
    let expected = "for 20 % of the requests of HTTPRoute shop; the next step follows at 1970-01-01T00:01:00Z";
    assert!(message.ends_with(expected), "{message}");
    assert_eq!(told(&world.plan("shop")), NOTHING);

    // A tool puts the route back to what is in Git.
    world.route.as_mut().unwrap().reset();
    world.settle();
    assert_eq!(weights(&world), [80, 20]);

    wait(&mut world, 60);
    assert_eq!((deployments(&world), weights(&world)), (sizes(&[("shop:1", 1), ("shop:2", 2)]), vec![50, 50]));
    assert_eq!(phase(&world), RolloutPhase::Waiting);
    annotate(&mut world, labels::PROMOTE, "go");
    world.kubernetes_settles();
    assert_eq!((services(&world), weights(&world)), (lead_to([2, 2]), vec![0, 100]), "it is switched");
    assert_eq!(deployments(&world), sizes(&[("shop:1", 1), ("shop:2", 3)]));
    wait(&mut world, 65);
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 3)]), RolloutPhase::Complete));
    assert!(world.route.as_ref().unwrap().is_as_made());
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[rstest]
#[case::at_the_first_step(10)]
#[case::at_the_second(60)]
fn an_abort_sends_requests_back_first(#[case] second: i64) {
    let rollout = weighted();
    let mut world = first_version(&rollout);
    world.store("shop", &version(2, &rollout));
    world.kubernetes_settles();
    wait(&mut world, second);
    annotate(&mut world, labels::ABORT, "1");
    assert_eq!(told(&world.plan("shop")).len(), 1, "what was recorded is read");
    world.reconcile("shop", usize::MAX);
    let plan = world.plan("shop");
    assert!(told(&plan).contains(&"split shop".to_owned()), "{:?}", told(&plan));
    assert!(!plan.steps.iter().any(|step| matches!(step, Step::Scale(..))), "{:?}", told(&plan));
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:1", 3)]), RolloutPhase::RolledBack));
    assert_eq!(services(&world), lead_to([1, 1]));
    assert!(world.route.as_ref().unwrap().is_as_made());
}

#[test]
fn another_version_in_the_middle() {
    let rollout = weighted();
    let mut world = first_version(&rollout);
    world.store("shop", &version(2, &rollout));
    world.kubernetes_settles();
    world.store("shop", &version(3, &rollout));
    world.settle();
    assert_eq!((services(&world), weights(&world)), (lead_to([1, 3]), vec![1]));
    world.kubernetes_settles();
    assert_eq!((deployments(&world), weights(&world)), (sizes(&[("shop:1", 2), ("shop:3", 1)]), vec![80, 20]));
}

#[test]
fn without_its_route_a_canary_waits_and_the_first_version_does_not() {
    let rollout = weighted();
    let mut world = World::default();
    first(&mut world, &rollout);
    assert_eq!(phase(&world), RolloutPhase::Complete);
    let warning = |world: &World| way::warnings(&world.look("shop").0)[0].to_string();
    let told = "spec.rollout.canary.httpRoute: the API server knows no HTTPRoutes: install the Gateway API \
                (gateway.networking.k8s.io/v1)";
    assert_eq!(warning(&world), told);
    world.store("shop", &version(2, &rollout));
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:1", 3)]), RolloutPhase::Waiting));
    let condition = status(&world).condition("Progressing").unwrap().clone();
    assert_eq!(condition.reason, "WaitingForRoute");
    assert!(condition.message.ends_with(told), "{}", condition.message);
    world.spec("shop").replicas = 5;
    world.kubernetes_settles();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 5)]), "it follows the scale");

    with_route(&mut world);
    world.kubernetes_settles();
    assert_eq!((deployments(&world), weights(&world)), (sizes(&[("shop:1", 4), ("shop:2", 1)]), vec![80, 20]));
}

/// Nobody names the route any more while it sends requests to the Service for previews: it is not the operator's to change,
/// and they are answered until somebody has.
#[test]
fn a_route_that_is_no_longer_named_is_left_alone_and_answered() {
    let mut world = first_version(&weighted());
    world.store("shop", &version(2, &weighted()));
    world.kubernetes_settles();
    world.store("shop", &version(2, PLAIN));
    wait(&mut world, 60);
    annotate(&mut world, labels::PROMOTE, "go");
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 3)]), RolloutPhase::Complete));
    assert_eq!((services(&world), weights(&world)), ([None, Some("shop:2".to_owned())], vec![80, 20]));
    let warnings: Vec<_> = way::warnings(&world.look("shop").0).iter().map(ToString::to_string).collect();
    let expected = "spec.rollout.canary.httpRoute: no longer names HTTPRoute shop, which has a backendRef to Service \
                    shop-preview: take it out, then the Service goes";
    assert_eq!(warnings, [expected]);
    world.route.as_mut().unwrap().reset();
    world.settle();
    assert_eq!((services(&world), told(&world.plan("shop")).len()), ([None, None], 0));
}

#[rstest]
fn from_and_to_other_strategies(
    #[values("maxUnavailable: 0", "strategy: Recreate", "strategy: BlueGreen", PLAIN)] other: &str,
    #[values(false, true)] comes: bool,
    #[values(false, true)] half_way: bool,
) {
    let (before, after) = if comes { (other, &*weighted()) } else { (&*weighted(), other) };
    let mut world = first_version(before);
    world.store("shop", &version(3, before));
    world.settle();
    if half_way && !comes {
        world.kubernetes_settles();
        assert_eq!(weights(&world), [80, 20]);
    }
    world.store("shop", &version(2, after));
    for minute in 1..8 {
        annotate(&mut world, labels::PROMOTE, &minute.to_string());
        wait(&mut world, minute * 60);
    }
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 3)]), RolloutPhase::Complete));
    let is_split = half_way && !comes;
    assert_eq!(weights(&world), if is_split { vec![80, 20] } else { vec![1] });
    let has_preview = comes || is_split || other.ends_with("BlueGreen");
    assert_eq!(services(&world)[1], has_preview.then(|| "shop:2".to_owned()));
}

/// An operator that is killed after any number of steps, any number of times, ends in the same place.
#[rstest]
fn an_operator_that_is_killed_after_every_write(#[values(0, 1, 2, 3)] steps: usize) {
    let rollout = weighted();
    let mut world = first_version(&rollout);
    world.store("shop", &version(2, &rollout));
    killed_often(&mut world, steps);
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 3)]), RolloutPhase::Complete));
    assert!(world.route.as_ref().unwrap().is_as_made());
}
