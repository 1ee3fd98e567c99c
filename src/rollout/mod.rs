//! Rollouts: which revision the pods are to run, given the one that the release asks for.
//!
//! Almost always it is that. It is an earlier one when the revision was rejected: because it failed
//! (`spec.rollout.onFailure: Rollback`), or because somebody asked for it by an annotation. The spec is never edited. A
//! rejection is noted on the record of the revision, its ControllerRevision, together with the number that the revision had:
//! so it outlives the operator, and ends when the spec asks for something else, because a revision that is asked for anew
//! gets another number.
//!
//! | file | subject |
//! |---|---|
//! | `after` | which other releases a rollout waits for |
//! | `migrations` | which Job is to be run for it, before or after |
//! | `failure` | when a revision counts as failed |
//! | `meeting` | whether its nodes have met their cluster |
//! | `strain` | whether its virtual machines hold what they run |
//! | `note` | how something is noted on the record of a revision |
//! | `rejection` | what is noted about one that was rejected |
//! | `leave` | which nodes a scale-down takes, and when |
//! | `fleet` | how many pods of which revision, where each has a Deployment of its own |
//! | `stage` | what is noted about the way of a revision through its strategy |
//! | `request` | what people ask for by annotation, and what became of it |

pub mod after;
mod failure;
pub mod fleet;
pub mod leave;
pub(crate) mod meeting;
pub mod migrations;
mod note;
mod rejection;
mod request;
mod scaled;
mod stage;
mod strain;

use jiff::Timestamp;

pub use self::fleet::{Fleet, Weights};
pub use self::migrations::Ledger;
pub use self::note::Note;
pub use self::rejection::{Cause, Rejection};
use self::request::Another;
pub use self::request::{Answer, Verb};
pub use self::stage::Stage;

use crate::api::{OnFailure, When};
use crate::controller::conditions::{Reason, Told, told};
use crate::controller::observe::Observed;
use crate::controller::revision::Choice;
use crate::controller::status::runs_completely;
use crate::resources::labels;
use crate::resources::migration::Prepared;

/// What is to become of the revision that a release asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// The revision that the pods are to run; `None` if there are to be none yet.
    pub revision: Option<String>,
    /// Why that is not the one that is asked for.
    pub rejection: Option<Rejection>,
    /// Whether the record of the one that is asked for says something else yet.
    pub is_new: bool,
    /// What is to be done about its migrations.
    pub migration: migrations::Next,
    /// How many pods of which revision there are to be, where each revision has a Deployment of its own.
    pub fleet: Option<Fleet>,
    /// What is to be told of it.
    pub report: Report,
}

/// What is to be told of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the revision that is asked for waits for.
    pub hold: Option<Hold>,
    /// What its strategy does next, in words.
    pub pace: String,
    /// Canary: how many steps are done, while it is under way.
    pub step: Option<u32>,
    /// BlueGreen: the revision that traffic goes to, if to one.
    pub active: Option<String>,
    /// What is told of its migrations, if there are any.
    pub migrated: Option<Told>,
    /// What is to be answered to those who asked for something by annotation.
    pub answers: Vec<Answer>,
}

/// What a rollout waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What, in a word.
    pub reason: Reason,
    /// The same in words.
    pub message: String,
}

/// Decides about the revision that a release asks for.
#[must_use]
pub fn course(observed: &Observed, asked: &Choice, migrations: &[Prepared], now: Timestamp) -> Course {
    let noted = noted(observed, asked);
    let progress = Migrating::of(observed, asked, migrations, now);
    let running = observed.moving_to();
    let has_begun = running == Some(&*asked.name);
    let another = progress.another(observed, has_begun);
    let (mut rejection, answers) = request::take_up(observed, asked, noted, another);
    let was_tried_again = noted.is_some() && rejection.is_none();
    if rejection.is_none() && !was_tried_again && observed.release.spec.rollout.on_failure == OnFailure::Rollback {
        rejection = failed(observed, asked, now);
    }
    // Whoever deletes the record of the revision to go back to, leaves nothing to go back to.
    let is_kept = |rejection: &Rejection| is_recorded(observed, &rejection.instead);
    let rejection = rejection.filter(is_kept);
    let hold = if rejection.is_some() || has_begun { None } else { after::hold(observed) };
    let is_let_go = rejection.is_none() && hold.is_none();
    let migration = if is_let_go { progress.next } else { migrations::Next::Nothing };
    let hold = hold.or_else(|| migrations::hold(observed, &migration).filter(|_| !has_begun));
    let migrated = progress.told.filter(|_| is_let_go);
    // What nobody recorded cannot be kept as it is, other than by not touching it.
    let kept = || running.filter(|running| is_recorded(observed, running)).map(ToOwned::to_owned);
    let mut course = Course {
        revision: match (&rejection, &hold) {
            (Some(rejection), _) => Some(rejection.instead.clone()),
            (None, Some(_)) => kept(),
            (None, None) => Some(asked.name.clone()),
        },
        is_new: rejection.as_ref() != noted,
        rejection,
        migration,
        fleet: None,
        report: Report { hold, migrated, answers, ..Report::default() },
    };
    fleet::decide(observed, asked, &mut course, now);
    course
}

/// How far the migrations of the revision are.
struct Migrating {
    next: migrations::Next,
    told: Option<Told>,
    /// Whether another try was made for the request that is not answered yet.
    was_tried: bool,
}

impl Migrating {
    fn of(observed: &Observed, asked: &Choice, all: &[Prepared], now: Timestamp) -> Self {
        let request = Verb::Retry.unanswered(&observed.release);
        let was_tried = request.is_some_and(|request| migrations::was_tried(observed, &asked.name, request));
        let retry = request.is_some() && !was_tried && !labels::is_rollout_paused(&observed.release);
        let next = |when| migrations::next(observed, &asked.name, all, when, retry);
        let before = next(When::Before);
        let status = observed.release.status.as_ref();
        // Whoever writes the status is told nothing of it by a watch, so what it says last is not enough.
        let is_complete = status.and_then(|status| status.current_revision.as_ref()) == Some(&asked.name)
            || runs_completely(observed, &asked.name, now);
        let after = next(When::After);
        let (next, pending) = match (before, after) {
            (migrations::Next::Nothing, migrations::Next::Nothing) => (migrations::Next::Nothing, false),
            (migrations::Next::Nothing, after) if is_complete => (after, false),
            (migrations::Next::Nothing, _) => (migrations::Next::Nothing, true),
            (before, _) => (before, false),
        };
        let told = migrations::condition(observed, &next).unwrap_or_else(|| {
            if pending {
                let message = "those After are run once the rollout is complete".to_owned();
                return told("Unknown", Reason::MigrationPending, message);
            }
            told("True", Reason::Migrated, String::new())
        });
        Self { next, told: (!all.is_empty()).then_some(told), was_tried }
    }

    fn another(&self, observed: &Observed, has_begun: bool) -> Another {
        // With a request that is not answered yet, the next try is what comes next.
        let is_next = matches!(self.next, migrations::Next::Run { attempt, .. } if attempt > 1);
        let is_held = || !has_begun && after::hold(observed).is_some();
        match self.next {
            _ if self.was_tried => Another::Made,
            migrations::Next::Failed { .. } => Another::Later,
            _ if is_next && is_held() => Another::Later,
            _ if is_next => Another::Possible,
            _ => Another::Pointless,
        }
    }
}

/// The last revision that ran completely, if it is another and still recorded: what there is to go back to.
fn last_good<'a>(observed: &'a Observed, asked: &Choice) -> Option<&'a str> {
    let current = observed.release.status.as_ref()?.current_revision.as_deref()?;
    (current != asked.name && is_recorded(observed, current)).then_some(current)
}

fn is_recorded(observed: &Observed, revision: &str) -> bool {
    observed.history().iter().any(|(name, _)| *name == revision)
}

fn noted<'a>(observed: &'a Observed, asked: &Choice) -> Option<&'a Rejection> {
    let history = observed.history();
    let record = history.iter().find(|(name, _)| **name == asked.name);
    record.and_then(|(_, view)| view.rejection.as_deref()).filter(|rejection| rejection.number == asked.number)
}

fn failed(observed: &Observed, asked: &Choice, now: Timestamp) -> Option<Rejection> {
    let instead = last_good(observed, asked)?;
    let (cause, message) = failure::of(observed, &asked.name, now)?;
    Some(Rejection { number: asked.number, cause, message, instead: instead.to_owned(), request: None })
}

#[cfg(test)]
mod tests;
