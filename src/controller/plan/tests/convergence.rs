//! From any state that can be observed, plans lead to the same place: where they lead from nothing.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;

use super::stored::{LABELS, Stored};
use super::*;
use crate::resources::labels;

/// What can have happened to what the operator made.
#[derive(Clone, Debug)]
enum Mishap {
    /// Somebody deletes a child.
    Deleted(Index),
    /// Somebody deletes a child, and it is not gone yet.
    BeingDeleted(Index),
    /// Somebody removes a field that we applied.
    Removed(Index, Index),
    /// Somebody changes one.
    Changed(Index, Index),
    /// Somebody adds a field of their own.
    Added(Index),
    /// Somebody has an object where a child should be.
    Replaced(Index),
    /// The release was deleted and made again, and the children of the first are not collected yet.
    Reborn,
    /// A revision has another number.
    Renumbered(Index, i64),
    /// Kubernetes has replaced the pods.
    RolledOut,
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        any::<Index>().prop_map(Mishap::Deleted),
        any::<Index>().prop_map(Mishap::BeingDeleted),
        any::<(Index, Index)>().prop_map(|(object, field)| Mishap::Removed(object, field)),
        any::<(Index, Index)>().prop_map(|(object, field)| Mishap::Changed(object, field)),
        any::<Index>().prop_map(Mishap::Added),
        any::<Index>().prop_map(Mishap::Replaced),
        Just(Mishap::Reborn),
        (any::<Index>(), -1..9_i64).prop_map(|(object, number)| Mishap::Renumbered(object, number)),
        Just(Mishap::RolledOut),
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
        ][..],
    );
    (replicas, images, clusters, others).prop_map(|(replicas, image, cluster, other)| {
        format!("{{replicas: {replicas}, image: '{image}', cluster: {cluster}, {other}}}")
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
    let has_number = |id: &Id| !matches!(mishap, Mishap::Renumbered(..)) || id.0 == ChildKind::ControllerRevision;
    let ours = world.objects.iter().filter(|(id, object)| !is_foreign(object) && has_number(id));
    let ids: Vec<_> = ours.map(|(id, _)| id.clone()).collect();
    let pick = |index: &Index| (!ids.is_empty()).then(|| index.get(&ids).clone());
    let hit = match mishap {
        Mishap::Reborn => return reborn(world),
        Mishap::RolledOut if world.object(ChildKind::Deployment, "shop").is_some() => return world.roll_out("shop"),
        Mishap::RolledOut => return,
        Mishap::Deleted(object)
        | Mishap::BeingDeleted(object)
        | Mishap::Removed(object, _)
        | Mishap::Changed(object, _)
        | Mishap::Added(object)
        | Mishap::Replaced(object)
        | Mishap::Renumbered(object, _) => pick(object),
    };
    let Some((kind, name)) = hit else { return };
    if matches!(mishap, Mishap::Deleted(_)) {
        world.objects.remove(&(kind, name));
        return;
    }
    let object = world.object_mut(kind, &name);
    match mishap {
        Mishap::BeingDeleted(_) => object.deleting = true,
        Mishap::Removed(_, field) => meddle(object, field, |_, _| None),
        Mishap::Changed(_, field) => meddle(object, field, another),
        Mishap::Added(_) => object.meddle("/metadata/annotations/theirs", Some(json!("x"))),
        Mishap::Replaced(_) if kind != ChildKind::Secret => {
            *object = Stored::foreign(format!("theirs-{}", object.version), object.version);
        }
        Mishap::Renumbered(_, number) => object.meddle("/revision", Some(json!(number))),
        _ => {}
    }
}

fn meddle(object: &mut Stored, field: &Index, change: impl Fn(&str, &Value) -> Option<Value>) {
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
        _ => Some(json!("changed")),
    }
}

fn reborn(world: &mut World) {
    let uid = format!("uid-{}", world.objects.len());
    let release = world.releases.get_mut("shop").unwrap();
    release.metadata.uid = Some(uid);
    release.status = None;
}

/// The objects that are not as if they had been made from nothing. The history and the cookie may be others, and what lost
/// its labels or owner and is not wanted any more is nobody's.
fn differences(world: &World, expected: &World) -> Vec<String> {
    let (made, expected) = (made(world), made(expected));
    let names: BTreeSet<_> = made.keys().chain(expected.keys()).cloned().collect();
    let is_foreign = |id: &Id| world.objects.get(id).is_some_and(is_foreign);
    let differing = names.into_iter().filter(|id| made.get(id) != expected.get(id) && !is_foreign(id));
    differing.map(|id| format!("{id:?}: {:?} and not {:?}", made.get(&id), expected.get(&id))).collect()
}

type Id = (ChildKind, String);

fn made(world: &World) -> BTreeMap<Id, String> {
    let uid = world.releases["shop"].metadata.uid.as_deref().unwrap();
    let of_history = [ChildKind::ControllerRevision, ChildKind::Secret];
    let is_marked = |object: &Stored| {
        object.is_watched()
            && object.label(labels::CLUSTER).or(object.label(labels::RELEASE)).is_some()
            && !object.owners().is_empty()
    };
    let objects = world.objects.iter().filter(|((kind, _), object)| !of_history.contains(kind) && is_marked(object));
    objects.map(|(id, object)| (id.clone(), json!(object.ours).to_string().replace(uid, "uid-of-shop"))).collect()
}

fn is_foreign(object: &Stored) -> bool {
    object.uid.starts_with("theirs")
}

/// A quarter of the usual cases: each is dozens of reconciles.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

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
        let theirs: Vec<_> = world.objects.values().filter(|object| is_foreign(object)).cloned().collect();

        // The operator ends in the middle of some reconciles and is started again.
        for steps in ends {
            world.reconcile("shop", steps);
            world.restart_operator();
        }
        world.settle();

        let left: Vec<_> = world.objects.values().filter(|object| is_foreign(object)).cloned().collect();
        prop_assert_eq!(left, theirs);

        let mut expected = World::default();
        store(&mut expected, &after);
        expected.settle();
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
