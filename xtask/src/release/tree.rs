//! Files with their paths, and the archives that they become.
//!
//! An archive depends on nothing but paths, contents, the right to execute, and one time: entries are sorted, owners are
//! root, and there are no directories. So the same files make the same bytes on every machine.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

/// Files by their paths, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<PathBuf, File>);

#[derive(Debug, PartialEq, Eq)]
struct File {
    content: Vec<u8>,
    executable: bool,
}

impl Tree {
    /// Adds a file of the disk under another path.
    pub(super) fn with(mut self, path: &str, source: &Path) -> Result<Self> {
        self.0.insert(path.into(), File::read(source)?);
        Ok(self)
    }

    /// All files below a directory.
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.collect(directory, Path::new(""))?;
        ensure!(!tree.0.is_empty(), "there is no file in {}", directory.display());
        Ok(tree)
    }

    fn collect(&mut self, directory: &Path, path: &Path) -> Result<()> {
        for entry in fs::read_dir(directory).with_context(|| format!("failed to list {}", directory.display()))? {
            let entry = entry?;
            let path = path.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.collect(&entry.path(), &path)?;
            } else {
                self.0.insert(path, File::read(&entry.path())?);
            }
        }
        Ok(())
    }

    /// The files of a compressed archive.
    pub(super) fn from_tar_gz(archive: &[u8]) -> Result<Self> {
        let mut tar = Vec::new();
        GzDecoder::new(archive).read_to_end(&mut tar).context("the archive is not compressed by gzip")?;
        Self::from_tar(&tar)
    }

    /// The files of an archive.
    pub(super) fn from_tar(archive: &[u8]) -> Result<Self> {
        let mut tree = Self::default();
        for entry in tar::Archive::new(archive).entries()? {
            let mut entry = entry.context("the archive is broken")?;
            if entry.header().entry_type().is_dir() {
                continue;
            }
            ensure!(entry.header().entry_type().is_file(), "{} is no file", entry.path()?.display());
            let executable = entry.header().mode()? & 0o111 != 0;
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            tree.0.insert(entry.path()?.into_owned(), File { content, executable });
        }
        Ok(tree)
    }

    /// The paths, sorted.
    pub(super) fn paths(&self) -> Vec<String> {
        self.0.keys().map(|path| path.to_string_lossy().into_owned()).collect()
    }

    /// The content of a file.
    pub(super) fn content(&self, path: &str) -> Result<&[u8]> {
        let file = self.0.get(Path::new(path)).with_context(|| format!("there is no {path} in the archive"))?;
        Ok(&file.content)
    }

    /// The same files with every text changed.
    pub(super) fn with_texts(mut self, change: impl Fn(&str) -> String) -> Self {
        for file in self.0.values_mut() {
            if let Ok(text) = std::str::from_utf8(&file.content) {
                file.content = change(text).into_bytes();
            }
        }
        self
    }

    /// Writes the files below a directory.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        for (path, file) in &self.0 {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(&path, &file.content).with_context(|| format!("failed to write {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode()))?;
        }
        Ok(())
    }

    /// The archive, with `modified` as the time of each file, in seconds since 1970.
    pub(super) fn tar(&self, modified: u64) -> Result<Vec<u8>> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, file) in &self.0 {
            let mut header = tar::Header::new_ustar();
            header.set_size(file.content.len() as u64);
            header.set_mode(file.mode());
            header.set_mtime(modified);
            builder.append_data(&mut header, path, file.content.as_slice())?;
        }
        Ok(builder.into_inner()?)
    }

    /// The archive, compressed. The time in gzip's own header is left out.
    pub(super) fn tar_gz(&self, modified: u64) -> Result<Vec<u8>> {
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
        encoder.write_all(&self.tar(modified)?)?;
        Ok(encoder.finish()?)
    }
}

impl File {
    fn read(path: &Path) -> Result<Self> {
        let content = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        let executable = fs::metadata(path)?.permissions().mode() & 0o111 != 0;
        Ok(Self { content, executable })
    }

    fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the files of an archive, written in the order given.
    fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("beam-operator-tree-{}-{name}", std::process::id()));
        for (path, content) in files {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    #[test]
    fn the_same_files_make_the_same_archive_whenever_and_wherever_they_were_written() {
        let one = directory("one", &[("b/c", "1"), ("a", "2")]);
        let two = directory("two", &[("a", "2"), ("b/c", "1")]);
        let earlier = fs::File::options().write(true).open(two.join("a")).unwrap();
        earlier.set_modified(std::time::UNIX_EPOCH).unwrap();
        fs::set_permissions(two.join("a"), fs::Permissions::from_mode(0o600)).unwrap();
        let archive = |from: &Path| Tree::read(from).unwrap().tar_gz(1_700_000_000).unwrap();
        let (first, second) = (archive(&one), archive(&two));
        fs::remove_dir_all(&one).unwrap();
        fs::remove_dir_all(&two).unwrap();
        assert!(first == second);
    }

    #[test]
    fn the_time_is_that_of_every_file() {
        let tree = Tree::default().with("manifest", &crate::checkout::root().join("Cargo.toml")).unwrap();
        let archive = tree.tar(1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let times: Vec<_> = archive.entries().unwrap().map(|entry| entry.unwrap().header().mtime().unwrap()).collect();
        assert_eq!(times, [1_700_000_000]);
    }

    #[test]
    fn what_was_put_in_comes_out() {
        let from = directory("from", &[("bin/run", "#!/bin/sh\n"), ("README", "read this\n")]);
        fs::set_permissions(from.join("bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
        let tree = Tree::read(&from).unwrap();
        let to = directory("to", &[]);
        Tree::from_tar_gz(&tree.tar_gz(0).unwrap()).unwrap().write(&to).unwrap();
        let copy = Tree::read(&to).unwrap();
        fs::remove_dir_all(&from).unwrap();
        fs::remove_dir_all(&to).unwrap();
        assert_eq!(copy, tree);
        assert_eq!(tree.paths(), ["README", "bin/run"]);
    }

    #[test]
    fn only_texts_are_changed() {
        let from = directory("texts", &[("text", "here: old\n")]);
        fs::write(from.join("binary"), [b'o', b'l', b'd', 0xff]).unwrap();
        let tree = Tree::read(&from).unwrap().with_texts(|text| text.replace("old", "new"));
        fs::remove_dir_all(&from).unwrap();
        assert_eq!(tree.content("text").unwrap(), b"here: new\n");
        assert_eq!(tree.content("binary").unwrap(), [b'o', b'l', b'd', 0xff]);
        assert!(tree.content("other").is_err());
    }
}
