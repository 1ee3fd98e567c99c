//! Jobs that are run once for each revision.

use super::*;
use crate::api::RolloutPhase;
use crate::resources::labels;

const MIGRATIONS: &str = "[{name: ecto, eval: Shop.migrate()}, {name: seeds, eval: Shop.seed()}, \
                          {name: report, eval: Shop.report(), when: After}]";

fn version(number: u32) -> String {
    format!("{{replicas: 2, image: 'shop:{number}', migrations: {MIGRATIONS}}}")
}

fn world() -> World {
    let mut world = World::default();
    world.store("shop", &version(1));
    world.settle();
    world
}

/// The migrations whose Jobs are there, with how they ended.
fn jobs(world: &World) -> Vec<(String, Option<bool>)> {
    let jobs =
        world.names(ChildKind::Job).into_iter().map(|name| world.object(ChildKind::Job, name).unwrap().live(name));
    let mut jobs: Vec<_> = jobs
        .map(|job| {
            let ended = job.data["status"]["conditions"][0]["type"].as_str().map(|type_| type_ == "Complete");
            (job.metadata.labels.unwrap()[labels::MIGRATION].clone(), ended)
        })
        .collect();
    jobs.sort();
    jobs
}

/// The Job that runs ends.
fn end(world: &mut World, type_: &str) {
    let running = |name: &&str| world.object(ChildKind::Job, name).unwrap().theirs["status"].is_null();
    let name = world.names(ChildKind::Job).into_iter().find(running).expect("a Job runs").to_owned();
    let job = world.object_mut(ChildKind::Job, &name);
    job.theirs["status"] = json!({"conditions": [{"type": type_, "status": "True"}]});
    world.settle();
}

fn image(world: &World) -> Option<String> {
    let deployment = world.object(ChildKind::Deployment, "shop")?.live("shop");
    Some(deployment.data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?.to_owned())
}

fn told(world: &World) -> (String, RolloutPhase) {
    let status = world.releases["shop"].status.as_ref().unwrap();
    (status.condition("Migrated").unwrap().reason.clone(), status.rollout.as_ref().unwrap().phase)
}

fn reason(reason: &str, phase: RolloutPhase) -> (String, RolloutPhase) {
    (reason.to_owned(), phase)
}

/// Everything succeeds.
fn run_all(world: &mut World) {
    end(world, "Complete");
    end(world, "Complete");
    world.roll_out("shop");
    end(world, "Complete");
}

#[test]
fn they_are_run_in_order_before_and_after_the_rollout() {
    let mut world = world();
    assert_eq!((jobs(&world), image(&world)), (vec![("ecto".to_owned(), None)], None));
    assert_eq!(told(&world), reason("MigrationRunning", RolloutPhase::Waiting));
    end(&mut world, "Complete");
    assert_eq!(jobs(&world).len(), 2);
    assert_eq!(image(&world), None);
    end(&mut world, "Complete");
    assert_eq!(image(&world).as_deref(), Some("shop:1"));
    assert_eq!(told(&world), reason("MigrationPending", RolloutPhase::Progressing));
    world.roll_out("shop");
    assert_eq!(told(&world), reason("MigrationRunning", RolloutPhase::Complete));
    end(&mut world, "Complete");
    assert_eq!(told(&world), reason("Migrated", RolloutPhase::Complete));
    let all: Vec<_> = ["ecto", "report", "seeds"].map(|name| (name.to_owned(), Some(true))).to_vec();
    assert_eq!(jobs(&world), all);
    assert_eq!(super::told(&world.plan("shop")), NOTHING);
}

#[test]
fn a_new_revision_is_migrated_before_what_runs_is_touched_and_old_jobs_go() {
    let mut world = world();
    run_all(&mut world);
    world.store("shop", &version(2));
    world.settle();
    world.spec("shop").replicas = 3;
    world.settle();
    assert_eq!((jobs(&world), image(&world).as_deref()), (vec![("ecto".to_owned(), None)], Some("shop:1")));
    let deployment = world.object(ChildKind::Deployment, "shop").unwrap().live("shop");
    assert_eq!(deployment.data["spec"]["replicas"], 3, "what runs is scaled meanwhile");
    end(&mut world, "Complete");
    end(&mut world, "Complete");
    assert_eq!(image(&world).as_deref(), Some("shop:2"));
}

#[test]
fn one_that_fails_leaves_what_runs_alone_until_it_is_tried_again() {
    let mut world = world();
    run_all(&mut world);
    world.store("shop", &version(2));
    world.settle();
    end(&mut world, "Failed");
    world.restart_operator();
    world.settle();
    assert_eq!((jobs(&world), image(&world).as_deref()), (vec![("ecto".to_owned(), Some(false))], Some("shop:1")));
    assert_eq!(told(&world), reason("MigrationFailed", RolloutPhase::Waiting));
    let status = world.releases["shop"].status.clone().unwrap();
    for type_ in ["Migrated", "Degraded", "Progressing"] {
        let message = &status.condition(type_).unwrap().message;
        let words = ["migration ecto failed (Job shop-ecto-", "): the end of the log"];
        assert!(words.iter().all(|words| message.contains(words)), "{type_}: {message}");
    }

    for value in ["1", "2"] {
        let annotations = world.releases.get_mut("shop").unwrap().annotations_mut();
        annotations.insert(labels::RETRY.to_owned(), value.to_owned());
        world.settle();
        assert!(jobs(&world).contains(&("ecto".to_owned(), None)), "try {value}");
        assert_eq!(world.releases["shop"].status.as_ref().unwrap().requests[0].value, value);
        if value == "1" {
            end(&mut world, "Failed");
        }
    }
    end(&mut world, "Complete");
    end(&mut world, "Complete");
    assert_eq!(image(&world).as_deref(), Some("shop:2"));
}

#[test]
fn whoever_is_killed_and_whatever_is_deleted_each_is_run_once() {
    let mut world = World::default();
    world.store("shop", &version(1));
    for steps in 0..6 {
        world.reconcile("shop", steps);
        world.restart_operator();
    }
    world.settle();
    assert_eq!(jobs(&world), [("ecto".to_owned(), None)]);
    run_all(&mut world);
    // Somebody cleans up.
    world.objects.retain(|(kind, _), _| *kind != ChildKind::Job);
    world.settle();
    assert_eq!(jobs(&world), []);
    assert_eq!(told(&world), reason("Migrated", RolloutPhase::Complete));
    // Going back to a revision that was migrated migrates nothing.
    world.store("shop", &version(2));
    world.settle();
    run_all(&mut world);
    world.store("shop", &version(1));
    world.settle();
    assert_eq!((jobs(&world), image(&world).as_deref()), (Vec::new(), Some("shop:1")));
}

#[test]
fn that_of_an_earlier_revision_is_neither_killed_nor_overtaken() {
    let mut world = world();
    world.store("shop", &version(2));
    world.settle();
    assert_eq!(jobs(&world), [("ecto".to_owned(), None)], "that of the first");
    let first = world.names(ChildKind::Job)[0].to_owned();
    end(&mut world, "Complete");
    assert_eq!(jobs(&world), [("ecto".to_owned(), None)], "that of the second");
    assert_ne!(world.names(ChildKind::Job)[0], first);
}

#[test]
fn one_that_is_added_is_run_for_what_runs() {
    let mut world = World::with("image: 'shop:1'");
    world.roll_out("shop");
    world.store("shop", "{image: 'shop:1', migrations: [{name: late, eval: a}]}");
    world.settle();
    assert_eq!(jobs(&world), [("late".to_owned(), None)]);
    assert_eq!(told(&world), reason("MigrationRunning", RolloutPhase::Complete));
    end(&mut world, "Complete");
    assert_eq!(told(&world), reason("Migrated", RolloutPhase::Complete));
}

fn annotate(world: &mut World, name: &str, value: &str) {
    world.releases.get_mut("shop").unwrap().annotations_mut().insert(name.to_owned(), value.to_owned());
}

fn request(world: &World) -> Option<crate::api::RequestStatus> {
    world.releases["shop"].status.as_ref()?.requests.first().cloned()
}

/// The second revision is asked for, and its first migration failed.
fn failed_second() -> World {
    let mut world = world();
    run_all(&mut world);
    world.store("shop", &version(2));
    world.settle();
    end(&mut world, "Failed");
    world
}

#[test]
fn what_ended_for_an_earlier_revision_is_noted_before_its_job_goes() {
    let mut world = world();
    world.store("shop", &version(2));
    world.settle();
    end(&mut world, "Complete");
    world.store("shop", &version(1));
    world.settle();
    end(&mut world, "Complete");
    assert_eq!(jobs(&world), [("seeds".to_owned(), None)], "the first revision goes on behind what was run for it");
    // The operator was away while it ended and something else was asked for.
    let name = world.names(ChildKind::Job)[0].to_owned();
    let job = world.object_mut(ChildKind::Job, &name);
    job.theirs["status"] = json!({"conditions": [{"type": "Complete", "status": "True"}]});
    world.store("shop", &version(3));
    world.settle();
    world.store("shop", &version(1));
    world.settle();
    end(&mut world, "Complete");
    assert_eq!(image(&world).as_deref(), Some("shop:1"), "nothing is left to run for it");
}

#[test]
fn nobody_goes_back_to_a_revision_whose_migration_failed() {
    let mut world = failed_second();
    world.store("shop", &version(3));
    world.settle();
    run_all(&mut world);
    annotate(&mut world, labels::UNDO, "2");
    world.settle();
    assert_eq!(image(&world).as_deref(), Some("shop:3"));
    let refused = request(&world).unwrap();
    assert!(refused.message.contains("its migration ecto has not succeeded"), "{refused:?}");
    annotate(&mut world, labels::UNDO, "previous");
    world.settle();
    assert_eq!(image(&world).as_deref(), Some("shop:1"));
}

#[test]
fn another_try_waits_for_what_the_rollout_waits_for() {
    let mut world = failed_second();
    world.store("db", "image: 'db:1'");
    let held = format!("{{replicas: 2, image: 'shop:2', rollout: {{after: [db]}}, migrations: {MIGRATIONS}}}");
    world.store("shop", &held);
    annotate(&mut world, labels::RETRY, "1");
    world.settle();
    assert_eq!((jobs(&world).len(), request(&world)), (1, None), "asked for, not taken up yet");
    world.roll_out("db");
    assert!(jobs(&world).contains(&("ecto".to_owned(), None)));
    assert_eq!(request(&world).unwrap().outcome, crate::api::RequestOutcome::Done);
}

#[test]
fn a_request_is_one_try_though_the_operator_is_killed_before_it_can_answer() {
    let mut world = failed_second();
    let before = world.releases["shop"].status.clone();
    annotate(&mut world, labels::RETRY, "1");
    world.settle();
    let killed = |world: &mut World| world.releases.get_mut("shop").unwrap().status.clone_from(&before);
    killed(&mut world);
    world.settle();
    assert_eq!(request(&world).unwrap().outcome, crate::api::RequestOutcome::Done);
    end(&mut world, "Failed");
    killed(&mut world);
    world.settle();
    assert_eq!(request(&world).unwrap().outcome, crate::api::RequestOutcome::Done);
    assert_eq!(jobs(&world), vec![("ecto".to_owned(), Some(false)); 2]);
}

#[test]
fn none_is_started_while_the_rollout_is_paused() {
    let mut world = world();
    run_all(&mut world);
    world.store("shop", &version(2));
    annotate(&mut world, labels::PAUSE, "true");
    world.settle();
    assert!(jobs(&world).iter().all(|(_, ended)| ended.is_some()), "{:?}", jobs(&world));
    assert_eq!(image(&world).as_deref(), Some("shop:1"));
    assert_eq!(told(&world), reason("MigrationPending", RolloutPhase::Paused));
    world.releases.get_mut("shop").unwrap().annotations_mut().remove(labels::PAUSE);
    world.settle();
    assert_eq!(jobs(&world), [("ecto".to_owned(), None)]);
}

#[test]
fn a_job_of_somebody_else_tells_nothing() {
    let mut world = World::default();
    world.store("shop", &version(1));
    let mut other = world.clone();
    other.settle();
    let name = other.names(ChildKind::Job)[0].to_owned();
    let mut theirs = stored::Stored::foreign("theirs".to_owned(), 1);
    theirs.theirs = json!({
        "metadata": {"labels": other.object(ChildKind::Job, &name).unwrap().live(&name).metadata.labels},
        "spec": {"backoffLimit": 0},
        "status": {"conditions": [{"type": "Complete", "status": "True"}]},
    });
    world.objects.insert((ChildKind::Job, name.clone()), theirs.clone());
    world.settle();
    assert_eq!(world.names(ChildKind::Job), [&*name]);
    assert_eq!(image(&world), None);
    let degraded = world.releases["shop"].status.as_ref().unwrap().condition("Degraded").unwrap();
    assert_eq!(degraded.reason, "NameTaken");
}
