//! Plan: what to write next, as data.
//!
//! [`plan`] is a pure function of what was observed. It never asks for a write that would change nothing, never for one
//! on an object that is not ours, and its steps are ordered so that stopping after any of them and planning again ends in
//! the same place.

mod neighbours;
mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PodTemplateSpec, Secret};
use kube::core::PartialObjectMeta;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use self::neighbours::{is_kept, keep_owners};
use super::cache::{Group, Key};
use super::kind::ChildKind;
use super::live::LiveChild;
use super::mesh::{self, Move};
use super::observe::Observed;
use super::ownership::desired_digest;
use super::revision::{self, Choice, Rendered};
use super::validate::Valid;
use super::view::Child;
use crate::api::ElixirRelease;
use crate::resources::{
    Facts, controller_revision, cookie, discovery_rbac, disruption_budget, headless_service, names, network_policy,
    pod, tls,
};

/// What to write, in order.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// Names of objects that are not ours and stand where a child should be.
    pub taken: Vec<Taken>,
    /// The revision that the release asks for; `None` when nothing may be written.
    pub revision: Option<String>,
}

/// One write, or one read that the next plan depends on.
#[derive(Debug)]
pub enum Step {
    /// Make the Secret of the cookie for these members, if there is none.
    CreateCookie(Vec<Arc<ElixirRelease>>),
    /// Make and renew the certificates of a cluster with these members.
    KeepCertificates(Vec<Arc<ElixirRelease>>),
    /// Make a Secret that the cluster shares belong to exactly these members.
    OwnSecret(Box<PartialObjectMeta<Secret>>),
    /// Make a child that was not seen, unless somebody else has one of that name.
    Create(Desired),
    /// Change a child that was seen with this uid.
    Update(Desired, Box<str>),
    /// Delete a child that was seen with this uid.
    Delete(ChildKind, Box<str>, Box<str>),
    /// Go on with the rotation of a cookie.
    RotateCookie(Rotation),
    /// Open the readiness gate of the pod of this name and uid: its node has met its cluster.
    OpenGate(Arc<str>, Arc<str>),
    /// Evict the pod of this name and uid: its node is cut off from the larger side of its cluster.
    Evict(Arc<str>, Arc<str>),
    /// Read the pod template that another version of the operator recorded under this name. Nothing else is planned then.
    ReadRevision(String),
}

/// The next step of the rotation of a cookie.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// The step.
    pub next: Move,
    /// The cluster that the cookie is of.
    pub cluster: Key,
    /// Name of the Secret that holds it.
    pub secret: Box<str>,
    /// Uid of the Secret.
    pub uid: Box<str>,
    /// Version of the Secret that the step is meant for.
    pub version: u64,
}

/// A child as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Its kind.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
    /// Whose it is, by its labels.
    pub group: Option<Group>,
    /// The object, for server-side apply.
    pub object: Value,
    /// The digest by which it is recognised.
    pub digest: u64,
}

impl Desired {
    /// The object that stands where this one should be, if it is the release's after all and had only gone unseen: it is
    /// owned by the release, or the operator made it and its labels claim it for nobody else.
    #[must_use]
    pub fn recognise(&self, found: LiveChild, uid: &str) -> Option<Child> {
        let group = Group::of(&found.metadata);
        let is_claimed = group.is_some() && group != self.group;
        Child::of(self.kind, found).filter(|child| child.is_owned_by(uid) || child.is_ours(uid) && !is_claimed)
    }
}

/// An object that stands where a child should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// Its kind.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
}

/// Plans for a valid release.
#[must_use]
pub fn plan(observed: &Observed, valid: &Valid, facts: &Facts, now: Timestamp) -> Plan {
    let release = &*observed.release;
    if release.spec.paused || release.metadata.deletion_timestamp.is_some() {
        return Plan { revision: observed.running_revision().map(ToOwned::to_owned), ..Plan::default() };
    }
    let cut_off = mesh::to_restart(observed, now).map(|(pod, uid)| Step::Evict(pod, uid));
    let gates = mesh::to_open(observed).into_iter().map(|(pod, uid)| Step::OpenGate(pod, uid));
    let rendered = rendered(observed, valid, facts);
    let choice = revision::choose(release, &rendered, &observed.history(), observed.running_revision());
    let template = match (choice.is_rendered, &observed.pinned) {
        (true, _) => &rendered.template,
        (false, Some(pinned)) => &**pinned,
        (false, None) => {
            let steps = vec![Step::ReadRevision(choice.name.clone())];
            return Plan { steps, taken: Vec::new(), revision: Some(choice.name) };
        }
    };
    let mut plan = Plan { revision: Some(choice.name.clone()), ..Plan::default() };
    plan.keep_cookie(observed);
    plan.keep_certificates(observed, now);
    let wanted = wanted(observed, valid, facts, &rendered, &choice, template);
    let keep = history_to_keep(observed, &choice.name);
    for desired in &wanted {
        plan.want(observed, desired);
    }
    for child in unwanted(observed, &wanted, &keep).filter(|child| workload::may_go(observed, child, &choice.name)) {
        plan.steps.push(Step::Delete(child.kind, child.name.clone(), child.uid.clone()));
    }
    plan.steps.extend(gates);
    plan.steps.extend(cut_off);
    plan
}

impl Plan {
    fn want(&mut self, observed: &Observed, desired: &Desired) {
        match observed.child(desired.kind, &desired.name) {
            None => self.steps.push(Step::Create(desired.clone())),
            Some(child) if child.deleting || child.is_as(desired.digest) => {}
            Some(child) if child.is_ours(observed.uid()) => {
                self.steps.push(Step::Update(desired.clone(), child.uid.clone()));
            }
            Some(_) => self.taken.push(Taken { kind: desired.kind, name: desired.name.clone() }),
        }
    }

    /// The cookie is made once and never applied: only who owns it may change.
    fn keep_cookie(&mut self, observed: &Observed) {
        let members: Vec<_> = observed.members.iter().map(|member| &**member).collect();
        let name = names::cookie_secret(&observed.release);
        if !cookie::is_wanted(&members) {
            return;
        }
        // One with the labels of a release is none that we made.
        let of_cluster = |child: &&Child| child.kind == ChildKind::Secret && *child.name == *name;
        let Some(secret) = observed.shared.iter().find(of_cluster) else {
            self.steps.push(Step::CreateCookie(observed.members.clone()));
            return;
        };
        if let Some(ownership) = cookie::ownership(&members, &secret.uid) {
            self.own(observed, secret, ownership);
        }
        if let Some(Ok(next)) = mesh::next_rotation(observed, secret).filter(|_| !secret.deleting) {
            let cluster = observed.key.sibling(&names::cluster(&observed.release));
            let (secret, uid, version) = (secret.name.clone(), secret.uid.clone(), secret.version);
            self.steps.push(Step::RotateCookie(Rotation { next, cluster, secret, uid, version }));
        }
    }

    /// What they hold is decided when it is read; here only whether it is to be looked at.
    fn keep_certificates(&mut self, observed: &Observed, now: Timestamp) {
        let members: Vec<_> = observed.members.iter().map(|member| &**member).collect();
        let Some(names) = tls::keep::secrets(&members) else { return };
        let [authority, nodes] = names
            .each_ref()
            .map(|name| observed.shared.iter().find(|child| child.kind == ChildKind::Secret && *child.name == **name));
        let (Some(authority), Some(nodes)) = (authority, nodes) else {
            self.steps.push(Step::KeepCertificates(observed.members.clone()));
            return;
        };
        let is_due = |secret: &Child| {
            let noted = secret.certificates().and_then(|noted| noted.renew_at);
            !secret.deleting && noted.is_none_or(|renew_at| now >= renew_at)
        };
        let trusts = |secret: &Child| secret.certificates().map(|noted| noted.authorities);
        if is_due(authority) || is_due(nodes) || trusts(authority) != trusts(nodes) {
            self.steps.push(Step::KeepCertificates(observed.members.clone()));
        }
        for secret in [authority, nodes] {
            if let Some(ownership) = tls::secret::ownership(&members, &secret.name, &secret.uid) {
                self.own(observed, secret, ownership);
            }
        }
    }

    fn own(&mut self, observed: &Observed, secret: &Child, mut ownership: PartialObjectMeta<Secret>) {
        keep_owners(&mut ownership.metadata, &secret.owners, &observed.unreadable);
        let owners: BTreeSet<&str> = secret.owners.iter().map(|owner| &**owner).collect();
        let wanted: BTreeSet<&str> = ownership.owner_references().iter().map(|owner| owner.uid.as_str()).collect();
        if !secret.deleting && owners != wanted {
            self.steps.push(Step::OwnSecret(Box::new(ownership)));
        }
    }
}

fn rendered(observed: &Observed, valid: &Valid, facts: &Facts) -> Rendered {
    let release = &*observed.release;
    let reloaded = tls::reloaded(release);
    let restarting = observed.contents.iter();
    let restarting = restarting.filter(|(object, content)| content.restart && Some(*object) != reloaded.as_ref());
    let config = if release.spec.rollout.restart_on_config_change {
        restarting.map(|(object, content)| (object.to_string(), format!("{:016x}", content.digest))).collect()
    } else {
        BTreeMap::new()
    };
    Rendered::new(release, valid.template.clone(), &config, facts)
}

/// Every child but the Secrets, in the order in which they are applied.
fn wanted(
    observed: &Observed,
    valid: &Valid,
    facts: &Facts,
    rendered: &Rendered,
    choice: &Choice,
    template: &PodTemplateSpec,
) -> Vec<Desired> {
    let release = &*observed.release;
    let members: Vec<_> = observed.members.iter().map(|member| &**member).collect();
    let mut headless = headless_service::build(&members);
    for service in &mut headless {
        let known =
            observed.shared.iter().find(|child| child.kind == ChildKind::Service && *child.name == *service.name_any());
        keep_owners(&mut service.metadata, known.map_or(&[], |known| &known.owners), &observed.unreadable);
    }
    headless.extend(headless_service::of_lone(release));
    let mut wanted: Vec<_> = headless.iter().map(|service| desired(ChildKind::Service, service)).collect();
    let account = template.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    if let Some(rbac) = discovery_rbac::build(release, account) {
        wanted.extend(rbac.service_account.iter().map(|account| desired(ChildKind::ServiceAccount, account)));
        wanted.push(desired(ChildKind::Role, &rbac.role));
        wanted.push(desired(ChildKind::RoleBinding, &rbac.role_binding));
    }
    wanted.extend(network_policy::build(release, facts).iter().map(|policy| desired(ChildKind::NetworkPolicy, policy)));
    if choice.is_rendered {
        let inputs = format!("{:016x}", rendered.inputs);
        let record = controller_revision::build(release, &choice.name, choice.number, rendered.data.clone(), &inputs);
        wanted.push(desired(ChildKind::ControllerRevision, &record));
    }
    let stamped = pod::stamp(template.clone(), &choice.name);
    wanted.extend(workload::wanted(observed, valid, stamped, &choice.name));
    wanted.extend(valid.traffic_service.iter().map(|service| desired(ChildKind::Service, service)));
    wanted
        .extend(disruption_budget::build(release).iter().map(|budget| desired(ChildKind::PodDisruptionBudget, budget)));
    wanted.extend(valid.autoscaler.iter().map(|scaler| desired(ChildKind::HorizontalPodAutoscaler, scaler)));
    wanted
}

/// The revisions that stay: the chosen one, the last that ran completely, and the newest others up to the limit.
fn history_to_keep(observed: &Observed, chosen: &str) -> BTreeSet<String> {
    let current = observed.release.status.as_ref().and_then(|status| status.current_revision.clone());
    let limit = usize::try_from(observed.release.spec.rollout.revision_history_limit).unwrap_or_default();
    let history = observed.history();
    let is_needed = |name: &str| name == chosen || Some(name) == current.as_deref();
    let others = history.iter().map(|(name, _)| *name).filter(|name| !is_needed(name)).take(limit);
    others.map(ToOwned::to_owned).chain([chosen.to_owned()]).chain(current.clone()).collect()
}

/// Children that nobody wants any more. A cookie and an authority are never among them: they may be wanted again.
///
/// What a cluster shares is cleaned up by whoever is in it, also after its owner has left.
fn unwanted<'a>(
    observed: &'a Observed,
    wanted: &'a [Desired],
    history: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a Child> {
    let is_wanted = move |child: &Child| match child.kind {
        ChildKind::Secret => true,
        ChildKind::ControllerRevision => history.contains(&*child.name),
        kind => wanted.iter().any(|desired| desired.kind == kind && *desired.name == *child.name),
    };
    let own = observed.children.iter().filter(|child| child.is_owned_by(observed.uid()));
    let shared = observed.shared.iter().chain(&observed.abandoned);
    let shared = shared.filter(|child| !child.owners.is_empty() && !is_kept(&child.owners, &observed.unreadable));
    own.chain(shared).filter(move |child| child.digest.is_some() && !child.deleting && !is_wanted(child))
}

fn desired<K>(kind: ChildKind, object: &K) -> Desired
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(root) = &mut value {
        root.remove("status");
    }
    let group = Group::of(object.meta());
    Desired { kind, name: object.name_any(), group, digest: desired_digest(&value), object: value }
}

#[cfg(test)]
mod tests;
