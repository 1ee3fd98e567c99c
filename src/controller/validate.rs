//! The second stage: everything that is wrong with a release, at once and by field, before anything is built.
//!
//! It is pure. The API server has applied the rules of the schema already; they hold here again, because a stored object
//! may be older than a rule and `render` has no API server. What only the finished children show (a merged `podTemplate`,
//! ports of a sidecar) is checked on them, so what is valid cannot fail to build.

mod after;
mod amounts;
mod autoscaling;
mod labels;
mod limits;
mod members;
mod names;
mod observation;
mod ports;
mod references;
mod remote;
mod route;
mod service;
mod shutdown;
mod tls;
mod warnings;
mod workload;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Container, PersistentVolumeClaim, PodTemplateSpec, Service};

pub use self::after::cycle;
pub use self::workload::unchangeable;

use crate::api::ElixirRelease;
use crate::resources::migration::{self, Prepared};
use crate::resources::pod::{self, Draft};
use crate::resources::problem::Problem;
use crate::resources::reference::Contents;
use crate::resources::{Facts, autoscaler, claims, traffic_service};

pub use tls::turn;

/// A release in which nothing is wrong, with the children that the user wrote part of.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid {
    /// The template of its pods, without a revision.
    pub template: PodTemplateSpec,
    /// The Service for its traffic, where there is one.
    pub traffic_service: Option<Service>,
    /// Its autoscaler, where there is one.
    pub autoscaler: Option<HorizontalPodAutoscaler>,
    /// Its migrations.
    pub migrations: Vec<Prepared>,
    /// The claims of each of its pods.
    pub claims: Vec<PersistentVolumeClaim>,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
}

/// The ConfigMaps and Secrets that [`pod::references`] names.
#[derive(Clone, Copy, Debug)]
pub enum References<'a> {
    /// They were looked for; what has no entry does not exist.
    Read(&'a Contents),
    /// They were looked for, and some could not be read: nothing is said of what has no entry.
    ReadInPart(&'a Contents),
    /// Nobody looked, as in an offline rendering: nothing is said of them.
    Unknown,
}

impl<'a> References<'a> {
    /// What was read.
    fn contents(self) -> Option<&'a Contents> {
        match self {
            Self::Read(contents) | Self::ReadInPart(contents) => Some(contents),
            Self::Unknown => None,
        }
    }

    /// Whether all was read that there is.
    fn is_whole(self) -> bool {
        matches!(self, Self::Read(_))
    }
}

/// The release if nothing is wrong with it.
///
/// `members` are the distributed releases of its cluster, oldest first, and itself among them if it is one. What ends does
/// so by `now`.
///
/// # Errors
/// Every problem there is, so that they can be corrected at once.
pub fn validate(
    release: &ElixirRelease,
    members: &[&ElixirRelease],
    references: References<'_>,
    facts: &Facts,
    now: Timestamp,
) -> Result<Valid, Vec<Problem>> {
    let mut problems = [names::problems(release), labels::problems(release), limits::problems(release)].concat();
    problems.extend(names::one_service_for_two(release, members));
    problems.extend(members::problems(release, members));
    problems.extend(observation::problems(release, facts));
    problems.extend(tls::fields(release));
    problems.extend(shutdown::problems(release));
    problems.extend(workload::problems(release, facts));

    let draft = noted(pod::draft(release), &mut problems);
    let traffic_service = noted(traffic_service::build(release), &mut problems);
    let autoscaler = noted(autoscaler::build(release), &mut problems);
    let claims = noted(claims::build(release), &mut problems);
    problems.extend(autoscaling::problems(release, autoscaler.iter().flatten().next()));
    problems.extend(route::problems(release, traffic_service.as_ref().is_some_and(Option::is_none)));
    let containers = draft.as_ref().map(side_by_side).unwrap_or_default();
    problems.extend(ports::problems(release, &containers));
    problems.extend(amounts::problems(release, draft.iter().flat_map(containers_of)));
    if let Some(service) = traffic_service.iter().flatten().next().filter(|_| draft.is_some()) {
        for problem in service::problems(release, service, &containers) {
            // The ports of the release become ports of the Service, so the same may be told of them already.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    let contents = references::with_own_secrets(release, references.contents().unwrap_or(&Contents::new()));
    if let Some(draft) = &draft {
        problems.extend(shutdown::grace_period(release, draft));
        problems.extend(references::problems(release, draft, references));
        problems.extend(pod::revision_is_set(release, draft, &contents));
        problems.extend(references.contents().and_then(|contents| tls::problems(release, contents, now)));
        problems.extend(claims.iter().flat_map(|claims| workload::lost_mounts(release, draft, claims)));
    }

    let (Some(draft), Some(traffic_service), Some(autoscaler), Some(claims), []) =
        (&draft, traffic_service, autoscaler, claims, &problems[..])
    else {
        return Err(problems);
    };
    let template = pod::template(release, draft, facts, &contents);
    let hidden = workload::hidden_volumes(&template, &claims);
    if !hidden.is_empty() {
        return Err(hidden);
    }
    let migrations = migration::prepare(release, &template)?;
    let mut warnings = warnings::of(release, &containers);
    warnings.extend(observation::no_healing(release, facts));
    warnings.extend(tls::ending(release, &contents, now));
    if references.is_whole()
        || pod::references(release, draft).iter().all(|place| contents.contains_key(&place.reference))
    {
        // What an unread object defines is not known, and so neither is what nobody defines.
        warnings.extend(pod::undefined_variables(release, &template, &contents));
    }
    Ok(Valid { template, traffic_service, autoscaler, migrations, claims, warnings })
}

fn noted<T>(result: Result<T, Vec<Problem>>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|more| problems.extend(more)).ok()
}

fn containers_of(draft: &Draft) -> impl Iterator<Item = &Container> {
    let init = draft.pod.init_containers.iter().flatten();
    std::iter::once(&draft.container).chain(&draft.pod.containers).chain(init)
}

/// The containers that run at the same time: init containers only where they are sidecars.
fn side_by_side(draft: &Draft) -> Vec<&Container> {
    let sidecars = draft.pod.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    std::iter::once(&draft.container).chain(&draft.pod.containers).chain(sidecars).collect()
}

#[cfg(test)]
mod tests;
