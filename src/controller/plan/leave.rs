//! What is done about the nodes that a scale-down takes.

use std::time::Duration;

use super::{Eviction, Step};
use crate::api::ElixirRelease;
use crate::resources::pod;
use crate::rollout::leave::{Leaving, Move};

/// The steps, in order: who is asked to leave is marked first.
pub(super) fn steps(release: &ElixirRelease, leaving: &Leaving) -> Vec<Step> {
    let limit = release.spec.shutdown.leave.as_ref().map_or(0, |leave| leave.timeout_seconds);
    let limit = Duration::from_secs(limit.try_into().unwrap_or_default());
    let step = |leave: &Move| {
        Some(match leave {
            Move::Mark(pod, uid) => Step::MarkLeaving(pod.clone(), uid.clone()),
            Move::Ask(pod, uid) => Step::Leave(pod.clone(), uid.clone(), pod::leave(release)?, limit),
            Move::Note(pod, uid, at) => Step::NoteLeft(pod.clone(), uid.clone(), *at),
            Move::Replace(pod, uid) => Step::Evict(pod.clone(), uid.clone(), Eviction::AskedToLeave),
        })
    };
    leaving.moves.iter().filter_map(step).collect()
}
