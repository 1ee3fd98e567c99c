//! Slim views of children: of each only what plan and status read, so that thousands of them fit into a few megabytes.

pub mod route;
mod secret;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use serde_json::Value;

pub use self::route::RouteView;
pub use self::secret::{CertificatesView, RotationView};
use super::kind::ChildKind;
use super::live::LiveChild;
use crate::digest;
use crate::resources::labels;
use crate::resources::stateful_set::Fixed;
use crate::rollout::{Ledger, Note, Rejection, Stage};

/// A child as it is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: ChildKind,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// Its version. Versions of one object grow, so an older view never replaces a newer one.
    pub version: u64,
    /// Uids of its owners.
    pub owners: Box<[Box<str>]>,
    /// Digest of the fields that our manager owns; `None` when it owns none.
    pub digest: Option<u64>,
    /// Digest of the object that was applied to make it so, when this process did. It differs from `digest` where the API
    /// server rewrote a value.
    pub applied: Option<u64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What else is read of some kinds.
    pub detail: Detail,
}

/// What is read of a kind of child beyond its existence.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing.
    None,
    /// Of a Deployment or StatefulSet.
    Workload(Box<WorkloadView>),
    /// Of a ControllerRevision.
    Revision(RevisionView),
    /// Of a Job.
    Job(Box<JobView>),
    /// Of a Secret with certificates that the operator made.
    Certificates(CertificatesView),
    /// Of a Secret with a cookie that was rotated, or is.
    Cookie(RotationView),
    /// Of a Secret with the cookie of a revision: which.
    RevisionCookie(Box<str>),
    /// Of a Service that leads to one revision: which.
    LeadsTo(Box<str>),
    /// Of an HTTPRoute.
    Route(route::Rules),
}

/// How far a Deployment or StatefulSet has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadView {
    /// Revision of its pod template.
    pub revision: Option<Box<str>>,
    /// Whether nodes of that template are to meet only those of their own revision.
    pub is_apart: bool,
    /// Whether its controller has seen its current spec.
    pub observed: bool,
    /// Wanted pods.
    pub wanted: i32,
    /// Pods that exist.
    pub replicas: i32,
    /// Pods of the current template.
    pub updated: i32,
    /// Ready pods.
    pub ready: i32,
    /// Pods that stayed ready long enough.
    pub available: i32,
    /// Why it cannot create pods (a quota, an admission webhook), in Kubernetes' words.
    pub failure: Option<Box<str>>,
    /// Whether it made no progress within its deadline, by its own account. A StatefulSet gives none.
    pub deadline_exceeded: bool,
    /// What of a StatefulSet can never change; `None` of a Deployment.
    pub fixed: Option<Fixed>,
}

/// How far a Job has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// The revision that it is run for.
    pub revision: Box<str>,
    /// The migration that it runs.
    pub migration: Box<str>,
    /// The request by which it was made, if it is another try.
    pub request: Option<Box<str>>,
    /// Whether it has ended, and well; `None` while it runs.
    pub has_succeeded: Option<bool>,
}

/// A revision in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionView {
    /// Its number: the highest is the newest.
    pub number: i64,
    /// Digest of the pod template and configuration it holds.
    pub digest: u64,
    /// Digest of the inputs that it was rendered from.
    pub inputs: Option<u64>,
    /// For which value its nodes were restarted, if for any.
    pub restarted_at: Option<Box<str>>,
    /// Why it is not run although it is asked for, if it was rejected.
    pub rejection: Option<Box<Rejection>>,
    /// Names of the migrations that are run before any pod of it, with commas between.
    pub before: Option<Box<str>>,
    /// The migrations that were run for it.
    pub migrations: Option<Box<Ledger>>,
    /// How far it has come by its strategy.
    pub stage: Option<Box<Stage>>,
    /// Whether all its nodes were seen in their cluster once.
    pub has_clustered: bool,
}

impl Child {
    /// The view of a live object, or `None` if it lacks what every stored object has.
    #[must_use]
    pub fn of(kind: ChildKind, object: LiveChild) -> Option<Self> {
        let meta = &object.metadata;
        Some(Self {
            kind,
            name: meta.name.as_deref()?.into(),
            uid: meta.uid.as_deref()?.into(),
            version: version(meta)?,
            owners: meta.owner_references.iter().flatten().map(|owner| owner.uid.as_str().into()).collect(),
            digest: object.digest,
            applied: None,
            deleting: meta.deletion_timestamp.is_some(),
            detail: object.detail,
        })
    }

    /// Whether the release with this uid owns it.
    #[must_use]
    pub fn is_owned_by(&self, uid: &str) -> bool {
        self.owners.iter().any(|owner| &**owner == uid)
    }

    /// Whether applying the object of this digest would change nothing.
    #[must_use]
    pub fn is_as(&self, desired: u64) -> bool {
        self.digest == Some(desired) || self.applied == Some(desired)
    }

    /// Whether the operator made it, for this release or for an earlier one of the same name.
    #[must_use]
    pub fn is_ours(&self, uid: &str) -> bool {
        self.digest.is_some() || self.is_owned_by(uid)
    }

    /// The view of what runs pods, if it is that.
    #[must_use]
    pub fn workload(&self) -> Option<&WorkloadView> {
        match &self.detail {
            Detail::Workload(view) => Some(view),
            _ => None,
        }
    }

    /// What is noted on a Secret with certificates, if it is one.
    #[must_use]
    pub fn certificates(&self) -> Option<CertificatesView> {
        match self.detail {
            Detail::Certificates(view) => Some(view),
            _ => None,
        }
    }

    /// How far the rotation of a cookie is, if it is one that was ever rotated.
    #[must_use]
    pub fn rotation(&self) -> Option<&RotationView> {
        match &self.detail {
            Detail::Cookie(view) => Some(view),
            _ => None,
        }
    }

    /// The revision whose cookie it holds, if it is the Secret of one.
    #[must_use]
    pub fn cookie_of(&self) -> Option<&str> {
        match &self.detail {
            Detail::RevisionCookie(revision) => Some(revision),
            _ => None,
        }
    }

    /// The revision that it leads to, if it is a Service that leads to one.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        match &self.detail {
            Detail::LeadsTo(revision) => Some(revision),
            _ => None,
        }
    }

    /// The view of a Job, if it is one.
    #[must_use]
    pub fn job(&self) -> Option<&JobView> {
        match &self.detail {
            Detail::Job(view) => Some(view),
            _ => None,
        }
    }

    /// The revision's view, if it is one.
    #[must_use]
    pub fn revision(&self) -> Option<&RevisionView> {
        match &self.detail {
            Detail::Revision(view) => Some(view),
            _ => None,
        }
    }
}

/// The resource version as a number. Kubernetes declares it comparable within one kind since 1.35 and has always made it
/// from etcd's revision; a server that does otherwise yields `None`.
#[must_use]
pub fn version(meta: &ObjectMeta) -> Option<u64> {
    meta.resource_version.as_deref()?.parse().ok()
}

impl Detail {
    /// What is read of an object. The items of a list do not name their kind, but of the kinds that children have, only
    /// Deployment, StatefulSet and Job have a pod template, of these only a Job a limit for tries, only a
    /// ControllerRevision a number, and only a Service selects by a flat map of labels.
    #[must_use]
    pub fn of(object: &DynamicObject) -> Self {
        if object.data["spec"]["backoffLimit"].is_i64() {
            Self::Job(Box::new(job(object)))
        } else if object.data["spec"]["template"].is_object() {
            Self::Workload(Box::new(workload(object)))
        } else if object.data["revision"].is_i64() {
            Self::Revision(revision(object))
        } else if let Some(revision) = text(&object.data["spec"]["selector"][labels::REVISION]) {
            Self::LeadsTo(revision)
        } else {
            route::rules(object).map_or(Self::None, Self::Route)
        }
    }
}

fn workload(object: &DynamicObject) -> WorkloadView {
    let (spec, status) = (&object.data["spec"], &object.data["status"]);
    let count = |name: &str| status[name].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or_default();
    let condition =
        |kind: &str| status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == kind);
    WorkloadView {
        revision: text(&spec["template"]["metadata"]["labels"][labels::REVISION]),
        is_apart: spec["template"]["metadata"]["annotations"][labels::SCOPE].is_string(),
        observed: status["observedGeneration"].as_i64() >= object.metadata.generation,
        wanted: spec["replicas"].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(1),
        replicas: count("replicas"),
        updated: count("updatedReplicas"),
        ready: count("readyReplicas"),
        available: count("availableReplicas"),
        failure: condition("ReplicaFailure").filter(|c| c["status"] == "True").and_then(|c| text(&c["message"])),
        deadline_exceeded: condition("Progressing").is_some_and(|c| c["reason"] == "ProgressDeadlineExceeded"),
        fixed: Fixed::of(spec),
    }
}

fn job(object: &DynamicObject) -> JobView {
    let conditions = object.data["status"]["conditions"].as_array();
    let is_true = |type_: &str| {
        conditions.into_iter().flatten().any(|condition| condition["type"] == type_ && condition["status"] == "True")
    };
    let has_succeeded = if is_true("Complete") { Some(true) } else { is_true("Failed").then_some(false) };
    let annotation = |key| object.metadata.annotations.as_ref()?.get(key);
    let label = |key| object.metadata.labels.as_ref()?.get(key).map(String::as_str);
    JobView {
        revision: label(labels::REVISION).unwrap_or_default().into(),
        migration: label(labels::MIGRATION).unwrap_or_default().into(),
        request: annotation(labels::RETRY).map(|request| request.as_str().into()),
        has_succeeded,
    }
}

fn revision(object: &DynamicObject) -> RevisionView {
    let annotation = |name| object.metadata.annotations.as_ref()?.get(name);
    RevisionView {
        number: object.data["revision"].as_i64().unwrap_or_default(),
        digest: digest::of_value(&object.data["data"]),
        inputs: annotation(labels::INPUTS).and_then(|hex| u64::from_str_radix(hex, 16).ok()),
        restarted_at: text(&object.data["data"]["spec"]["template"]["metadata"]["annotations"][labels::RESTARTED_AT]),
        before: annotation(labels::BEFORE).map(|names| names.as_str().into()),
        migrations: annotation(labels::MIGRATIONS).and_then(|text| Note::of_text(text)).map(Box::new),
        stage: annotation(labels::STAGE).and_then(|text| Note::of_text(text)).map(Box::new),
        has_clustered: annotation(labels::CLUSTERED).is_some_and(|value| value == "true"),
        rejection: annotation(labels::REJECTED).and_then(|text| Note::of_text(text)).map(Box::new),
    }
}

fn text(value: &Value) -> Option<Box<str>> {
    value.as_str().map(Into::into)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> LiveChild {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_deployment_is_reduced_to_its_progress() {
        let object = parse(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "shop", "uid": "u", "resourceVersion": "7", "generation": 3},
            "spec": {"replicas": 4, "template": {"metadata": {
                "labels": {"beam-operator.io/revision": "shop-1"}, "annotations": {"beam-operator.io/scope": "Revision"},
            }}},
            "status": {
                "observedGeneration": 2, "replicas": 5, "updatedReplicas": 2, "readyReplicas": 3, "availableReplicas": 1,
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
                ],
            },
        }));
        let child = Child::of(ChildKind::Deployment, object).unwrap();
        assert_eq!((&*child.name, &*child.uid, child.version), ("shop", "u", 7));
        let expected = WorkloadView {
            revision: Some("shop-1".into()),
            is_apart: true,
            observed: false,
            wanted: 4,
            replicas: 5,
            updated: 2,
            ready: 3,
            available: 1,
            failure: Some("exceeded quota".into()),
            deadline_exceeded: true,
            fixed: None,
        };
        assert_eq!(child.workload(), Some(&expected));
    }

    #[test]
    fn of_a_stateful_set_that_is_kept_which_can_never_change() {
        let object = parse(json!({
            "metadata": {"name": "shop", "uid": "u", "resourceVersion": "7", "generation": 1},
            "spec": {
                "replicas": 2, "serviceName": "shop-nodes", "podManagementPolicy": "OrderedReady", "template": {},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            },
            "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1},
        }));
        let child = Child::of(ChildKind::StatefulSet, object).unwrap();
        let view = child.workload().unwrap();
        assert_eq!((view.observed, view.wanted, view.updated, view.available), (true, 2, 1, 1));
        let fixed = view.fixed.as_ref().unwrap();
        assert_eq!((&*fixed.service, &*fixed.pod_management_policy), ("shop-nodes", "OrderedReady"));
        assert_eq!(fixed.claims.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["data"]);
    }

    #[test]
    fn a_revision_keeps_number_digest_and_inputs() {
        let object = parse(json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": "r", "uid": "u", "resourceVersion": "7",
                "annotations": {"beam-operator.io/inputs": "ff", "beam-operator.io/clustered": "true"},
            },
            "revision": 4, "data": {},
        }));
        let child = Child::of(ChildKind::ControllerRevision, object).unwrap();
        let expected = RevisionView {
            number: 4,
            digest: digest::of_value(&json!({})),
            inputs: Some(255),
            has_clustered: true,
            ..RevisionView::default()
        };
        assert_eq!(child.revision(), Some(&expected));
    }

    #[test]
    fn an_object_without_a_uid_is_no_child() {
        let object = parse(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}}));
        assert_eq!(Child::of(ChildKind::Service, object), None);
    }
}
