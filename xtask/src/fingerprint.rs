//! What a cached thing was made from, as a short hash that names it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The hash under way. Every part is framed by its length, so that no two lists of parts have the same hash because
/// they read the same when put together.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    /// Adds words: the packages of a root file system, say, or the arguments of a command.
    pub(crate) fn words<'a>(mut self, words: impl IntoIterator<Item = &'a str>) -> Self {
        for word in words {
            self.part(word.as_bytes());
        }
        self
    }

    /// Adds the content of a file and whether it may be executed.
    pub(crate) fn file(mut self, path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let executable = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
        self.part(&content);
        self.part(&[u8::from(executable)]);
        Ok(self)
    }

    /// Adds all files below a directory, with their paths in it.
    pub(crate) fn directory(self, directory: &Path) -> Result<Self> {
        let mut entries: Vec<_> = fs::read_dir(directory)
            .with_context(|| format!("failed to read {}", directory.display()))?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        entries.sort();
        entries.iter().try_fold(self, |mut fingerprint, path| {
            fingerprint.part(path.file_name().unwrap_or_default().as_encoded_bytes());
            if path.is_dir() { fingerprint.directory(path) } else { fingerprint.file(path) }
        })
    }

    /// The hash, short enough for a file name.
    pub(crate) fn finish(self) -> String {
        self.0.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> String {
        Fingerprint::new().words(words.iter().copied()).finish()
    }

    #[test]
    fn the_same_parts_have_the_same_fingerprint() {
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        assert_eq!(of(&["a", "b"]).len(), 16);
    }

    #[test]
    fn where_a_part_ends_counts() {
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["a"]), of(&["a", ""]));
    }

    #[test]
    fn content_path_and_mode_of_a_file_count() {
        let root = std::env::temp_dir().join(format!("beam-operator-fingerprint-{}", std::process::id()));
        let fingerprint = || Fingerprint::new().directory(&root).unwrap().finish();
        fs::create_dir_all(root.join("lib")).unwrap();
        fs::write(root.join("lib/a"), "1").unwrap();
        let first = fingerprint();
        assert_eq!(fingerprint(), first);

        fs::write(root.join("lib/a"), "2").unwrap();
        let changed = fingerprint();
        fs::rename(root.join("lib/a"), root.join("lib/b")).unwrap();
        let renamed = fingerprint();
        fs::set_permissions(root.join("lib/b"), fs::Permissions::from_mode(0o755)).unwrap();
        let executable = fingerprint();
        fs::remove_dir_all(&root).unwrap();

        let mut all = vec![first, changed, renamed, executable];
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 4);
    }
}
