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
