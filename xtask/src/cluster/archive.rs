//! What an OCI archive holds, so that a node that has it already need not read it again.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command;

/// The one image of an archive.
#[derive(Debug, PartialEq)]
pub(crate) struct Manifest {
    /// The name under which the image is imported.
    pub(crate) reference: String,
    /// What identifies its content.
    pub(crate) digest: String,
}

impl Manifest {
    pub(crate) fn of(archive: &Path) -> Result<Self> {
        let mut tar = Command::new("tar");
        let index = command::output(tar.args(["--extract", "--to-stdout", "--file"]).arg(archive).arg("index.json"))?;
        Self::in_index(&index).with_context(|| format!("{} is not the OCI archive of one image", archive.display()))
    }

    /// The name without its tag.
    pub(crate) fn repository(&self) -> &str {
        self.reference.rsplit_once(':').map_or(&self.reference, |(repository, _)| repository)
    }

    /// The name by content. Whoever has an image by this name need not ask a registry for it.
    pub(crate) fn by_digest(&self) -> String {
        format!("{}@{}", self.repository(), self.digest)
    }

    fn in_index(index: &str) -> Option<Self> {
        let index: Value = serde_json::from_str(index).ok()?;
        let [manifest] = index["manifests"].as_array()?.as_slice() else { return None };
        let reference = manifest["annotations"]["org.opencontainers.image.ref.name"].as_str()?.to_owned();
        Some(Self { reference, digest: manifest["digest"].as_str()?.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_names_reference_and_digest() {
        let index = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:9f21","size":765,
            "annotations":{"org.opencontainers.image.ref.name":"localhost/shop:1"}}]}"#;
        let expected = Manifest { reference: "localhost/shop:1".to_owned(), digest: "sha256:9f21".to_owned() };
        assert_eq!(expected.by_digest(), "localhost/shop@sha256:9f21");
        assert_eq!(Manifest::in_index(index), Some(expected));
    }

    #[test]
    fn an_index_of_none_or_several_images_is_refused() {
        assert_eq!(Manifest::in_index(r#"{"manifests":[]}"#), None);
        assert_eq!(Manifest::in_index(r#"{"manifests":[{},{}]}"#), None);
    }
}
