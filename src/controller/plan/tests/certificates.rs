//! Certificates that the operator makes: when they are looked at, and whose they are.

use jiff::SignedDuration;

use super::*;

const MANAGED: &str = "cluster: {tls: {mode: Managed}}";
const API: &str = "cluster: {name: market, tls: {mode: Managed}}";
const SECRETS: [&str; 2] = ["shop-distribution-ca", "shop-distribution-tls"];
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn certificate(world: &World) -> serde_json::Value {
    world.object(ChildKind::Secret, SECRETS[1]).unwrap().theirs["data"]["tls.crt"].clone()
}

#[test]
fn they_are_there_before_the_pod_that_mounts_them() {
    let mut world = World::default();
    world.store("shop", MANAGED);
    let steps = told(&world.plan("shop"));
    assert_eq!(steps[..2], ["create cookie", "keep certificates"]);

    world.settle();
    assert_eq!(told(&world.plan("shop")), NOTHING);
    assert_eq!(world.names(ChildKind::Secret), ["shop-cookie", SECRETS[0], SECRETS[1]]);
}

#[test]
fn they_are_renewed_in_time_and_no_node_restarts_for_it() {
    let mut world = World::with(MANAGED);
    let (before, revision) = (certificate(&world), world.plan("shop").revision);
    world.now = world.now + DAY * 60 - SignedDuration::from_secs(1);
    assert_eq!(told(&world.plan("shop")), NOTHING);
    let (observed, _) = world.look("shop");
    assert_eq!(observed.renewal(world.now), Some(world.now + SignedDuration::from_secs(1)));

    world.now += SignedDuration::from_secs(1);
    assert_eq!(told(&world.plan("shop")), ["keep certificates"]);
    world.settle();
    assert_ne!(certificate(&world), before);
    assert_eq!((told(&world.plan("shop")), world.plan("shop").revision), (Vec::new(), revision));
}

#[test]
fn a_lost_secret_is_made_anew() {
    for lost in SECRETS {
        let mut world = World::with(MANAGED);
        world.objects.remove(&(ChildKind::Secret, lost.to_owned()));
        assert_eq!(told(&world.plan("shop")), ["keep certificates"], "{lost}");
        world.settle();
        assert_eq!(told(&world.plan("shop")), NOTHING, "{lost}");
        assert!(world.object(ChildKind::Secret, lost).is_some());
    }
}

/// Whatever was taken off a Secret: what has lost it is looked at once, and then it is there again.
#[test]
fn what_is_noted_on_them_comes_back() {
    for secret in SECRETS {
        for place in ["labels", "annotations"] {
            let mut world = World::with(MANAGED);
            let stored = world.object_mut(ChildKind::Secret, secret);
            let before = stored.theirs["metadata"].as_object_mut().unwrap().remove(place);
            assert_eq!(told(&world.plan("shop")), ["keep certificates"], "{secret} {place}");
            world.settle();
            assert_eq!(world.object(ChildKind::Secret, secret).unwrap().theirs["metadata"].get(place), before.as_ref());
        }
    }
}

#[test]
fn members_share_them_and_the_last_takes_them_along() {
    let mut world = World::default();
    world.store("api", API);
    world.settle();
    world.store("web", API);
    let steps = told(&world.plan("web"));
    let expected = ["own market-cookie", "own market-distribution-ca", "own market-distribution-tls"];
    assert_eq!(steps[..3], expected);
    world.settle();
    for secret in &expected[1..] {
        let name = secret.strip_prefix("own ").unwrap();
        assert_eq!(world.object(ChildKind::Secret, name).unwrap().owners(), ["uid-of-api", "uid-of-web"]);
    }

    world.releases.remove("api");
    world.settle();
    assert_eq!(world.names(ChildKind::Secret).len(), 3);
    world.releases.remove("web");
    world.settle();
    assert_eq!(world.names(ChildKind::Secret), NOTHING);
}

#[test]
fn one_of_somebody_else_stops_what_would_mount_it() {
    for taken in SECRETS {
        let mut world = World::default();
        world.store("shop", MANAGED);
        let foreign = stored::Stored::foreign("uid-of-theirs".to_owned(), 1);
        world.objects.insert((ChildKind::Secret, taken.to_owned()), foreign.clone());
        for _ in 0..3 {
            world.reconcile("shop", usize::MAX);
        }
        assert_eq!(world.object(ChildKind::Secret, taken), Some(&foreign));
        assert_eq!(world.names(ChildKind::Deployment), NOTHING);
    }
}

#[test]
fn they_stay_when_they_are_not_wanted_for_a_while() {
    let mut world = World::with(MANAGED);
    let before = certificate(&world);
    world.store("shop", "");
    world.settle();
    world.now += DAY * 365;
    assert_eq!(told(&world.plan("shop")), NOTHING);
    assert_eq!(world.look("shop").0.renewal(jiff::Timestamp::UNIX_EPOCH), None);
    assert_eq!(certificate(&world), before);
}

/// The Secret of the user's own is no part of the revision: the VM reads it again.
#[test]
fn what_the_user_renews_restarts_no_node() {
    for mode in ["Secret", "Application"] {
        let mut world = World::default();
        world.know_certificate("mine");
        world.store("shop", &format!("cluster: {{tls: {{mode: {mode}, secretName: mine}}}}"));
        world.settle();
        let revision = world.plan("shop").revision;
        world.know_certificate("mine");
        assert_eq!((told(&world.plan("shop")), world.plan("shop").revision), (Vec::new(), revision), "{mode}");
    }
}
