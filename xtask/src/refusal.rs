//! What a task says on a machine that does not have what it needs: all that is missing, and what works without it.

use std::env::consts::OS;

/// A way to go on without what is missing.
pub(crate) struct Remedy {
    what: &'static str,
    command: &'static str,
}

pub(crate) const EXISTING_CLUSTER: Remedy =
    Remedy { what: "deploy to a cluster that exists", command: "cargo xtask demo --kubeconfig FILE" };
pub(crate) const IMAGES_FROM_ELSEWHERE: Remedy = Remedy {
    what: "deploy images from elsewhere (`docker build .` makes the operator's) to a cluster that exists",
    command: "cargo xtask demo --kubeconfig FILE --operator-image REPOSITORY:TAG --shop-image IMAGE",
};
pub(crate) const API_SERVER: Remedy = Remedy {
    what: "for what needs no pods, have just an API server",
    command: "cargo xtask cluster up --control-plane-only",
};

/// What is wrong with this machine for a task that needs Linux and root, each for its reason.
pub(crate) fn without_linux_or_root(linux_for: &str, root_for: &str) -> Vec<String> {
    missing(OS, rustix::process::geteuid().is_root(), linux_for, root_for)
}

/// On another system than Linux, nothing but the system matters.
pub(crate) fn missing(system: &str, root: bool, linux_for: &str, root_for: &str) -> Vec<String> {
    if system != "linux" {
        return vec![format!("Linux, while this is {system}: {linux_for}")];
    }
    if root { Vec::new() } else { vec![format!("root, to {root_for}: run it with sudo")] }
}

/// The text of an error; `what` needs the `problems` to be solved.
pub(crate) fn explain(what: &str, problems: &[String], remedies: &[Remedy]) -> String {
    let ways = remedies.iter().map(|Remedy { what, command }| format!("{what}: {command}"));
    let list = |items: Vec<String>| items.join("\n  - ");
    format!("{what}\n  - {}\nwithout that\n  - {}", list(problems.to_vec()), list(ways.collect()))
}

/// Fails unless the text names commands of this program, and every one is understood as it is written.
#[cfg(test)]
pub(crate) fn assert_commands_are_accepted(text: &str) {
    let commands = text.split("cargo xtask ").skip(1).map(|rest| rest.lines().next().unwrap_or_default());
    let mut count = 0;
    for command in commands {
        let words = std::iter::once("xtask").chain(command.split(' '));
        let parsed = <crate::Arguments as clap::Parser>::try_parse_from(words);
        assert!(parsed.is_ok(), "cargo xtask {command}: {}", parsed.err().unwrap());
        count += 1;
    }
    assert!(count > 0, "no command is in {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_another_system_nothing_but_the_system_matters() {
        let problems = missing("macos", false, "a", "b");
        assert!(problems.len() == 1 && problems[0].contains("macos"), "{problems:?}");
    }

    #[test]
    fn all_that_is_missing_and_every_way_around_it_is_told() {
        let problems = ["this".to_owned(), "that".to_owned()];
        let text = explain("it needs", &problems, &[EXISTING_CLUSTER, API_SERVER]);
        assert_eq!(
            text,
            "it needs\n  - this\n  - that\nwithout that\n  \
             - deploy to a cluster that exists: cargo xtask demo --kubeconfig FILE\n  \
             - for what needs no pods, have just an API server: cargo xtask cluster up --control-plane-only"
        );
    }

    #[test]
    #[should_panic(expected = "--no-such-option")]
    fn a_command_that_is_not_understood_is_noticed() {
        assert_commands_are_accepted("use cargo xtask demo --no-such-option FILE");
    }
}
