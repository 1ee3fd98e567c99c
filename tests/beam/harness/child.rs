//! A program that ends with its value.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{fs, thread};

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

    /// Stops it, and returns when each of its threads has stopped: the signal takes its time to reach them.
    pub fn freeze(&self) {
        self.signal("STOP");
        while !self.is_frozen() {
            thread::yield_now();
        }
    }

    fn is_frozen(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")).unwrap()).all(|stat| {
            // The state follows the name, which is in parentheses.
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
