//! What can go wrong between the operator and the API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{Response, StatusCode};
use kube::client::Body;
use serde_json::json;

use super::super::eventually;
use super::Request;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The API server refuses it with this status.
    Status(u16),
    /// It is to come back after so many seconds.
    TooManyRequests(u64),
    /// The connection breaks before the request arrives.
    Refused,
    /// The request is carried out and the connection breaks before the answer arrives.
    AnswerLost,
    /// Nothing ever answers.
    Hang,
    /// It takes this long to arrive.
    Delay(Duration),
    /// A watch begins and says that the API server has forgotten where it was: an event, not a refusal.
    Expired,
}

/// What became of a fault. Clones share it.
#[derive(Clone, Default)]
pub struct Strikes(Arc<Tally>);

#[derive(Default)]
struct Tally {
    struck: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Strikes {
    /// How many requests it has struck.
    pub fn count(&self) -> usize {
        self.0.struck.load(Ordering::SeqCst)
    }

    /// Waits until it has struck so many.
    pub async fn reach(&self, wanted: usize) {
        eventually(&format!("a fault that has struck {wanted} times"), async || match self.count() {
            count if count >= wanted => Ok(()),
            count => Err(format!("{count}")),
        })
        .await;
    }

    /// How many of the requests that it struck were under way at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }
}

/// Which requests a fault strikes, and at most how many of them.
pub(super) struct Rule {
    strikes: Box<dyn Fn(&Request) -> bool + Send>,
    fault: Fault,
    times: usize,
    pub(super) outcome: Strikes,
}

/// A request that a fault has struck, until its answer begins or the operator gives up.
pub(super) struct Struck {
    pub(super) fault: Fault,
    outcome: Strikes,
}

impl Rule {
    pub(super) fn new(times: usize, fault: Fault, strikes: impl Fn(&Request) -> bool + Send + 'static) -> Self {
        Self { strikes: Box::new(strikes), fault, times, outcome: Strikes::default() }
    }

    /// Strikes a request if it is to. The rules are locked meanwhile, so that nobody else counts.
    pub(super) fn strike(&self, asked: &Request) -> Option<Struck> {
        if self.outcome.count() >= self.times || !(self.strikes)(asked) {
            return None;
        }
        let Tally { struck, now, most } = &*self.outcome.0;
        struck.fetch_add(1, Ordering::SeqCst);
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Some(Struck { fault: self.fault, outcome: self.outcome.clone() })
    }
}

impl Drop for Struck {
    fn drop(&mut self) {
        self.outcome.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fault {
    /// The answer that the API server would give.
    pub(super) fn answer(self) -> Option<Response<Body>> {
        let (code, wait) = match self {
            Self::Status(code) => (code, None),
            Self::TooManyRequests(seconds) => (429, Some(seconds)),
            Self::Expired => (410, None),
            _ => return None,
        };
        let status = StatusCode::from_u16(code).unwrap();
        let words = status.canonical_reason().unwrap();
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": format!("injected: {words}"), "reason": words.replace(' ', ""), "code": code,
        });
        let mut answer = Response::builder().status(status).header("content-type", "application/json");
        if self == Self::Expired {
            body = json!({"type": "ERROR", "object": body});
            answer = answer.status(StatusCode::OK);
        }
        if let Some(seconds) = wait {
            answer = answer.header("retry-after", seconds);
        }
        Some(answer.body(Body::from(serde_json::to_vec(&body).unwrap())).unwrap())
    }
}
