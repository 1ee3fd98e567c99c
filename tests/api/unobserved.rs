//! Nobody looks at nodes where the operator is told not to.

use rstest::rstest;

use crate::harness::Scene;

#[rstest]
#[case::by_default("observed", &[], "NodesNotReady", "no node is ready yet")]
#[case::not_at_all("unobserved", &["--observation=false"], "ObservationDisabled",
    "the operator was started with --observation=false: nobody looks at the nodes")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_switch_of_the_operator_is_told(
    #[case] purpose: &str,
    #[case] arguments: &[&str],
    #[case] reason: &str,
    #[case] message: &str,
) {
    let scene = Scene::with(purpose, arguments).await;
    scene.apply("shop", "image: shop:1").await;
    assert_eq!(scene.condition("shop", "Clustered", reason).await.message, message);
}

/// Nobody would introduce its nodes or open its gates: it is refused with what to do about it, and what runs stays.
#[rstest]
#[case::discovery("discovery: Operator", "spec.cluster.discovery: Operator has the operator connect the nodes")]
#[case::gate("readinessGate: Enabled", "spec.cluster.readinessGate: Enabled has pods wait")]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn what_needs_an_observer_is_refused(#[case] wish: &str, #[case] expected: &str) {
    let scene = Scene::with("blind", &["--observation=false"]).await;
    scene.apply("shop", "image: shop:1").await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
    scene.rest().await;
    let runs = scene.state().await.only_children();

    scene.apply("shop", &format!("{{image: 'shop:2', cluster: {{{wish}}}}}")).await;
    let message = scene.condition("shop", "ConfigurationValid", "Invalid").await.message;
    assert!(message.starts_with(expected), "{message}");
    assert!(message.contains("set operator.observation of its chart to true, or "), "{message}");
    scene.rest().await;
    assert_eq!(scene.state().await.only_children().compared_with(&runs), Ok(()));

    // The same operator takes it once it asks for nothing that needs eyes.
    scene.apply("shop", "image: shop:2").await;
    scene.condition("shop", "ConfigurationValid", "Valid").await;
}
