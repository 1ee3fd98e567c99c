//! What a cluster shares with releases that cannot be read.
//!
//! Nobody knows which cluster such a release is in, but what it owns tells what it has shared so far, and its pods still run
//! with that. So it stays an owner: else the last member that can be read would take cookie and headless Service along.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

/// Adds those of the unreadable releases that own an object already to the owners that it is to have.
pub fn keep_owners(metadata: &mut ObjectMeta, owners: &[Box<str>], unreadable: &[OwnerReference]) {
    let kept = unreadable.iter().filter(|release| is_kept(owners, std::slice::from_ref(*release)));
    for owner in kept {
        let wanted = metadata.owner_references.get_or_insert_default();
        // One that could be read earlier is among the members still.
        if wanted.iter().all(|known| known.uid != owner.uid) {
            wanted.push(owner.clone());
        }
    }
}

/// Whether one of the unreadable releases is among the owners of an object.
pub fn is_kept(owners: &[Box<str>], unreadable: &[OwnerReference]) -> bool {
    unreadable.iter().any(|release| owners.iter().any(|owner| **owner == *release.uid))
}
