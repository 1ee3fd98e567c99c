//! One reconcile: the stages in a row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::{Client, Resource, ResourceExt};
use thiserror::Error;
use tracing::{Instrument, info, warn};

use super::apply::{self, Applier, Outcome};
use super::cache::{Cache, Key};
use super::dereference::{self, dereference};
use super::events::waiting;
use super::kind::ChildKind;
use super::lock;
use super::mesh::Restarts;
use super::observe::{NotRead, Observed};
use super::plan::plan;
use super::queue::Queue;
use super::report::{report, report_unreadable, tell};
use super::routes::Routes;
use super::slots::Slots;
use super::status::{Verdict, deadline};
use super::transition;
use super::validate::{self, References, Valid, unchangeable, validate};
use super::view::Child;
use super::watches::Stub;
use crate::leaver::Leaver;
use crate::observer::Observer;
use crate::operator::Runtime;
use crate::operator::client::describe;
use crate::operator::events::Events;
use crate::operator::metrics::{ErrorCategory, Metrics, ReconcileResult};
use crate::operator::telemetry::reconcile_span;
use crate::resources::problem::Problem;
use crate::resources::reference::Reference;
use crate::resources::tls::renewal::Lifetimes;
use crate::resources::{Facts, pod};
use crate::rollout::fleet::way;
use crate::rollout::leave;
use crate::time::jittered;

/// Pauses between tries of a release that fails: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_mins(5);

/// Pause before a name that somebody else has is tried again: foreign objects are not watched.
const NAME_TAKEN_PAUSE: Duration = Duration::from_mins(2);

/// Why a reconcile failed. It is tried again.
#[derive(Debug, Error)]
pub enum Error {
    /// An object that the pods read could not be read.
    #[error(transparent)]
    Dereference(#[from] dereference::Error),
    /// A child could not be written.
    #[error(transparent)]
    Apply(#[from] apply::Error),
    /// The status could not be written.
    #[error("the status could not be written: {}", describe(.0))]
    Status(kube::Error),
}

impl Error {
    fn category(&self) -> ErrorCategory {
        match self {
            Self::Dereference(error) => ErrorCategory::from(&error.source),
            Self::Apply(
                apply::Error::Request { source, .. }
                | apply::Error::Pod { source, .. }
                | apply::Error::Route { source, .. },
            )
            | Self::Status(source) => ErrorCategory::from(source),
            Self::Apply(_) => ErrorCategory::Other,
        }
    }
}

/// What the reconciles of one scope share.
pub struct Context {
    pub(super) client: Client,
    pub(super) events: Events,
    metrics: Arc<Metrics>,
    pub(super) facts: Facts,
    lifetimes: Lifetimes,
    pub(super) cache: Arc<Mutex<Cache>>,
    pub(super) queue: Queue,
    slots: Arc<Slots>,
    /// Looks at nodes, unless the operator is told not to.
    pub(super) observer: Option<Observer>,
    leaver: Leaver,
    restarts: Mutex<Restarts>,
    pub(super) routes: Routes,
    resync: Duration,
    failures: Mutex<HashMap<Key, u32>>,
}

impl Context {
    /// What the reconciles of the releases in `cache` share.
    #[must_use]
    pub fn new(
        runtime: &Runtime,
        cache: Arc<Mutex<Cache>>,
        queue: Queue,
        slots: Arc<Slots>,
        observer: Option<Observer>,
        routes: Routes,
    ) -> Self {
        let facts = Facts {
            cluster_domain: runtime.settings.cluster_domain.clone(),
            operator_namespace: runtime.settings.pod_namespace.clone(),
            observes: observer.is_some(),
        };
        Self {
            client: runtime.client.clone(),
            events: runtime.events.clone(),
            metrics: runtime.metrics.clone(),
            resync: runtime.settings.resync_interval,
            lifetimes: (&runtime.settings.certificates).into(),
            failures: Mutex::default(),
            leaver: Leaver::new(runtime.client.clone(), queue.clone()),
            restarts: Mutex::default(),
            facts,
            cache,
            queue,
            slots,
            observer,
            routes,
        }
    }

    /// Forgets a release that was gone when its turn came.
    pub(super) fn forget(&self, key: &Key) {
        self.count(key, false);
        self.queue.take(key);
        self.unfollow(key);
        self.leaver.forget(key);
    }

    fn has_failed(&self, key: &Key) -> bool {
        self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains_key(key)
    }

    /// Counts a failure of a release, or forgets them with its success; the number of failures in a row.
    fn count(&self, key: &Key, failed: bool) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !failed {
            failures.remove(key);
            return 0;
        }
        let count = failures.entry(key.clone()).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// Looks at one release once.
///
/// # Errors
/// The API server refused something or did not answer.
pub async fn reconcile(stub: Arc<Stub>, context: Arc<Context>) -> Result<Action, Error> {
    let key = key_of(&stub);
    let Some(_slot) = context.slots.take(context.has_failed(&key)).await else {
        return Ok(Action::requeue(jittered(FIRST_PAUSE)));
    };
    context.queue.take(&key);
    let timer = context.metrics.reconciles.start();
    let span = reconcile_span(&key.namespace, &key.name);
    let result = Box::pin(look(&key, &context)).instrument(span.clone()).await;
    match &result {
        Ok((result, _)) => timer.finish(*result),
        Err(error) => {
            timer.finish(ReconcileResult::Failed);
            context.metrics.reconciles.error(error.category());
            span.in_scope(|| warn!(%error, "the reconcile failed and is tried again"));
        }
    }
    let (_, action) = result?;
    context.count(&key, false);
    Ok(action)
}

/// When to try a release again that failed: later each time, and not at the same time as the others.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "the signature is the controller's")]
pub fn on_error(stub: Arc<Stub>, _: &Error, context: Arc<Context>) -> Action {
    let failures = context.count(&key_of(&stub), true);
    Action::requeue(jittered(pause(failures)))
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST_PAUSE)
}

async fn look(key: &Key, context: &Context) -> Result<(ReconcileResult, Action), Error> {
    let unreadable = lock(&context.cache).releases.unreadable(key);
    if let Some(unreadable) = unreadable {
        report_unreadable(&unreadable, context).await?;
        return Ok((ReconcileResult::Invalid, resync(context)));
    }
    let Some(release) = lock(&context.cache).releases.get(key) else {
        context.unfollow(key);
        return Ok((ReconcileResult::Unchanged, Action::await_change()));
    };
    if release.metadata.deletion_timestamp.is_some() {
        context.unfollow(key);
        // Garbage collection takes the children; there is nothing to finish first.
        return Ok((ReconcileResult::Unchanged, Action::await_change()));
    }
    // What is wrong with a draft is told by `validate`.
    let uses = pod::draft(&release).map(|draft| pod::references(&release, &draft)).unwrap_or_default();
    let readable = dereference::readable(&release, &uses);
    let mut failures = dereference(&context.client, &context.cache, key, &readable).await;
    let unread: Vec<_> = failures.iter().map(NotRead::from).collect();
    let failure = if failures.is_empty() { Ok(()) } else { Err(failures.swap_remove(0)) };
    let could_be_read = |reference: &&Reference| unread.iter().all(|unread| unread.reference != **reference);
    let observe =
        |cache: &Cache| Observed::of(cache, key, &uses).map(|seen| Observed { unread: unread.clone(), ..seen });
    let observed = {
        let cache = lock(&context.cache);
        if !cache.contents.are_read(&key.namespace, readable.iter().filter(could_be_read)) {
            // It changed while another one was read.
            return Ok((ReconcileResult::Unchanged, Action::requeue(Duration::ZERO)));
        }
        observe(&cache)
    };
    let Some(mut observed) = observed else {
        return Ok((ReconcileResult::Unchanged, Action::await_change()));
    };
    context.follow(&observed);
    if context.waits_for_routes(&observed) {
        return Ok((ReconcileResult::Unchanged, Action::requeue(FIRST_PAUSE)));
    }
    observed = context.with_mesh(observed);
    context.mend(&observed);
    let members: Vec<_> = observed.members.iter().map(|member| &**member).collect();
    let is_whole = observed.knows_its_references();
    let read = if is_whole { References::Read } else { References::ReadInPart };
    let now = Timestamp::now();
    let valid = validate(&observed.release, &members, read(&observed.contents), &context.facts, now);
    let valid = match valid.and_then(|valid| possible(&observed, valid)) {
        Ok(valid) => valid,
        Err(problems) => {
            report(&observed, &Verdict::Invalid(&problems), context).await?;
            failure?;
            return Ok((ReconcileResult::Invalid, next(&observed, [None, None], now, context)));
        }
    };
    if !is_whole {
        report(&observed, &Verdict::Unread, context).await?;
        return failure
            .map(|()| (ReconcileResult::Unchanged, next(&observed, [None, None], now, context)))
            .map_err(Error::from);
    }
    observed.attempts = context.leaver.attempts(key, &observed.pods);
    let observed = leave::hold(observed, now);
    let plan = plan(&observed, &valid, &context.facts, now);
    let revision = plan.revision.clone();
    let applier = Applier {
        client: &context.client,
        cache: &context.cache,
        key,
        uid: observed.uid(),
        lifetimes: &context.lifetimes,
        observer: context.observer.as_ref(),
        leaver: &context.leaver,
        restarts: &context.restarts,
    };
    let written = applier.apply(plan).await;
    if written.as_ref().is_ok_and(|outcome| outcome.again) {
        return Ok((ReconcileResult::Unchanged, Action::requeue(Duration::ZERO)));
    }
    // Our own writes are in the cache by now, and the status is to speak of them; but of the release as it was when they
    // were planned, for it may have changed in the meantime.
    let after = observe(&lock(&context.cache));
    let leaving = observed.leaving.clone();
    let release = observed.release.clone();
    let observed = after.map(|after| context.with_mesh(Observed { release, leaving, ..after })).unwrap_or(observed);
    let transitions = transition::of_tls(&observed).into_iter().chain(way::warnings(&observed));
    let warnings = [valid.warnings, transitions.collect()].concat();
    let verdict = Verdict::Valid { warnings: &warnings, revision: revision.as_deref(), applied: written.as_ref() };
    let reported = report(&observed, &verdict, context).await;
    let mut outcome = written?;
    let happenings = outcome.happenings.drain(..).chain(waiting(&observed));
    tell(&observed.release.object_ref(&()), happenings, context).await;
    reported?;
    failure?;
    Ok(conclusion(&observed, &outcome, now, context))
}

/// The valid release, unless it waits for itself, or what runs of it can never become that.
fn possible(observed: &Observed, valid: Valid) -> Result<Valid, Vec<Problem>> {
    if let Some(problem) = validate::cycle(&observed.release, observed.cycle.as_deref()) {
        return Err(vec![problem]);
    }
    let runs = observed.workload_of(ChildKind::of_workload(&observed.release)).filter(|child| !child.deleting);
    let fixed = runs.and_then(Child::workload).and_then(|view| view.fixed.as_ref());
    let problems = fixed.map(|fixed| unchangeable(&observed.release, &valid.claims, fixed)).unwrap_or_default();
    if problems.is_empty() { Ok(valid) } else { Err(problems) }
}

fn conclusion(observed: &Observed, outcome: &Outcome, now: Timestamp, context: &Context) -> (ReconcileResult, Action) {
    if !outcome.taken.is_empty() {
        return (ReconcileResult::Failed, Action::requeue(jittered(NAME_TAKEN_PAUSE)));
    }
    let result = match (observed.release.spec.paused, outcome.writes) {
        (true, _) => ReconcileResult::Paused,
        (false, 0) => ReconcileResult::Unchanged,
        (false, writes) => {
            info!(writes, "applied");
            ReconcileResult::Changed
        }
    };
    if outcome.goes_on {
        return (result, Action::requeue(Duration::ZERO));
    }
    (result, next(observed, [outcome.next_eviction, outcome.turn], now, context))
}

/// When to look again without cause: when it was told so, because an eviction can be tried again or a rollout goes on, when
/// the trouble of a pod is to count as over or a rollout as late, a certificate has to be renewed or ends, or else at the
/// next resync. `now` is when it was looked at: what has come since then is due at once.
fn next(observed: &Observed, told: [Option<Timestamp>; 2], now: Timestamp, context: &Context) -> Action {
    let turns = [
        told.into_iter().flatten().filter(|turn| *turn > now).min(),
        observed.relief(now),
        deadline(observed, now).filter(|deadline| *deadline > now),
        observed.renewal(now),
        validate::turn(&observed.release, &observed.contents, now),
    ];
    let turn = turns.into_iter().flatten().min().map(|turn| until(turn, Timestamp::now()));
    turn.filter(|turn| *turn < context.resync).map_or_else(|| resync(context), Action::requeue)
}

/// How long it is until then; nothing if it was before.
fn until(turn: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(turn.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// A look without cause now and then, at no cost if nothing changed, should a watch ever have missed something.
fn resync(context: &Context) -> Action {
    Action::requeue(jittered(context.resync))
}

fn key_of(stub: &Stub) -> Key {
    Key::new(stub.metadata.namespace.as_deref().unwrap_or_default(), &stub.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let pauses: Vec<_> = (1..=11).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(u32::MAX), LAST_PAUSE);
    }

    /// A look that takes long must not let the time pass by at which it wanted to look again.
    #[test]
    fn what_has_come_while_it_was_looked_at_is_due() {
        let [earlier, later] = [7, 9].map(|second| Timestamp::from_second(second).unwrap());
        assert_eq!((until(later, earlier), until(earlier, later)), (Duration::from_secs(2), Duration::ZERO));
    }
}
