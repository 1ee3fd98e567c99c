//! Refused requests, as a hint that something was taken away that the operator cannot do without.
//!
//! What a Role grants, and whether the CRD is installed, was looked at when the process started. Asking again all the time
//! would cost requests for nothing; the API server says by itself when to: it refuses.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;

use super::client::Verb;

/// Whether requests have been refused since somebody last looked. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Notify>);

impl Refusals {
    /// Takes in how a request was answered. A quota or a webhook refuses with 403, too, so this is no more than a hint.
    pub(super) fn consider(&self, verb: Verb, answer: StatusCode) {
        let is_unknown = answer == StatusCode::NOT_FOUND && matches!(verb, Verb::List | Verb::Watch);
        if answer == StatusCode::FORBIDDEN || is_unknown {
            self.0.notify_one();
        }
    }

    /// Waits until a request is refused, or returns at once if one was since the last call.
    pub(super) async fn next(&self) {
        self.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_right_is_missing(Verb::Apply, StatusCode::FORBIDDEN, true)]
    #[case::nobody_knows_the_resource(Verb::Watch, StatusCode::NOT_FOUND, true)]
    #[case::an_object_is_gone(Verb::Get, StatusCode::NOT_FOUND, false)]
    #[case::all_is_well(Verb::List, StatusCode::OK, false)]
    #[case::it_is_busy(Verb::List, StatusCode::TOO_MANY_REQUESTS, false)]
    fn a_refusal_is_noted_once(#[case] verb: Verb, #[case] answer: StatusCode, #[case] expected: bool) {
        let refusals = Refusals::default();
        refusals.consider(verb, answer);
        refusals.consider(verb, answer);
        assert_eq!(refusals.next().now_or_never().is_some(), expected);
        assert!(refusals.next().now_or_never().is_none());
    }
}
