//! The controller: one reconcile flows one way.
//!
//! 1. [`observe`]: what the caches know (no request)
//! 2. [`dereference`]: the content of ConfigMaps and Secrets that changed since it was last read (the only reads)
//! 3. [`validate`]: every problem at once (pure)
//! 4. [`plan`]: what to write, as data (pure)
//! 5. [`apply`]: the only place that writes children
//! 6. [`status`]: what to tell about it (pure), written only if it differs
//!
//! Nothing below `apply` calls the API, nothing above it knows how a child looks. A reconcile never sleeps or polls: it
//! takes what is there, does what it can and says when to come back.

pub mod apply;
pub mod cache;
pub mod conditions;
pub mod dereference;
pub mod events;
#[cfg(test)]
pub(crate) mod fixture;
pub mod kind;
pub mod live;
pub mod mesh;
mod nodes;
pub mod observe;
pub mod ownership;
pub mod plan;
pub mod pod;
pub mod queue;
pub mod reconcile;
mod report;
pub mod revision;
mod routes;
pub mod slots;
pub mod status;
pub mod transition;
pub mod validate;
pub mod view;
pub mod watches;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt, stream};
use kube::runtime::controller::{Config, Controller, Error};
use kube::runtime::reflector::{self, ObjectRef};
use tokio::task::JoinSet;
use tracing::{debug, info};

use self::cache::{Cache, Key};
use self::queue::{Backlog, Queue};
use self::reconcile::Context;
use self::routes::Routes;
use self::slots::Slots;
use self::watches::{Demand, Watches};
use crate::observer::Observer;
use crate::operator::Runtime;
use crate::operator::metrics::Metrics;

/// How often the metrics hear how much the caches hold.
const COUNT_INTERVAL: Duration = Duration::from_secs(10);

/// Runs the controller until the process is asked to stop.
///
/// Each watched namespace, or all of them at once, has its own watches, cache and queue; they share the limit of
/// reconciles that run at the same time.
///
/// # Errors
/// A task of the controller ended although nobody asked it to.
pub async fn run(runtime: Runtime) -> Result<(), tokio::task::JoinError> {
    let slots = Slots::new(runtime.settings.concurrency);
    let backlog = Backlog::new(runtime.metrics.clone());
    let mut caches = Vec::new();
    let mut tasks = JoinSet::new();
    runtime.readiness.waiting_for("the first lists of its watches");
    for namespace in runtime.settings.watch_namespace.namespaces() {
        let (queue, queued) = Queue::new(backlog.clone());
        let cache = Arc::new(Mutex::new(Cache::default()));
        caches.push(cache.clone());
        let observer = observer(&runtime, &cache, &queue, &mut tasks);
        let routes = Demand::default();
        let asked = Routes::on(routes.clone());
        let context = Arc::new(Context::new(&runtime, cache, queue, slots.clone(), observer, asked));
        start(&runtime, namespace, context, queued, routes, &mut tasks).await;
    }
    tasks.spawn(count(caches, runtime.metrics.clone()));
    runtime.readiness.ready();
    info!("every watch has listed: releases are reconciled from now on");
    tokio::select! {
        () = runtime.shutdown.cancelled() => Ok(()),
        Some(ended) = tasks.join_next() => ended,
    }
}

/// Looks at the nodes of the releases in a scope, unless the operator is told not to: whatever is new in a cluster makes its
/// releases be looked at again.
fn observer(runtime: &Runtime, cache: &Arc<Mutex<Cache>>, queue: &Queue, tasks: &mut JoinSet<()>) -> Option<Observer> {
    if !runtime.settings.observation {
        return None;
    }
    let (observer, mut news) = Observer::new(runtime.client.clone(), &runtime.metrics);
    let sampled = observer.clone();
    runtime.metrics.add_nodes(move || sampled.samples());
    let (cache, queue) = (cache.clone(), queue.clone());
    tasks.spawn(async move {
        while let Some(cluster) = news.next().await {
            let concerned = lock(&cache).releases.member_keys(&cluster);
            queue.push(concerned);
        }
    });
    Some(observer)
}

/// Fills a cache for one scope and starts to reconcile what is in it.
async fn start(
    runtime: &Runtime,
    namespace: Option<&str>,
    context: Arc<Context>,
    queued: UnboundedReceiver<Key>,
    routes: Demand,
    tasks: &mut JoinSet<()>,
) {
    let watches = Watches {
        client: runtime.client.clone(),
        namespace: namespace.map(Arc::from),
        cache: context.cache.clone(),
        queue: context.queue.clone(),
        metrics: runtime.metrics.clone(),
    };
    let (reader, writer) = reflector::store();
    watches.start(tasks, writer).await;
    watches.follow_routes(tasks, routes);
    let triggers = queued.map(|key: Key| ObjectRef::new(&key.name).within(&key.namespace));
    let controller = Controller::for_stream(stream::pending(), reader)
        .with_config(Config::default().concurrency(runtime.settings.concurrency))
        .reconcile_on(triggers)
        .graceful_shutdown_on(runtime.shutdown.clone().cancelled_owned())
        .run(reconcile::reconcile, reconcile::on_error, context.clone());
    tasks.spawn(controller.for_each(move |ended| {
        match ended {
            // Its end was told where it happened.
            Ok(_) | Err(Error::ReconcilerFailed(..)) => {}
            Err(Error::ObjectNotFound(gone)) => {
                context.forget(&Key::new(gone.namespace.as_deref().unwrap_or_default(), &gone.name));
            }
            Err(error) => debug!(%error, "the queue reported an error"),
        }
        std::future::ready(())
    }));
}

/// Tells the metrics now and then how many objects the caches hold.
async fn count(caches: Vec<Arc<Mutex<Cache>>>, metrics: Arc<Metrics>) {
    let mut ticks = tokio::time::interval(COUNT_INTERVAL);
    loop {
        ticks.tick().await;
        let mut totals = BTreeMap::new();
        for (kind, count) in caches.iter().flat_map(|cache| lock(cache).sizes()) {
            *totals.entry(kind).or_default() += count;
        }
        for (kind, total) in totals {
            metrics.set_cached_objects(kind, total);
        }
    }
}

/// The cache. A panic while it was held leaves an index that the next list mends.
fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}
