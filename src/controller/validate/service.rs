//! The traffic Service: ports that it can carry and that somebody listens on.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{ElixirRelease, Protocol};
use crate::resources::problem::Problem;
use crate::resources::syntax::is_dns_label;

/// The longest name of a Service's port.
const LONGEST: usize = 63;

/// `service` is the finished one, with `spec.service.spec` merged over it.
pub(super) fn problems(release: &ElixirRelease, service: &Service, containers: &[&Container]) -> Vec<Problem> {
    let ports: Vec<_> = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()).collect();
    let mut names = BTreeSet::new();
    let mut carried = BTreeSet::new();
    let mut problems = Vec::new();
    for port in &ports {
        let Origin { field, number, is_declared } = Origin::of(release, port);
        if !(1..=u16::MAX.into()).contains(&port.port) {
            problems.push(Problem::new(number.clone(), "must be from 1 to 65535"));
        }
        if !carried.insert((port.port, protocol(port.protocol.as_ref()))) {
            if is_declared {
                // The container has it twice, and that is told. The name may be one that nobody wrote.
                continue;
            }
            problems.push(Problem::new(
                number,
                format!("names {}/{} a second time: remove one of them", port.port, protocol(port.protocol.as_ref())),
            ));
        }
        problems.extend(
            name_of(port, ports.len(), is_declared, &mut names)
                .map(|message| Problem::new(format!("{field}.name"), message)),
        );
        if let Some(name) = missing_target(port, containers) {
            let message = format!(
                "no container has a {} port named {name}: add it to spec.ports or correct the name",
                protocol(port.protocol.as_ref())
            );
            problems.push(Problem::new(format!("{field}.targetPort"), message));
        }
    }
    problems
}

/// Where a port was written.
struct Origin {
    /// Path of the port.
    field: String,
    /// Path of its number.
    number: String,
    /// Whether it is a declared port of the container.
    is_declared: bool,
}

impl Origin {
    /// `spec.service.spec` has the last word, so it is blamed last.
    fn of(release: &ElixirRelease, port: &ServicePort) -> Self {
        let is_it = |number: u16, of: Protocol| {
            i32::from(number) == port.port && of.as_str() == protocol(port.protocol.as_ref())
        };
        let service = &release.spec.service;
        if let Some(index) = service.ports.iter().rposition(|wished| is_it(wished.port, wished.protocol)) {
            return Self::at(format!("spec.service.ports[{index}]"), "port", false);
        }
        let declared = release.spec.ports.iter().position(|declared| is_it(declared.container_port, declared.protocol));
        match declared.filter(|_| service.ports.is_empty()) {
            Some(index) => Self::at(format!("spec.ports[{index}]"), "containerPort", true),
            None => Self::at(format!("spec.service.spec.ports[{}]", port.port), "port", false),
        }
    }

    fn at(field: String, number: &str, is_declared: bool) -> Self {
        Self { number: format!("{field}.{number}"), field, is_declared }
    }
}

fn name_of<'a>(port: &'a ServicePort, ports: usize, is_declared: bool, seen: &mut BTreeSet<&'a str>) -> Option<String> {
    match port.name.as_deref() {
        None if ports > 1 => Some("is needed, because the Service has more than one port".to_owned()),
        // What a container may call a port is stricter, and told already.
        Some(name) if is_declared && !is_dns_label(name) => None,
        Some(name) if name.len() > LONGEST || !is_dns_label(name) => {
            Some(format!("must have at most {LONGEST} lower-case letters, digits and dashes, and no dash at an end"))
        }
        Some(name) if !seen.insert(name) => Some(format!("names {name} a second time: rename one of them")),
        None | Some(_) => None,
    }
}

/// A target named as no container names a port: the Service would never have an address.
fn missing_target<'a>(port: &'a ServicePort, containers: &[&Container]) -> Option<&'a str> {
    let Some(IntOrString::String(target)) = &port.target_port else { return None };
    let mut ports = containers.iter().flat_map(|container| container.ports.iter().flatten());
    let is_there = ports.any(|listed| {
        listed.name.as_ref() == Some(target) && protocol(listed.protocol.as_ref()) == protocol(port.protocol.as_ref())
    });
    (!is_there).then_some(target)
}

fn protocol(written: Option<&String>) -> &str {
    written.map_or("TCP", String::as_str)
}
