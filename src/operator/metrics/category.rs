//! Sorts errors of the API client into a few categories that differ in what a person does about them.

use crate::operator::client::DeadlineExceeded;

/// What kind of error ended a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCategory {
    /// Somebody else wrote the object first, or owns the field.
    Conflict,
    /// A permission is missing, or the operator's credentials are not accepted.
    Forbidden,
    /// The API server or an admission webhook refused the object.
    Invalid,
    /// The object or its kind does not exist.
    NotFound,
    /// The API server asked to slow down.
    Throttled,
    /// The API server failed.
    Server,
    /// There was no answer in time.
    Timeout,
    /// The API server could not be reached.
    Network,
    /// The answer or a stored object could not be read.
    Decode,
    /// None of these.
    Other,
}

impl From<&kube::Error> for ErrorCategory {
    fn from(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            kube::Error::Service(source) if source.is::<DeadlineExceeded>() => Self::Timeout,
            kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => Self::Network,
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Decode,
            kube::Error::Auth(_) => Self::Forbidden,
            _ => Self::Other,
        }
    }
}

impl ErrorCategory {
    /// The category as the value of a label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Decode => "decode",
            Self::Other => "other",
        }
    }

    fn of_status(status: &kube::core::Status) -> Self {
        match status.code {
            401 | 403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            409 => Self::Conflict,
            400 | 405..=408 | 415 | 422 => Self::Invalid,
            429 => Self::Throttled,
            504 => Self::Timeout,
            500..=599 => Self::Server,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(401, ErrorCategory::Forbidden)]
    #[case(403, ErrorCategory::Forbidden)]
    #[case(404, ErrorCategory::NotFound)]
    #[case(409, ErrorCategory::Conflict)]
    #[case(413, ErrorCategory::Other)]
    #[case(422, ErrorCategory::Invalid)]
    #[case(429, ErrorCategory::Throttled)]
    #[case(500, ErrorCategory::Server)]
    #[case(504, ErrorCategory::Timeout)]
    fn a_status_is_sorted_by_its_code(#[case] code: u16, #[case] expect: ErrorCategory) {
        let status = kube::core::Status::failure("", "").with_code(code);
        assert_eq!(ErrorCategory::from(&kube::Error::Api(status.boxed())), expect);
    }

    #[test]
    fn no_answer_is_told_from_no_connection() {
        let late = kube::Error::Service(Box::new(DeadlineExceeded::default()));
        assert_eq!(ErrorCategory::from(&late), ErrorCategory::Timeout);
        let refused = kube::Error::Service("connection refused".into());
        assert_eq!(ErrorCategory::from(&refused), ErrorCategory::Network);
        let unreadable = kube::Error::SerdeError(serde_json::from_str::<u8>("x").unwrap_err());
        assert_eq!(ErrorCategory::from(&unreadable), ErrorCategory::Decode);
    }
}
