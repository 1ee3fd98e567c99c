//! What becomes of certificates in the world.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::super::Taken;
use super::stored::{Stored, merge};
use super::world::{Answer, World};
use crate::api::ElixirRelease;
use crate::controller::kind::ChildKind;
use crate::resources::reference::{Content, Reference, ReferenceKind};
use crate::resources::tls::certificate::Certificate;
use crate::resources::tls::keep::{self, Pair};
use crate::resources::tls::renewal::Lifetimes;
use crate::resources::tls::{self, secret};

impl World {
    /// A Secret with a certificate that is valid for the nodes of `shop`, made by somebody and read by the operator.
    pub fn know_certificate(&mut self, secret: &str) {
        let reference = Reference { kind: ReferenceKind::Secret, name: secret.to_owned() };
        let names = vec!["shop-nodes.store.svc".to_owned()];
        let certificate = Certificate { not_before: Timestamp::MIN, not_after: Timestamp::MAX, names, serves: true };
        let (digest, keys) = (self.tick(), tls::KEYS.map(str::to_owned).into());
        let content = Content { digest, keys, restart: true, certificate: Some(Ok(certificate)), ..Content::default() };
        self.contents.insert(reference, content);
    }

    /// What the operator does with certificates, by the very function that decides about them.
    pub(super) fn keep_certificates(&mut self, members: &[Arc<ElixirRelease>]) -> Answer {
        let members: Vec<_> = members.iter().map(|member| &**member).collect();
        let names = keep::secrets(&members).unwrap();
        let [authority, nodes] = names.each_ref().map(|name| self.certificates(name));
        for (name, found) in names.iter().zip([&authority, &nodes]) {
            if found.as_ref().is_some_and(|found| found.is_foreign(&members)) {
                return Answer::Taken(Taken { kind: ChildKind::Secret, name: name.clone() });
            }
        }
        let writes = keep::keep(&members, &Pair { authority, nodes }, &Lifetimes::default(), self.now).unwrap();
        let writes: Vec<_> = writes.authority.into_iter().chain(writes.nodes).collect();
        for write in &writes {
            let version = self.tick();
            let posted = json!(write.for_post().as_ref());
            let made =
                || Stored { uid: format!("uid-{version}"), version, deleting: false, ours: None, theirs: json!({}) };
            let stored = self.objects.entry((ChildKind::Secret, write.name.clone())).or_insert_with(made);
            stored.version = version;
            merge(&mut stored.theirs, &posted);
        }
        if writes.is_empty() { Answer::Unchanged } else { Answer::Written }
    }

    /// A Secret with certificates, as the operator reads it.
    pub fn certificates(&self, name: &str) -> Option<secret::Stored> {
        let live = self.object(ChildKind::Secret, name)?.live(name);
        Some(serde_json::from_value::<Secret>(serde_json::to_value(live).unwrap()).unwrap().into())
    }
}
