//! A request as the API server understands it.

use std::fmt;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, Uri};

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// The verb as in a Role; `apply` is a server-side apply.
    pub verb: &'static str,
    /// The resource in the plural.
    pub resource: String,
    /// The subresource, if it is for one.
    pub subresource: Option<String>,
    /// The name of the object; empty for a list or where the object is in the body.
    pub name: String,
    /// Whether only the metadata was asked for.
    pub metadata_only: bool,
}

impl Request {
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = Path::of(uri.path());
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
        let verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH if header(CONTENT_TYPE).contains("apply-patch") => "apply",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ if watches => "watch",
            _ if path.name.is_empty() => "list",
            _ => "get",
        };
        Self {
            verb,
            resource: path.resource,
            subresource: path.subresource,
            name: path.name,
            metadata_only: header(axum::http::header::ACCEPT).contains("PartialObjectMetadata"),
        }
    }

    /// Whether it may change what is stored. Reviews are created, but nothing of them stays.
    pub fn is_write(&self) -> bool {
        matches!(self.verb, "create" | "update" | "apply" | "patch" | "delete") && !self.resource.ends_with("reviews")
    }

    /// Whether it writes a status, an event or a Lease: what the operator tells, not what it does.
    pub fn is_report(&self) -> bool {
        self.subresource.as_deref() == Some("status") || self.resource == "events" || self.resource == "leases"
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(subresource) = &self.subresource {
            write!(f, "/{subresource}")?;
        }
        if self.name.is_empty() { Ok(()) } else { write!(f, " {}", self.name) }
    }
}

#[derive(Default)]
struct Path {
    resource: String,
    name: String,
    subresource: Option<String>,
}

impl Path {
    fn of(path: &str) -> Self {
        let mut parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let prefix = if parts.first() == Some(&"api") { 2 } else { 3 };
        parts.drain(..prefix.min(parts.len()));
        if parts.len() > 2 && parts[0] == "namespaces" {
            parts.drain(..2);
        }
        let part = |index: usize| parts.get(index).map(|&part| part.to_owned());
        Self { resource: part(0).unwrap_or_default(), name: part(1).unwrap_or_default(), subresource: part(2) }
    }
}
