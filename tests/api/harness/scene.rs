//! The usual scene: a namespace, a proxy and an operator that watches this namespace through the proxy.

use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;

use serde_json::json;

use super::{Cluster, Namespace, Operator, Options, Proxy};

/// A namespace with an operator. It can be used as the namespace.
pub struct Scene {
    /// The process; replaced by [`Scene::restart`].
    pub operator: Operator,
    /// What stands between it and the API server.
    pub proxy: Proxy,
    /// How it was started.
    pub options: Options,
    namespace: Namespace,
}

impl Scene {
    /// One on the shared cluster, once the operator is ready.
    pub async fn start(purpose: &str) -> Self {
        Self::with(purpose, &[]).await
    }

    /// One whose operator gets more arguments.
    pub async fn with(purpose: &str, arguments: &[&str]) -> Self {
        let cluster = Cluster::shared().await;
        let namespace = Namespace::new(&cluster, purpose).await;
        let mut scene = Self::on(namespace, Proxy::to(cluster.client).await, arguments);
        scene.operator.ready().await;
        scene
    }

    /// One of these parts, without waiting for the operator.
    pub fn on(namespace: Namespace, proxy: Proxy, arguments: &[&str]) -> Self {
        let mut all = vec!["--watch-namespace".to_owned(), namespace.name.clone()];
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let options = Options { kubeconfig: proxy.kubeconfig(), arguments: all, environment: Vec::new() };
        Self { operator: Operator::start(&options), proxy, options, namespace }
    }

    /// Kills the operator and starts another, without waiting for it.
    pub fn restart(&mut self) {
        self.operator.kill();
        self.operator = Operator::start(&self.options);
    }

    /// Has another process of the operator look at everything, and the proxy remember only what that sends.
    pub async fn begin_anew(&mut self) {
        self.operator.kill();
        self.proxy.forget();
        self.restart();
        self.operator.ready().await;
        self.rest().await;
    }

    /// Waits until the operator has nothing left to do.
    ///
    /// What happened so far must have reached it first, or the quiet would only mean that a watch is slow. So something
    /// that it does not mind happens last, and is seen to arrive.
    pub async fn rest(&self) {
        let mark = format!("{:016x}", RandomState::new().hash_one(()));
        self.proxy.listen_for(&mark);
        let metadata = json!({"name": "seen-by-the-operator", "annotations": {"mark": mark}});
        self.apply_object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})).await;
        self.proxy.heard().await;
        loop {
            self.proxy.quiet().await;
            let waiting = self.operator.metric("beam_operator_queue_depth ").await;
            if waiting + self.operator.metric("beam_operator_reconciles_in_flight ").await == 0.0 {
                return;
            }
        }
    }
}

impl Deref for Scene {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}
