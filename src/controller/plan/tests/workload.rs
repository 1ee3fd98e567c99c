//! A StatefulSet in the place of a Deployment, and what becomes of one when the other is wanted.

use serde_json::Value;

use super::*;
use crate::controller::validate::unchangeable;

const SET: ChildKind = ChildKind::StatefulSet;
const STATEFUL: &str = "{replicas: 3, workload: {kind: StatefulSet}}";
const RECREATED: &str = "{replicas: 3, workload: {kind: StatefulSet}, rollout: {strategy: Recreate}}";

/// Release `shop` at rest, with every pod of it available.
fn complete(spec: &str) -> World {
    let mut world = World::with(spec);
    world.roll_out("shop");
    world
}

fn pod(name: &str, runs_in: &str, revision: &str) -> Value {
    json!({"metadata": {
        "name": name, "namespace": "store",
        "labels": {"beam-operator.io/release": "shop", "beam-operator.io/revision": revision},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": runs_in, "name": "x", "uid": "x", "controller": true}],
    }})
}

fn replicas(world: &World) -> Value {
    world.object(SET, "shop").unwrap().live("shop").data["spec"]["replicas"].clone()
}

#[test]
fn a_stateful_set_is_made_where_a_deployment_would_be() {
    let mut world = World::default();
    world.store("shop", STATEFUL);
    let made = told(&world.plan("shop"));
    assert!(made.contains(&"create StatefulSet shop".to_owned()), "{made:?}");
    assert!(!made.iter().any(|step| step.contains("Deployment")), "{made:?}");
}

#[test]
fn lone_nodes_of_a_stateful_set_have_their_headless_service_and_lose_it_with_it() {
    let mut world = World::with("{workload: {kind: StatefulSet}, cluster: {distribution: Disabled}}");
    assert_eq!(world.names(ChildKind::Service), ["shop-nodes"]);
    world.store("shop", "cluster: {distribution: Disabled}");
    world.settle();
    world.roll_out("shop");
    assert_eq!(world.names(ChildKind::Service), NOTHING);
}

#[test]
fn the_headless_service_stays_when_nodes_become_lone_and_back() {
    let mut world = World::with(STATEFUL);
    let before = world.object(ChildKind::Service, "shop-nodes").unwrap().uid.clone();
    for cluster in ["{distribution: Disabled}", "{}"] {
        world.store("shop", &format!("{{replicas: 3, workload: {{kind: StatefulSet}}, cluster: {cluster}}}"));
        world.settle();
        let service = world.object(ChildKind::Service, "shop-nodes").unwrap();
        assert_eq!(service.uid, before, "{cluster}");
    }
}

#[rstest]
#[case::to_a_stateful_set("{replicas: 3}", STATEFUL, "Deployment", "StatefulSet")]
#[case::to_a_deployment(STATEFUL, "{replicas: 3}", "StatefulSet", "Deployment")]
fn the_old_kind_goes_when_the_new_one_has_every_pod(
    #[case] before: &str,
    #[case] after: &str,
    #[case] old: &str,
    #[case] new: &str,
) {
    let mut world = complete(before);
    world.store("shop", after);
    world.settle();
    let kinds = |world: &World| {
        let kinds = ChildKind::WORKLOADS.into_iter().filter(|kind| world.object(*kind, "shop").is_some());
        kinds.map(ChildKind::as_str).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&world), ["Deployment", "StatefulSet"]);
    let kind = ChildKind::WORKLOADS.into_iter().find(|kind| kind.as_str() == new).unwrap();
    world.object_mut(kind, "shop").theirs["status"] =
        json!({"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 2});
    world.settle();
    assert_eq!(kinds(&world), ["Deployment", "StatefulSet"], "one is not available yet");

    world.object_mut(kind, "shop").theirs["status"]["availableReplicas"] = 3.into();
    assert_eq!(told(&world.plan("shop")), [format!("delete {old} shop")]);
    world.settle();
    assert_eq!(kinds(&world), [new]);
}

#[test]
fn going_back_before_the_new_kind_runs_costs_the_old_one_nothing() {
    let mut world = complete("replicas: 3");
    let before = world.object(ChildKind::Deployment, "shop").cloned();
    world.store("shop", STATEFUL);
    world.settle();
    world.store("shop", "replicas: 3");
    world.settle();
    assert_eq!(world.object(SET, "shop"), None);
    assert_eq!(world.object(ChildKind::Deployment, "shop").cloned(), before);
}

#[test]
fn recreated_the_new_kind_starts_when_the_last_old_pod_is_gone() {
    let mut world = complete("replicas: 3");
    world.pods = vec![pod("shop-a", "ReplicaSet", "shop-1"), pod("shop-theirs", "Job", "shop-1")];
    world.store("shop", RECREATED);
    let planned = told(&world.plan("shop"));
    assert!(planned.contains(&"delete Deployment shop".to_owned()), "{planned:?}");
    assert!(!planned.contains(&"create StatefulSet shop".to_owned()), "{planned:?}");
    world.settle();
    assert_eq!(told(&world.plan("shop")), NOTHING, "a pod of it is left");
    world.pods.remove(0);
    assert!(told(&world.plan("shop")).contains(&"create StatefulSet shop".to_owned()));
}

#[test]
fn a_stateful_set_is_recreated_by_way_of_none() {
    let mut world = complete(RECREATED);
    let old = world.look("shop").0.running_revision().unwrap().to_owned();
    world.pods = (0..3).map(|number| pod(&format!("shop-{number}"), "StatefulSet", &old)).collect();
    world.store("shop", &RECREATED.replacen('{', "{image: 'shop:2', ", 1));
    world.settle();
    let new = world.look("shop").0.running_revision().unwrap().to_owned();
    assert_ne!(new, old);
    assert_eq!(replicas(&world), 0);

    world.restart_operator();
    world.pods.truncate(1);
    world.settle();
    assert_eq!(replicas(&world), 0, "one of the old pods is left");

    world.object_mut(SET, "shop").meddle("/spec/replicas", Some(json!(3)));
    world.pods.push(pod("shop-1", "StatefulSet", &new));
    world.settle();
    assert_eq!(replicas(&world), 0, "somebody lets new pods run beside the old one");

    world.pods.clear();
    world.settle();
    assert_eq!(replicas(&world), 3);
}

/// Else each pod that is evicted would take all others along.
#[test]
fn a_pod_that_is_replaced_takes_no_other_along() {
    let mut world = complete(RECREATED);
    let revision = world.look("shop").0.running_revision().unwrap().to_owned();
    let mut leaving = pod("shop-2", "StatefulSet", &revision);
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T00:00:00Z".into();
    world.pods = vec![leaving, pod("shop-1", "StatefulSet", &revision)];
    world.object_mut(SET, "shop").theirs["status"]["updatedReplicas"] = 2.into();
    world.store("shop", &RECREATED.replace("replicas: 3", "replicas: 4"));
    world.settle();
    assert_eq!(replicas(&world), 4);
}

#[test]
fn a_pod_that_lost_its_label_takes_no_other_along() {
    let mut world = complete(RECREATED);
    let mut stripped = pod("shop-2", "StatefulSet", "shop-1");
    stripped["metadata"]["labels"] = json!({"beam-operator.io/release": "shop"});
    world.pods = vec![stripped];
    world.store("shop", &RECREATED.replace("replicas: 3", "replicas: 4"));
    world.settle();
    assert_eq!(replicas(&world), 4);
}

#[test]
fn revisions_that_a_stateful_set_keeps_are_none_of_ours() {
    let mut world = complete(STATEFUL);
    let running = world.look("shop").0.running_revision().unwrap().to_owned();
    let mut theirs = stored::Stored::foreign("theirs".to_owned(), 99);
    let labels = world.object(SET, "shop").unwrap().live("shop").metadata.labels;
    theirs.theirs = json!({"metadata": {"labels": labels}, "revision": 99, "data": {"spec": {}}});
    world.objects.insert((ChildKind::ControllerRevision, "shop-f8db6cffc".to_owned()), theirs);
    assert_eq!(told(&world.plan("shop")), NOTHING);
    let history = world.look("shop").0;
    assert_eq!(history.history().iter().map(|(name, _)| *name).collect::<Vec<_>>(), [running]);

    world.store("shop", &STATEFUL.replacen('{', "{image: 'shop:2', ", 1));
    world.settle();
    assert_eq!(world.look("shop").0.history()[0].1.number, 2);
    assert!(world.object(ChildKind::ControllerRevision, "shop-f8db6cffc").is_some());
}

const CLAIMS: &str =
    "[{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]";

/// What is wrong with a spec, for what runs of another one.
fn impossible(before: &str, after: &str) -> Vec<String> {
    let of = |spec: &str| {
        format!("{{cluster: {{}}, workload: {{kind: StatefulSet, volumeClaimTemplates: {CLAIMS}}}}}")
            .replace("cluster: {}", spec)
    };
    let mut world = World::with(&of(before));
    world.store("shop", &if after.starts_with('{') { after.to_owned() } else { of(after) });
    let (observed, valid) = world.look("shop");
    let runs = observed.workload_of(SET).unwrap().workload().unwrap().fixed.clone().unwrap();
    unchangeable(&observed.release, &valid.claims, &runs).iter().map(ToString::to_string).collect()
}

const ORPHANED: &str = "put it back, or run kubectl delete statefulset shop --cascade=orphan, after which the operator \
                        makes it anew around the pods that run; no claim is deleted by it";
const ANEW: &str = "put it back, or run kubectl delete statefulset shop, after which the operator makes it anew with new \
                    pods; no claim is deleted by it";

#[rstest]
#[case::nothing("cluster: {}", "replicas: 2", &[])]
#[case::the_cluster("cluster: {}", "cluster: {name: market}", &[
    format!("spec.cluster.name: cannot change while StatefulSet shop exists, which was made with the headless Service shop-nodes: {ORPHANED}"),
])]
#[case::the_service("cluster: {service: {name: peers}}", "cluster: {}", &[
    format!("spec.cluster.service.name: cannot change while StatefulSet shop exists, which was made with the headless Service peers: {ORPHANED}"),
])]
#[case::the_size("cluster: {}", "{workload: {kind: StatefulSet, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}}]}}", &[
    format!("spec.workload.volumeClaimTemplates: cannot change while StatefulSet shop exists, which was made with other settings of data: {ORPHANED}"),
])]
#[case::the_claims("cluster: {}", "{workload: {kind: StatefulSet}}", &[
    format!("spec.workload.volumeClaimTemplates: cannot change while StatefulSet shop exists, which was made with other settings of data: {ANEW}"),
])]
#[case::the_order("cluster: {}", "{workload: {kind: StatefulSet, podManagementPolicy: OrderedReady, volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]}}", &[
    format!("spec.workload.podManagementPolicy: cannot change while StatefulSet shop exists, which was made with Parallel: {ORPHANED}"),
])]
fn what_can_never_change_is_told(#[case] before: &str, #[case] after: &str, #[case] expected: &[String]) {
    assert_eq!(impossible(before, after), expected);
}
