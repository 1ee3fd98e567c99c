//! Observe: what the caches know about one release, as one value. No request is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use super::cache::{Cache, Group, Key, Lookup, Pinned, Sight, Unreadable, cluster_key};
use super::kind::ChildKind;
use super::mesh;
use super::pod::PodView;
use super::view::{Child, RevisionView, WorkloadView};
use crate::api::ElixirRelease;
use crate::observer::{Sighting, Vitals};
use crate::resources::reference::{Contents, Reference, Use};
use crate::resources::{names, tls};
use crate::rollout::leave::{Attempt, Leaving};
use crate::rollout::{Rejection, meeting};

/// Everything that the later stages may know of a release.
#[derive(Clone, Debug)]
pub struct Observed {
    /// Its key.
    pub key: Key,
    /// The release.
    pub release: Arc<ElixirRelease>,
    /// The distributed releases of its cluster, itself included, oldest first. Empty for lone nodes.
    pub members: Vec<Arc<ElixirRelease>>,
    /// The releases that its rollouts wait for, by name, as far as they exist.
    pub predecessors: Vec<(String, Option<Arc<ElixirRelease>>)>,
    /// The releases by which it waits for itself, if it does, from the first that it waits for to itself.
    pub cycle: Option<Vec<Arc<str>>>,
    /// Its own children.
    pub children: Vec<Child>,
    /// The children that it shares with the members of its cluster.
    pub shared: Vec<Child>,
    /// What it still owns of clusters that it left and that nobody else is in.
    pub abandoned: Vec<Child>,
    /// Its pods.
    pub pods: Vec<PodView>,
    /// What was seen of the nodes of its cluster, by release and pod; `None` if nobody looks.
    pub mesh: Option<Vec<Sighting>>,
    /// What the nodes of its cluster measure of themselves, by the uid of their pods.
    pub vitals: BTreeMap<Arc<str>, Vitals>,
    /// What came of having its nodes leave, by the uid of their pods.
    pub attempts: BTreeMap<Box<str>, Attempt>,
    /// How its scale-down stands, if it waits for nodes to leave.
    pub leaving: Option<Leaving>,
    /// The objects that its pods read, those that exist.
    pub contents: Contents,
    /// The objects among them that could not be read this time. Their last known content is in `contents`, if any is known.
    pub unread: Vec<NotRead>,
    /// What is known of the HTTPRoute that it names, if it names one.
    pub route: Option<Sight>,
    /// The HTTPRoutes that send requests to its Service for previews; `None` if that is not known yet.
    pub previewed_by: Option<Vec<Box<str>>>,
    /// The releases of its namespace that cannot be read, as owners: nobody knows which cluster they are in.
    pub unreadable: Vec<OwnerReference>,
    /// The revision whose pod template was read from its record, if that of one was.
    pub pinned: Option<Pinned>,
}

/// An object that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRead {
    /// The object.
    pub reference: Reference,
    /// Why, in words.
    pub why: String,
    /// Whether the API server does not let the operator read it.
    pub is_forbidden: bool,
}

impl Observed {
    /// What the caches know of a release whose pods read the objects in `uses`; `None` if it is gone.
    #[must_use]
    pub fn of(cache: &Cache, key: &Key, uses: &[Use]) -> Option<Self> {
        let release = cache.releases.get(key)?;
        let cluster = cluster_key(&release);
        let children = cache.children.of(&Group::Release(key.clone())).to_vec();
        let shared = cluster.clone().map(|cluster| cache.children.of(&Group::Cluster(cluster)).to_vec());
        Some(Self {
            members: cluster.as_ref().map(|cluster| cache.releases.members(cluster)).unwrap_or_default(),
            shared: shared.unwrap_or_default(),
            abandoned: abandoned(cache, key, cluster.as_ref(), &release),
            predecessors: predecessors(cache, key, &release),
            cycle: cache.releases.cycle(key),
            route: release.spec.rollout.route().map(|name| cache.routes.sight(&key.sibling(name))),
            previewed_by: cache
                .routes
                .is_settled()
                .then(|| cache.routes.naming(&key.namespace, &names::preview_service(&release))),
            pods: cache.pods.of(key).to_vec(),
            mesh: None,
            vitals: BTreeMap::new(),
            attempts: BTreeMap::new(),
            leaving: None,
            contents: contents(cache, key, uses),
            unread: Vec::new(),
            unreadable: cache.releases.unreadable_in(&key.namespace).filter_map(Unreadable::owner).collect(),
            pinned: cache.pinned(key),
            key: key.clone(),
            release,
            children,
        })
    }

    /// The uid of the release; empty before an API server has stored it.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.release.metadata.uid.as_deref().unwrap_or_default()
    }

    /// How many nodes it asks for, also while more are kept because they have not left.
    #[must_use]
    pub fn asked_replicas(&self) -> i32 {
        self.leaving.as_ref().map_or(self.release.spec.replicas, |leaving| leaving.asked)
    }

    /// Whether everything is known that the pods read, at least as it was when it was last read.
    #[must_use]
    pub fn knows_its_references(&self) -> bool {
        self.unread.iter().all(|unread| self.contents.contains_key(&unread.reference))
    }

    /// Its child of this kind and name.
    #[must_use]
    pub fn child(&self, kind: ChildKind, name: &str) -> Option<&Child> {
        self.children.iter().chain(&self.shared).find(|child| child.kind == kind && *child.name == *name)
    }

    /// The object of this kind that runs its pods, not one of the same name that somebody else made.
    #[must_use]
    pub fn workload_of(&self, kind: ChildKind) -> Option<&Child> {
        let named = self.child(kind, &self.key.name);
        named.filter(|child| child.is_ours(self.uid()) && child.workload().is_some())
    }

    /// Every object that runs pods of it.
    pub fn carriers(&self) -> impl Iterator<Item = &Child> {
        self.children.iter().filter(|child| child.is_ours(self.uid()) && child.workload().is_some())
    }

    /// The object that runs this revision, or is to: where each revision has a Deployment of its own, the one whose template
    /// is of it, and else the one that is named like the release.
    #[must_use]
    pub fn carrier(&self, revision: Option<&str>) -> Option<&Child> {
        if !self.release.spec.rollout.strategy.is_split() {
            return self.workload_of(ChildKind::of_workload(&self.release));
        }
        let is_its = |child: &&Child| {
            let runs = child.workload().and_then(|view| view.revision.as_deref());
            child.kind == ChildKind::Deployment && !child.deleting && runs.is_some() && runs == revision
        };
        // That of the revision, rather than one that Kubernetes rolled.
        self.carriers().filter(is_its).max_by_key(|child| Some(&*child.name) == revision)
    }

    /// What runs its pods: the object that runs this revision, with the pods of all others counted in: they serve until they
    /// are replaced.
    #[must_use]
    pub fn workload(&self, revision: Option<&str>) -> Option<WorkloadView> {
        let wanted = self.carrier(revision);
        let is_other = |child: &&Child| wanted.is_none_or(|wanted| wanted.uid != child.uid);
        let mut others = self.carriers().filter(is_other).filter_map(Child::workload);
        let wanted = wanted.and_then(Child::workload).cloned();
        // Even if another one runs what is wanted, it does so in what is not.
        let first = wanted.or_else(|| Some(WorkloadView { revision: None, ..others.next()?.clone() }))?;
        Some(others.fold(first, |sum, other| WorkloadView {
            replicas: sum.replicas + other.replicas,
            ready: sum.ready + other.ready,
            failure: sum.failure.or_else(|| other.failure.clone()),
            ..sum
        }))
    }

    /// The revision that its pods run or move to in what it asks for: where each revision has a Deployment of its own, the
    /// newest that has one and was not rejected.
    #[must_use]
    pub fn moving_to(&self) -> Option<&str> {
        if !self.release.spec.rollout.strategy.is_split() {
            return self.carrier(None)?.workload()?.revision.as_deref();
        }
        let history = self.history();
        let is_run = |revision: &str| self.carrier(Some(revision)).is_some();
        let is_rejected = |view: &RevisionView| view.rejection.as_ref().is_some_and(|it| it.number == view.number);
        let mut run = history.iter().filter(|(name, _)| is_run(name));
        let newest = run.clone().next();
        run.find(|(_, view)| !is_rejected(view)).or(newest).map(|(name, _)| *name)
    }

    /// Whether an object that runs pods is of this revision.
    #[must_use]
    pub fn runs(&self, revision: &str) -> bool {
        self.carriers().filter_map(Child::workload).any(|view| view.revision.as_deref() == Some(revision))
    }

    /// Whether it has nodes that run in this kind of object and have not ended.
    #[must_use]
    pub fn has_pods_in(&self, kind: ChildKind) -> bool {
        self.pods.iter().any(|pod| pod.runs_in == Some(kind) && !pod.has_ended)
    }

    /// When the status may next change without anything else happening: the trouble of a pod counts as over, or a picture of
    /// the mesh that was told only now makes way for the next, or a revision counts as failed whose nodes do not meet.
    #[must_use]
    pub fn relief(&self, now: Timestamp) -> Option<Timestamp> {
        let troubles = self.pods.iter().filter_map(|pod| pod.trouble.as_ref());
        let mesh = self.mesh.as_ref().and_then(|_| mesh::settles_at(self.release.status.as_ref()?));
        let (_, mend) = mesh::wishes(self, now);
        let young = self.mesh.iter().flatten().filter_map(mesh::grown_up_at);
        troubles
            .filter_map(|trouble| trouble.until)
            .chain(young)
            .chain(mesh)
            .chain(mend)
            .chain(meeting::turn(self, now))
            .filter(|until| *until > now)
            .min()
    }

    /// When certificates that the operator makes for the cluster are to be looked at again.
    #[must_use]
    pub fn renewal(&self, now: Timestamp) -> Option<Timestamp> {
        let members: Vec<_> = self.members.iter().map(|member| &**member).collect();
        let noted = self.shared.iter().filter(|_| tls::is_managed(&members)).filter_map(Child::certificates);
        noted.filter_map(|noted| noted.renew_at).filter(|renewal| *renewal > now).min()
    }

    /// Its revisions, newest first. A StatefulSet has some of its own, which carry the labels of its pods.
    #[must_use]
    pub fn history(&self) -> Vec<(&str, &RevisionView)> {
        let revisions = self.children.iter().filter(|child| !child.deleting && child.is_ours(self.uid()));
        let mut history: Vec<_> = revisions.filter_map(|child| Some((&*child.name, child.revision()?))).collect();
        history.sort_by_key(|(_, revision)| std::cmp::Reverse(revision.number));
        history
    }

    /// The revision that it asks for and why another runs, if it was rejected: it is the newest, unless the spec asks for
    /// something else again.
    #[must_use]
    pub fn rejected(&self) -> Option<(&str, &Rejection)> {
        let (name, view) = self.history().into_iter().next()?;
        let rejection = view.rejection.as_deref().filter(|rejection| rejection.number == view.number)?;
        Some((name, rejection))
    }

    /// The revision that its pods run or move to: in what it asks for, else in anything else; the newest one where nothing
    /// runs.
    #[must_use]
    pub fn running_revision(&self) -> Option<&str> {
        let history = self.history();
        let number = |revision: &str| history.iter().find(|(name, _)| *name == revision).map(|(_, view)| view.number);
        let others = self.carriers().filter_map(|child| child.workload()?.revision.as_deref());
        let running = self.moving_to().or_else(|| others.max_by_key(|revision| number(revision)));
        running.or_else(|| history.first().map(|(name, _)| *name))
    }
}

fn predecessors(cache: &Cache, key: &Key, release: &ElixirRelease) -> Vec<(String, Option<Arc<ElixirRelease>>)> {
    let names = release.spec.rollout.after.iter();
    names.map(|name| (name.clone(), cache.releases.get(&key.sibling(name)))).collect()
}

fn abandoned(cache: &Cache, key: &Key, cluster: Option<&Key>, release: &ElixirRelease) -> Vec<Child> {
    let nowhere = key.sibling("");
    let uid = release.metadata.uid.as_deref().unwrap_or_default();
    let elsewhere = cache.children.shared_elsewhere(cluster.unwrap_or(&nowhere), uid);
    let deserted = elsewhere.filter(|(cluster, _)| cache.releases.member_keys(cluster).is_empty());
    deserted.map(|(_, child)| child.clone()).collect()
}

fn contents(cache: &Cache, key: &Key, uses: &[Use]) -> Contents {
    let known = uses.iter().filter_map(|used| match cache.contents.lookup(&key.namespace, &used.reference) {
        Lookup::Known(content) | Lookup::Changed(content) => Some((used.reference.clone(), content)),
        Lookup::Missing | Lookup::Unknown => None,
    });
    known.collect()
}

#[cfg(test)]
mod tests;
