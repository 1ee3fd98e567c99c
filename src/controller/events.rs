//! Events: what is worth telling once, found by comparing the status before and after.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::conditions::{CLUSTERED, Reason};
use super::mesh;
use super::observe::Observed;
use crate::api::{ElixirReleaseStatus, RequestOutcome, RolloutPhase};

/// Something that happened to a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Whether it needs a person.
    pub is_warning: bool,
    /// Why, in a word.
    pub reason: String,
    /// What the operator did about it, in a word.
    pub action: &'static str,
    /// What, in words.
    pub note: String,
}

/// What happened between two states of a release. The first status of a healthy release is no news.
#[must_use]
pub fn happenings(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Vec<Happening> {
    let requests = requests(before, after);
    let checks = [
        invalid(before, after),
        degraded(before, after),
        clustered(before, after),
        rollout_started(before, after),
        rollout_complete(before, after),
        route(before, after),
        migrated(before, after),
    ];
    checks.into_iter().flatten().chain(requests).collect()
}

/// What was asked for by annotation and has been answered.
fn requests(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Vec<Happening> {
    let new = after.requests.iter().filter(|request| !before.requests.contains(request));
    let told = new.map(|request| {
        let note = format!("{}={}: {}", request.annotation, request.value, request.message);
        match request.outcome {
            RequestOutcome::Done => normal("RequestDone", "Rollout", note),
            RequestOutcome::Refused => warning("RequestRefused", "Rollout", note),
        }
    });
    told.collect()
}

/// What a release waits for that no condition tells.
#[must_use]
pub fn waiting(observed: &Observed) -> Option<Happening> {
    mesh::rotation_waits(observed).map(|why| warning("CookieRotationWaits", "Rotate", why))
}

fn invalid(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (was, is) = (before.condition("ConfigurationValid"), after.condition("ConfigurationValid")?);
    if !is_news(was, is) {
        return None;
    }
    match is.reason.as_str() {
        "Valid" => was
            .filter(|was| was.status == "False")
            .map(|_| normal("ConfigurationCorrected", "Validate", "the release is valid again".to_owned())),
        // Degraded tells it, with the object that could not be read.
        "ReferenceUnreadable" => None,
        "Unreadable" => Some(warning("Unreadable", "Observe", is.message.clone())),
        "ValidWithWarnings" => Some(warning("ConfigurationWarning", "Validate", is.message.clone())),
        _ => Some(warning("ConfigurationInvalid", "Validate", is.message.clone())),
    }
}

fn degraded(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (was, is) = (before.condition("Degraded"), after.condition("Degraded")?);
    if !is_news(was, is) {
        return None;
    }
    if is.status == "True" {
        return Some(warning(&is.reason, "Watch", is.message.clone()));
    }
    let was = was.filter(|was| was.status == "True")?;
    Some(normal("Recovered", "Watch", format!("no longer: {}", was.reason)))
}

/// Lone nodes have no such condition. That nodes are still starting, or that nobody has looked yet, is no news.
fn clustered(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (was, is) = (before.condition(CLUSTERED), after.condition(CLUSTERED)?);
    if !is_news(was, is) {
        return None;
    }
    let is_trouble = is.status == "False" || is.reason == Reason::Unreachable.to_string();
    if is_trouble {
        return Some(warning(&is.reason, "Observe", is.message.clone()));
    }
    let was = was.filter(|was| was.status == "False" && is.status == "True")?;
    Some(normal("MeshComplete", "Observe", format!("{}; no longer: {}", is.message, was.reason)))
}

fn rollout_started(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (from, to) = (before.target_revision.as_ref()?, after.target_revision.as_ref()?);
    (from != to).then(|| normal("RolloutStarted", "Rollout", format!("from {from} to {to}")))
}

fn rollout_complete(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let to = after.target_revision.as_ref()?;
    let is_done = after.rollout.as_ref().is_some_and(|rollout| rollout.phase == RolloutPhase::Complete);
    let is_new = before.current_revision.as_ref() != Some(to);
    (is_done && is_new).then(|| normal("RolloutComplete", "Rollout", format!("all {} nodes run {to}", after.replicas)))
}

/// That a canary waits for its HTTPRoute: whoever looks after routes is to hear of it.
fn route(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (was, is) = (before.condition("Progressing"), after.condition("Progressing")?);
    let waits = is.reason == Reason::WaitingForRoute.to_string();
    (waits && is_news(was, is)).then(|| warning(&is.reason, "Rollout", is.message.clone()))
}

/// That one failed is what Degraded tells.
fn migrated(before: &ElixirReleaseStatus, after: &ElixirReleaseStatus) -> Option<Happening> {
    let (was, is) = (before.condition("Migrated")?, after.condition("Migrated")?);
    let to = after.target_revision.as_ref()?;
    let is_done = was.status != "True" && is.status == "True";
    is_done.then(|| normal("Migrated", "Migrate", format!("every migration was run for {to}")))
}

/// Whether a condition tells something that it did not tell before.
fn is_news(was: Option<&Condition>, is: &Condition) -> bool {
    was.is_none_or(|was| (&was.status, &was.reason, &was.message) != (&is.status, &is.reason, &is.message))
}

/// Something that needs a person.
pub(super) fn warning(reason: &str, action: &'static str, note: String) -> Happening {
    Happening { is_warning: true, reason: reason.to_owned(), action, note }
}

/// Something that needs nobody.
pub(super) fn normal(reason: &str, action: &'static str, note: String) -> Happening {
    Happening { is_warning: false, reason: reason.to_owned(), action, note }
}

#[cfg(test)]
mod tests;
