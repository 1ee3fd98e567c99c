//! What happens in a pod before its node is told to stop.
//!
//! First a pause, in which Services stop sending to it, then the drain. The pause alone is the kubelet's own sleep, for which
//! the image needs no shell. With a drain both are one script: Kubernetes takes one action a container.

use k8s_openapi::api::core::v1::{ExecAction, Lifecycle, LifecycleHandler, SleepAction};

use super::Draft;
use super::call::Call;
use crate::api::ElixirRelease;
use crate::resources::traffic_service;

/// What the release's container does before SIGTERM.
pub(super) fn of(release: &ElixirRelease) -> Option<Lifecycle> {
    let delay = delay(release);
    let handler = match &release.spec.shutdown.drain {
        Some(drain) => {
            let call = Call { rpc: drain.rpc.as_deref(), exec: drain.exec.as_deref() };
            let command = call.within(release, "drain", [delay, drain.timeout_seconds])?;
            LifecycleHandler { exec: Some(ExecAction { command: Some(command) }), ..LifecycleHandler::default() }
        }
        None if delay == 0 => return None,
        None => LifecycleHandler { sleep: Some(SleepAction { seconds: delay }), ..LifecycleHandler::default() },
    };
    Some(Lifecycle { pre_stop: Some(handler), ..Lifecycle::default() })
}

/// Seconds that it takes at most; `None` if nothing happens, or something else, because `podTemplate` has another hook.
#[must_use]
pub fn pre_stop_seconds(release: &ElixirRelease, draft: &Draft) -> Option<i64> {
    let ours = of(release)?.pre_stop;
    let drain = release.spec.shutdown.drain.as_ref().map_or(0, |drain| drain.timeout_seconds);
    (hook(draft) == ours.as_ref()).then(|| delay(release).saturating_add(drain))
}

/// Seconds that are known to pass before SIGTERM, whosever hook it is.
pub(super) fn known_seconds(release: &ElixirRelease, draft: &Draft) -> i64 {
    let sleep = || hook(draft)?.sleep.as_ref().map(|sleep| sleep.seconds);
    pre_stop_seconds(release, draft).or_else(sleep).unwrap_or_default()
}

fn hook(draft: &Draft) -> Option<&LifecycleHandler> {
    draft.container.lifecycle.as_ref()?.pre_stop.as_ref()
}

/// Seconds for which a node that is to stop goes on serving. Without a traffic Service nobody has to hear of it first.
fn delay(release: &ElixirRelease) -> i64 {
    let has_traffic = traffic_service::build(release).is_ok_and(|service| service.is_some());
    if has_traffic { release.spec.shutdown.delay_seconds } else { 0 }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::resources::fixture;

    const PORTS: &str = "ports: [{containerPort: 4000}]";

    fn exec(spec: &str) -> Vec<String> {
        let lifecycle = of(&fixture::release(&format!("{{{PORTS}, {spec}}}"))).unwrap();
        lifecycle.pre_stop.unwrap().exec.unwrap().command.unwrap()[3..].to_vec()
    }

    #[rstest]
    #[case::mix("shutdown: {drain: {rpc: 'Shop.drain()'}}", &["drain", "5", "30", "bin/shop", "rpc", "Shop.drain()"])]
    #[case::name(
        "shutdown: {drain: {rpc: a, timeoutSeconds: 9}}, release: {name: web}",
        &["drain", "5", "9", "bin/web", "rpc", "a"]
    )]
    #[case::distillery(
        "shutdown: {drain: {rpc: a}}, release: {tool: Distillery}",
        &["drain", "5", "30", "bin/shop", "rpc", "a"]
    )]
    #[case::relx(
        "shutdown: {drain: {rpc: a.}}, release: {tool: Relx}",
        &["drain", "5", "30", "bin/shop", "eval", "a."]
    )]
    #[case::exec(
        "shutdown: {delaySeconds: 0, drain: {exec: [rabbitmqctl, drain]}}, release: {tool: None}",
        &["drain", "0", "30", "rabbitmqctl", "drain"]
    )]
    #[case::no_traffic(
        "shutdown: {drain: {exec: [a]}}, service: {type: None}",
        &["drain", "0", "30", "a"]
    )]
    fn a_drain_is_called(#[case] spec: &str, #[case] expected: &[&str]) {
        assert_eq!(exec(spec), expected);
    }

    #[test]
    fn without_a_drain_the_kubelet_sleeps() {
        let sleep = |spec: &str| of(&fixture::release(spec))?.pre_stop?.sleep.map(|sleep| sleep.seconds);
        assert_eq!(sleep(&format!("{{{PORTS}}}")), Some(5));
        assert_eq!(sleep(&format!("{{{PORTS}, shutdown: {{delaySeconds: 0}}}}")), None);
        assert_eq!(sleep("{}"), None);
    }
}
