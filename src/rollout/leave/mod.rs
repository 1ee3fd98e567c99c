//! Which nodes a scale-down takes, and when: with `spec.shutdown.leave`, only those that have left.
//!
//! Until a node has left, the release counts as though it still asked for that node. What becomes of each is written on its
//! pod, where it outlives the operator: it is asked to leave, together with the lowest deletion cost, so that it is the one
//! that Kubernetes takes; and it has left. A run of the command is known to the process alone, so after a restart it is made
//! once more.
//!
//! | state of the pod | what happens |
//! |---|---|
//! | it is the next to go | it is marked, and its node asked to leave |
//! | its node was asked and the command failed | it is asked again after a pause |
//! | its node has left | that is noted; the release asks for one node less |
//! | its node was asked, and is to stay after all | it is replaced, by eviction: who has half left is no member |
//!
//! A node that never ran has nothing to leave, unless it is of a StatefulSet: there an earlier pod may have been the same
//! node. A rollout that replaces pods is let end first.

mod attempt;
mod order;

use std::sync::Arc;

use jiff::Timestamp;

pub use self::attempt::Attempt;
use self::order::{Order, Place};
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::pod::PodView;
use crate::controller::view::{Child, WorkloadView};
use crate::resources::labels;

/// How a scale-down stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// So many nodes the release asks for.
    pub asked: i32,
    /// So many it counts as asking for, because more have not left yet.
    pub replicas: i32,
    /// What is to be done, in order.
    pub moves: Vec<Move>,
    /// What the scale-down waits for, in words; empty when it waits for nothing.
    pub told: String,
    /// Whether that needs a person.
    pub has_failed: bool,
    /// When it goes on without cause.
    pub turn: Option<Timestamp>,
}

/// Something that is done about one pod, given by its name and uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Mark it as the one that goes next.
    Mark(Box<str>, Box<str>),
    /// Have its node leave.
    Ask(Box<str>, Box<str>),
    /// Note that its node has left, at that time.
    Note(Box<str>, Box<str>, Timestamp),
    /// Evict it, so that another takes its place.
    Replace(Box<str>, Box<str>),
}

/// How the scale-down of a release stands; `None` if there is nothing to say of it: it has none, and no node was asked to
/// leave.
#[must_use]
pub fn leaving(observed: &Observed, now: Timestamp) -> Option<Leaving> {
    let release = &*observed.release;
    let wanted = release.spec.replicas;
    let pods: Vec<_> = observed.pods.iter().filter(|pod| pod.is_to_stay()).collect();
    let is_wished = release.spec.shutdown.leave.is_some() && wanted > 0;
    if release.spec.paused || !is_wished && !pods.iter().any(|pod| is_marked(pod)) {
        return None;
    }
    let workload = observed.workload_of(ChildKind::of_workload(release)).filter(|child| !child.deleting)?.workload()?;
    let notes = pods.iter().filter_map(|pod| note(observed, pod)).collect();
    let mut leaving = Leaving { asked: wanted, replicas: wanted, moves: notes, ..Leaving::default() };
    if !is_wished || workload.wanted <= wanted {
        let is_at_rest = workload.wanted == wanted && pods.len() <= usize::try_from(wanted).unwrap_or_default();
        leaving.replace(observed, pods.iter().copied().filter(|_| is_at_rest));
        return (!leaving.moves.is_empty()).then_some(leaving);
    }
    leaving.replicas = workload.wanted;
    if !is_settled(observed, workload, &pods) {
        leaving.told = format!(
            "the scale-down to {wanted} nodes waits until no pod is being replaced: which nodes are to leave is known only then"
        );
        return Some(leaving);
    }
    let order = Order::of(release, workload, &pods);
    leaving.replace(observed, pods.iter().copied().filter(|pod| !order.takes(pod)));
    let in_the_way = order.instead(&pods);
    if in_the_way.is_none() {
        leaving.replicas = order.rest();
    }
    match (order.next(), in_the_way) {
        (Some(Place::Pod(pod)), _) => leaving.ask(observed, pod, now),
        (Some(Place::Empty(name)), _) => {
            leaving.told = format!(
                "the scale-down to {wanted} nodes waits for pod {name}: its node leaves next, and it is not there"
            );
        }
        (None, Some(pod)) if pod.is_leaving => {
            leaving.told = format!(
                "the scale-down to {wanted} nodes waits for pod {}, whose node was asked to leave, is to stay after all and is replaced",
                pod.name
            );
        }
        (None, Some(pod)) => {
            leaving.told = format!(
                "the scale-down to {wanted} nodes waits for pod {}, which is not ready: Kubernetes would take it in place of one \
                 whose node has left. Mend it or delete it",
                pod.name
            );
            leaving.has_failed = true;
        }
        (None, None) => {}
    }
    Some(leaving)
}

/// The same, but for the number of nodes that the release counts as asking for, and with how its scale-down stands.
#[must_use]
pub fn hold(observed: Observed, now: Timestamp) -> Observed {
    let leaving = leaving(&observed, now);
    let Some(held) = leaving.as_ref().filter(|leaving| leaving.replicas != leaving.asked) else {
        return Observed { leaving, ..observed };
    };
    let mut release = (*observed.release).clone();
    release.spec.replicas = held.replicas;
    Observed { release: Arc::new(release), leaving, ..observed }
}

impl Leaving {
    /// Has these pods replaced, as far as their nodes were asked to leave. A run of the command that has not ended would meet
    /// the node that comes next.
    fn replace<'a>(&mut self, observed: &Observed, pods: impl Iterator<Item = &'a PodView>) {
        let is_over = |pod: &&PodView| observed.attempts.get(&pod.uid) != Some(&Attempt::Running);
        let half_gone = pods.filter(|pod| is_marked(pod)).filter(is_over);
        self.moves.extend(half_gone.map(|pod| Move::Replace(pod.name.clone(), pod.uid.clone())));
    }

    /// Has the node of this pod leave, and tells how that goes.
    fn ask(&mut self, observed: &Observed, pod: &PodView, now: Timestamp) {
        if has_left(pod) {
            // Somebody says so.
            return self.moves.push(Move::Mark(pod.name.clone(), pod.uid.clone()));
        }
        let (name, wanted) = (&pod.name, observed.release.spec.replicas);
        let attempt = observed.attempts.get(&pod.uid).filter(|attempt| !attempt.is_outdated(pod));
        let by_hand = format!("kubectl annotate pod {name} {}=true", labels::LEFT);
        let waits = format!("the scale-down to {wanted} nodes waits for the node of pod {name}, which");
        match attempt {
            // It is noted now, and the scale-down goes on when that is seen.
            Some(Attempt::Left(_)) => {}
            Some(Attempt::Running) => self.told = format!("{waits} was asked to leave"),
            None | Some(Attempt::Failed { .. }) if pod.started.is_none() => {
                self.told = format!(
                    "{waits} does not run and so cannot leave (spec.shutdown.leave). Mend it, or go on without it: {by_hand}"
                );
                self.has_failed = true;
            }
            None => {
                self.told = format!("{waits} was asked to leave");
                self.mark_and_ask(pod);
            }
            Some(Attempt::Failed { why, again, .. }) => {
                self.told = format!(
                    "{waits} has not left: spec.shutdown.leave {why}. It is run again, after pauses of up to five minutes. To \
                     go on without it: {by_hand}"
                );
                self.has_failed = true;
                if *again <= now {
                    self.mark_and_ask(pod);
                } else {
                    self.turn = Some(*again);
                }
            }
        }
    }

    fn mark_and_ask(&mut self, pod: &PodView) {
        if !pod.is_leaving {
            self.moves.push(Move::Mark(pod.name.clone(), pod.uid.clone()));
        }
        self.moves.push(Move::Ask(pod.name.clone(), pod.uid.clone()));
    }
}

fn is_marked(pod: &PodView) -> bool {
    pod.is_leaving || pod.left.is_some()
}

/// What is to be noted on a pod, because its node has left since.
fn note(observed: &Observed, pod: &PodView) -> Option<Move> {
    let attempt = observed.attempts.get(&pod.uid).filter(|attempt| !attempt.is_outdated(pod));
    let Some(Attempt::Left(at)) = attempt else { return None };
    (!has_left(pod)).then(|| Move::Note(pod.name.clone(), pod.uid.clone(), *at))
}

/// Whether its node has left, and was not started again since.
fn has_left(pod: &PodView) -> bool {
    pod.left.is_some_and(|left| pod.started.is_none_or(|started| started <= left))
}

/// Whether all pods are of the template that there is, and no pod is being made or taken away.
fn is_settled(observed: &Observed, workload: &WorkloadView, pods: &[&PodView]) -> bool {
    let present = i32::try_from(pods.len()).unwrap_or(i32::MAX);
    let is_current = |pod: &&PodView| pod.revision == workload.revision;
    let has_others = observed.carriers().filter_map(Child::workload).filter(|view| view.replicas > 0).count() > 1;
    workload.observed
        && workload.replicas == present
        && present <= workload.wanted
        && pods.iter().all(is_current)
        && !has_others
}

#[cfg(test)]
mod tests;
