//! What happens in a pod before its node is told to stop.
//!
//! First a pause, in which Services stop sending to it, then the drain. The pause alone is the kubelet's own sleep, for which
//! the image needs no shell. With a drain both are one script: Kubernetes takes one action a container.

use k8s_openapi::api::core::v1::{ExecAction, Lifecycle, LifecycleHandler, SleepAction};

use super::Draft;
use crate::api::{Drain, ElixirRelease, ReleaseTool};
use crate::resources::{names, traffic_service};

/// Sleeps for the first argument, then runs what comes behind the second, at most for as many seconds as that says.
///
/// The watchdog is the shell's own, because not every image has `timeout`, and holds no output open: the kubelet would wait
/// for it. It would wait for children of the drain as well, so the whole group of processes is killed, of which the hook's
/// shell is the leader where the kubelet runs it. Elsewhere the shell's group is somebody else's.
const SCRIPT: &str = r#"sleep "$1"
limit=$2
shift 2
"$@" &
drain=$!
read -r _ _ _ _ group _ </proc/$$/stat
if [ "$group" = "$$" ]; then all=0; else all=$drain; fi
(sleep "$limit" && kill -9 "$all") >/dev/null 2>&1 &
watchdog=$!
wait "$drain"
code=$?
kill "$watchdog" 2>/dev/null
exit "$code""#;

/// What the release's container does before SIGTERM.
pub(super) fn of(release: &ElixirRelease) -> Option<Lifecycle> {
    let delay = delay(release);
    let handler = match &release.spec.shutdown.drain {
        Some(drain) => {
            let command = script(delay, drain.timeout_seconds, call(release, drain)?);
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

/// Everything that people write is an argument of the script and not part of it.
fn script(delay: i64, limit: i64, call: Vec<String>) -> Vec<String> {
    let arguments = ["sh", "-c", SCRIPT, "drain", &delay.to_string(), &limit.to_string()].map(ToOwned::to_owned);
    arguments.into_iter().chain(call).collect()
}

/// The command that drains; `None` if it cannot be, which validation tells.
fn call(release: &ElixirRelease, drain: &Drain) -> Option<Vec<String>> {
    let Some(expression) = &drain.rpc else { return drain.exec.clone() };
    let verb = match release.spec.release.tool {
        ReleaseTool::Mix | ReleaseTool::Distillery => "rpc",
        ReleaseTool::Relx => "eval",
        ReleaseTool::None => return None,
    };
    Some(vec![names::release_script(release), verb.to_owned(), expression.clone()])
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;
    use std::time::Instant;

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

    /// The status and the output of the script with this limit and command, run by a shell.
    fn run(limit: i64, call: &[&str]) -> (Option<i32>, String) {
        let command = script(0, limit, call.iter().map(ToString::to_string).collect());
        let output = Command::new(&command[0]).args(&command[1..]).process_group(0).output().unwrap();
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal));
        (code, String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn what_people_write_is_no_part_of_the_script() {
        let hostile = "\"; echo out; $(echo in) '`echo back`' \\";
        assert_eq!(run(5, &["printf", "%s", hostile]), (Some(0), hostile.to_owned()));
        assert_eq!(run(5, &["sh", "-c", "exit 7"]), (Some(7), String::new()));
    }

    #[test]
    fn a_drain_that_hangs_is_killed_and_one_that_is_done_is_not_waited_for() {
        let begun = Instant::now();
        assert_eq!(run(1, &["sleep", "60"]).0, Some(128 + 9));
        // Its child holds the output open.
        assert_eq!(run(1, &["sh", "-c", "sleep 60; true"]).0, Some(128 + 9));
        assert_eq!(run(60, &["true"]).0, Some(0));
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
