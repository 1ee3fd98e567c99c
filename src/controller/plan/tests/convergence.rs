//! From any state that can be observed, plans lead to the same place: where they lead from nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::stored::{LABELS, Stored};
use super::*;
use crate::resources::labels;

type Id = (ChildKind, String);

/// What can have happened to what the operator made.
#[derive(Clone, Debug)]
enum Mishap {
    /// Somebody does something to a child.
    Harmed(Index, Harm),
    /// A revision has another number.
    Renumbered(i64),
    /// The release was deleted and made again, and the children of the first are not collected yet.
    Reborn,
    /// Kubernetes has replaced the pods.
    RolledOut,
}

/// What somebody can do to a child.
#[derive(Clone, Debug)]
enum Harm {
    /// It is deleted.
    Deleted,
    /// It is deleted and not gone yet.
    BeingDeleted,
    /// A field that we applied is removed.
    Removed(Index),
    /// A field that we applied is changed.
    Changed(Index),
    /// A field is added.
    Added,
    /// Its label says that it is of another release.
    Claimed,
    /// An object of somebody else stands in its place.
    Replaced(Marks),
    /// An object of somebody else stands beside it.
    Joined(Marks),
}

/// What an object of somebody else has in common with a child.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Marks {
    /// Nothing, or its name.
    None,
    /// Its labels as well.
    Labels,
    /// Its labels and its owners.
    Owners,
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let marks = || select(&[Marks::None, Marks::Labels, Marks::Owners][..]);
    let harm = prop_oneof![
        Just(Harm::Deleted),
        Just(Harm::BeingDeleted),
        any::<Index>().prop_map(Harm::Removed),
        any::<Index>().prop_map(Harm::Changed),
        Just(Harm::Added),
        Just(Harm::Claimed),
        marks().prop_map(Harm::Replaced),
        marks().prop_map(Harm::Joined),
    ];
    prop_oneof![
        6 => (any::<Index>(), harm).prop_map(|(child, harm)| Mishap::Harmed(child, harm)),
        1 => (-1..9_i64).prop_map(Mishap::Renumbered),
        1 => Just(Mishap::Reborn),
        1 => Just(Mishap::RolledOut),
    ]
}

fn spec() -> impl Strategy<Value = String> {
    let replicas = 0..4;
    let images = select(&["shop:1", "shop:2"][..]);
    let clusters = select(
        &[
            "{}",
            "{name: market}",
            "{name: market, service: {name: peers}}",
            "{discovery: Kubernetes}",
            "{distribution: Disabled}",
        ][..],
    );
    let others = select(
        &[
            "",
            "ports: [{containerPort: 4000}]",
            "autoscaling: {maxReplicas: 3}",
            "networkPolicy: Disabled",
            "disruptionBudget: {mode: Disabled}",
            "rollout: {revisionHistoryLimit: 0}",
            "rollout: {strategy: Recreate}",
        ][..],
    );
    let kinds = select(&["Deployment", "Deployment", "StatefulSet"][..]);
    (replicas, images, clusters, others, kinds).prop_map(|(replicas, image, cluster, other, kind)| {
        format!("{{replicas: {replicas}, image: '{image}', cluster: {cluster}, workload: {{kind: {kind}}}, {other}}}")
    })
}

/// Specs of `shop` and, where there is one, of `web`.
fn specs() -> impl Strategy<Value = (String, Option<String>)> {
    (spec(), proptest::option::of(spec()))
}

fn store(world: &mut World, (shop, web): &(String, Option<String>)) {
    world.store("shop", shop);
    match web {
        Some(web) => world.store("web", web),
        None => drop(world.releases.remove("web")),
    }
}

fn strike(world: &mut World, mishap: &Mishap) {
    let ours: Vec<Id> =
        world.objects.iter().filter(|(_, child)| !is_foreign(child)).map(|(id, _)| id.clone()).collect();
    let pick = |kind| ours.iter().find(|(of, _)| *of == kind);
    match mishap {
        Mishap::Harmed(child, harm) if !ours.is_empty() => hurt(world, child.get(&ours), harm),
        Mishap::Renumbered(number) => {
            if let Some((kind, name)) = pick(ChildKind::ControllerRevision) {
                world.object_mut(*kind, name).meddle("/revision", Some(json!(number)));
            }
        }
        Mishap::Reborn => reborn(world),
        Mishap::RolledOut => world.roll_out_all(),
        Mishap::Harmed(..) => {}
    }
}

fn hurt(world: &mut World, (kind, name): &Id, harm: &Harm) {
    let child = world.object_mut(*kind, name);
    match harm {
        Harm::Deleted => drop(world.objects.remove(&(*kind, name.clone()))),
        Harm::BeingDeleted => child.deleting = true,
        Harm::Removed(field) => meddle(child, *field, |_, _| None),
        Harm::Changed(field) => meddle(child, *field, another),
        Harm::Added => child.meddle("/metadata/annotations/theirs", Some(json!("x"))),
        // When the cluster wants the headless Service that lone nodes had, it applies it at each look: the label of the other
        // release is somebody's, and by it nobody sees the Service.
        Harm::Claimed if *kind == ChildKind::Service && name.ends_with("-nodes") => {}
        Harm::Claimed => claim(child, if name == "web" { "shop" } else { "web" }),
        // Beside a cookie of somebody else nothing is made at all.
        Harm::Replaced(_) if *kind == ChildKind::Secret => {}
        Harm::Replaced(marks) => *child = theirs(child, name, *marks),
        Harm::Joined(marks) => {
            let theirs = theirs(child, name, *marks);
            world.objects.insert((*kind, format!("{name}-theirs")), theirs);
        }
    }
}

fn claim(child: &mut Stored, release: &str) {
    if child.label(labels::RELEASE).is_some() {
        child.meddle(&format!("{LABELS}/{}", labels::RELEASE.replace('/', "~1")), Some(json!(release)));
    }
}

/// An object of somebody else that is marked like a child.
fn theirs(child: &Stored, name: &str, marks: Marks) -> Stored {
    let copied = child.live(name).metadata;
    let mut theirs = Stored::foreign(format!("theirs-{}", child.version), child.version);
    if marks != Marks::None {
        theirs.theirs["metadata"]["labels"] = json!(copied.labels);
    }
    if marks == Marks::Owners {
        theirs.theirs["metadata"]["ownerReferences"] = json!(copied.owner_references);
    }
    theirs
}

fn meddle(object: &mut Stored, field: Index, change: impl Fn(&str, &Value) -> Option<Value>) {
    let paths = object.mutable();
    if paths.is_empty() {
        return;
    }
    let path = field.get(&paths);
    let value = object.ours.as_ref().and_then(|ours| ours.pointer(path)).cloned().unwrap_or_default();
    object.meddle(path, change(path, &value));
}

/// Labels, which say whose an object is, are only removed: an object that claims to be another's is another's.
fn another(path: &str, value: &Value) -> Option<Value> {
    match value {
        _ if path.starts_with(LABELS) => None,
        Value::Number(_) => Some(json!(7)),
        Value::Bool(is) => Some(json!(!is)),
        Value::Array(_) => Some(json!([])),
        Value::Object(_) => Some(json!({})),
        _ => Some(json!("changed")),
    }
}

fn reborn(world: &mut World) {
    let uid = format!("uid-{}", world.objects.len());
    let release = world.releases.get_mut("shop").unwrap();
    release.metadata.uid = Some(uid);
    release.status = None;
}

/// The objects that are not as if they had been made from nothing. The history and the cookie may be others, and what
/// lost its labels or owner, or claims to be another's, and is not wanted any more is nobody's.
fn differences(world: &World, expected: &World) -> Vec<String> {
    let (made, expected) = (made(world), made(expected));
    let names: BTreeSet<_> = made.keys().chain(expected.keys()).cloned().collect();
    // A cluster that is left while somebody has taken the owner of one of its objects away leaves it to nobody.
    let is_left = |object: &Stored| object.owners().is_empty() && object.label(labels::CLUSTER).is_some();
    let is_out_of_reach = |id: &Id| world.objects.get(id).is_some_and(|object| is_foreign(object) || is_left(object));
    let differing = names.into_iter().filter(|id| made.get(id) != expected.get(id) && !is_out_of_reach(id));
    differing.map(|id| format!("{id:?}: {:?} and not {:?}", made.get(&id), expected.get(&id))).collect()
}

fn made(world: &World) -> BTreeMap<Id, String> {
    let uid = world.releases["shop"].metadata.uid.as_deref().unwrap();
    let of_history = [ChildKind::ControllerRevision, ChildKind::Secret];
    let is_marked = |object: &Stored| {
        object.is_watched()
            && object.label(labels::CLUSTER).or(object.label(labels::RELEASE)).is_some()
            && !object.owners().is_empty()
            && object.label(labels::RELEASE).is_none_or(|release| is_of(world, object, release))
    };
    let objects = world.objects.iter().filter(|((kind, _), object)| !of_history.contains(kind) && is_marked(object));
    objects.map(|(id, object)| (id.clone(), json!(object.ours).to_string().replace(uid, "uid-of-shop"))).collect()
}

fn is_of(world: &World, object: &Stored, release: &str) -> bool {
    let uid = world.releases.get(release).and_then(ResourceExt::uid);
    uid.is_some_and(|uid| object.owners().contains(&uid))
}

/// Whether the operator had its hands off it. What somebody made in the place of a child and gave to its owner is taken
/// up: that is what giving it away means.
fn is_foreign(object: &Stored) -> bool {
    object.uid.starts_with("theirs") && object.ours.is_none()
}

/// The objects of others. What has owners goes with them.
fn foreign(world: &World) -> Vec<(Id, Stored)> {
    let all = world.objects.iter().filter(|(_, object)| is_foreign(object) && object.owners().is_empty());
    all.map(|(id, object)| (id.clone(), object.clone())).collect()
}

proptest! {
    #[test]
    fn every_state_leads_to_the_same_place(
        before in specs(),
        mishaps in prop::collection::vec(mishap(), 0..5),
        after in specs(),
        ends in prop::collection::vec(0..14_usize, 0..4),
    ) {
        let mut world = World::default();
        store(&mut world, &before);
        world.settle();
        for mishap in &mishaps {
            strike(&mut world, mishap);
        }
        store(&mut world, &after);
        let theirs = foreign(&world);

        // The operator ends in the middle of some reconciles and is started again.
        for steps in ends {
            world.reconcile("shop", steps);
            world.restart_operator();
        }
        world.settle();
        // What runs pods in the kind that is not wanted goes when the other has them.
        world.roll_out_all();

        prop_assert_eq!(foreign(&world), theirs);

        let mut expected = World::default();
        store(&mut expected, &after);
        expected.settle();
        expected.roll_out_all();
        prop_assert_eq!(differences(&world, &expected), Vec::<String>::new());
    }

    #[test]
    fn a_paused_release_is_left_as_it_is(before in specs(), mishaps in prop::collection::vec(mishap(), 0..5)) {
        let mut world = World::default();
        store(&mut world, &(before.0, None));
        world.settle();
        for mishap in &mishaps {
            strike(&mut world, mishap);
        }
        world.spec("shop").paused = true;
        prop_assert_eq!(told(&world.plan("shop")), NOTHING);
    }
}
