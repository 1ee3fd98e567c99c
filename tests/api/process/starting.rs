//! What is not there when the process starts is named, and waited for.

use std::net::TcpListener;
use std::process::Command;

use beam_operator::api;

use crate::harness::{Cluster, Fault, Namespace, Operator, OwnCluster, Plugin, Proxy, Scene, eventually};

/// Waits until the process says that it waits for this before it begins.
pub async fn waits_for(operator: &Operator, what: &str) {
    tells(operator, "waiting", |why| why == what).await;
}

/// Waits until the process says that it goes on without this.
pub async fn lacks(operator: &Operator, what: &str) {
    tells(operator, "missing", |why| why == what).await;
}

/// Waits until the process says that it is not ready in these words, and sees that it logs them.
pub async fn tells(operator: &Operator, logged_as: &str, are_wanted: impl Fn(&str) -> bool) {
    let what = eventually("it says why it is not ready", async || match operator.get("/readyz").await? {
        (503, why) if are_wanted(&why) || why.lines().any(&are_wanted) => Ok(why),
        (status, why) => Err(format!("{status} {why}")),
    })
    .await;
    for line in what.lines() {
        assert!(operator.log().contains(&format!("{logged_as}: {line}")), "{}", operator.log());
    }
    assert_eq!(operator.get("/healthz").await.unwrap().0, 200);
}

/// Runs with an API server of its own, on which nobody installs the CRD.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_missing_crd_is_named() {
    let own = OwnCluster::start("no-crd").await;
    let namespace = Namespace::new(&own.cluster, "no-crd").await;
    let mut scene = Scene::on(namespace, Proxy::to(own.cluster.client.clone()).await, &[]);
    let remedy = "install it with: helm upgrade (with crds.install=true), or kubectl apply -f crds/";
    let missing = format!("the CRD elixirreleases.beam-operator.io is not installed; {remedy}");
    waits_for(&scene.operator, &missing).await;
    let person = Plugin::new(scene.proxy.kubeconfig(), &scene.name);
    for line in ["status", "status shop", "status -A", "history shop", "pause shop"] {
        let told = person.fails(line, 1).await;
        assert!(told.starts_with("error: the CRD elixirreleases.beam-operator.io is not installed"), "{line}: {told}");
    }
    let (code, _, told) = person.run("version").await;
    assert!(code == Some(1) && told.starts_with("error: the CRD"), "{told}");

    let mut other = api::crd();
    other.spec.versions[0].name = "v2".to_owned();
    own.cluster.install(&other).await;
    let version = format!(
        "the CRD elixirreleases.beam-operator.io is installed in version v2 but this operator needs v1alpha1; {remedy}"
    );
    waits_for(&scene.operator, &version).await;

    own.cluster.uninstall(&other).await;
    own.cluster.install_crd(&api::crd()).await;
    scene.operator.ready().await;
    scene.apply("shop", "image: shop:1").await;
    scene.applied("shop").await;

    // Somebody removes it while the operator works, and all releases with it.
    own.cluster.uninstall(&api::crd()).await;
    lacks(&scene.operator, &missing).await;
    own.cluster.install_crd(&api::crd()).await;
    scene.operator.ready().await;
    scene.apply("blog", "image: blog:1").await;
    scene.applied("blog").await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn an_api_server_that_does_not_answer_is_waited_for() {
    let cluster = Cluster::shared().await;
    let namespace = Namespace::new(&cluster, "no-answer").await;
    let proxy = Proxy::to(cluster.client).await;
    proxy.fail(usize::MAX, Fault::Status(500), |_| true);
    let mut scene = Scene::on(namespace, proxy, &[]);
    let why = "the API server does not answer: injected: Internal Server Error (InternalServerError, 500)";
    waits_for(&scene.operator, why).await;
    scene.proxy.heal();
    scene.operator.ready().await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn mistakes_end_the_process_with_the_flag() {
    let run = |arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_beam-operator");
        let output = Command::new(program).arg("run").args(arguments).env_clear().output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = run(&["--lease-duration=10", "--lease-renew-deadline=10"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("--lease-renew-deadline must be shorter than --lease-duration (10 s)"), "{told}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = run(&["--health-address", &address]);
    assert_eq!(code, Some(1));
    assert!(told.contains(&format!("cannot listen on --health-address {address}")), "{told}");
}
