//! Whether the virtual machines of a revision hold what they run, as part of what makes a revision good.
//!
//! A version may start, answer its probes, meet its cluster, and still be about to fall over. Three figures show that, each
//! against what is normal: the memory against the limit of the container, the run queue against the number of schedulers, and
//! the longest message queue. Where nodes of another revision run as well, one that is no better counts against nobody: then the
//! load is to blame and not the version.
//!
//! Only the last look counts, and what is not known counts against nobody; but a node that nobody has looked at yet is waited
//! for.

use std::fmt;

use crate::controller::observe::Observed;
use crate::controller::pod::PodView;
use crate::observer::{Seen, Vitals};

/// Percent of the limit of the container that the virtual machine may use.
const MEMORY: u64 = 90;
/// Processes and ports that may wait for each scheduler.
const RUN_QUEUE: u64 = 10;
/// Messages that may wait for one process.
const MESSAGES: u64 = 10_000;
/// How many times as much as that of the other revision it has to be.
const WORSE: u64 = 2;

/// What is known of the strain on the nodes of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Strain {
    /// A node bears too much.
    Known(String),
    /// Not every node was looked at yet.
    Awaited,
}

/// The strain on the nodes of a revision, if there is any.
pub(super) fn of(observed: &Observed, revision: &str) -> Option<Strain> {
    let sightings = observed.mesh.as_ref()?;
    let up = observed.pods.iter().filter(|pod| pod.is_ready && pod.is_to_stay());
    let (new, old): (Vec<_>, Vec<_>) = up.partition(|pod| pod.revision.as_deref() == Some(revision));
    let known = |pod: &PodView| Some((Figures::of(pod, observed.vitals.get(&*pod.uid)?), pod.name.clone()));
    let others: Vec<_> = old.iter().filter_map(|pod| known(pod)).map(|(figures, _)| figures).collect();
    let strained = new.iter().filter_map(|pod| known(pod)).find_map(|(figures, pod)| {
        let figure = figures.too_high(&others)?;
        Some(format!("the virtual machine in pod {pod} {figure}"))
    });
    if let Some(evidence) = strained {
        return Some(Strain::Known(evidence));
    }
    let is_unseen = |pod: &PodView| {
        let mut sightings = sightings.iter().filter(|sighting| *sighting.node.uid == *pod.uid);
        sightings.any(|sighting| sighting.seen == Seen::NotYet)
    };
    new.iter().any(|pod| is_unseen(pod)).then_some(Strain::Awaited)
}

/// A figure that can be too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Memory,
    RunQueue,
    Messages,
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => write!(f, "uses more than {MEMORY}% of the memory that its container may use"),
            Self::RunQueue => {
                write!(f, "has more than {RUN_QUEUE} processes that wait to run for each of its schedulers")
            }
            Self::Messages => write!(f, "has a process with more than {MESSAGES} messages waiting for it"),
        }
    }
}

/// The figures of one node; `None` for what is not known or has no limit.
struct Figures {
    /// In percent of the limit.
    memory: Option<u64>,
    /// For each scheduler.
    run_queue: Option<u64>,
    messages: Option<u64>,
}

impl Figures {
    fn of(pod: &PodView, vitals: &Vitals) -> Self {
        let share = |limit: u64| vitals.memory.saturating_mul(100).checked_div(limit);
        Self {
            memory: pod.memory_limit.and_then(share),
            run_queue: vitals.run_queue.checked_div(vitals.schedulers),
            messages: vitals.longest_queue,
        }
    }

    /// The first that is too high, and higher than with others.
    fn too_high(&self, others: &[Self]) -> Option<Figure> {
        let highest = |read: fn(&Self) -> Option<u64>| others.iter().filter_map(read).max();
        let is_worse = |read: fn(&Self) -> Option<u64>, limit: u64| {
            let least = limit.max(highest(read).unwrap_or_default().saturating_mul(WORSE));
            read(self).is_some_and(|value| value > least)
        };
        let is_full = |memory: Option<u64>| memory.is_some_and(|share| share > MEMORY);
        // Where others have reached their limit as well, the load has.
        let has_reached = is_full(self.memory) && !is_full(highest(|it| it.memory));
        let figures = [
            (Figure::Memory, has_reached),
            (Figure::RunQueue, is_worse(|it| it.run_queue, RUN_QUEUE)),
            (Figure::Messages, is_worse(|it| it.messages, MESSAGES)),
        ];
        figures.into_iter().find_map(|(figure, is_too_high)| is_too_high.then_some(figure))
    }
}
