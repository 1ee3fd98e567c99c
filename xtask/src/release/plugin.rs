//! The kubectl plugin: an archive for each platform, and the manifest by which krew installs it.
//!
//! Format: <https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/>.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::tree::Tree;
use super::{Release, checksums};
use crate::architecture::Architecture;
use crate::checkout::root;
use crate::{command, tools};

pub(super) const BINARY: &str = "kubectl-beam";
/// What krew calls the plugin, and the manifest after it.
pub(super) const MANIFEST: &str = "beam.yaml";
/// What an archive has besides the binary; krew insists on it.
const LICENSE: &str = "LICENSE";

const SUMMARY: &str = "Look at Elixir and Erlang releases";
const DESCRIPTION: &str = "\
Shows what ElixirReleases of beam-operator run as, which of their nodes are connected, and why one waits; and tells
their rollouts to go on, to pause or to go back. The operator has to be installed in the cluster.
";

/// The name of the archive for an architecture.
pub(super) fn archive_name(version: &str, architecture: Architecture) -> String {
    super::file_name(BINARY, version, architecture, ".tar.gz")
}

/// Writes the archive of a binary.
pub(super) fn archive(release: &Release, architecture: Architecture, binary: &Path) -> Result<()> {
    let tree = Tree::default().with(BINARY, binary)?.with(LICENSE, &root().join(LICENSE))?;
    release.write(&archive_name(&release.version, architecture), &tree.tar_gz(release.time)?)
}

/// Writes the manifest of the archives that were written, and has krew read it.
pub(super) fn manifest(release: &Release) -> Result<()> {
    let mut platforms = Vec::new();
    for architecture in &release.architectures {
        let name = archive_name(&release.version, *architecture);
        let content = fs::read(release.directory.join(&name)).with_context(|| format!("failed to read {name}"))?;
        let uri = format!("{}/{name}", release.addresses.directory(&release.version));
        platforms.push(platform(*architecture, &uri, &checksums::sha256(&content)));
    }
    let manifest = serde_yaml::to_string(&document(&release.version, &platforms))?;
    release.write(MANIFEST, manifest.as_bytes())?;
    let mut validate = Command::new(tools::VALIDATE_KREW_MANIFEST.path()?);
    // It would download what is not published yet.
    command::run(validate.args(["-skip-install", "-manifest"]).arg(release.directory.join(MANIFEST)))
}

fn platform(architecture: Architecture, uri: &str, sha256: &str) -> Value {
    let files = [BINARY, LICENSE].map(|file| json!({"from": file, "to": "."}));
    json!({
        "selector": {"matchLabels": {"os": "linux", "arch": architecture.name()}},
        "uri": uri,
        "sha256": sha256,
        "bin": BINARY,
        "files": files,
    })
}

fn document(version: &str, platforms: &[Value]) -> Value {
    json!({
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": MANIFEST.trim_end_matches(".yaml")},
        "spec": {
            "version": format!("v{version}"),
            "shortDescription": SUMMARY,
            "description": DESCRIPTION,
            "platforms": platforms,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_for_each_platform_what_to_download_and_how_to_know_it() {
        let manifest = document("9.2.0", &[platform(Architecture::Arm64, "https://example.com/a.tar.gz", "ab12")]);
        assert_eq!(manifest["metadata"]["name"], "beam");
        assert_eq!(manifest["spec"]["version"], "v9.2.0");
        assert_eq!(
            manifest["spec"]["platforms"],
            json!([{
                "selector": {"matchLabels": {"os": "linux", "arch": "arm64"}},
                "uri": "https://example.com/a.tar.gz",
                "sha256": "ab12",
                "bin": "kubectl-beam",
                "files": [{"from": "kubectl-beam", "to": "."}, {"from": "LICENSE", "to": "."}],
            }])
        );
    }

    #[test]
    fn the_summary_fits_into_the_list_of_plugins() {
        assert!(SUMMARY.len() <= 50 && !SUMMARY.ends_with('.'));
    }
}
