//! Which revisions are made, run and kept.

use super::*;
use crate::resources::labels;

fn image(version: u32) -> String {
    format!("{{image: 'shop:{version}', rollout: {{revisionHistoryLimit: 1}}}}")
}

fn running(world: &World) -> String {
    world.look("shop").0.running_revision().unwrap().to_owned()
}

fn kept(world: &World) -> BTreeSet<&str> {
    world.names(ChildKind::ControllerRevision).into_iter().collect()
}

/// As if an operator of another version had rendered the running revision: its pods have one variable less.
fn rendered_otherwise(world: &mut World) {
    let running = running(world);
    let [record, deployment] = [(ChildKind::ControllerRevision, &*running), (ChildKind::Deployment, "shop")];
    for ((kind, name), template) in [(record, "/data/spec/template"), (deployment, "/spec/template")] {
        let ours = world.object_mut(kind, name).ours.as_mut().unwrap();
        let pod = ours.pointer_mut(template).unwrap();
        pod["spec"]["containers"][0]["env"].as_array_mut().unwrap().remove(0);
    }
}

#[test]
fn a_new_image_makes_a_new_revision_and_keeps_the_old_one() {
    let mut world = World::with(&image(1));
    let old = running(&world);
    world.store("shop", &image(2));
    world.settle();

    let new = running(&world);
    assert_ne!(new, old);
    assert_eq!(kept(&world), [&*old, &*new].into());
}

#[test]
fn going_back_runs_the_old_revision_under_its_name() {
    let mut world = World::with(&image(1));
    let old = running(&world);
    world.store("shop", &image(2));
    world.settle();
    world.store("shop", &image(1));
    world.settle();

    assert_eq!(running(&world), old);
    let record = world.object(ChildKind::ControllerRevision, &old).unwrap().live(&old);
    assert_eq!(record.data["revision"], 3);
}

#[test]
fn the_history_is_trimmed_to_its_limit() {
    let mut world = World::with(&image(1));
    world.roll_out("shop");
    for version in 2..6 {
        world.store("shop", &image(version));
        world.settle();
        world.roll_out("shop");
    }
    assert_eq!(kept(&world).len(), 2);
}

#[test]
fn trimming_keeps_the_running_and_the_last_complete_revision() {
    let mut world = World::with(&image(1));
    world.roll_out("shop");
    let complete = running(&world);
    for version in 2..6 {
        world.store("shop", &image(version));
        world.settle();
    }
    let kept = kept(&world);
    assert!(kept.contains(&*complete), "{complete} is not in {kept:?}");
    assert!(kept.contains(&*running(&world)));
    assert_eq!(kept.len(), 3);
}

#[test]
fn changed_configuration_is_a_new_revision_of_the_same_pods() {
    let mut world = World::default();
    world.know("env", "KEY");
    world.store("shop", "envFrom: [{secretRef: {name: env}}]");
    world.settle();
    let before = running(&world);
    world.know("env", "KEY");
    world.settle();
    assert_ne!(running(&world), before);
}

#[test]
fn changed_configuration_is_none_of_the_pods_business_if_they_say_so() {
    let mut world = World::default();
    world.know("env", "KEY");
    world.store("shop", "{envFrom: [{secretRef: {name: env}}], rollout: {restartOnConfigChange: false}}");
    world.settle();
    world.know("env", "KEY");
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn another_version_of_the_operator_restarts_nobody() {
    let mut world = World::with(&image(1));
    rendered_otherwise(&mut world);
    let (before, revision) = (world.objects.clone(), running(&world));

    assert_eq!(told(&world.plan("shop")), [format!("read {revision}")]);
    world.settle();
    assert_eq!(told(&world.plan("shop")), NOTHING);
    assert_eq!(world.objects, before);
}

#[test]
fn what_another_version_rendered_is_scaled_and_repaired_as_it_is() {
    let mut world = World::with(&image(1));
    rendered_otherwise(&mut world);
    world.spec("shop").replicas = 3;
    world.settle();

    let revision = running(&world);
    let template = |kind, name: &str, path: &str| {
        let mut template = world.object(kind, name).unwrap().live(name).data.pointer(path).cloned().unwrap();
        template["metadata"]["labels"].as_object_mut().unwrap().remove(labels::REVISION);
        template
    };
    assert_eq!(
        template(ChildKind::Deployment, "shop", "/spec/template"),
        template(ChildKind::ControllerRevision, &revision, "/data/spec/template"),
    );
}

#[test]
fn another_version_of_the_operator_reads_again_after_it_was_started_again() {
    let mut world = World::with(&image(1));
    rendered_otherwise(&mut world);
    world.settle();
    world.restart_operator();
    assert_eq!(told(&world.plan("shop")), [format!("read {}", running(&world))]);
}

#[test]
fn a_deployment_that_was_deleted_comes_back_at_its_revision() {
    let mut world = World::with(&image(1));
    rendered_otherwise(&mut world);
    world.settle();
    let before = world.object(ChildKind::Deployment, "shop").unwrap().ours.clone();
    world.objects.remove(&(ChildKind::Deployment, "shop".to_owned()));
    world.settle();
    assert_eq!(world.object(ChildKind::Deployment, "shop").unwrap().ours, before);
}
