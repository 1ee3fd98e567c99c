//! The Jobs that migrate: one for each revision and entry of `spec.migrations`.
//!
//! Each is what a node of the revision is, reduced to what a task needs: the release's container with its image, environment,
//! volumes and place, but outside of the cluster, without what makes it serve, and without the other containers. Its pods
//! have no label by which a Service, a PodDisruptionBudget or a Deployment selects.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Affinity, Container, EnvFromSource, EnvVar, PodSpec, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::merge::{self, overlay};
use super::problem::Problem;
use super::{labels, metadata, names, pod, strict};
use crate::api::{ElixirRelease, Migration, ReleaseTool, When};
use crate::digest;

/// Name of the container.
pub const CONTAINER: &str = "migration";
/// The most of a name that Kubernetes puts into the label of a Job's pods.
const LONGEST_NAME: usize = 63;
/// Whether a Mix release starts the distribution.
const DISTRIBUTION: &str = "RELEASE_DISTRIBUTION";

/// A migration that can be run for any revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// Its name.
    pub name: String,
    /// When it is run.
    pub when: When,
    /// The Job, without a name and a revision.
    job: JobSpec,
}

impl Prepared {
    /// The Job of this try for a revision. Another try than the first is made for a request, which is noted on it.
    #[must_use]
    pub fn job(&self, release: &ElixirRelease, revision: &str, attempt: u32) -> Job {
        let mut metadata = metadata::of_release(release, job_name(release, &self.name, revision, attempt));
        let request = release.annotations().get(labels::RETRY).filter(|_| attempt > 1);
        metadata.annotations = request.map(|request| BTreeMap::from([(labels::RETRY.to_owned(), request.clone())]));
        let of_revision = [(labels::REVISION, revision), (labels::MIGRATION, self.name.as_str())];
        let of_revision = of_revision.map(|(key, value)| (key.to_owned(), value.to_owned()));
        metadata.labels.get_or_insert_default().extend(of_revision.clone());
        let mut job = self.job.clone();
        job.template.metadata.get_or_insert_default().labels.get_or_insert_default().extend(of_revision);
        Job { metadata, spec: Some(job), status: None }
    }
}

/// Name of the Job of a try. It tells them all apart, however long the names are that it is made of.
#[must_use]
pub fn job_name(release: &ElixirRelease, migration: &str, revision: &str, attempt: u32) -> String {
    let release = release.name_any();
    let digest = digest::of(&(&release, migration, revision, attempt)) >> 24;
    let tail = format!("-{migration}-{digest:010x}");
    let head: String = release.chars().take(LONGEST_NAME - tail.len()).collect();
    format!("{}{tail}", head.trim_end_matches('-'))
}

/// The migrations of a release whose nodes have this template, or all that is wrong with them.
pub fn prepare(release: &ElixirRelease, nodes: &PodTemplateSpec) -> Result<Vec<Prepared>, Vec<Problem>> {
    let (mut all, mut problems) = (Vec::new(), Vec::new());
    for (index, migration) in release.spec.migrations.iter().enumerate() {
        let field = format!("spec.migrations[{index}]");
        if release.spec.migrations[..index].iter().any(|other| other.name == migration.name) {
            problems.push(Problem::new(format!("{field}.name"), "is that of another one: rename one of them"));
        }
        match task(release, migration, nodes, &field) {
            Ok(template) => all.push(Prepared {
                name: migration.name.clone(),
                when: migration.when,
                job: JobSpec {
                    active_deadline_seconds: Some(migration.active_deadline_seconds),
                    backoff_limit: Some(migration.backoff_limit),
                    template,
                    ..JobSpec::default()
                },
            }),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn task(
    release: &ElixirRelease,
    migration: &Migration,
    nodes: &PodTemplateSpec,
    field: &str,
) -> Result<PodTemplateSpec, Vec<Problem>> {
    let command = command(release, migration, field).map_err(|problem| vec![problem])?;
    let of_node = nodes.spec.clone().unwrap_or_default();
    let mut containers = of_node.containers.into_iter();
    let of_release = containers.find(|container| container.name == names::CONTAINER).unwrap_or_default();
    let container = Container {
        name: CONTAINER.to_owned(),
        image: migration.image.clone().or(of_release.image),
        command: Some(command),
        args: (!migration.args.is_empty()).then(|| migration.args.clone()),
        env: some(environment(release, migration, of_release.env.unwrap_or_default(), field)?),
        env_from: some(sources(migration, of_release.env_from.unwrap_or_default(), field)?),
        // The end of its log is in the status of the pod then, and nobody needs the right to read logs.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ports: None,
        liveness_probe: None,
        readiness_probe: None,
        startup_probe: None,
        lifecycle: None,
        // Only claims are block devices.
        volume_devices: None,
        ..of_release
    };
    let is_claim = |volume: &Volume| volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some();
    let volumes: Vec<_> = of_node.volumes.into_iter().flatten().filter(|volume| !is_claim(volume)).collect();
    // What a StatefulSet claims for each pod is no volume of the template.
    let is_there = |name: &str| volumes.iter().any(|volume| volume.name == name);
    let mounts = container.volume_mounts.iter().flatten().filter(|mount| is_there(&mount.name)).cloned().collect();
    let annotations = nodes.metadata.as_ref().and_then(|metadata| metadata.annotations.clone());
    let own_account = migration.service_account_name.clone();
    let mut template = PodTemplateSpec {
        metadata: Some(ObjectMeta { annotations, ..ObjectMeta::default() }),
        spec: Some(PodSpec {
            containers: vec![Container { volume_mounts: some(mounts), ..container }],
            init_containers: None,
            readiness_gates: None,
            topology_spread_constraints: None,
            // A task need not keep away from nodes: required anti-affinity would find no place for it beside them.
            affinity: of_node
                .affinity
                .map(|affinity| Affinity { node_affinity: affinity.node_affinity, ..Affinity::default() }),
            // Another account decides itself about its token.
            automount_service_account_token: own_account
                .is_none()
                .then_some(of_node.automount_service_account_token)
                .flatten(),
            restart_policy: Some("Never".to_owned()),
            service_account_name: own_account.or(of_node.service_account_name),
            volumes: some(volumes),
            termination_grace_period_seconds: None,
            ..of_node
        }),
    };
    // It is outside of any mesh: that of its revision is made later and may be gone before it is.
    pod::name_cookie(&mut template, &names::cookie(release));
    let field = format!("{field}.podTemplate");
    let merged: PodTemplateSpec = overlay(&template, &migration.pod_template, &merge::POD_TEMPLATE, &field)?;
    let labels = merged.metadata.iter().flat_map(|metadata| metadata.labels.iter().flatten());
    let ours = labels.filter(|(key, _)| labels::is_ours(key)).map(|(key, _)| {
        let message = "is what Services and Deployments select nodes by, and a migration is none: remove it";
        Problem::new(format!("{field}.metadata.labels[{key:?}]"), message)
    });
    let ours: Vec<_> = ours.collect();
    if ours.is_empty() { Ok(merged) } else { Err(ours) }
}

fn command(release: &ElixirRelease, migration: &Migration, field: &str) -> Result<Vec<String>, Problem> {
    match (&migration.eval, &migration.command) {
        (Some(expression), None) => match release.spec.release.tool {
            ReleaseTool::Mix | ReleaseTool::Distillery => {
                Ok(vec![names::release_script(release), "eval".to_owned(), expression.clone()])
            }
            ReleaseTool::Relx => Err(Problem::new(
                format!("{field}.eval"),
                "asks a node that runs where relx made the release, and a migration has none: use command",
            )),
            ReleaseTool::None => Err(Problem::new(
                format!("{field}.eval"),
                "release.tool None says nothing of a script that could evaluate it: use command",
            )),
        },
        (None, Some(command)) if !command.is_empty() => Ok(command.clone()),
        _ => Err(Problem::new(field, "a migration takes either eval or command: give one of them")),
    }
}

/// Ours replaces that of the same name, in its place, so that what refers to it still comes behind it.
fn environment(
    release: &ElixirRelease,
    migration: &Migration,
    mut all: Vec<EnvVar>,
    field: &str,
) -> Result<Vec<EnvVar>, Vec<Problem>> {
    let lone = EnvVar { name: DISTRIBUTION.to_owned(), value: Some("none".to_owned()), value_from: None };
    // Whatever the release's pods have under this name, be it by envFrom.
    let mut wanted = if release.spec.release.tool == ReleaseTool::Mix { vec![lone] } else { Vec::new() };
    for (index, written) in migration.env.iter().enumerate() {
        wanted.push(strict::parse(&written.to_value(), &format!("{field}.env[{index}]"))?);
    }
    for variable in wanted {
        match all.iter_mut().find(|known| known.name == variable.name) {
            Some(known) => *known = variable,
            None => all.push(variable),
        }
    }
    Ok(all)
}

fn sources(
    migration: &Migration,
    mut all: Vec<EnvFromSource>,
    field: &str,
) -> Result<Vec<EnvFromSource>, Vec<Problem>> {
    for (index, written) in migration.env_from.iter().enumerate() {
        all.push(strict::parse(&written.to_value(), &format!("{field}.envFrom[{index}]"))?);
    }
    Ok(all)
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests;
