//! Processes that outlive the command that starts them.
//!
//! Each has two files: what it was started with, written before it runs, and its process id, written by the process
//! itself before it becomes the program. So there is no moment in which a process runs unrecorded. A process id can be
//! given to another process later; one is ours only if its command line is still the recorded one, and nothing else
//! is ever signalled.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::command;

/// Writes its own process id, then becomes the program.
const RECORD_AND_EXEC: &str = r#"echo $$ >"$0.tmp" && mv "$0.tmp" "$0" && exec "$@""#;

/// How long a process may take to record itself.
const START: Duration = Duration::from_secs(10);
/// How often a process is looked at that is about to start or to end.
const INTERVAL: Duration = Duration::from_millis(20);

/// The processes of one cluster: a directory of records beside a directory of logs.
pub(crate) struct Processes {
    records: PathBuf,
    logs: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Processes {
    pub(crate) fn of(directory: &Path) -> Self {
        Self { records: directory.join("processes"), logs: directory.join("log"), environment: Vec::new() }
    }

    /// The same, where what is started finds this variable in its environment.
    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn pid_file(&self, name: &str) -> PathBuf {
        self.records.join(format!("{name}.pid"))
    }

    fn command_file(&self, name: &str) -> PathBuf {
        self.records.join(format!("{name}.command"))
    }

    /// What the process printed.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// The names of all processes that were started and not stopped, running or dead.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.records) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry?.file_name();
            names.extend(file.to_str().and_then(|file| file.strip_suffix(".command")).map(ToOwned::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// The process id, if the process runs.
    pub(crate) fn pid(&self, name: &str) -> Option<Pid> {
        let recorded = fs::read_to_string(self.command_file(name)).ok()?;
        let pid = fs::read_to_string(self.pid_file(name)).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
        // Before the process becomes the program, its command line ends with the program's.
        command_line(pid)?.ends_with(&recorded).then_some(pid)
    }

    /// Starts the process unless it runs already; one that runs with another command line is replaced.
    pub(crate) fn ensure(&self, name: &str, command: &[String]) -> Result<()> {
        let unchanged = fs::read_to_string(self.command_file(name)).is_ok_and(|text| text == command.join(" "));
        if unchanged && self.pid(name).is_some() {
            return Ok(());
        }
        self.stop(name, Duration::from_secs(5))?;
        self.start(name, command)
    }

    fn start(&self, name: &str, words: &[String]) -> Result<()> {
        fs::create_dir_all(&self.records)?;
        fs::create_dir_all(&self.logs)?;
        fs::write(self.command_file(name), words.join(" "))?;
        let log = File::options().create(true).append(true).open(self.log(name))?;
        let mut command = Command::new("sh");
        command.args(["-c", RECORD_AND_EXEC]).arg(self.pid_file(name)).args(words);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // A process group of its own, so that Ctrl-C in the terminal is not meant for it.
        let mut child = command.process_group(0).spawn().with_context(|| format!("failed to start {name}"))?;
        let deadline = Instant::now() + START;
        while !self.pid_file(name).exists() {
            if child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("{name} did not start: {}", self.last_words(name));
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Ends the process and its record: asks first, and kills it when it has not ended after `grace`.
    pub(crate) fn stop(&self, name: &str, grace: Duration) -> Result<()> {
        let deadline = Instant::now() + grace;
        let mut asked = false;
        while let Some(pid) = self.pid(name) {
            if Instant::now() >= deadline {
                signal(pid, Signal::KILL)?;
            } else if !asked {
                signal(pid, Signal::TERM)?;
                asked = true;
            }
            thread::sleep(INTERVAL);
        }
        for file in [self.pid_file(name), self.command_file(name)] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Kills the process as a crash would, leaving its record.
    pub(crate) fn kill(&self, name: &str) -> Result<()> {
        while let Some(pid) = self.pid(name) {
            signal(pid, Signal::KILL)?;
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Fails with the end of its log if the process does not run.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        if self.pid(name).is_none() {
            bail!("{name} has ended: {}", self.last_words(name));
        }
        Ok(())
    }

    /// The end of the log, and where the rest of it is.
    fn last_words(&self, name: &str) -> String {
        let log = self.log(name);
        let bytes = fs::read(&log).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        let tail = lines.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        format!("the end of {} is\n  {tail}", log.display())
    }
}

/// Sends the signal; a process that has just ended is no error.
fn signal(pid: Pid, signal: Signal) -> Result<()> {
    match kill_process(pid, signal) {
        Err(error) if error != rustix::io::Errno::SRCH => Err(error).context("failed to signal a process"),
        _ => Ok(()),
    }
}

/// The words a process was started with, joined by spaces; none for a process that has ended.
fn command_line(pid: Pid) -> Option<String> {
    let line = if Path::new("/proc/self").exists() { command_line_in_proc(pid)? } else { command_line_from_ps(pid)? };
    (!line.is_empty()).then_some(line)
}

fn command_line_in_proc(pid: Pid) -> Option<String> {
    let words = fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).ok()?;
    Some(String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " "))
}

/// For systems that have no /proc.
fn command_line_from_ps(pid: Pid) -> Option<String> {
    let pid = pid.as_raw_pid().to_string();
    Some(command::output(Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid])).ok()?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes in a directory of their own, all of which end with the test.
    struct Started(PathBuf, Processes);

    impl Started {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("beam-operator-{name}-{}", std::process::id()));
            Self(directory.clone(), Processes::of(&directory))
        }
    }

    impl Drop for Started {
        fn drop(&mut self) {
            for name in self.1.names().unwrap() {
                self.1.stop(&name, Duration::ZERO).unwrap();
            }
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn sleep(seconds: &str) -> Vec<String> {
        vec!["sleep".to_owned(), seconds.to_owned()]
    }

    #[test]
    fn a_process_is_started_once_and_again_when_it_died() {
        let Started(_, processes) = &Started::new("start");
        processes.ensure("sleeper", &sleep("1001")).unwrap();
        let first = processes.pid("sleeper").unwrap();
        processes.ensure("sleeper", &sleep("1001")).unwrap();
        assert_eq!(processes.pid("sleeper"), Some(first));
        processes.kill("sleeper").unwrap();
        assert!(processes.check("sleeper").is_err());
        assert_eq!(processes.names().unwrap(), ["sleeper"]);
        processes.ensure("sleeper", &sleep("1001")).unwrap();
        assert!(processes.pid("sleeper").is_some_and(|second| second != first));
    }

    #[test]
    fn a_process_with_another_command_line_is_replaced() {
        let Started(_, processes) = &Started::new("replace");
        processes.ensure("sleeper", &sleep("1002")).unwrap();
        let first = processes.pid("sleeper").unwrap();
        processes.ensure("sleeper", &sleep("1003")).unwrap();
        assert!(processes.pid("sleeper").is_some_and(|second| second != first));
        processes.stop("sleeper", Duration::from_secs(5)).unwrap();
        assert_eq!((processes.pid("sleeper"), processes.names().unwrap()), (None, Vec::new()));
    }

    #[test]
    fn a_process_id_that_now_belongs_to_another_process_is_left_alone() {
        let Started(_, processes) = &Started::new("reuse");
        processes.ensure("sleeper", &sleep("1004")).unwrap();
        processes.kill("sleeper").unwrap();
        // Were this test's own process taken for the recorded one, stopping it would end the test.
        fs::write(processes.pid_file("sleeper"), std::process::id().to_string()).unwrap();
        assert_eq!(processes.pid("sleeper"), None);
        processes.stop("sleeper", Duration::ZERO).unwrap();
    }

    #[test]
    fn a_program_that_does_not_exist_is_told_with_its_log() {
        let Started(_, processes) = &Started::new("missing");
        let started = processes.ensure("none", &["/no/such/program".to_owned()]);
        let error = started.and_then(|()| {
            thread::sleep(Duration::from_millis(300));
            processes.check("none")
        });
        assert!(error.is_err_and(|error| error.to_string().contains("/no/such/program")));
    }

    #[test]
    fn both_ways_to_a_command_line_agree() {
        let Started(_, processes) = &Started::new("agree");
        processes.ensure("sleeper", &sleep("1005")).unwrap();
        thread::sleep(Duration::from_millis(300));
        let pid = processes.pid("sleeper").unwrap();
        assert_eq!(command_line_in_proc(pid).as_deref(), Some("sleep 1005"));
        assert_eq!(command_line_from_ps(pid), command_line_in_proc(pid));
    }
}
