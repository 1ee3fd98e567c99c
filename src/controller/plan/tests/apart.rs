//! Revisions whose nodes meet no others: what each has for itself, and when.

use serde_json::Value;

use super::*;

fn apart(version: u32) -> String {
    format!("{{image: 'shop:{version}', cluster: {{scope: Revision}}}}")
}

fn together(version: u32) -> String {
    format!("image: 'shop:{version}'")
}

/// A pod of release `shop`.
fn pod(revision: &str, is_apart: bool) -> Value {
    let scope = if is_apart { json!({"beam-operator.io/scope": "Revision"}) } else { json!({}) };
    json!({"metadata": {
        "name": format!("pod-of-{revision}"), "namespace": "store", "annotations": scope,
        "labels": {"beam-operator.io/release": "shop", "beam-operator.io/revision": revision},
    }})
}

fn running(world: &World) -> String {
    world.look("shop").0.running_revision().unwrap().to_owned()
}

/// Release `shop` at rest, with a pod.
fn complete(spec: &str) -> (World, String) {
    let mut world = World::with(spec);
    world.roll_out("shop");
    let revision = running(&world);
    world.pods = vec![pod(&revision, spec.contains("Revision"))];
    world.settle();
    (world, revision)
}

fn secrets(revisions: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = revisions.iter().map(|revision| format!("{revision}-cookie")).collect();
    names.push("shop-cookie".to_owned());
    names.sort();
    names
}

fn services(revisions: &[&str]) -> Vec<String> {
    let mut names: Vec<_> = revisions.iter().map(|revision| format!("{revision}-nodes")).collect();
    names.sort();
    names
}

/// That these revisions, and the cluster if it is named among them, have what their nodes need, and no other has.
fn assert_there(world: &World, apart: &[&str], with_cluster: bool) {
    let shared: &[&str] = if with_cluster { &["shop"] } else { &[] };
    assert_eq!(world.names(ChildKind::Secret), secrets(apart));
    assert_eq!(world.names(ChildKind::Service), services(&[apart, shared].concat()));
}

fn data(world: &World, revision: &str) -> Value {
    world.object(ChildKind::Secret, &format!("{revision}-cookie")).unwrap().theirs["data"].clone()
}

#[test]
fn a_revision_has_its_own_before_its_first_pod() {
    let mut world = World::default();
    world.store("shop", &apart(1));
    let plan = world.plan("shop");

    let revision = plan.revision.clone().unwrap();
    let expected = [
        "create cookie".to_owned(),
        format!("create cookie of {revision}"),
        format!("create Service {revision}-nodes"),
        "create NetworkPolicy shop".to_owned(),
        format!("create ControllerRevision {revision}"),
        "create Deployment shop".to_owned(),
    ];
    assert_eq!(told(&plan), expected);
    world.settle();
    assert_there(&world, &[&revision], false);
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn both_have_their_own_while_both_run_and_the_old_one_leaves_nothing() {
    let (mut world, old) = complete(&apart(1));
    world.store("shop", &apart(2));
    world.settle();
    let new = running(&world);
    assert_there(&world, &[&old, &new], false);
    assert_ne!(data(&world, &old), data(&world, &new));

    world.pods.push(pod(&new, true));
    world.settle();
    assert_there(&world, &[&old, &new], false);

    world.pods.remove(0);
    world.roll_out("shop");
    assert_there(&world, &[&new], false);
}

#[test]
fn a_pod_that_has_ended_needs_nothing_any_more() {
    let (mut world, old) = complete(&apart(1));
    world.store("shop", &apart(2));
    world.settle();
    let new = running(&world);
    world.pods[0]["status"] = json!({"phase": "Failed"});
    world.settle();
    assert_there(&world, &[&new], false);
    assert_ne!(old, new);
}

#[test]
fn going_back_makes_the_same_again() {
    let (mut world, old) = complete(&apart(1));
    let before = data(&world, &old);
    world.store("shop", &apart(2));
    world.settle();
    let new = running(&world);
    world.pods = vec![pod(&new, true)];
    world.roll_out("shop");
    assert_there(&world, &[&new], false);

    world.store("shop", &apart(1));
    let plan = told(&world.plan("shop"));
    let place = |step: &str| plan.iter().position(|told| *told == step).unwrap_or_else(|| panic!("{step} in {plan:?}"));
    let deployment = place("update Deployment shop");
    assert!(place(&format!("create cookie of {old}")) < deployment);
    assert!(place(&format!("create Service {old}-nodes")) < deployment);
    world.settle();
    assert_there(&world, &[&old, &new], false);
    assert_eq!(data(&world, &old), before);
}

/// The revision that is asked for waits, for a migration for instance; the one that runs may lose all of its pods meanwhile.
#[test]
fn what_runs_keeps_its_own_while_the_next_one_waits() {
    let (mut world, old) = complete(&apart(1));
    let next = "{image: 'shop:2', cluster: {scope: Revision}, migrations: [{name: ecto, eval: a}]}";
    world.store("shop", next);
    world.pods.clear();
    world.settle();
    let asked = world.plan("shop").revision.unwrap();
    assert_eq!(running(&world), old);
    assert_there(&world, &[&old, &asked], false);
}

#[rstest]
#[case::from_the_whole_cluster(together(1), apart(2), false, true)]
#[case::to_the_whole_cluster(apart(1), together(2), true, false)]
fn another_scope_is_another_revision(
    #[case] before: String,
    #[case] after: String,
    #[case] was_apart: bool,
    #[case] is_apart: bool,
) {
    let (mut world, old) = complete(&before);
    world.store("shop", &after);
    world.settle();
    let new = running(&world);
    let apart = if was_apart { &old } else { &new };
    assert_there(&world, &[apart], true);

    world.pods = vec![pod(&new, is_apart)];
    world.roll_out("shop");
    let left: Vec<_> = Some(&*new).filter(|_| is_apart).into_iter().collect();
    assert_there(&world, &left, !is_apart);
}

/// What was recorded says by itself whether its nodes are apart.
#[test]
fn an_undone_revision_has_the_scope_that_it_had() {
    let (mut world, old) = complete(&together(1));
    world.store("shop", &apart(2));
    world.settle();
    let new = running(&world);
    world.pods = vec![pod(&new, true)];
    world.roll_out("shop");
    assert_there(&world, &[&new], false);

    let annotations = &mut world.releases.get_mut("shop").unwrap().metadata.annotations;
    annotations.get_or_insert_default().insert(crate::resources::labels::UNDO.to_owned(), "previous".to_owned());
    world.settle();
    assert_eq!(running(&world), old);
    assert_there(&world, &[&new], true);
    world.pods = vec![pod(&old, false)];
    world.roll_out("shop");
    assert_there(&world, &[], true);
    let deployment = world.object(ChildKind::Deployment, "shop").unwrap().live("shop").data;
    assert!(!deployment.to_string().contains("BEAM_REVISION)"), "the recorded template is run as it was");
}

#[test]
fn lone_nodes_have_none() {
    let world = World::with("cluster: {scope: Revision, distribution: Disabled}");
    assert_eq!(world.names(ChildKind::Service), NOTHING);
    assert_eq!(world.names(ChildKind::Secret), NOTHING);
}

/// Losing the labels hides it, so it is asked for again, and found.
#[test]
fn a_cookie_that_lost_its_labels_is_found_again() {
    let (mut world, revision) = complete(&apart(1));
    let name = format!("{revision}-cookie");
    let before = world.object(ChildKind::Secret, &name).cloned().unwrap();
    world.object_mut(ChildKind::Secret, &name).theirs["metadata"]["labels"] = json!({});
    world.settle();
    let after = world.object(ChildKind::Secret, &name).unwrap();
    assert_eq!((&after.uid, &after.theirs), (&before.uid, &before.theirs));
}

#[test]
fn without_the_cookie_of_its_revision_nothing_starts() {
    let mut world = World::default();
    world.store("shop", &apart(1));
    let revision = world.plan("shop").revision.unwrap();
    let foreign = stored::Stored::foreign("theirs".to_owned(), 1);
    world.objects.insert((ChildKind::Secret, format!("{revision}-cookie")), foreign.clone());
    world.settle();
    assert_eq!(world.names(ChildKind::Deployment), NOTHING);
    assert_eq!(world.object(ChildKind::Secret, &format!("{revision}-cookie")), Some(&foreign));
    let status = world.releases["shop"].status.as_ref().unwrap();
    let degraded = status.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    assert!(degraded.message.contains(&format!("Secret {revision}-cookie")), "{}", degraded.message);
}

/// What runs has its own, so replacing the cookie of the cluster cuts nobody off.
#[test]
fn another_cookie_of_the_cluster_changes_none_of_what_runs() {
    let (mut world, revision) = complete(&apart(1));
    let before = world.object(ChildKind::Secret, &format!("{revision}-cookie")).cloned();
    world.objects.remove(&(ChildKind::Secret, "shop-cookie".to_owned()));
    world.settle();
    assert_there(&world, &[&revision], false);
    assert_eq!(world.object(ChildKind::Secret, &format!("{revision}-cookie")).cloned(), before);
}

#[test]
fn one_that_somebody_deletes_is_made_again_and_one_of_another_release_is_left() {
    let (mut world, revision) = complete(&apart(1));
    let before = data(&world, &revision);
    world.objects.remove(&(ChildKind::Secret, format!("{revision}-cookie")));
    world.store("blog", "cluster: {scope: Revision}");
    world.settle();
    assert_eq!(data(&world, &revision), before);
    assert_eq!(world.names(ChildKind::Secret).len(), 4);
    world.releases.remove("blog");
    world.settle();
    assert_there(&world, &[&revision], false);
}
