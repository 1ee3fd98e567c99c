//! Releases in which each revision has a Deployment of its own.

use super::*;
use crate::api::RolloutPhase;
use crate::resources::labels;

const BLUE_GREEN: &str = "strategy: BlueGreen, blueGreen: {scaleDownDelaySeconds: 30}";
const MANUAL: &str = "strategy: BlueGreen, blueGreen: {promotion: Manual, scaleDownDelaySeconds: 0}";
const CANARY: &str = "strategy: Canary, canary: {steps: [{replicas: 1, pauseSeconds: 60}, {replicas: 2}]}";
const ROLLING: &str = "maxUnavailable: 0";

pub(super) fn version(number: u32, rollout: &str) -> String {
    format!(
        "{{replicas: 3, image: 'shop:{number}', ports: [{{name: http, containerPort: 4000}}], rollout: {{{rollout}}}}}"
    )
}

/// The first version runs completely.
fn first_version(rollout: &str) -> World {
    let mut world = World::default();
    first(&mut world, rollout);
    world
}

pub(super) fn first(world: &mut World, rollout: &str) {
    world.store("shop", &version(1, rollout));
    world.kubernetes_settles();
}

/// The image and number of pods of each Deployment that has or is to have any.
pub(super) fn deployments(world: &World) -> Vec<(String, i64)> {
    let names = world.names(ChildKind::Deployment);
    let deployments = names.into_iter().map(|name| {
        let stored = world.object(ChildKind::Deployment, name).unwrap();
        let image = stored.live(name).data["spec"]["template"]["spec"]["containers"][0]["image"].clone();
        (image.as_str().unwrap().to_owned(), stored.replicas())
    });
    let mut deployments: Vec<_> = deployments.collect();
    deployments.sort();
    deployments
}

pub(super) fn sizes(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(image, pods)| ((*image).to_owned(), *pods)).collect()
}

/// The image of the nodes that a Service leads to; `None` for all.
pub(super) fn leads_to(world: &World, service: &str) -> Option<String> {
    let service = world.object(ChildKind::Service, service)?.live(service);
    let revision = service.data["spec"]["selector"][labels::REVISION].as_str()?.to_owned();
    let record = world.object(ChildKind::ControllerRevision, &revision)?.live(&revision);
    Some(record.data["data"]["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?.to_owned())
}

pub(super) fn status(world: &World) -> crate::api::ElixirReleaseStatus {
    world.releases["shop"].status.clone().unwrap()
}

pub(super) fn phase(world: &World) -> RolloutPhase {
    status(world).rollout.unwrap().phase
}

pub(super) fn annotate(world: &mut World, name: &str, value: &str) {
    let release = world.releases.get_mut("shop").unwrap();
    release.annotations_mut().insert(name.to_owned(), value.to_owned());
}

#[test]
fn blue_green_from_the_first_node_to_the_next_version() {
    let mut world = first_version(BLUE_GREEN);
    assert_eq!(deployments(&world), sizes(&[("shop:1", 3)]));
    assert_eq!(["shop", "shop-preview"].map(|name| leads_to(&world, name).unwrap()), ["shop:1", "shop:1"]);
    assert_eq!(phase(&world), RolloutPhase::Complete);
    let selector = status(&world).selector.unwrap();
    assert!(selector.starts_with("beam-operator.io/release=shop,beam-operator.io/revision=shop-"), "{selector}");

    world.store("shop", &version(2, BLUE_GREEN));
    world.settle();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 3), ("shop:2", 3)]));
    assert_eq!(["shop", "shop-preview"].map(|name| leads_to(&world, name).unwrap()), ["shop:1", "shop:2"]);
    assert_eq!(status(&world).selector.unwrap(), selector, "an autoscaler goes on to measure what serves");
    world.kubernetes();
    world.settle();
    assert_eq!(leads_to(&world, "shop").unwrap(), "shop:2");
    assert_eq!(deployments(&world), sizes(&[("shop:1", 3), ("shop:2", 3)]));
    let rollout = status(&world).rollout.unwrap();
    assert_eq!(rollout.phase, RolloutPhase::Progressing);
    assert!(rollout.message.contains("the other nodes stay until 1970-01-01T00:00:31Z"), "{}", rollout.message);
    world.now = Timestamp::from_second(31).unwrap();
    world.settle();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 0), ("shop:2", 3)]));
    world.kubernetes_settles();
    assert_eq!(deployments(&world), sizes(&[("shop:2", 3)]));
    assert_eq!(phase(&world), RolloutPhase::Complete);
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn a_person_promotes_and_goes_back_at_once() {
    let mut world = first_version(MANUAL);
    world.store("shop", &version(2, &MANUAL.replace("Seconds: 0", "Seconds: 600")));
    world.settle();
    world.kubernetes();
    world.settle();
    assert_eq!((phase(&world), leads_to(&world, "shop").unwrap()), (RolloutPhase::Waiting, "shop:1".to_owned()));
    let condition = status(&world).condition("Progressing").unwrap().clone();
    assert_eq!(condition.reason, "WaitingForPromotion");
    assert!(condition.message.contains(labels::PROMOTE), "{}", condition.message);

    annotate(&mut world, labels::PROMOTE, "1");
    world.settle();
    assert_eq!(leads_to(&world, "shop").unwrap(), "shop:2");
    let request = status(&world).requests[0].clone();
    assert_eq!((&*request.annotation, request.outcome), (labels::PROMOTE, crate::api::RequestOutcome::Done));

    annotate(&mut world, labels::UNDO, "previous");
    world.settle();
    assert_eq!(leads_to(&world, "shop").unwrap(), "shop:1", "its nodes are still there");
    world.now = Timestamp::from_second(700).unwrap();
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:1", 3)]), RolloutPhase::RolledBack));
}

#[test]
fn a_green_side_that_fails_goes_and_traffic_never_went_there() {
    let mut world = first_version(BLUE_GREEN);
    world.store("shop", &version(2, BLUE_GREEN));
    world.settle();
    world.now = Timestamp::from_second(60).unwrap();
    let blue = status(&world).current_revision.unwrap();
    let green = world.names(ChildKind::Deployment).into_iter().find(|name| **name != *blue).unwrap().to_owned();
    world.object_mut(ChildKind::Deployment, &green).theirs["status"] = json!({
        "replicas": 3, "updatedReplicas": 3,
        "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
    });
    world.settle();
    assert_eq!(leads_to(&world, "shop-preview").unwrap(), "shop:1");
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:1", 3)]), RolloutPhase::RolledBack));
    assert_eq!(leads_to(&world, "shop").unwrap(), "shop:1");
}

#[test]
fn a_canary_goes_step_by_step() {
    let mut world = first_version(CANARY);
    world.store("shop", &version(2, CANARY));
    world.kubernetes_settles();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 2), ("shop:2", 1)]));
    assert_eq!(leads_to(&world, "shop"), None, "all serve");
    let rollout = status(&world).rollout.unwrap();
    assert_eq!((rollout.phase, rollout.step), (RolloutPhase::Progressing, Some(0)));
    assert!(rollout.message.contains("the next step follows at 1970-01-01T00:01:00Z"), "{}", rollout.message);

    world.spec("shop").replicas = 4;
    world.kubernetes_settles();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 3), ("shop:2", 1)]), "it follows the scale");
    world.now = Timestamp::from_second(60).unwrap();
    world.kubernetes_settles();
    assert_eq!(deployments(&world), sizes(&[("shop:1", 2), ("shop:2", 2)]));
    assert_eq!((phase(&world), status(&world).rollout.unwrap().step), (RolloutPhase::Waiting, Some(1)));
    annotate(&mut world, labels::PROMOTE, "go");
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 4)]), RolloutPhase::Complete));
    assert_eq!(status(&world).rollout.unwrap().step, None);
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn the_nodes_of_an_aborted_canary_go_first() {
    let mut world = first_version(CANARY);
    world.store("shop", &version(2, CANARY));
    world.kubernetes_settles();
    annotate(&mut world, labels::ABORT, "1");
    world.kubernetes_settles();
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:1", 3)]), RolloutPhase::RolledBack));
}

#[rstest]
fn one_strategy_after_the_other(
    #[values(ROLLING, "strategy: Recreate", BLUE_GREEN, CANARY)] before: &str,
    #[values(ROLLING, "strategy: Recreate", BLUE_GREEN, CANARY)] after: &str,
    #[values(1, 2)] image: u32,
    #[values(false, true)] half_way: bool,
) {
    let mut world = first_version(before);
    if half_way {
        world.store("shop", &version(3, before));
        world.settle();
    }
    world.store("shop", &version(image, after));
    for minute in 1..6 {
        world.now = Timestamp::from_second(minute * 60).unwrap();
        annotate(&mut world, labels::PROMOTE, &minute.to_string());
        world.kubernetes_settles();
    }
    assert_eq!(deployments(&world), sizes(&[(&format!("shop:{image}"), 3)]));
    assert_eq!(phase(&world), RolloutPhase::Complete);
    let expected = (after == BLUE_GREEN).then(|| format!("shop:{image}"));
    assert_eq!(leads_to(&world, "shop"), expected);
    assert_eq!(world.object(ChildKind::Service, "shop-preview").is_some(), after == BLUE_GREEN);
}

/// Minutes pass in which each process of the operator takes so many steps.
pub(super) fn killed_often(world: &mut World, steps: usize) {
    for minute in 1..6 {
        world.now = Timestamp::from_second(minute * 60).unwrap();
        annotate(world, labels::PROMOTE, &minute.to_string());
        for _ in 0..8 {
            world.reconcile("shop", steps);
            world.restart_operator();
            world.kubernetes();
        }
        world.kubernetes_settles();
    }
}

/// An operator that is killed after any number of steps, any number of times, ends in the same place.
#[rstest]
fn an_operator_that_is_killed_after_every_write(
    #[values(ROLLING, BLUE_GREEN, MANUAL, CANARY)] rollout: &str,
    #[values(0, 1, 2, 3)] steps: usize,
) {
    let mut world = first_version(rollout);
    world.store("shop", &version(2, rollout));
    killed_often(&mut world, steps);
    assert_eq!((deployments(&world), phase(&world)), (sizes(&[("shop:2", 3)]), RolloutPhase::Complete));
}
