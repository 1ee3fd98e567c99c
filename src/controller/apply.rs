//! Apply: the only place that writes children.
//!
//! Every write says which object it means: an update carries the uid of the object that was seen, so that one deleted or
//! replaced in between is refused and not made anew; a first write goes without force and names a version that no object
//! has, so that an object of somebody else is refused and not merged with. What the API server returns goes into the
//! cache, so that the watch's echo of it is no news.
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts>.

mod certificates;
mod children;
mod notes;
mod pods;
mod revision_cookie;
mod rotation;
mod route;

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};
use thiserror::Error;

use super::cache::{Cache, Key};
use super::events::Happening;
use super::kind::ChildKind;
use super::live::LiveChild;
use super::lock;
use super::mesh::Restarts;
use super::ownership::FIELD_MANAGER;
use super::plan::{Plan, Step, Taken};
use crate::api::ElixirRelease;
use crate::leaver::Leaver;
use crate::observer::Observer;
use crate::operator::client::describe;
use crate::resources::tls::issue;
use crate::resources::tls::renewal::Lifetimes;
use crate::resources::{controller_revision, cookie, labels};
use crate::rollout;

/// Pause before an object is looked at again that somebody else has changed just now.
const AFTER_ANOTHER: SignedDuration = SignedDuration::from_secs(1);

/// Why a step failed.
#[derive(Debug, Error)]
pub enum Error {
    /// The API server refused the request or did not answer.
    #[error("{verb} {} {name} failed: {}", kind.as_str(), describe(source))]
    Request {
        /// What was tried.
        verb: &'static str,
        /// The kind of the child.
        kind: ChildKind,
        /// Its name.
        name: String,
        /// What the client reports.
        #[source]
        source: kube::Error,
    },
    /// What concerns a pod could not be written on it.
    #[error("{what} pod {pod} failed: {}", describe(source))]
    Pod {
        /// What was tried.
        what: &'static str,
        /// The pod.
        pod: String,
        /// What the client reports.
        #[source]
        source: kube::Error,
    },
    /// The weights of an HTTPRoute could not be written.
    #[error("patch HTTPRoute {route} failed: {}", describe(source))]
    Route {
        /// The route.
        route: String,
        /// What the client reports.
        #[source]
        source: kube::Error,
    },
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] issue::Error),
    /// The operating system has no randomness for a cookie.
    #[error("no cookie can be made: {0}")]
    Randomness(String),
    /// There is no cookie of the cluster to derive that of a revision from.
    #[error("Secret {secret} has no key {key}, of which the cookies of revisions are made: add it")]
    NoCookie {
        /// The Secret.
        secret: String,
        /// The key that it lacks.
        key: String,
    },
    /// A recorded revision holds no pod template.
    #[error("ControllerRevision {0} holds no pod template: delete it, and the operator records the present one")]
    Unreadable(String),
}

/// What applying a plan came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Objects that are not ours and stand where a child should be.
    pub taken: Vec<Taken>,
    /// How many children were written.
    pub writes: usize,
    /// What is to be told of the rollout.
    pub rollout: rollout::Report,
    /// What is worth telling of that no status tells.
    pub happenings: Vec<Happening>,
    /// Whether the plan only read what the next one needs.
    pub again: bool,
    /// Whether what was written leads to another step, which no watch will tell of: the release is to be looked at again.
    pub goes_on: bool,
    /// When the rollout goes on without cause.
    pub turn: Option<Timestamp>,
    /// When a pod that is to be evicted may be tried again, should it still be there.
    pub next_eviction: Option<Timestamp>,
}

/// Writes the children of the releases in one scope.
pub struct Applier<'a> {
    /// The client.
    pub client: &'a Client,
    /// Where the results go.
    pub cache: &'a Mutex<Cache>,
    /// The release.
    pub key: &'a Key,
    /// Its uid.
    pub uid: &'a str,
    /// How long certificates are valid.
    pub lifetimes: &'a Lifetimes,
    /// Who talks to the nodes, if anybody does.
    pub observer: Option<&'a Observer>,
    /// Who has nodes leave.
    pub leaver: &'a Leaver,
    /// The restarts of nodes up to now, for their limit.
    pub restarts: &'a Mutex<Restarts>,
}

impl Applier<'_> {
    /// Takes the steps of a plan in order and stops at the first that fails.
    pub async fn apply(&self, plan: Plan) -> Result<Outcome, Error> {
        let Plan { steps, taken, rollout, turn, goes_on, .. } = plan;
        let mut outcome = Outcome { taken, rollout, goes_on, turn, ..Outcome::default() };
        for step in steps {
            match step {
                Step::CreateCookie(members) => {
                    let members: Vec<_> = members.iter().map(|member| &**member).collect();
                    if let Some(taken) = self.create_cookie(&members).await? {
                        // Without its cookie nothing may start: a node would run with a cookie of somebody else.
                        outcome.taken.push(taken);
                        return Ok(outcome);
                    }
                }
                Step::CreateRevisionCookie(release, revision) => {
                    if let Some(taken) = self.create_revision_cookie(&release, &revision).await? {
                        outcome.taken.push(taken);
                        return Ok(outcome);
                    }
                }
                Step::KeepCertificates(members) => {
                    let members: Vec<_> = members.iter().map(|member| &**member).collect();
                    if let Some(taken) = self.keep_certificates(&members).await? {
                        // A pod would mount what somebody else has there, or wait for it.
                        outcome.taken.push(taken);
                        return Ok(outcome);
                    }
                }
                Step::OwnSecret(secret) => self.own_secret(&secret).await?,
                Step::Create(desired) => {
                    if let Some(taken) = self.create(&desired).await? {
                        outcome.taken.push(taken);
                        continue;
                    }
                }
                Step::Update(desired, uid) => self.update(desired, &uid).await?,
                Step::Delete(kind, name, uid) => self.delete(kind, &name, &uid).await?,
                Step::Judge(revision, rejection) => self.judge(&revision, rejection.as_ref()).await?,
                Step::NoteStage(revision, stage) => {
                    self.note_stage(&revision, &stage).await?;
                    outcome.goes_on = true;
                }
                Step::Scale(kind, name, uid, replicas) => self.scale(kind, &name, &uid, replicas).await?,
                Step::Split(weights) => {
                    let Some(told) = self.split(weights).await? else {
                        outcome.turn = Some(Timestamp::now() + AFTER_ANOTHER);
                        continue;
                    };
                    outcome.happenings.push(told);
                    outcome.goes_on = true;
                }
                Step::NoteMeeting(revision) => self.note_meeting(&revision).await?,
                Step::NoteMigration(ended) => {
                    self.note_migration(ended).await?;
                    outcome.goes_on = true;
                }
                Step::RotateCookie(rotation) => outcome.happenings.extend(self.rotate(rotation).await?),
                Step::OpenGate(pod, uid) => self.open_gate(&pod, &uid).await?,
                Step::MarkLeaving(pod, uid) => self.annotate_pod(&pod, &uid, &pods::leaving()).await?,
                Step::Leave(pod, uid, command, limit) => {
                    self.leaver.ask(self.key, &pod, &uid, command, limit);
                    continue;
                }
                Step::NoteLeft(pod, uid, at) => {
                    self.annotate_pod(&pod, &uid, &pods::left(at)).await?;
                    outcome.happenings.push(pods::has_left(&pod));
                }
                Step::Evict(pod, uid, why) => {
                    outcome.happenings.extend(self.evict(&pod, &uid, why).await);
                    outcome.next_eviction = self.next_restart();
                    continue;
                }
                Step::ReadRevision(name) => {
                    self.read_revision(&name).await?;
                    outcome.again = true;
                    continue;
                }
            }
            outcome.writes += 1;
        }
        Ok(outcome)
    }

    async fn create_cookie(&self, members: &[&ElixirRelease]) -> Result<Option<Taken>, Error> {
        let kind = ChildKind::Secret;
        let value = cookie::generate().map_err(|error| Error::Randomness(error.to_string()))?;
        let Some(secret) = cookie::build(members, &value) else { return Ok(None) };
        let name = secret.for_post().name_any();
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.key.namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        match api.create(&params, secret.for_post()).await {
            Ok(made) => self.keep(kind, LiveChild::without_content(made.metadata), None),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let found = api.get_metadata(&name).await.map_err(request("get", kind, &name))?;
                return self.adopt_cookie(members, &found).await;
            }
            Err(error) => return Err(request("create", kind, &name)(error)),
        }
        Ok(None)
    }

    /// Takes up a cookie that the cache did not know: another reconcile made it just now, or it has lost its labels.
    async fn adopt_cookie(
        &self,
        members: &[&ElixirRelease],
        found: &PartialObjectMeta<Secret>,
    ) -> Result<Option<Taken>, Error> {
        let Some(ownership) = cookie::ownership(members, &found.uid().unwrap_or_default()) else { return Ok(None) };
        let has_label = |label: &str| found.labels().get(label) == ownership.labels().get(label);
        let owners = ownership.owner_references();
        let is_owned = found.owner_references().iter().any(|found| owners.iter().any(|owner| owner.uid == found.uid));
        if !has_label(labels::CLUSTER) && !is_owned {
            return Ok(Some(Taken { kind: ChildKind::Secret, name: found.name_any() }));
        }
        if !ownership.labels().keys().all(|label| has_label(label)) {
            self.own_secret(&ownership).await?;
        }
        Ok(None)
    }

    /// A merge patch, because the list of owners is to be exactly this: applying would leave those in it with which the
    /// Secret was posted.
    async fn own_secret(&self, secret: &PartialObjectMeta<Secret>) -> Result<(), Error> {
        let kind = ChildKind::Secret;
        let name = secret.name_any();
        let api = Api::<Secret>::namespaced(self.client.clone(), &self.key.namespace);
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patched = api.patch_metadata(&name, &params, &Patch::Merge(secret)).await;
        let patched = patched.map_err(request("patch", kind, &name))?;
        self.keep(kind, LiveChild::without_content(patched.metadata), None);
        Ok(())
    }

    async fn read_revision(&self, name: &str) -> Result<(), Error> {
        let found = self.find(ChildKind::ControllerRevision, name).await?;
        let template = found.and_then(|revision| controller_revision::template(&revision.data["data"]));
        let template = template.ok_or_else(|| Error::Unreadable(name.to_owned()))?;
        lock(self.cache).pin(self.key.clone(), name, template);
        Ok(())
    }

    async fn find(&self, kind: ChildKind, name: &str) -> Result<Option<DynamicObject>, Error> {
        kind.api(self.client, &self.key.namespace).get_opt(name).await.map_err(request("get", kind, name))
    }

    fn keep(&self, kind: ChildKind, object: LiveChild, desired: Option<u64>) {
        lock(self.cache).children.put_written(kind, object, desired);
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found())
}

fn request(verb: &'static str, kind: ChildKind, name: &str) -> impl FnOnce(kube::Error) -> Error {
    let name = name.to_owned();
    move |source| Error::Request { verb, kind, name, source }
}

#[cfg(test)]
mod tests;
