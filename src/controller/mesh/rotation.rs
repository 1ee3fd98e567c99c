//! Another cookie for a cluster that runs: what to do next about it.
//!
//! It is asked for by an annotation of a release, with any new value. Connections outlive a change of the cookie, so the
//! nodes are given the new one while they stay connected:
//!
//! 1. [`Move::Begin`]: the Secret gets the new cookie beside the old one. Nobody uses it yet.
//! 2. [`Move::Swap`]: each node is told to use it from now on. One that was told is recognised by connecting with it.
//! 3. [`Move::Finish`]: the new one takes the place of the old one in the Secret, which is gone then.
//!
//! Where each step has come is in the Secret and in the nodes, so an operator that comes later goes on from there. It goes on
//! only as long as every node can be asked: one that was left behind could not meet the others again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::view::Child;
use crate::resources::{labels, names};

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Put a new cookie into the Secret, beside the old one, for the value that it is asked for with.
    Begin(String),
    /// Tell the nodes.
    Swap,
    /// Let the new one take the place of the old one.
    Finish,
}

/// What keeps a rotation from going on, in words.
pub type Waits = String;

/// What to do next about the cookie in this Secret; `None` if nothing is wanted of this release.
#[must_use]
pub fn next(observed: &Observed, secret: &Child) -> Option<Result<Move, Waits>> {
    let view = secret.rotation().cloned().unwrap_or_default();
    let is_under_way = match &view.by {
        Some(by) if is_ours(observed, by) => true,
        // The release that asked for it sees to it.
        Some(_) => return None,
        None => false,
    };
    let value = asked_for(&observed.release.metadata).filter(|value| view.done_for(&observed.key.name) != Some(value));
    if !is_under_way && value.is_none() {
        return None;
    }
    if names::meets_by_revision(&observed.release) {
        return Some(Err(format!(
            "with spec.cluster.scope Revision each revision has a cookie of its own, so another one needs another revision: \
             remove the annotation {}, and give {} a new value. To have none that follows from the present cookie of the \
             cluster, replace that first: delete its Secret, or change your own",
            labels::ROTATE_COOKIE,
            labels::RESTARTED_AT
        )));
    }
    let Some(sightings) = &observed.mesh else {
        return Some(Err("nobody looks at the nodes, and only who asks them can change their cookie: set \
                         spec.cluster.observation.mode to Enabled"
            .to_owned()));
    };
    if let Some(silent) = sightings.iter().find(|sighting| sighting.view().is_none()) {
        return Some(Err(format!("the node in pod {} cannot be asked yet, and would be left behind", silent.node.pod)));
    }
    let has_new = |sighting: &crate::observer::Sighting| sighting.view().is_some_and(|view| view.has_next_cookie);
    Some(Ok(match value {
        Some(value) if !is_under_way => Move::Begin(value.to_owned()),
        _ if sightings.iter().all(has_new) => Move::Finish,
        _ => Move::Swap,
    }))
}

/// What keeps the rotation that a release asks for from going on.
#[must_use]
pub fn waits(observed: &Observed) -> Option<Waits> {
    let release = &*observed.release;
    let asked_for = asked_for(&release.metadata).filter(|_| names::is_distributed(release));
    if let Some(own) = &release.spec.cluster.cookie.secret_key_ref {
        let told = || format!("the cookie is in Secret {}, which is not the operator's: change it there", own.name);
        return asked_for.map(|_| told());
    }
    let name = names::cookie_secret(release);
    let is_cookie = |child: &&Child| child.kind == ChildKind::Secret && *child.name == *name;
    next(observed, observed.shared.iter().find(is_cookie)?)?.err()
}

/// The value that a release's rotation is asked for with.
fn asked_for(metadata: &ObjectMeta) -> Option<&str> {
    metadata.annotations.as_ref()?.get(labels::ROTATE_COOKIE).map(String::as_str).filter(|value| !value.is_empty())
}

/// Whether a rotation that this release began is up to the observed one: it is its own, or it is of one that is gone.
fn is_ours(observed: &Observed, by: &str) -> bool {
    let is_there = observed.members.iter().any(|member| member.name_any() == by);
    let is_oldest = observed.members.first().is_some_and(|oldest| oldest.name_any() == *observed.key.name);
    by == &*observed.key.name || !is_there && is_oldest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::super::fixture::{failed, seen, unseen, viewed};
    use super::*;
    use crate::controller::fixture::{complete, running};
    use crate::controller::view::{Detail, RotationView};
    use crate::observer::{FailureKind, Sighting};

    fn secret(by: Option<&str>, done: &[(&str, &str)]) -> Child {
        let done = done.iter().map(|(release, value)| ((*release).into(), (*value).into())).collect();
        Child {
            kind: ChildKind::Secret,
            name: "shop-cookie".into(),
            uid: "u".into(),
            version: 1,
            owners: Box::new([]),
            digest: None,
            applied: None,
            deleting: false,
            detail: Detail::Cookie(RotationView { by: by.map(Into::into), done }),
        }
    }

    fn shop(asked_for: Option<&str>, mesh: Option<Vec<Sighting>>) -> Observed {
        let mut shop = Observed { mesh, ..running("", complete(2, "shop-1")) };
        let release = Arc::make_mut(&mut shop.release);
        let value = asked_for.map(|value| (labels::ROTATE_COOKIE.to_owned(), value.to_owned()));
        release.metadata.annotations = Some(value.into_iter().collect());
        shop.members = vec![shop.release.clone()];
        shop
    }

    fn begin(value: &str) -> Move {
        Move::Begin(value.to_owned())
    }

    fn old(pod: &str, peers: &[&str]) -> Sighting {
        seen(pod, peers)
    }

    fn new(pod: &str, peers: &[&str]) -> Sighting {
        viewed(seen(pod, peers), |view| view.has_next_cookie = true)
    }

    #[rstest]
    #[case::nobody_asked(None, secret(None, &[]), None)]
    #[case::asked(Some("1"), secret(None, &[]), Some(begin("1")))]
    #[case::done(Some("1"), secret(None, &[("shop", "1")]), None)]
    #[case::asked_again(Some("2"), secret(None, &[("shop", "1")]), Some(begin("2")))]
    #[case::done_for_another(Some("1"), secret(None, &[("worker", "1")]), Some(begin("1")))]
    #[case::begun(Some("1"), secret(Some("shop"), &[]), Some(Move::Swap))]
    #[case::begun_and_not_asked_any_more(None, secret(Some("shop"), &[]), Some(Move::Swap))]
    #[case::begun_by_one_that_is_gone(None, secret(Some("worker"), &[]), Some(Move::Swap))]
    fn the_next_move(#[case] asked_for: Option<&str>, #[case] secret: Child, #[case] expected: Option<Move>) {
        let shop = shop(asked_for, Some(vec![old("a", &["b"]), old("b", &["a"])]));
        assert_eq!(next(&shop, &secret), expected.map(Ok));
    }

    #[rstest]
    #[case::one_is_left(vec![new("a", &["b"]), old("b", &["a"])], Move::Swap)]
    #[case::all_have_it(vec![new("a", &["b"]), new("b", &["a"])], Move::Finish)]
    #[case::there_are_none(vec![], Move::Finish)]
    fn it_ends_when_every_node_has_it(#[case] mesh: Vec<Sighting>, #[case] expected: Move) {
        assert_eq!(next(&shop(Some("1"), Some(mesh)), &secret(Some("shop"), &[])), Some(Ok(expected)));
    }

    #[rstest]
    #[case::nobody_looks(None, "nobody looks at the nodes")]
    #[case::not_looked_yet(Some(vec![unseen("a")]), "pod a cannot be asked yet")]
    #[case::silent(Some(vec![old("a", &[]), failed("b", FailureKind::Unreachable)]), "pod b cannot be asked yet")]
    fn it_waits(#[case] mesh: Option<Vec<Sighting>>, #[case] why: &str) {
        for secret in [secret(None, &[]), secret(Some("shop"), &[])] {
            let told = next(&shop(Some("1"), mesh.clone()), &secret).unwrap().unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }

    /// The nodes have cookies of their revisions, of which telling them another one would leave some behind.
    #[test]
    fn where_revisions_are_apart_it_is_refused_and_told_what_to_do() {
        let mut shop = shop(Some("1"), Some(vec![old("a", &[])]));
        Arc::make_mut(&mut shop.release).spec.cluster.scope = crate::api::Scope::Revision;
        for secret in [secret(None, &[]), secret(Some("shop"), &[])] {
            let told = next(&shop, &secret).unwrap().unwrap_err();
            assert!(told.contains("give beam-operator.io/restarted-at a new value"), "{told}");
            shop.shared = vec![secret];
            assert_eq!(waits(&shop), Some(told));
        }
        Arc::make_mut(&mut shop.release).metadata.annotations = None;
        assert_eq!(next(&shop, &secret(None, &[])), None);
    }

    #[test]
    fn why_it_waits_is_told() {
        let mut waiting = shop(Some("1"), Some(vec![unseen("a")]));
        assert_eq!(waits(&waiting), None, "there is no Secret yet");
        waiting.shared = vec![secret(None, &[])];
        assert!(waits(&waiting).unwrap().contains("pod a cannot be asked yet"));
        assert_eq!(waits(&shop(None, Some(vec![unseen("a")]))), None);
        let own = "cluster: {cookie: {secretKeyRef: {name: mine}}}";
        let mut brought = Observed { ..running(own, complete(1, "shop-1")) };
        assert_eq!(waits(&brought), None);
        let value = (labels::ROTATE_COOKIE.to_owned(), "1".to_owned());
        Arc::make_mut(&mut brought.release).metadata.annotations = Some([value].into());
        assert!(waits(&brought).unwrap().contains("Secret mine, which is not the operator's"));
    }

    #[test]
    fn the_one_that_asked_sees_to_it() {
        let mut shop = shop(None, Some(Vec::new()));
        let worker = crate::resources::fixture::named("worker", "cluster: {name: shop}");
        shop.members.push(Arc::new(worker));
        assert_eq!(next(&shop, &secret(Some("worker"), &[])), None);
    }
}
