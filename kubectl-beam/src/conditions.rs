//! What of the conditions a person has to know, and what can be done about it. Pure.

use beam_operator::api::ElixirRelease;
use beam_operator::controller::conditions::{CLUSTERED, Reason};
use beam_operator::resources::labels;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::text::{age, indented};

/// The conditions that are not as expected.
pub fn unexpected(release: &ElixirRelease) -> impl Iterator<Item = &Condition> {
    release.status.iter().flat_map(|status| &status.conditions).filter(|condition| !is_expected(condition))
}

fn is_expected(condition: &Condition) -> bool {
    let is = |reason: Reason| condition.reason == reason.to_string();
    match condition.type_.as_str() {
        // Whether a rollout that goes its way is complete, the rollout tells.
        "Progressing" => is(Reason::RolloutComplete) || is(Reason::RolloutInProgress),
        "Degraded" => condition.status == "False",
        "ConfigurationValid" => is(Reason::Valid),
        // Nobody looks where somebody wants it so.
        CLUSTERED => condition.status == "True" || is(Reason::ObservationDisabled),
        _ => condition.status == "True",
    }
}

/// A condition with its message below it, unless that was told already.
pub fn paragraph(condition: &Condition, told: &str, now: Timestamp) -> String {
    let Condition { type_, status, reason, message, .. } = condition;
    let head = format!("{type_} {status}: {reason}, for {}\n", age(Some(&condition.last_transition_time), now));
    if message.is_empty() || message == told { head } else { head + &indented(message) }
}

/// The command by which a rollout goes on that waits for a person.
pub fn goes_on_by(release: &ElixirRelease) -> Option<&'static str> {
    let progressing = release.status.as_ref()?.condition("Progressing")?;
    let commands = [
        (Reason::WaitingForPromotion, "promote"),
        (Reason::Paused, "resume"),
        (Reason::MigrationFailed, "retry"),
        (Reason::RolledBack, "retry"),
    ];
    let (reason, command) = commands.into_iter().find(|(reason, _)| progressing.reason == reason.to_string())?;
    // Only what an annotation holds can be let go by taking that away.
    (reason != Reason::Paused || labels::is_rollout_paused(release) && !release.spec.paused).then_some(command)
}
