//! The OTP releases that the machine has, and an EPMD and files for the nodes of a test.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, thread};

use super::child::Program;

const SETTING: &str = "BEAM_OPERATOR_TEST_OTP";

/// Enters a root file system in which `/tmp` is the directory of the test. What is mounted goes with the program.
const ENTER: &str = r#"
mount --bind "$1" "$2/tmp"
mount -t proc proc "$2/proc"
root="$2"
shift 2
exec chroot "$root" "$@"
"#;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// An OTP release, with a directory and an EPMD of the test's own.
pub struct Otp {
    installed: PathBuf,
    directory: PathBuf,
    pub epmd_port: u16,
    _epmd: Option<Program>,
}

impl Otp {
    /// Every release of the machine.
    pub fn all() -> Vec<Self> {
        let setting = env::var(SETTING).unwrap_or_else(|_| {
            panic!(
                "{SETTING} must name `erl` programs or root file systems that have one, separated by colons; \
                 on Debian, `apt-get install erlang-base erlang-ssl` makes it /usr/bin/erl"
            )
        });
        setting.split(':').map(|installed| Self::at(Path::new(installed))).collect()
    }

    fn at(installed: &Path) -> Self {
        assert!(installed.exists(), "{SETTING} names {}, which does not exist", installed.display());
        let directory = new_directory();
        let epmd_port = free_port();
        let mut command = command(installed, &directory, "epmd");
        let epmd = Program::start(command.args(["-port", &epmd_port.to_string(), "-address", "127.0.0.1,::1"]));
        while names(epmd_port).is_err() {
            thread::yield_now();
        }
        Self { installed: installed.to_owned(), directory, epmd_port, _epmd: Some(epmd) }
    }

    /// This release, with the EPMD of another.
    pub fn beside(&self, other: &Self) -> Self {
        let directory = new_directory();
        Self { installed: self.installed.clone(), directory, epmd_port: other.epmd_port, _epmd: None }
    }

    /// `erl`, for the arguments to be added.
    pub fn erl(&self) -> Command {
        command(&self.installed, &self.directory, "erl")
    }

    /// Writes a file, and says by which path a node finds it.
    pub fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.directory.join(name), content).unwrap();
        let seen = if self.installed.is_dir() { Path::new("/tmp") } else { &self.directory };
        seen.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Otp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What EPMD answers to a `NAMES_REQ`.
fn names(port: u16) -> io::Result<Vec<u8>> {
    let mut epmd = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    epmd.write_all(b"\0\x01n")?;
    let mut answer = Vec::new();
    epmd.read_to_end(&mut answer)?;
    Ok(answer)
}

fn new_directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("beam-operator-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = env::temp_dir().join(name);
    fs::create_dir(&directory).unwrap();
    directory
}

/// A program of the release, in a root file system if it is in one.
fn command(installed: &Path, directory: &Path, program: &str) -> Command {
    let mut command = if installed.is_dir() {
        let mut enter = Command::new("unshare");
        enter.args(["--mount", "sh", "-ec", ENTER, "sh"]).args([directory, installed]);
        enter.args(["/usr/bin/env", "HOME=/tmp", program]);
        enter
    } else {
        let mut own = Command::new(installed.with_file_name(program));
        own.env("HOME", directory);
        own
    };
    command.env_remove("ERL_AFLAGS").env_remove("ERL_ZFLAGS").env_remove("ERL_FLAGS");
    command
}
