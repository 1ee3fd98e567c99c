//! What the tests of the controller start from.

pub mod route;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::apply::{self, Outcome};
use super::cache::Key;
use super::kind::ChildKind;
use super::observe::Observed;
use super::plan::Taken;
use super::pod::{PodView, Trouble, TroubleKind};
use super::status::Verdict;
use super::view::{Child, Detail, WorkloadView};
use crate::api::{ElixirRelease, WorkloadKind};
use crate::resources::fixture;
use crate::resources::reference::Contents;
use crate::resources::stateful_set::Fixed;

/// An object from its JSON.
pub fn parse<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// Metadata of a stored object in the namespace of the fixtures.
pub fn meta(name: &str, version: u64) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("store".to_owned()),
        uid: Some(format!("uid-of-{name}")),
        resource_version: Some(version.to_string()),
        ..ObjectMeta::default()
    }
}

/// What is known of a release of which nothing was made yet.
pub fn observed(release: ElixirRelease) -> Observed {
    Observed {
        key: Key::of(&release),
        release: Arc::new(release),
        members: Vec::new(),
        children: Vec::new(),
        shared: Vec::new(),
        abandoned: Vec::new(),
        pods: Vec::new(),
        mesh: None,
        vitals: BTreeMap::new(),
        attempts: BTreeMap::new(),
        leaving: None,
        contents: Contents::new(),
        unread: Vec::new(),
        unreadable: Vec::new(),
        predecessors: Vec::new(),
        cycle: None,
        route: None,
        previewed_by: None,
        pinned: None,
    }
}

/// The Deployment of release `shop`, this far.
pub fn deployment(view: WorkloadView) -> Child {
    Child {
        kind: ChildKind::Deployment,
        name: "shop".into(),
        uid: "uid-of-deployment".into(),
        version: 1,
        owners: ["uid-of-shop".into()].into(),
        digest: Some(1),
        applied: None,
        deleting: false,
        detail: Detail::Workload(Box::new(view)),
    }
}

/// A Deployment that wants this many pods of a revision and has them.
pub fn complete(pods: i32, revision: &str) -> WorkloadView {
    WorkloadView {
        revision: Some(revision.into()),
        is_apart: false,
        observed: true,
        wanted: pods,
        replicas: pods,
        updated: pods,
        ready: pods,
        available: pods,
        failure: None,
        deadline_exceeded: false,
        fixed: None,
    }
}

/// What is known of release `shop` with this spec and a Deployment that is this far.
pub fn running(spec: &str, view: WorkloadView) -> Observed {
    Observed { children: vec![deployment(view)], ..observed(fixture::release(spec)) }
}

/// The StatefulSet of release `shop`, this far.
pub fn stateful_set(view: WorkloadView) -> Child {
    let fixed = Fixed { service: "shop-nodes".into(), pod_management_policy: "Parallel".into(), claims: Vec::new() };
    let view = WorkloadView { fixed: Some(view.fixed.clone().unwrap_or(fixed)), ..view };
    Child { kind: ChildKind::StatefulSet, uid: "uid-of-stateful-set".into(), ..deployment(view) }
}

/// What is known of release `shop` with this spec, which asks for a StatefulSet, and one that is this far.
pub fn running_stateful(spec: &str, view: WorkloadView) -> Observed {
    let mut release = fixture::release(spec);
    release.spec.workload.kind = WorkloadKind::StatefulSet;
    Observed { children: vec![stateful_set(view)], ..observed(release) }
}

/// A pod of the StatefulSet of release `shop` that came a step further then.
pub fn ordinal(number: u32, moved: Timestamp) -> PodView {
    PodView { runs_in: Some(ChildKind::StatefulSet), moved: Some(moved), ..pod(&format!("shop-{number}")) }
}

/// A pod of release `shop` with this trouble.
pub fn troubled(name: &str, kind: TroubleKind, message: &str) -> PodView {
    PodView { trouble: Some(Trouble { kind, message: message.into(), until: None }), ..pod(name) }
}

/// A pod of release `shop` without any.
pub fn pod(name: &str) -> PodView {
    PodView {
        name: name.into(),
        uid: format!("uid-of-{name}").into(),
        address: None,
        started: None,
        has_run: false,
        memory_limit: None,
        is_leaving: false,
        left: None,
        is_ready: false,
        is_terminating: false,
        has_met: false,
        restarts: 0,
        revision: Some("shop-1".into()),
        trouble: None,
        has_ended: false,
        has_tls: false,
        is_apart: false,
        runs_in: Some(ChildKind::Deployment),
        moved: None,
    }
}

/// A write that failed.
pub fn failure() -> apply::Error {
    apply::Error::Unreadable("shop-1".to_owned())
}

/// An outcome in which somebody else has the name of the Deployment.
pub fn name_taken() -> Outcome {
    Outcome { taken: vec![Taken { kind: ChildKind::Deployment, name: "shop".to_owned() }], ..Outcome::default() }
}

/// The verdict on a valid release without warnings.
pub fn valid<'a>(revision: &'a str, applied: Result<&'a Outcome, &'a apply::Error>) -> Verdict<'a> {
    Verdict::Valid { warnings: &[], revision: Some(revision), applied }
}
