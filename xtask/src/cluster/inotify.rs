//! How many inotify instances root's processes may have: the one setting of the machine that clusters change.
//!
//! A node's daemons have 8 and a control plane as many, while the kernel's default is 128 for all processes of a user:
//! the fifth cluster of three nodes would fail with "too many open files". The limit is raised with the first cluster
//! that has nodes, and set back when the last one goes, whoever made them: so what it was is noted in `/run`, which is
//! lost exactly when the limit is, and a cluster is there as long as its bridge or its cgroups are.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::{file, record};

/// The limit.
pub(crate) const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
const ENOUGH: u32 = 1024;

/// Where the limit is noted, locked while it is changed.
const DIRECTORY: &str = "/run/beam-operator";
/// The file that remembers what the limit was.
const NOTE: &str = "inotify-limit";

/// Raises the limit if it is low, and makes the bridge that shows that it is needed.
pub(crate) fn raise_for(make_bridge: impl FnOnce() -> Result<()>) -> Result<()> {
    let directory = Path::new(DIRECTORY);
    let _lock = record::lock_directory(directory)?;
    raise(Path::new(LIMIT), &directory.join(NOTE))?;
    make_bridge()
}

/// Sets the limit back to what it was, unless there is a cluster that needs it.
pub(crate) fn restore_unless_needed() -> Result<()> {
    let directory = Path::new(DIRECTORY);
    // Who is not root has not raised it.
    if !directory.join(NOTE).exists() || !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let _lock = record::lock_directory(directory)?;
    if !record::used_slots()?.is_empty() {
        return Ok(());
    }
    restore(Path::new(LIMIT), &directory.join(NOTE))
}

/// The limit without any cluster.
pub(crate) fn was() -> Result<String> {
    fs::read_to_string(Path::new(DIRECTORY).join(NOTE)).or_else(|_| read(Path::new(LIMIT)))
}

fn read(limit: &Path) -> Result<String> {
    let text = fs::read_to_string(limit).with_context(|| format!("failed to read {}", limit.display()))?;
    Ok(text.trim().to_owned())
}

fn raise(limit: &Path, note: &Path) -> Result<()> {
    let now = read(limit)?;
    if now.parse::<u32>()? >= ENOUGH {
        return Ok(());
    }
    file::write(note, &now)?;
    if let Err(error) = fs::write(limit, ENOUGH.to_string()) {
        fs::remove_file(note)?;
        eprintln!("warning: failed to raise {} ({error}): several clusters may not run side by side", limit.display());
    }
    Ok(())
}

fn restore(limit: &Path, note: &Path) -> Result<()> {
    let was = match fs::read_to_string(note) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        was => was?,
    };
    // Any other value is not from here: `up` was interrupted before it wrote, or somebody has written since.
    if read(limit)? == ENOUGH.to_string() {
        fs::write(limit, was).with_context(|| format!("failed to restore {}", limit.display()))?;
    }
    Ok(fs::remove_file(note)?)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A limit and a place for its note, in a directory that goes with the test.
    struct Machine {
        directory: PathBuf,
        limit: PathBuf,
        note: PathBuf,
    }

    impl Machine {
        fn new(name: &str, limit: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("beam-operator-inotify-{name}-{}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            let machine = Self { limit: directory.join("limit"), note: directory.join("note"), directory };
            fs::write(&machine.limit, limit).unwrap();
            machine
        }

        fn raise(&self) -> String {
            raise(&self.limit, &self.note).unwrap();
            read(&self.limit).unwrap()
        }

        fn restore(&self) -> String {
            restore(&self.limit, &self.note).unwrap();
            assert!(!self.note.exists());
            read(&self.limit).unwrap()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.directory).unwrap();
        }
    }

    #[test]
    fn a_low_limit_is_raised_and_restored_and_a_high_one_is_left() {
        for (before, during) in [("128\n", "1024"), ("8192\n", "8192")] {
            let machine = Machine::new("raise", before);
            assert_eq!((machine.raise(), machine.raise()), (during.to_owned(), during.to_owned()));
            assert_eq!((machine.restore(), machine.restore()), (before.trim().to_owned(), before.trim().to_owned()));
        }
    }

    #[test]
    fn a_limit_that_cannot_be_written_leaves_no_note_and_is_not_restored() {
        let machine = Machine::new("unwritable", "");
        // Reads as a low limit, and not even root can write it.
        let limit = Path::new("/proc/sys/kernel/cap_last_cap");
        raise(limit, &machine.note).unwrap();
        assert!(!machine.note.exists());
        restore(limit, &machine.note).unwrap();
    }

    #[test]
    fn a_limit_that_was_noted_and_not_raised_is_left() {
        let machine = Machine::new("interrupted", "128");
        fs::write(&machine.note, "64").unwrap();
        assert_eq!(machine.restore(), "128");
    }
}
