//! What people ask of a rollout by annotation.
//!
//! An annotation asks once: another value asks again, and the status tells which value was answered and how. So nothing
//! that keeps the annotations of a release, GitOps for instance, asks twice. Only `pause` holds as long as it is there.

use std::fmt;

use kube::ResourceExt;

use super::rejection::{Cause, Rejection};
use super::{last_good, migrations};
use crate::api::{ElixirRelease, RequestOutcome};
use crate::controller::observe::Observed;
use crate::controller::revision::Choice;
use crate::resources::labels;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Try a rejected revision again.
    Retry,
    /// Give up the rollout that is under way.
    Abort,
    /// Run an earlier revision.
    Undo,
    /// Go on where a strategy waits for it.
    Promote,
    /// Hold rollouts where they are.
    Pause,
    /// Restart all nodes.
    Restart,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Retry, Self::Abort, Self::Undo, Self::Promote, Self::Pause, Self::Restart];

    /// Those that decide which revision is to run, in the order in which they are taken up.
    const OF_REVISION: [Self; 3] = [Self::Retry, Self::Abort, Self::Undo];

    /// The annotation that asks for it.
    #[must_use]
    pub fn annotation(self) -> &'static str {
        match self {
            Self::Retry => labels::RETRY,
            Self::Abort => labels::ABORT,
            Self::Undo => labels::UNDO,
            Self::Promote => labels::PROMOTE,
            Self::Pause => labels::PAUSE,
            Self::Restart => labels::RESTARTED_AT,
        }
    }

    /// The value that asks for it and has not been answered.
    pub(super) fn unanswered(self, release: &ElixirRelease) -> Option<&str> {
        let value = release.annotations().get(self.annotation())?;
        let answered = release.status.iter().flat_map(|status| &status.requests);
        let mut answered = answered.filter(|request| request.annotation == self.annotation());
        answered.all(|request| request.value != *value).then_some(value)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.annotation())
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub verb: Verb,
    /// The value of the annotation.
    pub value: String,
    /// Whether it was done.
    pub outcome: RequestOutcome,
    /// The same in words.
    pub message: String,
}

/// What comes of another try for a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Another {
    /// None has failed.
    Pointless,
    /// It is made now.
    Possible,
    /// It was made already.
    Made,
    /// It is made once the rollout may start.
    Later,
}

/// Takes up what was asked for and not answered yet: what is noted about the revision afterwards, and the answers.
pub(super) fn take_up(
    observed: &Observed,
    asked: &Choice,
    noted: Option<&Rejection>,
    another: Another,
) -> (Option<Rejection>, Vec<Answer>) {
    let mut rejection = noted.cloned();
    let mut answers = Vec::new();
    for verb in Verb::OF_REVISION {
        let Some(value) = verb.unanswered(&observed.release) else { continue };
        let request = format!("{verb}={value}");
        // Whoever comes after an operator that was killed before it could answer finds it done.
        let is_done = rejection.as_ref().is_some_and(|noted| noted.request.as_ref() == Some(&request));
        let result = match verb {
            _ if is_done => Ok(()),
            Verb::Retry if rejection.is_none() && another == Another::Later => continue,
            Verb::Retry => retry(&mut rejection, asked, another),
            Verb::Abort => abort(&mut rejection, observed, asked, request),
            Verb::Undo => undo(&mut rejection, observed, asked, value, request),
            // Promotions are up to the strategy, once it is known which revision is to run; the others are below.
            Verb::Promote | Verb::Pause | Verb::Restart => continue,
        };
        let (outcome, message) = match result {
            Ok(()) => (RequestOutcome::Done, done(rejection.as_ref(), asked)),
            Err(why) => (RequestOutcome::Refused, why),
        };
        answers.push(Answer { verb, value: value.to_owned(), outcome, message });
    }
    answers.extend(seen(&observed.release, asked));
    (rejection, answers)
}

/// The answers to what is done by being seen, because what is built of the release follows from it.
fn seen(release: &ElixirRelease, asked: &Choice) -> impl Iterator<Item = Answer> {
    let answer = |verb: Verb, outcome, message| {
        let value = verb.unanswered(release)?.to_owned();
        Some(Answer { verb, value, outcome, message })
    };
    let pause = if labels::is_rollout_paused(release) {
        (RequestOutcome::Done, "rollouts are held where they are for as long as the annotation is there".to_owned())
    } else {
        (RequestOutcome::Refused, "nothing is held: the only value that holds rollouts is \"true\"".to_owned())
    };
    let restart = format!("all nodes are restarted as {}", asked.name);
    [answer(Verb::Pause, pause.0, pause.1), answer(Verb::Restart, RequestOutcome::Done, restart)].into_iter().flatten()
}

fn done(rejection: Option<&Rejection>, asked: &Choice) -> String {
    match rejection {
        Some(rejection) => format!("{} runs instead of {}", rejection.instead, asked.name),
        None => format!("{} is tried again", asked.name),
    }
}

fn retry(rejection: &mut Option<Rejection>, asked: &Choice, another: Another) -> Result<(), String> {
    let has_failed = rejection.take().is_some() || another != Another::Pointless;
    has_failed.then_some(()).ok_or_else(|| format!("neither {} nor a migration of it has failed", asked.name))
}

fn abort(
    rejection: &mut Option<Rejection>,
    observed: &Observed,
    asked: &Choice,
    request: String,
) -> Result<(), String> {
    if let Some(rejection) = rejection {
        return Err(format!("{} was rejected already, and {} runs", asked.name, rejection.instead));
    }
    let current = observed.release.status.as_ref().and_then(|status| status.current_revision.as_deref());
    if current == Some(&*asked.name) {
        return Err(format!("no rollout is under way: {} runs completely", asked.name));
    }
    let Some(instead) = last_good(observed, asked) else {
        return Err("no earlier revision ran completely that could run instead".to_owned());
    };
    *rejection = Some(noted(asked, Cause::Aborted, "the rollout was given up on request", instead, request));
    Ok(())
}

/// The value names a revision or its number, or says `previous`: the newest of the others that has not failed. What
/// follows an `@` makes it another value, by which the same can be asked for again.
fn undo(
    rejection: &mut Option<Rejection>,
    observed: &Observed,
    asked: &Choice,
    value: &str,
    request: String,
) -> Result<(), String> {
    let history = observed.history();
    let (wanted, _) = value.split_once('@').unwrap_or((value, ""));
    let number = wanted.parse::<i64>().ok();
    let named = history.iter().find(|(name, view)| match wanted {
        "previous" => **name != asked.name && view.rejection.is_none() && migrations::missing(view).is_none(),
        _ => *name == wanted || Some(view.number) == number,
    });
    let Some((instead, view)) = named else {
        let known: Vec<_> = history.iter().map(|(name, view)| format!("{name} ({})", view.number)).collect();
        return Err(format!(
            "{wanted:?} is no revision of this release: give the name or number of one of {}, or \"previous\"",
            known.join(", ")
        ));
    };
    if **instead == asked.name {
        return Err(format!("{instead} is what the spec asks for: use {} to try it again", labels::RETRY));
    }
    if let Some(migration) = migrations::missing(view) {
        return Err(format!("{instead} must not run: its migration {migration} has not succeeded"));
    }
    *rejection = Some(noted(asked, Cause::Undone, "another revision was asked for", instead, request));
    Ok(())
}

fn noted(asked: &Choice, cause: Cause, message: &str, instead: &str, request: String) -> Rejection {
    Rejection {
        number: asked.number,
        cause,
        message: message.to_owned(),
        instead: instead.to_owned(),
        request: Some(request),
    }
}
