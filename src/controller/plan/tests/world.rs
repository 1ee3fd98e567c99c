//! A small API server with the operator in front of it: what is stored, what the operator makes of it, and what becomes
//! of its steps.
//!
//! It refuses, by a panic, what the operator must never do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PodTemplateSpec, Secret};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::super::{Desired, Plan, Step, Taken, plan};
use super::stored::{Stored, merge};
use crate::api::{ElixirRelease, Strategy};
use crate::controller::apply::Outcome;
use crate::controller::cache::{Key, Unread};
use crate::controller::fixture::route::Route;
use crate::controller::kind::ChildKind;
use crate::controller::observe::Observed;
use crate::controller::status::{Verdict, status};
use crate::controller::validate::{References, Valid, validate};
use crate::resources::reference::{Content, Contents, Reference, ReferenceKind};
use crate::resources::{Facts, controller_revision, cookie, fixture, labels, names, pod, revision_cookie};
use crate::rollout::Note;

/// More rounds than any of these tests needs: a world that is not at rest by then never will be.
pub(super) const ROUNDS: usize = 8;

#[derive(Clone, Default)]
pub struct World {
    pub releases: BTreeMap<String, ElixirRelease>,
    pub objects: BTreeMap<(ChildKind, String), Stored>,
    /// Names of releases that the operator, newly started, cannot read.
    pub unreadable: BTreeSet<String>,
    /// The pods.
    pub pods: Vec<Value>,
    /// The Secrets that pods read.
    pub contents: Contents,
    /// What the process of the operator has read of revisions.
    pub pinned: BTreeMap<String, (String, PodTemplateSpec)>,
    /// The HTTPRoute `shop`, if the API server has any.
    pub route: Option<Route>,
    /// The time, which only tests let pass.
    pub now: Timestamp,
    clock: u64,
}

/// What the API server answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Written,
    Unchanged,
    Read,
    Taken(Taken),
}

impl World {
    /// A world at rest with one release `shop`.
    pub fn with(spec: &str) -> Self {
        let mut world = Self::default();
        world.store("shop", spec);
        world.settle();
        world
    }

    /// Stores a release, or a new spec of it.
    pub fn store(&mut self, name: &str, spec: &str) {
        let version = self.tick();
        let mut release = fixture::named(name, spec);
        if let Some(known) = self.releases.remove(name) {
            release.metadata.uid = known.metadata.uid;
            release.status = known.status;
        }
        release.metadata.generation = version.try_into().ok();
        release.metadata.resource_version = Some(version.to_string());
        self.releases.insert(name.to_owned(), release);
    }

    pub fn spec(&mut self, name: &str) -> &mut crate::api::ElixirReleaseSpec {
        &mut self.releases.get_mut(name).unwrap().spec
    }

    pub fn object(&self, kind: ChildKind, name: &str) -> Option<&Stored> {
        self.objects.get(&(kind, name.to_owned()))
    }

    pub fn object_mut(&mut self, kind: ChildKind, name: &str) -> &mut Stored {
        self.clock += 1;
        let object = self.objects.get_mut(&(kind, name.to_owned())).unwrap();
        object.version = self.clock;
        object
    }

    pub fn names(&self, kind: ChildKind) -> Vec<&str> {
        self.objects.keys().filter(|(of, _)| *of == kind).map(|(_, name)| name.as_str()).collect()
    }

    /// A Secret with this key, made by somebody and read by the operator.
    pub fn know(&mut self, secret: &str, key: &str) {
        let reference = Reference { kind: ReferenceKind::Secret, name: secret.to_owned() };
        let keys = [key.to_owned()].into();
        let digest = self.tick();
        self.contents.insert(reference, Content { digest, keys, restart: true, ..Content::default() });
    }

    /// A new process of the operator, which has read nothing yet.
    pub fn restart_operator(&mut self) {
        self.pinned.clear();
    }

    /// What the operator knows about a release and makes of it.
    pub fn look(&self, release: &str) -> (Observed, Valid) {
        let key = Key::new("store", release);
        let uses = pod::references(&self.releases[release], &pod::draft(&self.releases[release]).unwrap());
        let mut cache = self.cache();
        cache.contents.track(&key, uses.iter().map(|used| used.reference.clone()).collect());
        for (reference, content) in &self.contents {
            let unread = Unread { reference: reference.clone(), newest: 0 };
            cache.contents.put("store", &unread, Some((1, content.clone())));
        }
        let observed = Observed::of(&cache, &key, &uses).unwrap();
        let members: Vec<_> = observed.members.iter().map(|member| &**member).collect();
        let contents = References::Read(&observed.contents);
        let valid = validate(&observed.release, &members, contents, &Facts::default(), self.now).unwrap();
        (observed, valid)
    }

    /// What the operator would do about a release.
    pub fn plan(&self, release: &str) -> Plan {
        let (observed, valid) = self.look(release);
        plan(&observed, &valid, &Facts::default(), self.now)
    }

    /// Lets the operator reconcile every release, and Kubernetes finish what it deletes, until nothing moves any more.
    pub fn settle(&mut self) {
        for _ in 0..ROUNDS {
            if !self.round() {
                return;
            }
        }
        panic!("not at rest after {ROUNDS} rounds");
    }

    /// One reconcile of each release; whether anything was written, read or collected.
    pub fn round(&mut self) -> bool {
        let names: Vec<_> = self.releases.keys().filter(|name| !self.unreadable.contains(*name)).cloned().collect();
        let mut moved = false;
        for name in names {
            moved |= self.reconcile(&name, usize::MAX);
        }
        self.collect() || moved
    }

    /// One reconcile of which only so many steps are taken, because the operator ends then.
    pub fn reconcile(&mut self, release: &str, steps: usize) -> bool {
        let (observed, valid) = self.look(release);
        let plan = plan(&observed, &valid, &Facts::default(), self.now);
        let is_whole = plan.steps.len() <= steps;
        let mut outcome = Outcome { taken: plan.taken, rollout: plan.rollout, ..Outcome::default() };
        for step in plan.steps.into_iter().take(steps) {
            let is_secret =
                matches!(step, Step::CreateCookie(_) | Step::CreateRevisionCookie(..) | Step::KeepCertificates(_));
            match self.take(release, step) {
                Answer::Written => outcome.writes += 1,
                Answer::Unchanged => {}
                Answer::Read => outcome.again = true,
                Answer::Taken(taken) => outcome.taken.push(taken),
            }
            if is_secret && !outcome.taken.is_empty() {
                break;
            }
        }
        let told = is_whole && !outcome.again && self.tell(release, &valid, plan.revision.as_deref(), &outcome);
        told || outcome.again || outcome.writes > 0
    }

    /// Takes the steps of a plan.
    pub fn follow(&mut self, release: &str, plan: Plan) {
        for step in plan.steps {
            self.take(release, step);
        }
    }

    /// Writes the status if it differs.
    fn tell(&mut self, release: &str, valid: &Valid, revision: Option<&str>, outcome: &Outcome) -> bool {
        let now = Timestamp::from_second(self.tick().try_into().unwrap()).unwrap();
        let verdict = Verdict::Valid { warnings: &valid.warnings, revision, applied: Ok(outcome) };
        let after = Some(status(&self.look(release).0, &verdict, now));
        let stored = &mut self.releases.get_mut(release).unwrap().status;
        let differs = *stored != after;
        *stored = after;
        differs
    }

    fn take(&mut self, release: &str, step: Step) -> Answer {
        match step {
            Step::CreateCookie(members) => {
                let members: Vec<_> = members.iter().map(|member| &**member).collect();
                let secret = cookie::build(&members, "swordfish").unwrap();
                return self.post_cookie(secret.for_post());
            }
            Step::CreateRevisionCookie(release, revision) => {
                assert!(self.cookie(&release.name_any()).is_some(), "there is no cookie to derive one from");
                let secret =
                    revision_cookie::build(&release, &revision, &revision_cookie::derive(b"swordfish", &revision));
                return self.post_revision_cookie(&release, secret.for_post());
            }
            Step::KeepCertificates(members) => return self.keep_certificates(&members),
            Step::OwnSecret(secret) => {
                let stored = self.object_mut(ChildKind::Secret, &secret.name_any());
                assert_eq!(Some(&stored.uid), secret.metadata.uid.as_ref(), "the Secret is another");
                merge(&mut stored.theirs["metadata"], &json!(secret.metadata));
            }
            Step::Create(desired) => {
                if let Some(found) = self.object(desired.kind, &desired.name) {
                    let uid = self.releases[release].uid().unwrap();
                    let Some(known) = desired.recognise(found.live(&desired.name).into(), &uid) else {
                        return Answer::Taken(Taken { kind: desired.kind, name: desired.name });
                    };
                    return self.take(release, Step::Update(desired, known.uid));
                }
                self.put(release, &desired);
            }
            Step::Update(desired, uid) => {
                let known = self.object(desired.kind, &desired.name).expect("only what exists is updated");
                assert_eq!(*known.uid, *uid, "{} {} is another", desired.kind.as_str(), desired.name);
                let is_ours = known.ours.is_some() || self.owns(release, known);
                assert!(is_ours, "{} {} is not ours", desired.kind.as_str(), desired.name);
                self.put(release, &desired);
            }
            Step::Delete(kind, name, uid) => {
                let known = self.objects.remove(&(kind, name.to_string())).expect("only what exists is deleted");
                assert_eq!(*known.uid, *uid, "{} {name} is another", kind.as_str());
                if kind == ChildKind::Secret {
                    let revision = known.label(labels::REVISION).expect("the cookie of a cluster is never deleted");
                    assert!(!self.runs(revision), "{revision} runs and loses its cookie");
                    assert!(self.owns(release, &known), "{name} is of another");
                    return Answer::Written;
                }
                assert!(known.ours.is_some(), "{} {name} is not ours", kind.as_str());
                let is_shared = known.label(labels::RELEASE).is_none();
                assert!(is_shared || self.owns(release, &known), "{} {name} is of another", kind.as_str());
                let is_workload = ChildKind::WORKLOADS.contains(&kind);
                assert!(
                    !is_workload || self.may_stop(release, kind, &name, &known),
                    "what runs is deleted without a successor"
                );
            }
            Step::Judge(revision, rejection) => {
                let note = rejection.map(|rejection| rejection.to_text());
                let record = self.object_mut(ChildKind::ControllerRevision, &revision);
                match (note, record.theirs["metadata"]["annotations"].as_object_mut()) {
                    (None, Some(annotations)) => drop(annotations.remove(labels::REJECTED)),
                    (note, _) => record.theirs["metadata"]["annotations"][labels::REJECTED] = note.into(),
                }
            }
            Step::NoteStage(revision, stage) => {
                let record = self.object_mut(ChildKind::ControllerRevision, &revision);
                record.theirs["metadata"]["annotations"][labels::STAGE] = stage.to_text().into();
            }
            Step::Scale(kind, name, uid, replicas) => {
                let stored = self.object_mut(kind, &name);
                assert_eq!(*stored.uid, *uid, "{} {name} is another", kind.as_str());
                stored.scale(replicas);
            }
            Step::Split(weights) => {
                let route = self.route.as_mut().expect("only a route that is there is changed");
                assert_eq!(self.releases[release].spec.rollout.route(), Some(&*weights.route), "nobody names it");
                route.patch(weights.patch);
            }
            Step::NoteMeeting(revision) => {
                let record = self.object_mut(ChildKind::ControllerRevision, &revision);
                record.theirs["metadata"]["annotations"][labels::CLUSTERED] = "true".into();
            }
            Step::NoteMigration(ended) => {
                let record = self.object_mut(ChildKind::ControllerRevision, &ended.revision.clone());
                let note = ended.into_ledger("the end of the log").to_text();
                record.theirs["metadata"]["annotations"][labels::MIGRATIONS] = note.into();
            }
            Step::RotateCookie(..) => panic!("nobody asked for another cookie"),
            Step::OpenGate(pod, _) => panic!("there is no node in this world, and none in {pod}"),
            Step::Evict(pod, _, _)
            | Step::MarkLeaving(pod, _)
            | Step::Leave(pod, _, _, _)
            | Step::NoteLeft(pod, _, _) => {
                panic!("there is no node in this world, and none in {pod}")
            }
            Step::ReadRevision(name) => {
                let revision = self.object(ChildKind::ControllerRevision, &name).unwrap().live(&name);
                let template = controller_revision::template(&revision.data["data"]).unwrap();
                self.pinned.insert(release.to_owned(), (name, template));
                return Answer::Read;
            }
        }
        Answer::Written
    }

    /// Whether what runs pods may be deleted: another kind is wanted, and runs, or is to run only afterwards.
    fn may_stop(&self, release: &str, kind: ChildKind, name: &str, stopped: &Stored) -> bool {
        if self.releases[release].spec.rollout.strategy.is_split() {
            return stopped.replicas() == 0 && stopped.theirs["status"]["replicas"].as_i64().unwrap_or(0) == 0;
        }
        let spec = &self.releases[release].spec;
        let wanted = ChildKind::of_workload(&self.releases[release]);
        let available = self.object(wanted, release).map(|object| object.theirs["status"]["availableReplicas"].clone());
        let has_successor = available.is_some_and(|count| count.as_i64().unwrap_or(0) >= spec.replicas.into());
        (wanted != kind || name != release) && (spec.rollout.strategy == Strategy::Recreate || has_successor)
    }

    fn owns(&self, release: &str, object: &Stored) -> bool {
        self.releases[release].uid().is_some_and(|uid| object.owners().contains(&uid))
    }

    /// Server-side apply over what is there.
    fn put(&mut self, release: &str, desired: &Desired) {
        if ChildKind::WORKLOADS.contains(&desired.kind) {
            let spec = &self.releases[release].spec;
            let replicas = &desired.object["spec"]["replicas"];
            let is_stopped = desired.kind == ChildKind::StatefulSet && spec.rollout.strategy == Strategy::Recreate;
            let is_split = spec.rollout.strategy.is_split();
            assert!(
                is_split || *replicas == spec.replicas || is_stopped && *replicas == 0,
                "nobody asked for {replicas} replicas"
            );
        }
        let version = self.tick();
        let made = || Stored { uid: format!("uid-{version}"), version, deleting: false, ours: None, theirs: json!({}) };
        let id = (desired.kind, desired.name.clone());
        self.objects.entry(id).or_insert_with(made).apply(&desired.object, version);
    }

    fn post_cookie(&mut self, secret: &Secret) -> Answer {
        let (kind, name, metadata) = (ChildKind::Secret, secret.name_any(), json!(secret.metadata));
        let Some(found) = self.object(kind, &name) else {
            let version = self.tick();
            let theirs = json!({"metadata": metadata, "data": "swordfish"});
            let stored = Stored { uid: format!("uid-{version}"), version, deleting: false, ours: None, theirs };
            self.objects.insert((kind, name), stored);
            return Answer::Written;
        };
        let is_owned = secret.owner_references().iter().any(|owner| found.owners().contains(&owner.uid));
        let cluster = secret.labels().get(labels::CLUSTER).map(String::as_str);
        if found.label(labels::CLUSTER) != cluster && !is_owned {
            return Answer::Taken(Taken { kind, name });
        }
        let moved = !found.is_watched();
        self.object_mut(kind, &name).theirs["metadata"] = metadata;
        if moved { Answer::Written } else { Answer::Unchanged }
    }

    fn post_revision_cookie(&mut self, release: &ElixirRelease, secret: &Secret) -> Answer {
        let (kind, name, metadata) = (ChildKind::Secret, secret.name_any(), json!(secret.metadata));
        let version = self.tick();
        let data = json!(secret.string_data);
        match self.objects.get_mut(&(kind, name.clone())) {
            None => {
                let theirs = json!({"metadata": metadata, "data": data});
                let stored = Stored { uid: format!("uid-{version}"), version, deleting: false, ours: None, theirs };
                self.objects.insert((kind, name), stored);
            }
            Some(found) if !revision_cookie::is_ours(release, &found.live(&name)) => {
                return Answer::Taken(Taken { kind, name });
            }
            Some(found) => (found.version, found.theirs["metadata"]) = (version, metadata),
        }
        Answer::Written
    }

    /// Whether a pod that has not ended has this revision, or what runs pods.
    pub fn runs(&self, revision: &str) -> bool {
        let label = |object: &Value, path: &str| object.pointer(path).is_some_and(|label| label == revision);
        let of_pod = "/metadata/labels/beam-operator.io~1revision";
        let workloads = self.objects.iter().filter(|((kind, _), _)| ChildKind::WORKLOADS.contains(kind));
        let mut templates = workloads.filter_map(|(_, stored)| stored.ours.as_ref()?.pointer("/spec/template"));
        let mut pods = self.pods.iter().filter(|pod| pod["status"]["phase"] != "Failed");
        pods.any(|pod| label(pod, of_pod)) || templates.any(|template| label(template, of_pod))
    }

    pub fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The cookie's Secret of a release.
    pub fn cookie(&self, release: &str) -> Option<&Stored> {
        self.object(ChildKind::Secret, &names::cookie_secret(&self.releases[release]))
    }
}
