//! Which nodes of a release there are to look at.

use std::time::Duration;

use crate::api::{Epmd, ObservationMode};
use crate::beam::Port;
use crate::controller::observe::Observed;
use crate::controller::pod::PodView;
use crate::observer::{Access, Node, Watchlist};
use crate::resources::{Facts, names, tls};

/// The nodes of a release; `None` if nobody should look at them.
#[must_use]
pub fn watchlist(observed: &Observed, facts: &Facts) -> Option<Watchlist> {
    let release = &*observed.release;
    let cluster = &release.spec.cluster;
    let is_wanted = names::is_distributed(release) && cluster.observation.mode == ObservationMode::Enabled;
    if !is_wanted || release.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let port = match cluster.epmd {
        Epmd::Enabled => Port::Epmd(cluster.ports.epmd),
        Epmd::Disabled | Epmd::Application => Port::Fixed(cluster.ports.distribution.from),
    };
    let mut nodes: Vec<_> = observed
        .pods
        .iter()
        .filter(|pod| !pod.has_ended && !pod.is_leaving)
        .filter_map(|pod| {
            let address = pod.address.as_deref()?;
            Some(Node {
                pod: (&*pod.name).into(),
                uid: (&*pod.uid).into(),
                address: address.into(),
                port,
                expected: expected(observed, pod, address, facts),
                is_ready: pod.is_ready,
                started: pod.started,
            })
        })
        .collect();
    nodes.sort_by(|a, b| a.pod.cmp(&b.pod));
    Some(Watchlist {
        cluster: observed.key.sibling(&names::cluster(release)),
        access: Access { cookie: names::cookie(release), tls: tls::access::access(release) },
        interval: Duration::from_secs(cluster.observation.interval_seconds.into()),
        nodes,
    })
}

fn expected(observed: &Observed, pod: &PodView, address: &str, facts: &Facts) -> Option<crate::beam::NodeName> {
    names::node(&observed.release, &pod.name, address, facts)?.parse().ok()
}
