//! How many inotify instances root's processes may have.
//!
//! A node's daemons have 8 and a control plane as many, while the kernel's default is 128 for all processes of a user:
//! the fifth cluster of three nodes would fail with "too many open files". The limit is raised with the first cluster
//! that has nodes, and set back when the last one goes.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use super::{file, record};

const LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";
const ENOUGH: u32 = 1024;

/// The file that remembers what the limit was.
const NOTE: &str = "inotify-limit";

/// Raises the limit if it is low.
pub(crate) fn raise() -> Result<()> {
    let _all = record::lock_all()?;
    raise_in(Path::new(LIMIT), &record::shared_file(NOTE)?)
}

/// Sets the limit back to what it was, unless a cluster is left that needs it.
pub(crate) fn restore() -> Result<()> {
    let _all = record::lock_all()?;
    if !record::taken_slots()?.is_empty() {
        return Ok(());
    }
    restore_in(Path::new(LIMIT), &record::shared_file(NOTE)?)
}

fn raise_in(limit: &Path, note: &Path) -> Result<()> {
    let now = fs::read_to_string(limit).with_context(|| format!("failed to read {}", limit.display()))?;
    if now.trim().parse::<u32>()? >= ENOUGH {
        return Ok(());
    }
    file::write(note, now.trim())?;
    if let Err(error) = fs::write(limit, ENOUGH.to_string()) {
        eprintln!("warning: failed to raise {} ({error}): several clusters may not run side by side", limit.display());
    }
    Ok(())
}

fn restore_in(limit: &Path, note: &Path) -> Result<()> {
    let was = match fs::read_to_string(note) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        was => was?,
    };
    fs::write(limit, was).with_context(|| format!("failed to restore {}", limit.display()))?;
    Ok(fs::remove_file(note)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_is_raised_and_restored_and_a_high_one_is_left() {
        let directory = std::env::temp_dir().join(format!("beam-operator-inotify-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (limit, note) = (directory.join("limit"), directory.join("note"));
        for (before, during) in [("128\n", "1024"), ("8192\n", "8192\n")] {
            fs::write(&limit, before).unwrap();
            raise_in(&limit, &note).unwrap();
            raise_in(&limit, &note).unwrap();
            assert_eq!(fs::read_to_string(&limit).unwrap(), during);
            restore_in(&limit, &note).unwrap();
            assert_eq!(fs::read_to_string(&limit).unwrap().trim(), before.trim());
            assert!(!note.exists());
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
