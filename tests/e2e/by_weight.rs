//! A canary that an HTTPRoute splits by weight, under traffic by that route and by the Service itself.
//!
//! There is no implementation of the Gateway API on these clusters. A stand-in for one reads the route again and again and
//! sends each of its requests to one of the Services that it names, as often as their weights say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use beam_operator::api::RolloutPhase;
use beam_operator::controller::view::route;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::interval;

use crate::harness::{Connections, Namespace, Operator, Traffic, eventually, meshed, shop};

/// Names the file with the CRD of HTTPRoutes.
const VARIABLE: &str = "BEAM_OPERATOR_TEST_HTTPROUTES";

const BETWEEN_REQUESTS: Duration = Duration::from_millis(40);

/// How many requests are sent by what was read of the route.
const UNTIL_READ_AGAIN: u64 = 5;

fn routes(namespace: &Namespace) -> Api<DynamicObject> {
    Api::namespaced_with(namespace.cluster.client.clone(), &namespace.name, &route::resource())
}

/// The Services that the route names, and their weights.
async fn backends(routes: &Api<DynamicObject>) -> Vec<(String, u64)> {
    let route = routes.get("shop").await.unwrap();
    let refs = route.data["spec"]["rules"][0]["backendRefs"].as_array().unwrap().clone();
    refs.iter().map(|it| (it["name"].as_str().unwrap().to_owned(), it["weight"].as_u64().unwrap())).collect()
}

/// What was answered: versions, in order.
type Answers = Arc<Mutex<Vec<Result<String, String>>>>;

/// The stand-in. It ends with the value.
struct Gateway {
    answers: Answers,
    task: JoinHandle<()>,
}

impl Gateway {
    fn start(namespace: &Namespace) -> Self {
        let answers = Answers::default();
        let (routes, services) = (routes(namespace), namespace.objects::<Service>());
        Self { answers: answers.clone(), task: tokio::spawn(forward(routes, services, answers)) }
    }

    fn answers(&self) -> Vec<Result<String, String>> {
        self.answers.lock().unwrap().clone()
    }

    /// How many of the next hundred requests each of these versions answers.
    async fn next_hundred(&self, versions: [&str; 2]) -> [usize; 2] {
        let so_far = self.answers().len();
        let hundred = eventually("a hundred answers", async || {
            let answers = self.answers();
            if answers.len() >= so_far + 100 { Ok(answers[so_far..so_far + 100].to_vec()) } else { Err(String::new()) }
        })
        .await;
        versions.map(|version| hundred.iter().filter(|it| it.as_deref() == Ok(version)).count())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(routes: Api<DynamicObject>, services: Api<Service>, answers: Answers) {
    let client = Connections::fresh();
    let mut clock = interval(BETWEEN_REQUESTS);
    let mut targets: Vec<(String, u64)> = Vec::new();
    for number in 0.. {
        clock.tick().await;
        if number % UNTIL_READ_AGAIN == 0 {
            targets.clear();
            for (name, weight) in backends(&routes).await {
                let address = services.get(&name).await.unwrap().spec.unwrap().cluster_ip.unwrap();
                targets.push((format!("http://{address}:4000"), weight));
            }
        }
        let all: u64 = targets.iter().map(|(_, weight)| weight).sum();
        // Every hundredth of the weight has its turn once in a hundred requests.
        let mut turn = number * 61 % 100 * all / 100;
        let target = targets.iter().find(|(_, weight)| {
            let is_it = turn < *weight;
            turn = turn.saturating_sub(*weight);
            is_it
        });
        let answer = match target {
            Some((url, _)) => client.get(url).await.and_then(|page| version(&page)),
            None => Err(format!("nobody has any weight of {targets:?}")),
        };
        answers.lock().unwrap().push(answer);
    }
}

fn version(page: &str) -> Result<String, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| error.to_string())?;
    page["version"].as_str().map(ToOwned::to_owned).ok_or_else(|| page.to_string())
}

async fn split(namespace: &Namespace, expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    eventually(&format!("the route splits {expected:?}"), async || {
        let found = backends(&routes(namespace)).await;
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// A namespace with the route.
async fn with_route() -> Namespace {
    let namespace = Namespace::alone("by-weight").await;
    let file =
        std::env::var(VARIABLE).unwrap_or_else(|_| panic!("{VARIABLE} must name a file: `cargo xtask test` sets it"));
    namespace.kubectl(&["apply", "--server-side", "--filename", &file]).await;
    namespace.kubectl(&["wait", "--for=condition=Established", "crd/httproutes.gateway.networking.k8s.io"]).await;
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "shop"},
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "shop", "port": 4000}]}]},
    });
    namespace.apply(&route).await;
    namespace
}

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn requests_are_split_by_weight_and_none_is_lost() {
    let namespace = with_route().await;
    let steps = json!([{"weight": 20}, {"weight": 50, "pauseSeconds": 3}]);
    let canary = json!({"httpRoute": {"name": "shop"}, "steps": steps});
    let rollout = json!({"strategy": "Canary", "canary": canary, "minReadySeconds": 1});
    namespace.apply(&shop("shop", &format!("{{replicas: 3, rollout: {rollout}}}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 3).await;
    let traffic = Traffic::start(&shop.url().await);
    let gateway = Gateway::start(&namespace);
    let annotate = async |annotation: &str| {
        namespace.kubectl(&["annotate", "--overwrite", "exr/shop", annotation]).await;
    };

    shop.change(&json!({"image": "localhost/shop:2"})).await;
    shop.phase(RolloutPhase::Waiting).await;
    split(&namespace, &[("shop", 80), ("shop-preview", 20)]).await;
    // What was sent by an older look at the route is answered first.
    gateway.next_hundred(["1.0.0", "2.0.0"]).await;
    assert_eq!(gateway.next_hundred(["1.0.0", "2.0.0"]).await, [80, 20]);

    // All requests go back, and once more.
    annotate("beam-operator.io/abort=1").await;
    split(&namespace, &[("shop", 1)]).await;
    shop.phase(RolloutPhase::RolledBack).await;
    assert_eq!(gateway.next_hundred(["1.0.0", "2.0.0"]).await, [100, 0]);
    annotate("beam-operator.io/retry=1").await;
    shop.phase(RolloutPhase::Waiting).await;
    split(&namespace, &[("shop", 80), ("shop-preview", 20)]).await;
    Operator::of(&namespace.cluster).kill().await;
    annotate("beam-operator.io/promote=1").await;
    shop.complete().await;
    split(&namespace, &[("shop", 1)]).await;
    assert!(meshed(&[shop], 3).await.iter().all(|it| it.version == "2.0.0"));
    assert_eq!(gateway.next_hundred(["1.0.0", "2.0.0"]).await, [0, 100]);

    let answers = gateway.answers();
    let lost: Vec<_> = answers.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(lost.is_empty(), "of {}: {lost:?}", answers.len());
    crate::strategies::all_went_well(shop, traffic).await;
    println!("{}", namespace.kubectl(&["events", "--for", "elixirrelease/shop"]).await);
}
