//! Where a version can be had: what the checkout cannot know, and what everything published names.
//!
//! The chart names an image of the local cluster by default, and what follows from the chart does the same. A release
//! names the image of its registry instead, in every text, which makes of them what `cargo xtask codegen` would with
//! that repository in `values.yaml`.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::chart;
use crate::checkout::root;

/// A domain that is nobody's, for runs that publish nothing.
const NOWHERE: &str = "https://downloads.example.com/beam-operator";

/// The addresses of a release.
#[derive(Debug)]
pub(super) struct Addresses {
    /// The image that the chart in the checkout names, without a tag.
    local: String,
    /// The image that is published, without a tag.
    repository: String,
    downloads: String,
}

impl Addresses {
    /// Those that were given, or the local image and a domain that does not exist.
    pub(super) fn new(repository: Option<&str>, downloads: Option<&str>) -> Result<Self> {
        let path = chart::OPERATOR.values();
        let values = fs::read_to_string(root().join(path)).with_context(|| format!("failed to read {path}"))?;
        let values: Value = serde_yaml::from_str(&values)?;
        let local = values["image"]["repository"].as_str().context("values.yaml has no image.repository")?.to_owned();
        Ok(Self {
            repository: repository.unwrap_or(&local).to_owned(),
            downloads: downloads.unwrap_or(NOWHERE).trim_end_matches('/').to_owned(),
            local,
        })
    }

    /// A text that names the published images.
    pub(super) fn published(&self, text: &str) -> String {
        text.replace(&self.local, &self.repository)
    }

    pub(super) fn image(&self, version: &str) -> String {
        format!("{}:{version}", self.repository)
    }

    pub(super) fn bundle_image(&self, version: &str) -> String {
        format!("{}-bundle:{version}", self.repository)
    }

    /// The directory of a version's files.
    pub(super) fn directory(&self, version: &str) -> String {
        format!("{}/v{version}", self.downloads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_images_take_the_place_of_the_local_ones() {
        let addresses =
            Addresses::new(Some("registry.example.com/team/beam-operator"), Some("https://example.com/d/")).unwrap();
        assert_eq!(
            addresses
                .published("a: localhost/beam-operator:1\nb: localhost/beam-operator-bundle:1\nc: localhost/shop:1"),
            "a: registry.example.com/team/beam-operator:1\nb: registry.example.com/team/beam-operator-bundle:1\n\
             c: localhost/shop:1"
        );
        assert_eq!(addresses.image("9.0.0"), "registry.example.com/team/beam-operator:9.0.0");
        assert_eq!(addresses.directory("9.0.0"), "https://example.com/d/v9.0.0");
    }

    #[test]
    fn by_default_texts_stay_as_they_are() {
        let addresses = Addresses::new(None, None).unwrap();
        assert_eq!(addresses.published("localhost/beam-operator:1"), "localhost/beam-operator:1");
        assert_eq!(addresses.bundle_image("1"), "localhost/beam-operator-bundle:1");
    }
}
