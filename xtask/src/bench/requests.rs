//! What the operator asked of the API server in one phase, and what of it counts as what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// A request that was answered.
pub(super) struct Request {
    /// The verb, as the audit log has it: an apply is a `patch`.
    pub(super) verb: String,
    /// The resource, with its subresource if there is one.
    pub(super) resource: String,
    /// Namespace and name of the object.
    pub(super) object: String,
    /// The HTTP status code of the answer.
    pub(super) code: u16,
}

impl Request {
    /// Whether it stands for nothing that happened: watches are renewed and the Lease is held without any cause.
    pub(super) fn is_routine(&self) -> bool {
        self.verb == "watch" || self.resource == "leases"
    }

    /// Whether it asks for a change. A review is created, but only asks a question.
    fn is_write(&self) -> bool {
        let is_question = self.resource.starts_with("selfsubject");
        !matches!(&*self.verb, "get" | "list" | "watch") && !is_question && self.resource != "leases"
    }

    fn is_status_write(&self) -> bool {
        self.is_write() && self.resource == STATUS
    }

    fn is_event(&self) -> bool {
        self.is_write() && self.resource == "events"
    }

    fn is_child_write(&self) -> bool {
        self.is_write() && !self.is_status_write() && !self.is_event()
    }

    fn is_refused(&self) -> bool {
        !(200..300).contains(&self.code)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)
    }
}

const STATUS: &str = "elixirreleases/status";

/// The requests of one phase.
#[derive(Default)]
pub(super) struct Requests(Vec<Request>);

impl Requests {
    pub(super) fn add(&mut self, more: Vec<Request>) {
        self.0.extend(more);
    }

    /// How many of each verb and resource.
    pub(super) fn by_kind(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in &self.0 {
            *counts.entry(request.to_string()).or_default() += 1;
        }
        counts
    }

    /// All but watches and the Lease.
    pub(super) fn caused(&self) -> usize {
        self.count(|request| !request.is_routine())
    }

    pub(super) fn watches(&self) -> usize {
        self.count(|request| request.verb == "watch")
    }

    pub(super) fn of_lease(&self) -> usize {
        self.count(|request| request.resource == "leases")
    }

    pub(super) fn lists(&self) -> usize {
        self.count(|request| request.verb == "list")
    }

    pub(super) fn gets(&self) -> usize {
        self.count(|request| request.verb == "get" && !request.is_routine())
    }

    pub(super) fn writes(&self) -> usize {
        self.count(Request::is_write)
    }

    pub(super) fn child_writes(&self) -> usize {
        self.count(Request::is_child_write)
    }

    pub(super) fn status_writes(&self) -> usize {
        self.count(Request::is_status_write)
    }

    pub(super) fn events(&self) -> usize {
        self.count(Request::is_event)
    }

    /// Those that the API server did not grant.
    pub(super) fn refused(&self) -> usize {
        self.count(|request| !request.is_routine() && request.is_refused())
    }

    /// The most writes that any one child got.
    pub(super) fn most_writes_of_a_child(&self) -> usize {
        self.most(Request::is_child_write)
    }

    /// The most status writes that any one release got.
    pub(super) fn most_status_writes(&self) -> usize {
        self.most(Request::is_status_write)
    }

    /// How many releases had their status written.
    pub(super) fn reported_releases(&self) -> usize {
        let written = self.0.iter().filter(|request| request.is_status_write() && !request.is_refused());
        written.map(|request| &request.object).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn is_watching(&self, resource: &str) -> bool {
        self.0.iter().any(|request| request.verb == "watch" && request.resource == resource)
    }

    fn count(&self, which: impl Fn(&Request) -> bool) -> usize {
        self.0.iter().filter(|request| which(request)).count()
    }

    fn most(&self, which: impl Fn(&Request) -> bool) -> usize {
        let mut counts = HashMap::new();
        for request in self.0.iter().filter(|request| which(request)) {
            *counts.entry((&request.resource, &request.object)).or_default() += 1;
        }
        counts.into_values().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(all: &[(&str, &str, &str, u16)]) -> Requests {
        let request = |&(verb, resource, object, code): &(&str, &str, &str, u16)| Request {
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            object: object.to_owned(),
            code,
        };
        Requests(all.iter().map(request).collect())
    }

    #[test]
    fn every_request_counts_as_what_it_is() {
        let all = requests(&[
            ("watch", "pods", "/", 200),
            ("get", "leases", "o/beam-operator", 200),
            ("patch", "leases", "o/beam-operator", 200),
            ("create", "selfsubjectrulesreviews", "/", 201),
            ("list", "pods", "/", 200),
            ("get", "services", "s/a", 404),
            ("patch", "services", "s/a", 409),
            ("patch", "services", "s/a", 201),
            ("patch", "deployments", "s/a", 201),
            ("patch", "elixirreleases/status", "s/a", 200),
            ("patch", "elixirreleases/status", "s/b", 500),
            ("create", "events", "s/a.1", 201),
        ]);
        assert_eq!((all.watches(), all.of_lease(), all.lists(), all.gets()), (1, 2, 1, 1));
        assert_eq!((all.caused(), all.writes(), all.child_writes(), all.status_writes()), (9, 6, 3, 2));
        assert_eq!((all.events(), all.refused()), (1, 3));
        assert_eq!((all.most_writes_of_a_child(), all.most_status_writes(), all.reported_releases()), (2, 1, 1));
        assert!(all.is_watching("pods") && !all.is_watching("services"));
        assert_eq!(all.by_kind()["patch services"], 2);
    }
}
