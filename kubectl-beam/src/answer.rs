//! What is asked for by an annotation, and what the status says became of it. Pure: what is read is what it is.

use std::fmt;

use beam_operator::api::{ElixirRelease, RequestOutcome, RequestStatus, RolloutStatus};
use beam_operator::resources::labels;
use beam_operator::rollout::Verb;
use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::cli::Request;

/// How the pods of an operator are found, whoever installed it.
const OPERATOR: &str = "kubectl get pods -A -l app.kubernetes.io/name=beam-operator";

/// An annotation with a value, or without the annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Whose annotation it is.
    pub verb: Verb,
    /// Its value; `None` takes it away.
    pub value: Option<String>,
    /// What has happened when it is done, in a word.
    pub done: &'static str,
}

impl Wish {
    /// What a command asks for. The time makes a value that nobody has asked with before.
    pub fn of(request: &Request, now: Timestamp) -> Self {
        let (verb, value, done) = match request {
            Request::Pause(_) => (Verb::Pause, Some("true".to_owned()), "paused"),
            Request::Resume(_) => (Verb::Pause, None, "resumed"),
            Request::Restart(_) => (Verb::Restart, Some(format!("{now:.3}")), "restarted"),
            Request::Undo { to, .. } => {
                let to = to.as_deref().unwrap_or("previous");
                (Verb::Undo, Some(format!("{to}@{now:.3}")), "undone")
            }
            Request::Promote(_) => (Verb::Promote, Some(format!("{now:.3}")), "promoted"),
            Request::Abort(_) => (Verb::Abort, Some(format!("{now:.3}")), "aborted"),
            Request::Retry(_) => (Verb::Retry, Some(format!("{now:.3}")), "retried"),
        };
        Self { verb, value, done }
    }

    /// Whether the release still asks for it: somebody else may have asked for something else since.
    fn stands(&self, release: &ElixirRelease) -> bool {
        let present = release.annotations().get(self.verb.annotation());
        match &self.value {
            Some(value) => present == Some(value),
            None => !labels::is_rollout_paused(release),
        }
    }
}

/// As it can be typed after `kubectl annotate exr NAME`.
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.verb.annotation()),
            None => write!(f, "{}-", self.verb.annotation()),
        }
    }
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done: what, in words.
    Done(String),
    /// It was not: why, in words.
    Refused(String),
    /// Somebody has asked for something else before it was answered.
    Overtaken,
}

/// What the status says became of a wish; `None` if it says nothing of it yet.
pub fn answer(release: &ElixirRelease, wish: &Wish) -> Option<Answer> {
    if !wish.stands(release) {
        return Some(Answer::Overtaken);
    }
    let answered = answers(release).find(|request| request.annotation == wish.verb.annotation());
    let Some(value) = &wish.value else {
        // That the operator no longer tells of the annotation is the answer to its removal.
        return answered.is_none().then(|| Answer::Done("rollouts go on".to_owned()));
    };
    let RequestStatus { outcome, message, .. } = answered.filter(|request| request.value == *value)?;
    Some(match outcome {
        RequestOutcome::Done => Answer::Done(message.clone()),
        RequestOutcome::Refused => Answer::Refused(message.clone()),
    })
}

/// What was answered.
fn answers(release: &ElixirRelease) -> impl Iterator<Item = &RequestStatus> {
    release.status.iter().flat_map(|status| &status.requests)
}

/// What is asked for at present, with the answer if there is one.
pub fn all(release: &ElixirRelease) -> impl Iterator<Item = (Verb, &str, Option<&RequestStatus>)> {
    Verb::ALL.into_iter().filter_map(|verb| {
        let value = release.annotations().get(verb.annotation())?;
        let its = |request: &&RequestStatus| request.annotation == verb.annotation() && request.value == *value;
        Some((verb, value.as_str(), answers(release).find(its)))
    })
}

/// Why there will be no answer before somebody changes the spec, if so.
pub fn never(release: &ElixirRelease) -> Option<&'static str> {
    release.spec.paused.then_some("The spec says paused: true, and the operator takes nothing up until that is gone.")
}

/// Why a release has not answered, as far as it tells, in sentences.
pub fn why_not(release: &ElixirRelease) -> String {
    if let Some(never) = never(release) {
        return never.to_owned();
    }
    let Some(status) = release.status.as_ref().filter(|status| status.observed_generation.is_some()) else {
        return format!(
            "No operator has looked at this release yet. Does one run, and watch this namespace? {OPERATOR}"
        );
    };
    if status.observed_generation < release.metadata.generation {
        return format!("The operator has not seen the present spec yet. Does it run? {OPERATOR}");
    }
    if let Some(invalid) = status.condition("ConfigurationValid").filter(|condition| condition.status != "True") {
        return format!("The release is not valid, and nothing is taken up until it is: {}", invalid.message);
    }
    match &status.rollout {
        Some(RolloutStatus { phase, message, .. }) if !message.is_empty() => {
            format!("The rollout is {phase:?}: {message}. If that does not change, does the operator run? {OPERATOR}")
        }
        _ => format!("Does the operator run? {OPERATOR}"),
    }
}

/// What keeps something from going on that was taken up.
pub fn warnings(release: &ElixirRelease, wish: &Wish) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(never(release).map(ToOwned::to_owned));
    if wish.verb != Verb::Pause && labels::is_rollout_paused(release) {
        let (name, namespace) = (release.name_any(), release.namespace().unwrap_or_default());
        warnings.push(format!("rollouts are paused; to let them go on: kubectl beam resume {name} -n {namespace}"));
    }
    warnings
}

#[cfg(test)]
mod tests;
