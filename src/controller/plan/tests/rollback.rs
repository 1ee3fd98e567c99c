//! Revisions that fail, and what people ask of rollouts.

use super::*;
use crate::api::{RequestOutcome, RolloutPhase};
use crate::controller::fixture::pod;
use crate::controller::mesh::fixture::seen;
use crate::controller::pod::PodView;
use crate::resources::labels;

const THREE: &str = "replicas: 3";

fn version(number: u32) -> String {
    format!("{{replicas: 3, image: 'shop:{number}'}}")
}

/// The first version runs completely, and the second is asked for.
fn second_version() -> World {
    let mut world = World::with(&version(1));
    world.roll_out("shop");
    world.store("shop", &version(2));
    world.settle();
    world
}

/// The pods of the present revision do not become available in time, says the Deployment.
fn fail(world: &mut World) {
    world.object_mut(ChildKind::Deployment, "shop").theirs["status"] = json!({
        "replicas": 4, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
    });
    world.settle();
}

fn image(world: &World) -> String {
    let deployment = world.object(ChildKind::Deployment, "shop").unwrap().live("shop");
    deployment.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

fn phase(world: &World) -> RolloutPhase {
    world.releases["shop"].status.as_ref().unwrap().rollout.as_ref().unwrap().phase
}

fn condition(world: &World, type_: &str) -> (String, String, String) {
    let condition = world.releases["shop"].status.as_ref().unwrap().condition(type_).unwrap();
    (condition.status.clone(), condition.reason.clone(), condition.message.clone())
}

fn annotate(world: &mut World, name: &str, value: Option<&str>) {
    let annotations = world.releases.get_mut("shop").unwrap().annotations_mut();
    match value {
        Some(value) => annotations.insert(name.to_owned(), value.to_owned()),
        None => annotations.remove(name),
    };
    world.settle();
}

/// What became of what is asked for.
fn answers(world: &World) -> Vec<String> {
    let requests = world.releases["shop"].status.as_ref().unwrap().requests.iter();
    requests.map(|request| format!("{:?}: {}", request.outcome, request.message)).collect()
}

#[test]
fn a_revision_that_fails_gives_way_to_the_last_good_one() {
    let mut world = second_version();
    assert_eq!(image(&world), "shop:2");
    fail(&mut world);
    assert_eq!(image(&world), "shop:1");
    assert_eq!(world.releases["shop"].spec.image, "shop:2", "the spec is the user's");
    world.roll_out("shop");

    assert_eq!(phase(&world), RolloutPhase::RolledBack);
    let (status, reason, message) = condition(&world, "Degraded");
    assert_eq!((&*status, &*reason), ("True", "RolledBack"));
    assert!(message.contains("no progress for 600 seconds") && message.contains(labels::RETRY), "{message}");
    assert_eq!(condition(&world, "Progressing").1, "RolledBack");
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn it_stays_so_for_another_process_of_the_operator_and_beside_other_changes() {
    let mut world = second_version();
    fail(&mut world);
    world.restart_operator();
    world.settle();
    assert_eq!(image(&world), "shop:1");
    world.spec("shop").replicas = 5;
    world.settle();
    let deployment = world.object(ChildKind::Deployment, "shop").unwrap().live("shop");
    assert_eq!((image(&world), &deployment.data["spec"]["replicas"]), ("shop:1".to_owned(), &json!(5)));
}

#[test]
fn another_spec_is_tried_and_so_is_the_same_one_when_it_is_asked_for_anew() {
    let mut world = second_version();
    fail(&mut world);
    world.roll_out("shop");
    world.store("shop", &version(3));
    world.settle();
    assert_eq!(image(&world), "shop:3");
    world.store("shop", &version(2));
    world.settle();
    assert_eq!(image(&world), "shop:2");

    // What ran all the time was asked for in between.
    fail(&mut world);
    world.roll_out("shop");
    assert_eq!(phase(&world), RolloutPhase::RolledBack);
    world.store("shop", &version(1));
    world.settle();
    assert_eq!((image(&world), phase(&world)), ("shop:1".to_owned(), RolloutPhase::Complete));
    world.store("shop", &version(2));
    world.settle();
    assert_eq!(image(&world), "shop:2");
}

#[test]
fn it_is_tried_again_on_request_and_fails_again() {
    let mut world = second_version();
    fail(&mut world);
    world.roll_out("shop");
    annotate(&mut world, labels::RETRY, Some("once more"));
    assert_eq!(image(&world), "shop:2");
    let request = world.releases["shop"].status.as_ref().unwrap().requests[0].clone();
    assert_eq!(
        (&*request.annotation, &*request.value, request.outcome),
        (labels::RETRY, "once more", RequestOutcome::Done)
    );
    fail(&mut world);
    assert_eq!(image(&world), "shop:1");
    annotate(&mut world, labels::RETRY, None);
    assert_eq!(world.releases["shop"].status.as_ref().unwrap().requests, []);
}

#[test]
fn an_earlier_revision_is_run_on_request_and_that_is_no_trouble() {
    let mut world = second_version();
    world.roll_out("shop");
    annotate(&mut world, labels::UNDO, Some("previous"));
    assert_eq!(image(&world), "shop:1");
    world.roll_out("shop");
    assert_eq!(phase(&world), RolloutPhase::RolledBack);
    assert_eq!(condition(&world, "Degraded").0, "False");
    assert_eq!(condition(&world, "Progressing").1, "RolledBack");
    // An older one that is still recorded can be had as well, and the next spec ends it.
    world.store("shop", &version(3));
    annotate(&mut world, labels::UNDO, Some("previous"));
    assert_eq!(image(&world), "shop:3");
}

#[test]
fn whoever_dies_after_any_step_of_a_rollback_leaves_it_to_the_next() {
    for steps in 0..4 {
        let mut world = second_version();
        world.object_mut(ChildKind::Deployment, "shop").theirs["status"] = json!({
            "replicas": 4, "updatedReplicas": 1, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
        });
        for _ in 0..3 {
            world.reconcile("shop", steps);
            world.restart_operator();
        }
        world.settle();
        assert_eq!(image(&world), "shop:1", "after {steps} steps");
    }
}

#[test]
fn nodes_are_restarted_once_for_each_value() {
    let mut world = World::with(THREE);
    let running = |world: &World| world.look("shop").0.running_revision().unwrap().to_owned();
    let first = running(&world);
    annotate(&mut world, labels::RESTARTED_AT, Some("2026-11-25T08:00:00Z"));
    let second = running(&world);
    assert_ne!(first, second);
    assert_eq!(answers(&world), [format!("Done: all nodes are restarted as {second}")]);
    // Taking the annotation away asks for nothing.
    annotate(&mut world, labels::RESTARTED_AT, None);
    assert_eq!(running(&world), second);
    world.store("shop", &version(2));
    world.settle();
    let deployment = world.object(ChildKind::Deployment, "shop").unwrap().live("shop");
    let annotations = &deployment.data["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(annotations[labels::RESTARTED_AT], "2026-11-25T08:00:00Z");
}

#[test]
fn a_rollout_that_is_held_goes_no_further_and_the_rest_goes_on() {
    let mut world = second_version();
    annotate(&mut world, labels::PAUSE, Some("true"));
    let spec = |world: &World| world.object(ChildKind::Deployment, "shop").unwrap().live("shop").data["spec"].clone();
    assert_eq!(spec(&world)["paused"], true);
    assert_eq!(phase(&world), RolloutPhase::Paused);
    assert_eq!(condition(&world, "Progressing").1, "Paused");
    let held = "Done: rollouts are held where they are for as long as the annotation is there";
    assert_eq!(answers(&world), [held]);
    world.spec("shop").replicas = 5;
    world.settle();
    assert_eq!(spec(&world)["replicas"], 5);
    annotate(&mut world, labels::PAUSE, None);
    assert_eq!(spec(&world)["paused"], Value::Null);
    assert_eq!(phase(&world), RolloutPhase::Progressing);
    assert_eq!(answers(&world), [""; 0], "that it is gone is the answer");
    annotate(&mut world, labels::PAUSE, Some("true"));
    assert_eq!(answers(&world), [held]);
}

#[test]
fn that_its_nodes_have_met_is_noted_on_the_record_and_nothing_else_changes() {
    let mut world = World::with(&version(1));
    world.roll_out("shop");
    let plan_with_nodes = |world: &World| {
        let (mut observed, valid) = world.look("shop");
        let names = ["a", "b", "c"];
        let others = |name: &str| names.into_iter().filter(|other| *other != name).collect::<Vec<_>>();
        let revision = observed.running_revision().map(Into::into);
        let ready = |name| PodView { is_ready: true, revision: revision.clone(), ..pod(name) };
        observed.pods = names.map(ready).to_vec();
        observed.mesh = Some(names.map(|name| seen(name, &others(name))).to_vec());
        plan(&observed, &valid, &Facts::default(), world.now)
    };
    let plan = plan_with_nodes(&world);
    assert_eq!(told(&plan), [format!("note that {} has met", plan.revision.as_ref().unwrap())]);
    world.follow("shop", plan);
    assert_eq!(told(&plan_with_nodes(&world)), NOTHING);
    world.settle();
    assert_eq!(told(&world.plan("shop")), NOTHING, "the record is as it should be");
}
