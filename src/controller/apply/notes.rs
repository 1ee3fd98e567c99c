//! What is noted on the record of a revision: that it was rejected, how far it has come, which migrations were run for it,
//! and that its nodes have met their cluster.
//!
//! Each note has a field manager of its own, other than that of the record, so that applying one leaves the others as they
//! are.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::children::applying;
use super::{Applier, Error, request};
use crate::controller::cache::Group;
use crate::controller::kind::ChildKind;
use crate::controller::lock;
use crate::resources::{labels, migration};
use crate::rollout::migrations::Ended;
use crate::rollout::{Note, Rejection, Stage};

/// Who owns what is noted about a rejection.
const OF_REJECTIONS: &str = "beam-operator-rollout";
/// Who owns what is noted about migrations.
const OF_MIGRATIONS: &str = "beam-operator-migrations";
/// Who owns that nodes have met their cluster.
const OF_MEETINGS: &str = "beam-operator-mesh";

/// Who owns what is noted about the way through a strategy.
const OF_STAGES: &str = "beam-operator-stage";

/// The most of the end of a log that is kept, in characters.
const SAID: usize = 1000;

impl Applier<'_> {
    /// Notes why a revision is rejected, or takes the note away.
    pub(super) async fn judge(&self, revision: &str, rejection: Option<&Rejection>) -> Result<(), Error> {
        let annotations = rejection.map(|rejection| json!({labels::REJECTED: rejection.to_text()}));
        self.note(revision, OF_REJECTIONS, annotations).await
    }

    /// Notes how far a revision has come.
    pub(super) async fn note_stage(&self, revision: &str, stage: &Stage) -> Result<(), Error> {
        self.note(revision, OF_STAGES, Some(json!({labels::STAGE: stage.to_text()}))).await
    }

    /// Notes how a migration ended, with the end of the log of one that failed.
    pub(super) async fn note_migration(&self, ended: Ended) -> Result<(), Error> {
        let revision = ended.revision.clone();
        let said = if ended.has_failed() { self.last_words(&ended.job).await? } else { String::new() };
        let ledger = ended.into_ledger(&said);
        self.note(&revision, OF_MIGRATIONS, Some(json!({labels::MIGRATIONS: ledger.to_text()}))).await
    }

    /// Notes that the nodes of a revision have met their cluster.
    pub(super) async fn note_meeting(&self, revision: &str) -> Result<(), Error> {
        self.note(revision, OF_MEETINGS, Some(json!({labels::CLUSTERED: "true"}))).await
    }

    async fn note(&self, revision: &str, manager: &str, annotations: Option<Value>) -> Result<(), Error> {
        let kind = ChildKind::ControllerRevision;
        let resource = kind.api_resource();
        let metadata = json!({"name": revision, "annotations": annotations});
        let object = json!({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata});
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..applying() }.force();
        let api = kind.api(self.client, &self.key.namespace);
        let patched = api.patch(revision, &params, &Patch::Apply(&object)).await;
        let patched = patched.map_err(request("apply", kind, revision))?;
        let applied = {
            let cache = lock(self.cache);
            let children = cache.children.of(&Group::Release(self.key.clone()));
            children.iter().find(|child| child.kind == kind && *child.name == *revision).and_then(|child| child.applied)
        };
        self.keep(kind, patched.into(), applied);
        Ok(())
    }

    /// What the last pod of a Job said at its end, or else why the Job failed by Kubernetes' account.
    async fn last_words(&self, job: &str) -> Result<String, Error> {
        let kind = ChildKind::Job;
        let api = Api::<Pod>::namespaced(self.client.clone(), &self.key.namespace);
        let selector = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
        let mut pods = api.list(&selector).await.map_err(request("list pods of", kind, job))?.items;
        pods.sort_by_key(|pod| std::cmp::Reverse(pod.metadata.creation_timestamp.clone()));
        let said = pods.iter().find_map(said).filter(|said| !said.trim().is_empty());
        let said = match said {
            Some(said) => said,
            None => self.find(kind, job).await?.and_then(|job| why_it_failed(&job.data)).unwrap_or_default(),
        };
        let characters = said.trim().chars().count();
        Ok(said.trim().chars().skip(characters.saturating_sub(SAID)).collect())
    }
}

fn said(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.container_statuses.iter().flatten();
    // Its podTemplate may have brought others, which end as well.
    let mut of_migration = statuses.filter(|status| status.name == migration::CONTAINER);
    of_migration.find_map(|status| status.state.as_ref()?.terminated.as_ref()?.message.clone())
}

fn why_it_failed(job: &Value) -> Option<String> {
    let conditions = job["status"]["conditions"].as_array()?;
    let failed = conditions.iter().find(|condition| condition["type"] == "Failed")?;
    Some(failed["message"].as_str()?.to_owned())
}
