//! CPU and memory: amounts that Kubernetes can read, and no request above its limit.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube_quantity::ParsedQuantity;

use crate::api::ElixirRelease;
use crate::resources::names;
use crate::resources::pod;
use crate::resources::problem::Problem;

/// `containers` are those of the finished pod.
pub(super) fn problems<'a>(release: &ElixirRelease, containers: impl Iterator<Item = &'a Container>) -> Vec<Problem> {
    let own = release.spec.resources.as_ref();
    let is_own = |container: &Container| container.name == names::CONTAINER && container.resources.as_ref() == own;
    let of_template = containers.filter(|container| !is_own(container)).filter_map(|container| {
        let field = pod::path_of_container(release, &container.name) + ".resources";
        Some((field, container.resources.as_ref()?))
    });
    own.map(|resources| ("spec.resources".to_owned(), resources))
        .into_iter()
        .chain(of_template)
        .flat_map(|(field, resources)| of(&field, resources))
        .collect()
}

fn of(field: &str, resources: &ResourceRequirements) -> Vec<Problem> {
    let none = BTreeMap::new();
    let (requests, limits) = (resources.requests.as_ref().unwrap_or(&none), resources.limits.as_ref().unwrap_or(&none));
    let unreadable = [("requests", requests), ("limits", limits)].into_iter().flat_map(|(list, amounts)| {
        let wrong = amounts.iter().filter(|(_, amount)| parsed(amount).is_none());
        wrong.map(move |(name, amount)| {
            let message =
                format!("{:?} is not an amount: write it like 500m, 0.5, 512Mi or 1Gi, and not below 0", amount.0);
            Problem::new(format!("{field}.{list}[{name}]"), message)
        })
    });
    let above = requests.iter().filter_map(|(name, request)| {
        let limit = limits.get(name)?;
        (parsed(request)? > parsed(limit)?).then(|| {
            let message = format!("{} is above the limit of {}: lower it or raise the limit", request.0, limit.0);
            Problem::new(format!("{field}.requests[{name}]"), message)
        })
    });
    unreadable.chain(above).collect()
}

fn parsed(amount: &Quantity) -> Option<ParsedQuantity> {
    ParsedQuantity::try_from(amount).ok().filter(|amount| *amount >= ParsedQuantity::default())
}
