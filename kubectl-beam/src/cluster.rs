//! The cluster: every request that is sent, each with a time by which it has been answered.

use std::error::Error as _;
use std::time::Duration;

use beam_operator::api::{ElixirRelease, GROUP};
use beam_operator::resources::labels;
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::DeserializeGuard;
use kube::core::error_boundary::InvalidObject;
use kube::{Api, Client, Config};
use serde_json::json;
use tokio::time::timeout;

use crate::cli::Target;
use crate::error::{Call, Error, RELEASES};

/// How long a request may take, its retries included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Who writes the annotations, in the metadata of a release.
const FIELD_MANAGER: &str = "kubectl-beam";

/// A release, or why it cannot be read: one that is odd does not hide the others.
pub type Read = Result<ElixirRelease, Box<InvalidObject>>;

/// An API server, and a namespace.
pub struct Cluster {
    client: Client,
    server: String,
    /// The namespace that is meant.
    pub namespace: String,
}

impl Cluster {
    /// The one that the command line means. Nothing is sent yet.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        let mut config = config(target).await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let namespace = target.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let server = config.cluster_url.to_string();
        if config.proxy_url.is_some() {
            return Err(Error::Proxy { server });
        }
        let client = Client::try_from(config).map_err(|error| Error::Config(error.to_string()))?;
        Ok(Self { client, server, namespace })
    }

    /// One that a test plays.
    #[cfg(test)]
    pub fn played(client: Client, namespace: &str) -> Self {
        Self { client, server: "https://played".to_owned(), namespace: namespace.to_owned() }
    }

    /// A release of the namespace.
    pub async fn release(&self, name: &str) -> Result<ElixirRelease, Error> {
        let call = self.call("get", Some(name));
        self.readable(name, self.send(call, self.guarded().get(name)).await?)
    }

    /// The releases of the namespace, or of all.
    pub async fn releases(&self, all_namespaces: bool) -> Result<Vec<Read>, Error> {
        let (mut call, mut api) = (self.call("list", None), self.guarded());
        if all_namespaces {
            (call.namespace, api) = (None, Api::all(self.client.clone()));
        }
        let list = self.send(call, api.list(&ListParams::default())).await?;
        Ok(list.items.into_iter().map(|guard| guard.0.map_err(Box::new)).collect())
    }

    /// Sets an annotation of a release, or takes it away, and returns what the release is then. Nothing else is written.
    pub async fn annotate(&self, name: &str, annotation: &str, value: Option<&str>) -> Result<ElixirRelease, Error> {
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({"metadata": {"annotations": {annotation: value}}}));
        let call = self.call("patch", Some(name));
        self.readable(name, self.send(call, self.guarded().patch(name, &params, &patch)).await?)
    }

    /// The ControllerRevisions that carry the label of a release: those of the release, and of its StatefulSet.
    pub async fn revisions(&self, release: &str) -> Result<Vec<DynamicObject>, Error> {
        let resource = ApiResource::erase::<ControllerRevision>(&());
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let params = ListParams::default().labels(&format!("{}={release}", labels::RELEASE));
        let call = Call { resource: "controllerrevisions.apps", ..self.call("list", None) };
        Ok(self.send(call, api.list(&params)).await?.items)
    }

    /// The versions of the resource that the API server serves, which everybody may ask.
    pub async fn served(&self) -> Result<String, Error> {
        let call = Call { verb: "discover", ..self.call("", None) };
        let groups = self.send(call, self.client.list_api_groups()).await?;
        let ours = groups.groups.into_iter().find(|group| group.name == GROUP).ok_or(Error::NoCrd)?;
        Ok(ours.versions.into_iter().map(|version| version.group_version).collect::<Vec<_>>().join(", "))
    }

    fn guarded(&self) -> Api<DeserializeGuard<ElixirRelease>> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn call(&self, verb: &'static str, name: Option<&str>) -> Call {
        let namespace = Some(self.namespace.clone());
        Call { verb, resource: RELEASES, namespace, name: name.map(ToOwned::to_owned) }
    }

    fn readable(&self, name: &str, read: DeserializeGuard<ElixirRelease>) -> Result<ElixirRelease, Error> {
        let unreadable = |why: InvalidObject| Error::Unreadable {
            namespace: self.namespace.clone(),
            name: name.to_owned(),
            why: why.error,
        };
        read.0.map_err(unreadable)
    }

    async fn send<T>(&self, call: Call, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
        match timeout(REQUEST_TIMEOUT, answer).await {
            Ok(answer) => answer.map_err(|error| Error::of(&error, call, &self.server)),
            Err(_) => Err(Error::TimedOut { server: self.server.clone(), limit: REQUEST_TIMEOUT }),
        }
    }
}

/// A kubeconfig that is named, or where kubectl looks for one; without any, the ServiceAccount of the pod.
async fn config(target: &Target) -> Result<Config, Error> {
    let options = KubeConfigOptions { context: target.context.clone(), ..KubeConfigOptions::default() };
    match &target.kubeconfig {
        Some(file) => {
            let file = Kubeconfig::read_from(file).map_err(|error| Error::Config(error.to_string()))?;
            Config::from_custom_kubeconfig(file, &options).await.map_err(|error| Error::Config(error.to_string()))
        }
        None if options.context.is_some() => {
            Config::from_kubeconfig(&options).await.map_err(|error| Error::Config(error.to_string()))
        }
        None => Config::infer().await.map_err(|error| {
            // What it says itself begins with the variables that a pod would have, of which nobody at a desk has heard.
            let kubeconfig = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            Error::Config(format!("there is neither a kubeconfig nor the ServiceAccount of a pod: {kubeconfig}"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::pending;

    use http::{Request, Response};
    use kube::client::Body;
    use tower::service_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_never_answers_is_given_up() {
        let silent = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
        let cluster = Cluster::played(Client::new(silent, "store"), "store");
        let told = "the API server https://played has not answered within 10 s";
        assert_eq!(cluster.release("shop").await.unwrap_err().to_string(), told);
        assert_eq!(cluster.releases(true).await.unwrap_err().to_string(), told);
        assert_eq!(cluster.revisions("shop").await.unwrap_err().to_string(), told);
        assert_eq!(cluster.annotate("shop", "a", None).await.unwrap_err().to_string(), told);
        assert_eq!(cluster.served().await.unwrap_err().to_string(), told);
    }
}
