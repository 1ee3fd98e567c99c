//! The API servers that the tests use.
//!
//! Most tests share one, which `cargo xtask test` starts: etcd, an API server and the controller manager, so there is
//! garbage collection and there are Deployment, StatefulSet and HorizontalPodAutoscaler controllers; there is no scheduler
//! and no node, so pods stay Pending and say only what a test writes into their status. A test that has to break an API
//! server, or to change what all others rely on, starts one of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use beam_operator::api::{self, ElixirRelease};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::client::{Body, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::json;
use tower::{BoxError, ServiceBuilder};

use super::eventually;

const KUBECONFIG: &str = "BEAM_OPERATOR_TEST_KUBECONFIG";

/// An API server.
#[derive(Clone)]
pub struct Cluster {
    /// Talks to it directly.
    pub client: Client,
    config: Config,
}

impl Cluster {
    /// The one that the tests share, with the CRD installed.
    pub async fn shared() -> Self {
        let kubeconfig = std::env::var(KUBECONFIG).unwrap_or_else(|_| {
            panic!(
                "{KUBECONFIG} must be the kubeconfig of an API server with a controller manager; `cargo xtask test` starts \
                 one, sets it and runs these tests"
            )
        });
        let cluster = Self::of(Path::new(&kubeconfig)).await;
        cluster.install_crd(&api::crd()).await;
        cluster
    }

    async fn of(kubeconfig: &Path) -> Self {
        // Each test is the first for all it knows, so the others' choice is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = Kubeconfig::read_from(kubeconfig).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Self { client: connect(&config), config }
    }

    /// Talks to it as somebody with this token.
    pub fn with_token(&self, token: &str) -> Client {
        let mut config = self.config.clone();
        config.auth_info = serde_json::from_value(json!({"token": token})).unwrap();
        connect(&config)
    }

    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.client.clone())
    }

    /// Installs a definition.
    pub async fn install(&self, definition: &CustomResourceDefinition) {
        let params = PatchParams::apply("beam-operator-tests").force();
        self.definitions().patch(&definition.name_any(), &params, &Patch::Apply(definition)).await.unwrap();
    }

    /// Removes a definition.
    pub async fn uninstall(&self, definition: &CustomResourceDefinition) {
        let name = definition.name_any();
        self.definitions().delete(&name, &DeleteParams::default()).await.unwrap();
        eventually("the CRD is gone", async || match self.definitions().get_opt(&name).await {
            Ok(None) => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await;
    }

    /// Installs the definition of a release and waits until it is served.
    pub async fn install_crd(&self, definition: &CustomResourceDefinition) {
        self.install(definition).await;
        let releases = Api::<ElixirRelease>::all(self.client.clone());
        eventually("the CRD is served", async || {
            releases.list_metadata(&ListParams::default().limit(1)).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
    }
}

/// Connects without the retries that kube's own client makes: what the API server says is what a test gets to see.
fn connect(config: &Config) -> Client {
    let http = legacy::Client::builder(TokioExecutor::new())
        .build::<_, Body>(config.rustls_https_connector().expect("the connection can be configured"));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().expect("the credentials are usable"))
        .map_err(BoxError::from)
        .service(http);
    Client::new(service, config.default_namespace.clone())
}

/// An API server of a test's own, without a controller manager. It ends with the value.
pub struct OwnCluster {
    /// Talks to it.
    pub cluster: Cluster,
    name: String,
}

impl OwnCluster {
    /// Starts one without the CRD.
    pub async fn start(purpose: &str) -> Self {
        let name = format!("{purpose}-{}", std::process::id());
        if let Err(failure) = try_xtask(&["cluster", "up", "--control-plane-only", "--name", &name]) {
            let _ = try_xtask(&["cluster", "down", "--name", &name]);
            panic!("{failure}");
        }
        let kubeconfig = PathBuf::from(xtask(&["cluster", "kubeconfig", "--name", &name]).trim());
        Self { cluster: Cluster::of(&kubeconfig).await, name }
    }

    /// Stops the API server and leaves etcd running.
    pub fn stop_api_server(&self) {
        xtask(&["cluster", "stop-apiserver", "--name", &self.name]);
    }

    /// Starts the API server again.
    pub fn start_api_server(&self) {
        xtask(&["cluster", "start-apiserver", "--name", &self.name]);
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // A second panic would end all tests.
        if let Err(failure) = try_xtask(&["cluster", "down", "--name", &self.name]) {
            eprintln!("{failure}");
        }
    }
}

fn xtask(arguments: &[&str]) -> String {
    try_xtask(arguments).unwrap_or_else(|failure| panic!("{failure}"))
}

fn try_xtask(arguments: &[&str]) -> Result<String, String> {
    // By way of cargo: the program that started the tests may have been built anew and replaced since.
    let failed = |why: String| format!("cargo xtask {} failed: {why}", arguments.join(" "));
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("xtask").args(arguments);
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}
