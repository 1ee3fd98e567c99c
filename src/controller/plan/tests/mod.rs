//! Plans, followed to where they lead in a small world of their own.

mod after;
mod apart;
mod certificates;
mod cluster;
mod convergence;
mod fleet;
mod keeping;
mod kubernetes;
mod migrated_once;
mod migrations;
mod revisions;
mod rollback;
mod route;
mod seen;
mod stored;
mod workload;
mod world;

use kube::ResourceExt;
use rstest::rstest;
use serde_json::json;

use self::world::World;
use super::*;

fn told(plan: &Plan) -> Vec<String> {
    let words = |verb: &str, kind: ChildKind, name: &str| format!("{verb} {} {name}", kind.as_str());
    let told = plan.steps.iter().map(|step| match step {
        Step::CreateCookie(_) => "create cookie".to_owned(),
        Step::CreateRevisionCookie(_, revision) => format!("create cookie of {revision}"),
        Step::KeepCertificates(_) => "keep certificates".to_owned(),
        Step::OwnSecret(secret) => format!("own {}", secret.name_any()),
        Step::Create(desired) => words("create", desired.kind, &desired.name),
        Step::Update(desired, _) => words("update", desired.kind, &desired.name),
        Step::Delete(kind, name, _) => words("delete", *kind, name),
        Step::Judge(revision, Some(_)) => format!("reject {revision}"),
        Step::NoteMeeting(revision) => format!("note that {revision} has met"),
        Step::NoteMigration(ended) => format!("note {}", ended.job),
        Step::Judge(revision, None) => format!("accept {revision}"),
        Step::RotateCookie(rotation) => format!("rotate cookie: {:?}", rotation.next),
        Step::Evict(pod, _, _) => format!("evict {pod}"),
        Step::MarkLeaving(pod, _) => format!("mark {pod}"),
        Step::Leave(pod, _, command, _) => format!("have {pod} leave: {}", command[6..].join(" ")),
        Step::NoteLeft(pod, _, _) => format!("note that {pod} has left"),
        Step::OpenGate(pod, _) => format!("open gate of {pod}"),
        Step::ReadRevision(name) => format!("read {name}"),
        Step::Scale(kind, name, _, replicas) => format!("scale {} {name} to {replicas}", kind.as_str()),
        Step::Split(weights) => format!("split {}", weights.route),
        Step::NoteStage(revision, _) => format!("note how far {revision} has come"),
    });
    told.collect()
}

const NOTHING: [&str; 0] = [];

/// A release with every child that there is.
const EVERYTHING: &str =
    "{replicas: 3, ports: [{containerPort: 4000}], cluster: {discovery: Kubernetes}, autoscaling: {maxReplicas: 5}}";

#[test]
fn what_a_pod_refers_to_comes_before_the_pod() {
    let mut world = World::default();
    world.store("shop", EVERYTHING);
    let plan = world.plan("shop");

    let revision = plan.revision.clone().unwrap();
    let expected = [
        "create cookie",
        "create Service shop-nodes",
        "create ServiceAccount shop-discovery",
        "create Role shop-discovery",
        "create RoleBinding shop-discovery",
        "create NetworkPolicy shop",
        &format!("create ControllerRevision {revision}"),
        "create Deployment shop",
        "create Service shop",
        "create PodDisruptionBudget shop",
        "create HorizontalPodAutoscaler shop",
    ];
    assert_eq!(told(&plan), expected);
}

#[test]
fn a_world_at_rest_needs_nothing() {
    let world = World::with(EVERYTHING);
    let plan = world.plan("shop");
    assert_eq!((told(&plan).as_slice(), plan.taken.as_slice()), (&[][..], &[][..]));
}

#[test]
fn a_paused_release_is_left_alone_and_its_running_revision_named() {
    let mut world = World::with("replicas: 3");
    let running = world.plan("shop").revision;
    world.store("shop", "{replicas: 1, image: 'shop:2', paused: true}");

    let plan = world.plan("shop");
    assert_eq!(told(&plan), NOTHING);
    assert_eq!(plan.revision, running);
}

#[test]
fn a_release_that_is_paused_from_the_start_has_no_revision() {
    let mut world = World::default();
    world.store("shop", "paused: true");
    let plan = world.plan("shop");
    assert_eq!((told(&plan).as_slice(), plan.revision), (&[][..], None));
}

#[test]
fn nothing_is_made_for_a_release_that_is_being_deleted() {
    let mut world = World::default();
    world.store("shop", "");
    world.releases.get_mut("shop").unwrap().metadata.deletion_timestamp =
        serde_json::from_value(json!("2026-11-23T00:00:00Z")).unwrap();
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[rstest]
#[case::grows("replicas: 1", "replicas: 2", &["update Deployment shop", "create PodDisruptionBudget shop"])]
#[case::shrinks("replicas: 2", "replicas: 1", &["update Deployment shop", "delete PodDisruptionBudget shop"])]
#[case::stops("replicas: 1", "replicas: 0", &["update Deployment shop"])]
#[case::without_policy("", "networkPolicy: Disabled", &["delete NetworkPolicy shop"])]
#[case::without_autoscaler("autoscaling: {maxReplicas: 2}", "", &[
    "delete PodDisruptionBudget shop", "delete HorizontalPodAutoscaler shop"])]
fn a_field_changes_only_its_children(#[case] before: &str, #[case] after: &str, #[case] expected: &[&str]) {
    let mut world = World::with(before);
    world.store("shop", after);

    assert_eq!(told(&world.plan("shop")), expected);
}

#[test]
fn an_update_names_the_object_that_was_seen() {
    let mut world = World::with("");
    world.object_mut(ChildKind::Deployment, "shop").meddle("/spec/replicas", Some(json!(7)));

    let [Step::Update(desired, uid)] = &world.plan("shop").steps[..] else { panic!("one update") };
    assert_eq!(desired.object["spec"]["replicas"], 1);
    assert_eq!(**uid, *world.object(ChildKind::Deployment, "shop").unwrap().uid);
}

#[test]
fn fields_of_others_are_no_reason_to_write() {
    let mut world = World::with("");
    world.object_mut(ChildKind::Deployment, "shop").theirs["metadata"] = json!({"annotations": {"theirs": "x"}});
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[test]
fn a_child_that_is_being_deleted_is_waited_for() {
    let mut world = World::with("");
    let deployment = world.object_mut(ChildKind::Deployment, "shop");
    deployment.deleting = true;
    deployment.meddle("/spec/replicas", Some(json!(7)));
    assert_eq!(told(&world.plan("shop")), NOTHING);
}

#[rstest]
#[case::that_only_has_the_name(false)]
#[case::that_copied_our_labels(true)]
fn an_object_of_somebody_else_is_named_and_left_alone(#[case] is_labelled: bool) {
    let mut world = World::with("replicas: 2");
    let budget = world.object_mut(ChildKind::PodDisruptionBudget, "shop");
    let labels = budget.live("shop").metadata.labels;
    *budget = stored::Stored::foreign("theirs".to_owned(), budget.version);
    if is_labelled {
        budget.theirs["metadata"]["labels"] = json!(labels);
    }
    let foreign = budget.clone();
    world.settle();

    assert_eq!(world.object(ChildKind::PodDisruptionBudget, "shop"), Some(&foreign));
    let status = world.releases["shop"].status.as_ref().unwrap();
    let degraded = status.conditions.iter().find(|condition| condition.type_ == "Degraded").unwrap();
    assert_eq!(degraded.reason, "NameTaken");
    assert!(degraded.message.contains("PodDisruptionBudget shop"), "{}", degraded.message);
}

#[test]
fn a_deployment_of_somebody_else_is_not_reported_as_ours() {
    let mut world = World::with("");
    let deployment = world.object_mut(ChildKind::Deployment, "shop");
    let labels = deployment.live("shop").metadata.labels;
    *deployment = stored::Stored::foreign("theirs".to_owned(), deployment.version);
    deployment.theirs = json!({"metadata": {"labels": labels}, "status": {"replicas": 3, "readyReplicas": 3}});
    world.settle();

    assert_eq!(world.look("shop").0.workload(None), None);
    assert_eq!(world.releases["shop"].status.as_ref().unwrap().ready.as_deref(), Some("0/1"));
}

/// The headless Service of cluster `shop` has the name of the traffic Service of release `shop-nodes`.
#[test]
fn a_child_of_another_release_is_not_taken_over() {
    let mut world = World::with("");
    let theirs = world.object(ChildKind::Service, "shop-nodes").cloned();
    world.store("shop-nodes", "ports: [{containerPort: 4000}]");
    world.settle();

    assert_eq!(world.object(ChildKind::Service, "shop-nodes").cloned(), theirs);
}

#[test]
fn a_child_without_our_labels_is_ours_all_the_same() {
    let mut world = World::with("");
    let whole = world.objects.clone();
    for object in world.objects.values_mut() {
        for side in object.ours.iter_mut().chain([&mut object.theirs]) {
            side.pointer_mut(stored::LABELS).map(serde_json::Value::take);
        }
    }
    world.settle();
    let content = |objects: &std::collections::BTreeMap<_, stored::Stored>| {
        objects.values().map(|object| (object.uid.clone(), object.ours.clone())).collect::<Vec<_>>()
    };
    assert_eq!(content(&world.objects), content(&whole));
}

#[test]
fn without_its_cookie_nothing_starts() {
    let mut world = World::default();
    world
        .objects
        .insert((ChildKind::Secret, "shop-cookie".to_owned()), stored::Stored::foreign("theirs".to_owned(), 1));
    world.store("shop", "");
    world.settle();
    assert_eq!(world.objects.len(), 1);
}

#[test]
fn a_cookie_is_kept_when_nobody_wants_it() {
    let mut world = World::with("");
    let made = world.cookie("shop").cloned();
    world.know("mine", "cookie");
    world.store("shop", "cluster: {cookie: {secretKeyRef: {name: mine}}}");
    world.settle();
    assert_eq!(world.cookie("shop").cloned(), made);
}
