//! How many pods may go and how many may come.
//!
//! The rules are those by which Kubernetes rolls a Deployment: never more pods than `maxSurge` above the wanted number, and
//! no available one is taken where fewer than `maxUnavailable` below it would be left.

use super::{Carrier, Scene};

/// The number of pods of the revision and of each other, when no more than `ceiling` of the wanted nodes are to run the
/// revision, and the others the rest.
pub(super) fn next(scene: &Scene, ceiling: i32) -> (i32, Vec<i32>) {
    let goal = ceiling.clamp(0, scene.wanted.max(0));
    let rest = scene.wanted - goal;
    let (have, good) = scene.new.as_ref().map_or((0, 0), |new| (new.wanted, new.good()));
    let mut others = scene.as_it_is();
    let old: i32 = others.iter().sum();

    let mut room = (scene.wanted + scene.surge - have - old).max(0);
    let mut size = have + (goal - have).clamp(0, room);
    room -= size - have;
    if let Some(last) = others.last_mut() {
        *last += (rest - old).clamp(0, room);
    }

    // What a controller has not seen yet may count pods that are about to go.
    if scene.new.iter().chain(&scene.others).any(|carrier| !carrier.is_observed) {
        return (size, others);
    }
    let available = good + scene.others.iter().map(|other| other.available).sum::<i32>();
    let mut spare = (available - (scene.wanted - scene.unavailable)).max(0);
    if have > goal {
        let idle = have - good;
        let taken = (have - goal).min(idle + spare);
        spare -= (taken - idle).max(0);
        size = have - taken;
    }
    let mut excess = old - rest;
    // Those that serve nobody first: a Deployment that is to have fewer pods takes them before others as well.
    for (size, other) in others.iter_mut().zip(&scene.others) {
        let taken = excess.min(other.wanted - other.available).max(0);
        *size -= taken;
        excess -= taken;
    }
    for (size, other) in others.iter_mut().zip(&scene.others) {
        let taken = excess.min(spare).min(other.available).min(*size).max(0);
        *size -= taken;
        excess -= taken;
        spare -= taken;
    }
    (size, others)
}

/// The next number of pods of what has no place any more: as many go at a time as may be missing, and the next when they are
/// gone, so that nodes can hand over what they have to those that stay.
pub(super) fn leave(scene: &Scene, other: &Carrier) -> i32 {
    if other.terminating > 0 || !other.is_observed {
        return other.wanted;
    }
    (other.wanted - scene.unavailable.max(1)).max(0)
}
