//! The Secrets that a cluster shares: its cookie and its certificates.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;

use super::neighbours::keep_owners;
use super::{Plan, Rotation, Step};
use crate::controller::kind::ChildKind;
use crate::controller::mesh;
use crate::controller::observe::Observed;
use crate::controller::view::Child;
use crate::resources::{cookie, names, tls};

impl Plan {
    /// The cookie is made once and never applied: only who owns it may change.
    pub(super) fn keep_cookie(&mut self, observed: &Observed) {
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
    pub(super) fn keep_certificates(&mut self, observed: &Observed, now: Timestamp) {
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
