//! Commands of the system, run so that a reader of the terminal can repeat them by hand.

use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::checkout;

/// The cargo that runs this task, in the checkout: another one on the search path may be of another toolchain.
///
/// What cargo told this task of its own package is not passed on. Build scripts, such as that of ring, run again where it
/// differs, so that with it every second command would compile half of the dependencies anew.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_package(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.current_dir(checkout::root());
    cargo
}

fn is_of_this_package(variable: &str) -> bool {
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|start| variable.starts_with(start))
}

/// Prints the command, runs it with this process's output, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    eprintln!("+ {line}");
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("failed to start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

/// Prints the command, runs it and returns its standard output, while what it tells people goes to the terminal.
pub(crate) fn run_for_output(command: &mut Command) -> Result<String> {
    let line = line(command);
    eprintln!("+ {line}");
    output_of(command.stderr(Stdio::inherit()), &line)
}

/// Runs the command without a word and returns its standard output; an error carries its standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    output_of(command, &line)
}

/// Prints and runs a check that ends well whatever it finds, and returns all that it says.
pub(crate) fn complaints(command: &mut Command) -> Result<String> {
    let line = line(command);
    eprintln!("+ {line}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("failed to start `{line}`"))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if !output.status.success() {
        bail!("`{line}` failed: {}: {}", output.status, said.trim());
    }
    Ok(said)
}

fn output_of(command: &mut Command, line: &str) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("failed to start `{line}`"))?;
    let Output { status, stdout, stderr } = output;
    if !status.success() {
        let reason = String::from_utf8_lossy(&stderr);
        let reason = if stderr.is_empty() { String::new() } else { format!(": {}", reason.trim()) };
        bail!("`{line}` failed: {status}{reason}");
    }
    String::from_utf8(stdout).with_context(|| format!("`{line}` did not print UTF-8"))
}

/// Runs words that need no quoting, such as `ip link set lo up`, without a word.
pub(crate) fn quiet(words: &str) -> Result<String> {
    let mut words = words.split_whitespace();
    let program = words.next().context("an empty command line")?;
    output(Command::new(program).args(words))
}

/// Whether a program of this name is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// The command as it would be typed, without its environment.
fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_what_the_command_printed() {
        assert_eq!(quiet("echo one two").unwrap(), "one two\n");
    }

    #[test]
    fn cargo_is_the_one_that_runs_this_in_the_checkout() {
        let cargo = cargo();
        assert_eq!(cargo.get_program(), env!("CARGO"));
        assert_eq!(cargo.get_current_dir(), Some(checkout::root()));
    }

    #[test]
    fn cargo_is_not_told_of_the_package_that_runs_this() {
        let names = |kept| cargo().get_envs().filter(|(_, value)| value.is_some() == kept).count();
        assert!(names(false) > 5 && names(true) == 0);
        assert!(cargo().get_envs().any(|(name, value)| name == "CARGO_MANIFEST_DIR" && value.is_none()));
    }

    #[test]
    fn a_failure_whose_reason_is_on_the_terminal_tells_the_line() {
        let error = run_for_output(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert_eq!(error, "`sh -c exit 3` failed: exit status: 3");
    }

    #[test]
    fn a_failure_tells_the_line_and_its_standard_error() {
        let error = output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("exit 3") && error.contains("broken"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_not_installed() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-such-program-of-beam-operator"));
    }
}
