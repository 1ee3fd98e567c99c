//! Errors of the API client in one line for a person.
//!
//! kube prints the status of a refused request with all its fields, and of a failed connection only the outermost cause
//! ("client error"), which says nothing.

use std::error::Error as _;

/// The error with its causes, each told once.
#[must_use]
pub fn describe(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return match (status.message.as_str(), status.reason.as_str()) {
            ("", "") => format!("HTTP status {}", status.code),
            ("", text) | (text, "") => format!("{text} ({})", status.code),
            (message, reason) => format!("{message} ({reason}, {})", status.code),
        };
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;
    use rstest::rstest;

    #[rstest]
    #[case("pods is forbidden", "Forbidden", "pods is forbidden (Forbidden, 403)")]
    #[case("pods is forbidden", "", "pods is forbidden (403)")]
    #[case("", "", "HTTP status 403")]
    fn a_status_is_its_message(#[case] message: &str, #[case] reason: &str, #[case] expect: &str) {
        let status = Status::failure(message, reason).with_code(403);
        assert_eq!(describe(&kube::Error::Api(status.boxed())), expect);
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("client error")]
        struct Outer(#[source] std::io::Error);
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = kube::Error::Service(Box::new(Outer(refused)));
        assert_eq!(describe(&error), "ServiceError: client error: connection refused");
    }
}
