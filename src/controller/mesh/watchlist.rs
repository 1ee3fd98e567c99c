//! Which nodes of a release there are to look at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Epmd, ObservationMode};
use crate::beam::Port;
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::pod::PodView;
use crate::observer::{Access, Mesh, Node, Watchlist};
use crate::resources::reference::{Reference, ReferenceKind};
use crate::resources::{Facts, names, tls};

/// The nodes of a release, a list for each mesh that they are to form; none if nobody should look at them.
#[must_use]
pub fn watchlists(observed: &Observed, facts: &Facts) -> Vec<Watchlist> {
    let release = &*observed.release;
    let cluster = &release.spec.cluster;
    let is_wanted = names::is_distributed(release) && cluster.observation.mode == ObservationMode::Enabled;
    if !is_wanted || release.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let port = match cluster.epmd {
        Epmd::Enabled => Port::Epmd(cluster.ports.epmd),
        Epmd::Disabled | Epmd::Application => Port::Fixed(cluster.ports.distribution.from),
    };
    let mut meshes: BTreeMap<Option<Arc<str>>, Vec<Node>> = BTreeMap::new();
    for pod in observed.pods.iter().filter(|pod| pod.is_to_stay()) {
        let Some(address) = pod.address.as_deref() else { continue };
        let apart: Option<Arc<str>> = pod.revision.as_deref().filter(|_| pod.is_apart).map(Into::into);
        meshes.entry(apart.clone()).or_default().push(Node {
            pod: (&*pod.name).into(),
            uid: (&*pod.uid).into(),
            address: address.into(),
            port,
            expected: expected(observed, pod, address, facts),
            apart,
            is_ready: pod.is_ready,
            started: pod.started,
        });
    }
    let lists = meshes.into_iter().map(|(revision, mut nodes)| {
        nodes.sort_by(|a, b| a.pod.cmp(&b.pod));
        let cookie = revision.as_deref().map_or_else(|| names::cookie(release), names::revision_cookie);
        Watchlist {
            access_state: access_state(observed, revision.as_deref()),
            access: Access { cookie, tls: tls::access::access(release) },
            interval: Duration::from_secs(cluster.observation.interval_seconds.into()),
            mesh: Mesh { cluster: observed.key.sibling(&names::cluster(release)), revision },
            nodes,
        }
    });
    lists.collect()
}

/// The state of the Secret with the cookie: its version, or the digest of one that people brought. Connections outlive a
/// change of the cookie, so that of one that nobody rotated would be seen by nobody until the next node starts. A rotation
/// looks for itself which cookie a node has.
fn access_state(observed: &Observed, apart: Option<&str>) -> Option<u64> {
    if let Some(revision) = apart {
        return Some(observed.child(ChildKind::Secret, &names::revision_cookie(revision).name)?.version);
    }
    let name = names::cookie(&observed.release).name;
    if observed.release.spec.cluster.cookie.secret_key_ref.is_some() {
        return observed.contents.get(&Reference { kind: ReferenceKind::Secret, name }).map(|content| content.digest);
    }
    let secret = observed.child(ChildKind::Secret, &name)?;
    let is_rotated = secret.rotation().is_some_and(|rotation| rotation.by.is_some());
    (!is_rotated).then_some(secret.version)
}

fn expected(observed: &Observed, pod: &PodView, address: &str, facts: &Facts) -> Option<crate::beam::NodeName> {
    names::node(&observed.release, &pod.name, address, facts)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::controller::fixture::{complete, pod, running};
    use crate::controller::view::{Child, Detail, RotationView};
    use crate::resources::reference::Content;

    fn running_pod(name: &str) -> PodView {
        PodView { address: Some("10.0.0.7".into()), is_ready: true, ..pod(name) }
    }

    fn lists(spec: &str, pods: Vec<PodView>) -> Vec<Watchlist> {
        let shop = Observed { pods, ..running(spec, complete(1, "shop-1")) };
        watchlists(&shop, &Facts::default())
    }

    fn list(spec: &str, pods: Vec<PodView>) -> Watchlist {
        lists(spec, pods).remove(0)
    }

    #[test]
    fn nodes_of_revisions_that_are_apart_are_in_lists_of_their_own() {
        let of = |name: &str, revision: &str| PodView {
            revision: Some(revision.into()),
            is_apart: true,
            ..running_pod(name)
        };
        let pods = vec![of("a", "shop-1"), of("b", "shop-2"), running_pod("c"), of("d", "shop-1")];
        let lists = lists("cluster: {cookie: {secretKeyRef: {name: mine}}}", pods);
        let told: Vec<_> = lists
            .iter()
            .map(|list| {
                let nodes: Vec<_> = list.nodes.iter().map(|node| (&*node.pod, node.apart.as_deref())).collect();
                (list.mesh.revision.as_deref(), list.access.cookie.name.as_str(), nodes)
            })
            .collect();
        let expected = [
            (None, "mine", vec![("c", None)]),
            (Some("shop-1"), "shop-1-cookie", vec![("a", Some("shop-1")), ("d", Some("shop-1"))]),
            (Some("shop-2"), "shop-2-cookie", vec![("b", Some("shop-2"))]),
        ];
        assert_eq!(told, expected);
        assert!(lists.iter().all(|list| list.mesh.cluster == lists[0].mesh.cluster));
    }

    #[test]
    fn another_version_of_the_cookie_of_a_revision_is_another_access() {
        let pod = PodView { is_apart: true, ..running_pod("a") };
        let mut shop = Observed { pods: vec![pod], ..running("", complete(1, "shop-1")) };
        assert_eq!(watchlists(&shop, &Facts::default())[0].access_state, None);
        shop.children.push(Child { name: "shop-1-cookie".into(), version: 9, ..cookie(None) });
        assert_eq!(watchlists(&shop, &Facts::default())[0].access_state, Some(9));
    }

    #[test]
    fn a_node_is_looked_at_where_its_pod_is() {
        let list = list("", vec![running_pod("a")]);
        assert_eq!(
            (list.mesh.cluster, list.interval),
            (crate::controller::cache::Key::new("store", "shop"), Duration::from_secs(15))
        );
        assert_eq!((list.access.cookie.name.as_str(), list.access.tls), ("shop-cookie", None));
        let [node] = &list.nodes[..] else { panic!("one node") };
        assert_eq!((&*node.pod, &*node.uid, &*node.address, node.is_ready), ("a", "uid-of-a", "10.0.0.7", true));
        assert_eq!((node.port, node.expected.as_ref().unwrap().as_str()), (Port::Epmd(4369), "shop@10.0.0.7"));
    }

    #[rstest]
    #[case::epmd_elsewhere("cluster: {ports: {epmd: 4370}}", Port::Epmd(4370))]
    #[case::no_epmd("cluster: {epmd: Disabled}", Port::Fixed(9100))]
    #[case::epmd_of_its_own(
        "cluster: {epmd: Application, ports: {distribution: {from: 13825, to: 13825}}}",
        Port::Fixed(13825)
    )]
    fn ports(#[case] spec: &str, #[case] port: Port) {
        assert_eq!(list(spec, vec![running_pod("a")]).nodes[0].port, port);
    }

    #[rstest]
    #[case::by_its_address("", Some("shop@10.0.0.7"))]
    #[case::by_a_basename("cluster: {basename: till}", Some("till@10.0.0.7"))]
    #[case::by_the_image("cluster: {host: Application}", None)]
    #[case::by_its_name(
        "{cluster: {host: PodFQDN}, workload: {kind: StatefulSet}}",
        Some("shop@a.shop-nodes.store.svc.cluster.local")
    )]
    fn names_of_nodes(#[case] spec: &str, #[case] expected: Option<&str>) {
        let list = list(spec, vec![running_pod("a")]);
        assert_eq!(list.nodes[0].expected.as_ref().map(crate::beam::NodeName::as_str), expected);
    }

    #[test]
    fn what_lets_us_in_and_how_often_is_up_to_the_release() {
        let spec = "cluster: {cookie: {secretKeyRef: {name: mine, key: secret}}, tls: {mode: Managed}, \
                    observation: {intervalSeconds: 60}}";
        let list = list(spec, vec![running_pod("a")]);
        assert_eq!((list.access.cookie.name.as_str(), list.access.cookie.key.as_str()), ("mine", "secret"));
        assert_eq!(list.access.tls.unwrap().secret, "shop-distribution-ca");
        assert_eq!(list.interval, Duration::from_mins(1));
    }

    /// The Secret that the operator made, at this version.
    fn cookie(rotated_by: Option<&str>) -> Child {
        let rotation = RotationView { by: rotated_by.map(Into::into), done: Box::new([]) };
        let deployment = running("", complete(1, "shop-1")).children.remove(0);
        let (kind, name, detail) = (ChildKind::Secret, "shop-cookie".into(), Detail::Cookie(rotation));
        Child { kind, name, detail, version: 7, ..deployment }
    }

    #[rstest]
    #[case::as_it_is("", vec![cookie(None)], Some(7))]
    #[case::not_made_yet("", Vec::new(), None)]
    #[case::rotated_just_now("", vec![cookie(Some("shop"))], None)]
    #[case::brought("cluster: {cookie: {secretKeyRef: {name: mine}}}", vec![cookie(None)], Some(5))]
    #[case::brought_and_not_read("cluster: {cookie: {secretKeyRef: {name: yours}}}", vec![cookie(None)], None)]
    fn the_state_of_what_lets_us_in(#[case] spec: &str, #[case] shared: Vec<Child>, #[case] expected: Option<u64>) {
        let mine = Reference { kind: ReferenceKind::Secret, name: "mine".to_owned() };
        let contents = [(mine, Content { digest: 5, ..Content::default() })].into();
        let pods = vec![running_pod("a")];
        let shop = Observed { shared, pods, contents, ..running(spec, complete(1, "shop-1")) };
        assert_eq!(watchlists(&shop, &Facts::default())[0].access_state, expected);
    }

    #[rstest]
    #[case::no_address(PodView { address: None, ..running_pod("a") })]
    #[case::ended(PodView { has_ended: true, ..running_pod("a") })]
    #[case::leaving(PodView { is_terminating: true, ..running_pod("a") })]
    fn pods_without_a_node(#[case] pod: PodView) {
        assert_eq!(lists("", vec![pod]), []);
    }

    #[rstest]
    #[case::lone("cluster: {distribution: Disabled}")]
    #[case::not_wanted("cluster: {observation: {mode: Disabled}}")]
    fn nobody_is_looked_at(#[case] spec: &str) {
        assert_eq!(lists(spec, vec![running_pod("a")]), []);
    }
}
