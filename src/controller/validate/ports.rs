//! Ports: the containers of a pod share one network namespace, so each port belongs to one of them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Container;

use crate::api::{ElixirRelease, Epmd, Protocol};
use crate::resources::names;
use crate::resources::pod;
use crate::resources::problem::Problem;

/// A port, or a range of them, and the field that says so.
struct Claim {
    field: String,
    protocol: String,
    from: i32,
    to: i32,
}

impl Claim {
    fn new(field: impl Into<String>, protocol: Protocol, from: u16, to: u16) -> Self {
        Self { field: field.into(), protocol: protocol.as_str().to_owned(), from: from.into(), to: to.into() }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.protocol == other.protocol && self.from <= other.to && other.from <= self.to
    }

    fn told(&self) -> String {
        let (from, to, protocol) = (self.from, self.to, &self.protocol);
        if from == to { format!("{from}/{protocol}") } else { format!("{from} to {to}/{protocol}") }
    }
}

/// `containers` are those that run side by side in the finished pod.
pub(super) fn problems(release: &ElixirRelease, containers: &[&Container]) -> Vec<Problem> {
    let mut claims = of_cluster(release);
    claims.extend(declared(release));
    claims.extend(of_template(release, containers));
    let mut problems = impossible(&claims);
    problems.extend(claimed_twice(&claims));
    problems.extend(names_of_ports(release));
    problems
}

fn of_cluster(release: &ElixirRelease) -> Vec<Claim> {
    let cluster = &release.spec.cluster;
    if !names::is_distributed(release) {
        return Vec::new();
    }
    let (epmd, range) = (cluster.ports.epmd, cluster.ports.distribution);
    let mut claims = Vec::new();
    if cluster.epmd == Epmd::Enabled {
        claims.push(Claim::new("spec.cluster.ports.epmd", Protocol::Tcp, epmd, epmd));
    }
    claims.push(Claim::new("spec.cluster.ports.distribution", Protocol::Tcp, range.from, range.to));
    claims.extend(cluster.ports.extra.iter().enumerate().map(|(index, extra)| {
        let last = extra.end_port.unwrap_or(extra.port);
        Claim::new(format!("spec.cluster.ports.extra[{index}]"), extra.protocol, extra.port, last)
    }));
    claims
}

fn declared(release: &ElixirRelease) -> impl Iterator<Item = Claim> {
    release.spec.ports.iter().enumerate().map(|(index, port)| {
        let number = port.container_port;
        Claim::new(format!("spec.ports[{index}].containerPort"), port.protocol, number, number)
    })
}

/// The ports that `podTemplate` adds, to the release's container or to others.
fn of_template<'a>(release: &'a ElixirRelease, containers: &'a [&Container]) -> impl Iterator<Item = Claim> + 'a {
    let is_declared = |claim: &Claim| declared(release).any(|known| known.overlaps(claim));
    containers.iter().flat_map(move |container| {
        let field = pod::path_of_container(release, &container.name) + ".ports";
        let claims = container.ports.iter().flatten().map(move |port| Claim {
            field: field.clone(),
            protocol: port.protocol.clone().unwrap_or_else(|| Protocol::Tcp.as_str().to_owned()),
            from: port.container_port,
            to: port.container_port,
        });
        claims.filter(move |claim| container.name != names::CONTAINER || !is_declared(claim))
    })
}

fn impossible(claims: &[Claim]) -> Vec<Problem> {
    let wrong = claims.iter().filter_map(|claim| {
        let message = if claim.from < 1 || claim.to > u16::MAX.into() {
            "must be from 1 to 65535"
        } else if claim.from > claim.to && claim.field.ends_with("distribution") {
            "cluster.ports.distribution.from must not be above its to: swap them"
        } else if claim.from > claim.to {
            "cluster.ports.extra: port must not be above endPort: swap them"
        } else {
            return None;
        };
        Some(Problem::new(&claim.field, message))
    });
    wrong.collect()
}

fn claimed_twice(claims: &[Claim]) -> Vec<Problem> {
    let second = claims.iter().enumerate().filter_map(|(index, claim)| {
        let first = claims[..index].iter().find(|first| first.overlaps(claim))?;
        let message =
            format!("{} is taken by {} ({}): remove it or choose another", claim.told(), first.field, first.told());
        Some(Problem::new(&claim.field, message))
    });
    second.collect()
}

fn names_of_ports(release: &ElixirRelease) -> Vec<Problem> {
    let named = release.spec.ports.iter().enumerate().filter_map(|(index, port)| Some((index, port.name.as_ref()?)));
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for (index, name) in named {
        let field = format!("spec.ports[{index}].name");
        if !is_port_name(name) {
            problems.push(Problem::new(
                field,
                "must have at most 15 lower-case letters, digits and single dashes, at least one letter, and no dash at an end",
            ));
        } else if !seen.insert(name) {
            problems.push(Problem::new(field, format!("names {name} a second time: rename one of them")));
        }
    }
    problems
}

/// `IANA_SVC_NAME`, which Kubernetes wants of a container's port.
fn is_port_name(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 15
        && name.chars().all(is_inner)
        && name.contains(|c: char| c.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}
