//! What is promised within a second, measured while no other test runs: the test command gives these a step of their own.
//!
//! Runs with an API server; the controller manager, where there is one, may look after the children as it likes.

use std::time::Duration;

use crate::harness::{Fault, Scene};
use crate::process::election::{SHORTEST, leader, leads, standby};

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn it_ends_within_a_second_whatever_it_is_at() {
    let mut scene = Scene::start("ending").await;
    let hanging = scene.proxy.fail(usize::MAX, Fault::Hang, |request| request.verb == "apply");
    scene.apply("shop", "{image: 'shop:1', replicas: 2}").await;
    hanging.reach(1).await;
    scene.operator.terminate();
    let (status, took) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "it took {took:?}");
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_leader_that_is_asked_to_end_gives_the_lease_back() {
    let mut scene = leader("terminated", SHORTEST).await;
    let second = standby(&scene).await;
    scene.operator.terminate();
    let (status, took) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    assert!(scene.operator.log().contains("released the lease"), "{}", scene.operator.log());
    leads(&second).await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_leader_that_cannot_renew_ends_before_another_may_lead() {
    let mut scene = leader("cut-off", SHORTEST).await;
    scene.proxy.fail(usize::MAX, Fault::Hang, |_| true);
    let (status, took) = scene.operator.ended().await;
    assert_eq!(status.code(), Some(3));
    assert!(took < Duration::from_secs(6 + 1), "it took {took:?}");
    assert!(scene.operator.log().contains("leadership lost: the lease was not renewed for 6 s"));
}
