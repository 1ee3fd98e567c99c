//! Releases that wait for others.

use super::*;
use crate::api::RolloutPhase;
use crate::resources::labels;

fn version(number: u32, strategy: &str) -> String {
    format!("{{image: 'web:{number}', rollout: {{after: [api], strategy: {strategy}}}}}")
}

fn image(world: &World) -> Option<String> {
    let deployment = world.object(ChildKind::Deployment, "web")?.live("web");
    Some(deployment.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?.to_owned())
}

fn rollout(world: &World, name: &str) -> (RolloutPhase, String) {
    let rollout = world.releases[name].status.as_ref().unwrap().rollout.clone().unwrap();
    (rollout.phase, rollout.message)
}

#[test]
fn the_first_rollout_waits_with_all_but_the_nodes() {
    let mut world = World::default();
    world.store("web", &version(1, "RollingUpdate"));
    world.settle();
    assert_eq!(image(&world), None);
    assert!(world.object(ChildKind::ControllerRevision, &world.plan("web").revision.unwrap()).is_some());
    assert!(world.cookie("web").is_some());
    let (phase, message) = rollout(&world, "web");
    assert_eq!(phase, RolloutPhase::Waiting);
    assert!(message.contains("api does not exist: create it"), "{message}");

    world.store("api", "image: 'api:1'");
    world.settle();
    assert_eq!(image(&world), None);
    assert!(rollout(&world, "web").1.contains("api is on the way"));
    world.roll_out("api");
    assert_eq!(image(&world).as_deref(), Some("web:1"));
    assert_eq!(rollout(&world, "web").0, RolloutPhase::Progressing);
}

#[test]
fn a_later_one_waits_and_the_rest_goes_on_with_what_runs() {
    for strategy in ["RollingUpdate", "Recreate"] {
        let mut world = World::default();
        world.store("api", "image: 'api:1'");
        world.store("web", &version(1, strategy));
        world.settle();
        world.roll_out("api");
        world.roll_out("web");
        world.store("api", "image: 'api:2'");
        world.store("web", &version(2, strategy));
        world.settle();
        world.restart_operator();
        world.spec("web").replicas = 4;
        world.settle();
        let deployment = world.object(ChildKind::Deployment, "web").unwrap().live("web");
        assert_eq!(image(&world).as_deref(), Some("web:1"), "{strategy}");
        assert_eq!(deployment.data["spec"]["replicas"], 4, "{strategy}");
        let status = world.releases["web"].status.as_ref().unwrap();
        assert_eq!(status.condition("Progressing").unwrap().reason, "WaitingForRelease");
        assert_ne!(status.current_revision, status.target_revision);
        world.roll_out("api");
        assert_eq!(image(&world).as_deref(), Some("web:2"), "{strategy}");
    }
}

#[test]
fn one_that_has_begun_goes_on() {
    let mut world = World::default();
    world.store("api", "image: 'api:1'");
    world.store("web", &version(1, "RollingUpdate"));
    world.settle();
    world.roll_out("api");
    world.store("api", "image: 'api:2'");
    world.settle();
    assert_eq!((image(&world).as_deref(), rollout(&world, "web").0), (Some("web:1"), RolloutPhase::Progressing));
}

/// Nobody touches what runs while its revision cannot be kept: somebody deleted the record.
#[test]
fn what_runs_is_left_alone_where_its_record_is_gone() {
    let mut world = World::default();
    world.store("api", "image: 'api:1'");
    world.store("web", &version(1, "Recreate"));
    world.settle();
    world.roll_out("api");
    world.roll_out("web");
    let runs = world.look("web").0.running_revision().unwrap().to_owned();
    world.objects.remove(&(ChildKind::ControllerRevision, runs));
    world.store("api", "image: 'api:2'");
    world.store("web", &version(2, "Recreate"));
    world.settle();
    let deployment = world.object(ChildKind::Deployment, "web").unwrap().live("web");
    assert_eq!(image(&world).as_deref(), Some("web:1"));
    assert!(deployment.metadata.labels.unwrap().contains_key(labels::REVISION));
}
