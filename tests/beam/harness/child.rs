//! A program that ends with its value.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

pub struct Program {
    child: Child,
    /// Kept open, for what it prints later.
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, output }
    }

    /// Waits until it prints this line.
    pub fn wait_for(&mut self, line: &str) {
        let mut printed = String::new();
        while self.output.read_line(&mut printed).unwrap() > 0 {
            if printed.lines().last() == Some(line) {
                return;
            }
        }
        panic!("ended before it printed {line:?}: {printed}");
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
