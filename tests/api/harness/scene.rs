//! The usual scene: a namespace, a proxy and an operator that watches this namespace through the proxy.

use std::ops::Deref;

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
        let options = Options { kubeconfig: proxy.kubeconfig(), arguments: all };
        Self { operator: Operator::start(&options), proxy, options, namespace }
    }

    /// Kills the operator and starts another, without waiting for it.
    pub fn restart(&mut self) {
        self.operator.kill();
        self.operator = Operator::start(&self.options);
    }

    /// Waits until the operator has nothing left to do.
    pub async fn rest(&self) {
        self.proxy.quiet().await;
    }
}

impl Deref for Scene {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}
