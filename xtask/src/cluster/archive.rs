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
        assert_eq!(Manifest::in_index(index), Some(expected));
    }

    #[test]
    fn an_index_of_none_or_several_images_is_refused() {
        assert_eq!(Manifest::in_index(r#"{"manifests":[]}"#), None);
        assert_eq!(Manifest::in_index(r#"{"manifests":[{},{}]}"#), None);
    }
}
