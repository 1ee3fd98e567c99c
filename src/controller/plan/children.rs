//! The children that a plan asks for, but the Secrets.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::Value;

use super::Desired;
use super::apart::Running;
use super::neighbours::keep_owners;
use crate::controller::cache::Group;
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::ownership::desired_digest;
use crate::controller::revision::{Choice, Rendered};
use crate::controller::validate::Valid;
use crate::resources::{
    Facts, controller_revision, discovery_rbac, disruption_budget, headless_service, labels, names, network_policy,
    tls, traffic_service,
};
use crate::rollout::Fleet;

/// What the release asks of its pods now.
pub(super) fn rendered(observed: &Observed, valid: &Valid, facts: &Facts) -> Rendered {
    let release = &*observed.release;
    let reloaded = tls::reloaded(release);
    let restarting = observed.contents.iter();
    let restarting = restarting.filter(|(object, content)| content.restart && Some(*object) != reloaded.as_ref());
    // Whoever takes the annotation away wants no restart.
    let restarted_at = release.annotations().get(labels::RESTARTED_AT).cloned();
    let restarted_at = restarted_at.or_else(|| Some(observed.history().first()?.1.restarted_at.as_deref()?.to_owned()));
    let config = if release.spec.rollout.restart_on_config_change {
        restarting.map(|(object, content)| (object.to_string(), format!("{:016x}", content.digest))).collect()
    } else {
        BTreeMap::new()
    };
    Rendered::new(release, valid.template.clone(), &config, restarted_at.as_deref(), facts)
}

/// The record of the revision that is asked for. It cannot be made of what another version of the operator rendered.
pub(super) fn record(observed: &Observed, rendered: &Rendered, asked: &Choice) -> Option<Desired> {
    let inputs = format!("{:016x}", rendered.inputs);
    let build =
        || controller_revision::build(&observed.release, &asked.name, asked.number, rendered.data.clone(), &inputs);
    asked.is_rendered.then(|| desired(ChildKind::ControllerRevision, &build()))
}

/// What nodes of this template find and reach each other by, in the order in which it is applied.
pub(super) fn of_nodes(
    observed: &Observed,
    facts: &Facts,
    template: &PodTemplateSpec,
    running: &Running,
) -> Vec<Desired> {
    let release = &*observed.release;
    let mut headless = headless_service::build(&running.members(observed));
    for service in &mut headless {
        let known =
            observed.shared.iter().find(|child| child.kind == ChildKind::Service && *child.name == *service.name_any());
        keep_owners(&mut service.metadata, known.map_or(&[], |known| &known.owners), &observed.unreadable);
    }
    headless.extend(running.apart.iter().map(|revision| headless_service::of_revision(release, revision)));
    headless.extend(headless_service::of_lone(release));
    let mut wanted: Vec<_> = headless.iter().map(|service| desired(ChildKind::Service, service)).collect();
    let account = template.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    if let Some(rbac) = discovery_rbac::build(release, account) {
        wanted.extend(rbac.service_account.iter().map(|account| desired(ChildKind::ServiceAccount, account)));
        wanted.push(desired(ChildKind::Role, &rbac.role));
        wanted.push(desired(ChildKind::RoleBinding, &rbac.role_binding));
    }
    wanted.extend(network_policy::build(release, facts).iter().map(|policy| desired(ChildKind::NetworkPolicy, policy)));
    wanted
}

/// What sends traffic to the nodes, limits their evictions and scales them.
pub(super) fn around_nodes(
    observed: &Observed,
    valid: &Valid,
    revision: Option<&str>,
    fleet: Option<&Fleet>,
) -> Vec<Desired> {
    let release = &*observed.release;
    let active = fleet.and_then(|fleet| fleet.active.as_deref());
    let services = valid.traffic_service.iter().map(|service| traffic_service::to_revision(service, active));
    let preview = revision.filter(|_| valid.traffic_service.is_some() && is_previewed(observed));
    let preview = preview.map(|revision| fleet.and_then(|fleet| fleet.preview.as_deref()).unwrap_or(revision));
    let services = services.chain(preview.and_then(|revision| traffic_service::preview(release, revision)));
    let mut wanted: Vec<_> = services.map(|service| desired(ChildKind::Service, &service)).collect();
    wanted
        .extend(disruption_budget::build(release).iter().map(|budget| desired(ChildKind::PodDisruptionBudget, budget)));
    wanted.extend(valid.autoscaler.iter().map(|scaler| desired(ChildKind::HorizontalPodAutoscaler, scaler)));
    wanted
}

/// Whether there is to be a Service for previews. One that an HTTPRoute still sends requests to, or may, stays: they would be
/// answered by nobody.
fn is_previewed(observed: &Observed) -> bool {
    let is_there = || observed.child(ChildKind::Service, &names::preview_service(&observed.release)).is_some();
    let is_used = || observed.previewed_by.as_ref().is_none_or(|routes| !routes.is_empty());
    names::has_preview(&observed.release) || is_there() && is_used()
}

/// An object as a child that is to be so.
pub(super) fn desired<K>(kind: ChildKind, object: &K) -> Desired
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(root) = &mut value {
        root.remove("status");
    }
    let group = Group::of(object.meta());
    Desired { kind, name: object.name_any(), group, digest: desired_digest(&value), object: value }
}
