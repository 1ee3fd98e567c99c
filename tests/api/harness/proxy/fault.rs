//! What can go wrong between the operator and the API server.

use std::time::Duration;

use axum::http::{Response, StatusCode};
use kube::client::Body;
use serde_json::json;

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
}

/// Which requests a fault strikes, and at most how many of them.
pub(super) struct Rule {
    pub(super) strikes: Box<dyn Fn(&Request) -> bool + Send>,
    pub(super) fault: Fault,
    pub(super) struck: usize,
    pub(super) times: usize,
}

impl Fault {
    /// The answer that the API server would give.
    pub(super) fn answer(self) -> Option<Response<Body>> {
        let (code, wait) = match self {
            Self::Status(code) => (code, None),
            Self::TooManyRequests(seconds) => (429, Some(seconds)),
            _ => return None,
        };
        let status = StatusCode::from_u16(code).unwrap();
        let words = status.canonical_reason().unwrap();
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": format!("injected: {words}"), "reason": words.replace(' ', ""), "code": code,
        });
        let mut answer = Response::builder().status(status).header("content-type", "application/json");
        if let Some(seconds) = wait {
            answer = answer.header("retry-after", seconds);
        }
        Some(answer.body(Body::from(serde_json::to_vec(&body).unwrap())).unwrap())
    }
}
