//! Metadata of children: a name, the labels by which our watches select, and the owners that take the child with them.
//!
//! Deletion is left to Kubernetes' garbage collector, so an owner reference is all that cleaning up needs. An object may
//! have only one controller; what the members of a cluster share therefore names each of them as a plain owner and goes
//! with the last.

use kube::api::ObjectMeta;
use kube::{Resource, ResourceExt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::{labels, names};
use crate::api::ElixirRelease;

/// The reference from a child to the one release it belongs to. `None` for a release that no API server has stored yet,
/// as in an offline rendering: it has no uid to refer to.
///
/// `blockOwnerDeletion` makes `kubectl delete --cascade=foreground` wait until the child is gone.
#[must_use]
pub fn owner(release: &ElixirRelease) -> Option<OwnerReference> {
    let reference = release.controller_owner_ref(&())?;
    Some(OwnerReference { block_owner_deletion: Some(true), ..reference })
}

/// Metadata of a child that belongs to one release.
#[must_use]
pub fn of_release(release: &ElixirRelease, name: impl Into<String>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.into()),
        namespace: release.namespace(),
        labels: Some(labels::of_release(release)),
        owner_references: owner(release).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

/// Metadata of a child that the given members of a cluster share; `None` without a member.
///
/// It depends on nothing but the members, so that the reconcile of each of them writes the same.
#[must_use]
pub fn of_members(members: &[&ElixirRelease], name: impl Into<String>) -> Option<ObjectMeta> {
    let first = members.first()?;
    let owners: Vec<_> = members.iter().filter_map(|member| member.owner_ref(&())).collect();
    Some(ObjectMeta {
        name: Some(name.into()),
        namespace: first.namespace(),
        labels: Some(labels::of_cluster(&names::cluster(first))),
        owner_references: (!owners.is_empty()).then_some(owners),
        ..ObjectMeta::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_release_controls_its_own_children() {
        let meta = of_release(&fixture::release(""), "shop-discovery");

        let [owner] = meta.owner_references.as_deref().unwrap() else { panic!("one owner") };
        assert_eq!((owner.api_version.as_str(), owner.kind.as_str()), ("beam-operator.io/v1alpha1", "ElixirRelease"));
        assert_eq!((owner.name.as_str(), owner.uid.as_str()), ("shop", "uid-of-shop"));
        assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)));
    }

    #[test]
    fn members_share_without_a_controller() {
        let (api, indexer) = (fixture::named("api", "cluster: {name: shop}"), fixture::named("indexer", ""));
        let meta = of_members(&[&api, &indexer], "shop-nodes").unwrap();

        let owners = meta.owner_references.unwrap();
        assert_eq!(owners.iter().map(|owner| owner.name.as_str()).collect::<Vec<_>>(), ["api", "indexer"]);
        assert!(owners.iter().all(|owner| owner.controller.is_none()));
    }

    #[test]
    fn a_release_that_is_not_stored_owns_nothing() {
        let mut release = fixture::release("");
        release.metadata.uid = None;

        assert_eq!(of_release(&release, "shop").owner_references, None);
        assert_eq!(of_members(&[&release], "shop-nodes").unwrap().owner_references, None);
    }
}
