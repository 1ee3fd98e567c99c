//! What people have run in the pod of a node: an expression that the node evaluates, or a command.

use crate::api::{ElixirRelease, ReleaseTool};
use crate::resources::names;

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

/// The command by which a node is asked to leave, as people wish it; `None` if they do not or it cannot be called, which
/// validation tells.
#[must_use]
pub fn leave(release: &ElixirRelease) -> Option<Vec<String>> {
    let leave = release.spec.shutdown.leave.as_ref()?;
    let call = Call { rpc: leave.rpc.as_deref(), exec: leave.exec.as_deref() };
    call.within(release, "leave", [0, leave.timeout_seconds])
}

/// What is run: one of the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// An expression.
    pub rpc: Option<&'a str>,
    /// A command.
    pub exec: Option<&'a [String]>,
}

impl Call<'_> {
    /// The command that sleeps for the first number of seconds and then makes the call, at most for the second; `None` if it
    /// cannot be made, which validation tells. Everything that people write is an argument of the script and not part of it.
    pub(super) fn within(self, release: &ElixirRelease, name: &str, seconds: [i64; 2]) -> Option<Vec<String>> {
        let [delay, limit] = seconds.map(|seconds| seconds.to_string());
        let arguments = ["sh", "-c", SCRIPT, name, &delay, &limit].map(ToOwned::to_owned);
        Some(arguments.into_iter().chain(self.command(release)?).collect())
    }

    fn command(self, release: &ElixirRelease) -> Option<Vec<String>> {
        let Some(expression) = self.rpc else { return self.exec.map(<[_]>::to_vec) };
        let verb = match release.spec.release.tool {
            ReleaseTool::Mix | ReleaseTool::Distillery => "rpc",
            ReleaseTool::Relx => "eval",
            ReleaseTool::None => return None,
        };
        Some(vec![names::release_script(release), verb.to_owned(), expression.to_owned()])
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;
    use std::time::Instant;

    use super::*;
    use crate::resources::fixture;

    /// The status and the output of the script with this limit and command, run by a shell.
    fn run(limit: i64, call: &[&str]) -> (Option<i32>, String) {
        let call: Vec<_> = call.iter().map(ToString::to_string).collect();
        let call = Call { rpc: None, exec: Some(&call) };
        let command = call.within(&fixture::release("{}"), "call", [0, limit]).unwrap();
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
    fn a_call_that_hangs_is_killed_and_one_that_is_done_is_not_waited_for() {
        let begun = Instant::now();
        assert_eq!(run(1, &["sleep", "60"]).0, Some(128 + 9));
        // Its child holds the output open.
        assert_eq!(run(1, &["sh", "-c", "sleep 60; true"]).0, Some(128 + 9));
        assert_eq!(run(60, &["true"]).0, Some(0));
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
