//! Names that derive from a release. Each is unique in its namespace because the release's or the cluster's name is.

use kube::ResourceExt;

use super::Facts;
use crate::api::{Distribution, ElixirRelease, Host, Scope, SecretKeyRef, Strategy};

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

/// Name of the headless Service that gives the pods of a StatefulSet their names in DNS: that of the cluster, or one of
/// its own for lone nodes.
#[must_use]
pub fn governing_service(release: &ElixirRelease) -> String {
    if is_distributed(release) { headless_service(release) } else { format!("{}-nodes", release.name_any()) }
}

/// Name of the headless Service of a revision whose nodes meet no others.
#[must_use]
pub fn revision_service(revision: &str) -> String {
    format!("{revision}-nodes")
}

/// Name in DNS of a Service in the namespace of the release.
#[must_use]
pub fn dns(release: &ElixirRelease, service: &str, facts: &Facts) -> String {
    format!("{service}.{}.svc.{}", release.namespace().unwrap_or_default(), facts.cluster_domain)
}

/// The name that the node in a pod is to have; `None` for lone nodes, which have none, and for images that make their own.
///
/// The address goes in as Kubernetes writes it, IPv6 without brackets: that is how the VM takes it, and how discovery by
/// DNS spells the names of peers.
#[must_use]
pub fn node(release: &ElixirRelease, pod_name: &str, pod_ip: &str, facts: &Facts) -> Option<String> {
    let host = match release.spec.cluster.host {
        _ if !is_distributed(release) => return None,
        Host::PodIP => pod_ip.to_owned(),
        Host::PodFQDN => format!("{pod_name}.{}", dns(release, &governing_service(release), facts)),
        Host::Application => return None,
    };
    Some(format!("{}@{host}", basename(release)))
}

/// The name of the node that is always the first of a StatefulSet; `None` where it cannot be known in advance.
#[must_use]
pub fn seed_node(release: &ElixirRelease, facts: &Facts) -> Option<String> {
    let is_known = release.spec.cluster.host == Host::PodFQDN;
    node(release, &pod(release, 0), "", facts).filter(|_| is_known)
}

/// Name of the StatefulSet of the release, if it has one.
#[must_use]
pub fn stateful_set(release: &ElixirRelease) -> String {
    release.name_any()
}

/// Name of the Service that leads to a revision before traffic does.
#[must_use]
pub fn preview_service(release: &ElixirRelease) -> String {
    format!("{}-preview", release.name_any())
}

/// Whether there is a Service that leads to a revision before traffic does.
#[must_use]
pub fn has_preview(release: &ElixirRelease) -> bool {
    let rollout = &release.spec.rollout;
    rollout.strategy == Strategy::BlueGreen || rollout.route().is_some()
}

/// Name of a pod of the StatefulSet.
#[must_use]
pub fn pod(release: &ElixirRelease, ordinal: u32) -> String {
    format!("{}-{ordinal}", stateful_set(release))
}

/// The script of the release, in the working directory of its image.
#[must_use]
pub fn release_script(release: &ElixirRelease) -> String {
    let name = release.spec.release.name.clone().unwrap_or_else(|| release.name_any());
    format!("bin/{name}")
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

/// The Secret and key that hold the cookie of a revision whose nodes meet no others.
#[must_use]
pub fn revision_cookie(revision: &str) -> SecretKeyRef {
    SecretKeyRef { name: format!("{revision}-cookie"), key: COOKIE_KEY.to_owned() }
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

/// Whether the nodes of the release speak the distribution protocol.
#[must_use]
pub fn is_distributed(release: &ElixirRelease) -> bool {
    release.spec.cluster.distribution == Distribution::Enabled
}

/// Whether the nodes of the release meet only those of their own revision.
#[must_use]
pub fn meets_by_revision(release: &ElixirRelease) -> bool {
    is_distributed(release) && release.spec.cluster.scope == Scope::Revision
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixture;
    use super::*;

    const STATEFUL: &str = "workload: {kind: StatefulSet}";

    #[rstest]
    #[case::address("{}", "10.1.2.3", Some("shop@10.1.2.3"))]
    #[case::address_of_six("{}", "fd00::a:1", Some("shop@fd00::a:1"))]
    #[case::basename("{basename: node}", "10.1.2.3", Some("node@10.1.2.3"))]
    #[case::dns("{host: PodFQDN}", "10.1.2.3", Some("shop@shop-1.shop-nodes.store.svc.example.org"))]
    #[case::dns_in_a_cluster(
        "{host: PodFQDN, name: market}",
        "",
        Some("market@shop-1.market-nodes.store.svc.example.org")
    )]
    #[case::service("{host: PodFQDN, service: {name: peers}}", "", Some("shop@shop-1.peers.store.svc.example.org"))]
    #[case::its_own("{host: Application}", "10.1.2.3", None)]
    #[case::lone("{host: PodFQDN, distribution: Disabled}", "10.1.2.3", None)]
    fn a_node_is_named(#[case] cluster: &str, #[case] address: &str, #[case] expected: Option<&str>) {
        let release = fixture::release(&format!("{{{STATEFUL}, cluster: {cluster}}}"));
        let facts = Facts { cluster_domain: "example.org".to_owned(), ..Facts::default() };
        assert_eq!(node(&release, "shop-1", address, &facts).as_deref(), expected);
    }

    #[rstest]
    #[case::by_name("{host: PodFQDN}", Some("shop@shop-0.shop-nodes.store.svc.cluster.local"))]
    #[case::by_an_address_that_nobody_knows("{host: PodIP}", None)]
    #[case::by_a_name_that_nobody_knows("{host: Application}", None)]
    #[case::lone("{host: PodFQDN, distribution: Disabled}", None)]
    fn the_seed_is_ordinal_0(#[case] cluster: &str, #[case] expected: Option<&str>) {
        let release = fixture::release(&format!("{{{STATEFUL}, cluster: {cluster}}}"));
        assert_eq!(seed_node(&release, &Facts::default()).as_deref(), expected);
    }

    #[test]
    fn lone_nodes_have_a_service_of_their_own() {
        let of = |cluster: &str| governing_service(&fixture::release(&format!("cluster: {cluster}")));
        assert_eq!(of("{name: market, service: {name: peers}}"), "peers");
        assert_eq!(of("{name: market, service: {name: peers}, distribution: Disabled}"), "shop-nodes");
    }
}
