//! Files that running daemons read.
//!
//! kube-proxy ends when its configuration is written, even with the same content, and a daemon that is just starting
//! must not read half a file. So a file is written only if its content changes, and then at once.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Ensures the content of a file that everybody may read.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    write_with_mode(path, text, 0o644)
}

/// Ensures the content of a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    write_with_mode(path, text, 0o600)
}

fn write_with_mode(path: &Path, text: &str, mode: u32) -> Result<()> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    let unfinished = path.with_added_extension("unfinished");
    let file = File::options().create(true).write(true).truncate(true).mode(mode).open(&unfinished);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    let moved = written.and_then(|()| fs::rename(&unfinished, path));
    moved.with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_only_by_another_content() {
        let path = std::env::temp_dir().join(format!("beam-operator-file-{}", std::process::id()));
        let inode = || fs::metadata(&path).unwrap().ino();
        write_private(&path, "one").unwrap();
        let first = inode();
        write_private(&path, "one").unwrap();
        assert_eq!(inode(), first);
        write_private(&path, "two").unwrap();
        assert_eq!((fs::read_to_string(&path).unwrap().as_str(), inode() == first), ("two", false));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::remove_file(&path).unwrap();
    }
}
