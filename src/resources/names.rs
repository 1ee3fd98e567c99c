//! Names that derive from a release. Each is unique in its namespace because the release's or the cluster's name is.

use kube::ResourceExt;

use super::Facts;
use crate::api::{Distribution, ElixirRelease, SecretKeyRef};

/// Name of the container that runs the release.
pub const CONTAINER: &str = "release";

/// Key of the Secret that holds a generated cookie.
pub const COOKIE_KEY: &str = "cookie";

/// Key of the same Secret that holds the next cookie while it is rotated.
pub const NEXT_COOKIE_KEY: &str = "next-cookie";

/// Name of the cluster that the release belongs to.
#[must_use]
pub fn cluster(release: &ElixirRelease) -> String {
    release.spec.cluster.name.clone().unwrap_or_else(|| release.name_any())
}

/// The part before the `@` of every node name of the release.
#[must_use]
pub fn basename(release: &ElixirRelease) -> String {
    release.spec.cluster.basename.clone().unwrap_or_else(|| cluster(release))
}

/// Name of the headless Service of the cluster.
#[must_use]
pub fn headless_service(release: &ElixirRelease) -> String {
    release.spec.cluster.service.name.clone().unwrap_or_else(|| default_headless_service(release))
}

/// Name of the headless Service of a cluster whose members name none.
#[must_use]
pub fn default_headless_service(release: &ElixirRelease) -> String {
    format!("{}-nodes", cluster(release))
}

/// Name of the Secret that the operator makes for a cluster without a cookie of its own.
#[must_use]
pub fn cookie_secret(release: &ElixirRelease) -> String {
    format!("{}-cookie", cluster(release))
}

/// The Secret and key that hold the cookie, whoever made them.
#[must_use]
pub fn cookie(release: &ElixirRelease) -> SecretKeyRef {
    let own = release.spec.cluster.cookie.secret_key_ref.clone();
    own.unwrap_or_else(|| SecretKeyRef { name: cookie_secret(release), key: COOKIE_KEY.to_owned() })
}

/// Name of the Secret with the certificate that the operator makes for the nodes of a cluster. It says what it is for:
/// `<cluster>-tls` is what many call the certificate of their Ingress.
#[must_use]
pub fn node_certificate(release: &ElixirRelease) -> String {
    format!("{}-distribution-tls", cluster(release))
}

/// Name of the Secret with the certificate authority that the operator makes for a cluster. No pod mounts it.
#[must_use]
pub fn certificate_authority(release: &ElixirRelease) -> String {
    format!("{}-distribution-ca", cluster(release))
}

/// The DNS name that is in the certificate of every node of a cluster. Members may name their headless Service otherwise;
/// this follows from the name of the cluster alone, so that it is the same for all.
#[must_use]
pub fn certified(release: &ElixirRelease) -> String {
    format!("{}.{}.svc", default_headless_service(release), release.namespace().unwrap_or_default())
}

/// Name of the ServiceAccount, Role and RoleBinding for discovery through the Kubernetes API.
#[must_use]
pub fn discovery(release: &ElixirRelease) -> String {
    format!("{}-discovery", release.name_any())
}

/// What the node in a pod should call itself; `None` where that is not known.
#[must_use]
pub fn node(release: &ElixirRelease, _pod_name: &str, pod_ip: &str, _facts: &Facts) -> Option<String> {
    Some(format!("{}@{pod_ip}", basename(release)))
}

/// Whether the nodes of the release speak the distribution protocol.
#[must_use]
pub fn is_distributed(release: &ElixirRelease) -> bool {
    release.spec.cluster.distribution == Distribution::Enabled
}
