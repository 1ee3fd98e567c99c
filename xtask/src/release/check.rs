//! What there has to be after `cargo xtask release --dry-run`, looked at as those would who take the files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::tree::Tree;
use super::{Arguments, OPERATOR, VERSION, checksums, files, plugin, scratch, starting};
use crate::architecture::Architecture;
use crate::checkout::root;
use crate::{command, compile, manifests, tools};

const REPOSITORY: &str = "registry.example.com/check/beam-operator";
const DOWNLOADS: &str = "https://downloads.example.com/check";

/// Makes the files for this machine's architecture twice and checks them: compiling for another takes minutes.
pub(crate) fn run() -> Result<()> {
    let arguments = Arguments {
        dry_run: true,
        arch: vec![Architecture::NATIVE],
        repository: Some(REPOSITORY.to_owned()),
        downloads: Some(DOWNLOADS.to_owned()),
    };
    super::run(&arguments)?;
    let directory = root().join(super::DIRECTORY);
    let first = fs::read_to_string(directory.join(checksums::FILE))?;
    check(&directory, &arguments.arch)?;
    super::run(&arguments)?;
    let second = fs::read_to_string(directory.join(checksums::FILE))?;
    ensure!(first == second, "a second run made other files:\n{first}\n{second}");
    Ok(())
}

fn check(directory: &Path, architectures: &[Architecture]) -> Result<()> {
    let (found, expected) = (files(directory)?, expected(architectures));
    ensure!(found == expected, "there are the files\n  {}\nand not\n  {}", found.join("\n  "), expected.join("\n  "));
    command::run(Command::new("sha256sum").current_dir(directory).args([
        "--check",
        "--strict",
        "--quiet",
        checksums::FILE,
    ]))?;
    let scratch = scratch("check")?;
    for architecture in architectures {
        let name = super::file_name(OPERATOR, VERSION, *architecture, ".oci.tar");
        image(&Layout::read(&directory.join(name))?, *architecture, &scratch)?;
        install_plugin(directory, *architecture, &scratch)?;
        for binary in [OPERATOR, plugin::BINARY] {
            let name = super::file_name(binary, VERSION, *architecture, ".cdx.json");
            bill_of_materials(&json(&directory.join(name))?, binary)?;
        }
    }
    index(&Layout::read(&directory.join(format!("{OPERATOR}_{VERSION}.oci.tar")))?, architectures)?;
    chart(&directory.join(format!("{OPERATOR}-{VERSION}.tgz")))?;
    bundle(directory, &scratch)?;
    for name in ["install.yaml", "catalog.yaml"] {
        names_published_images(name, &fs::read_to_string(directory.join(name))?)?;
    }
    Ok(())
}

/// Every file that a release has, sorted.
fn expected(architectures: &[Architecture]) -> Vec<String> {
    let fixed =
        ["SHA256SUMS", "beam.yaml", "catalog.yaml", "dashboard.json", "install.yaml", "release-notes.md", "rules.yaml"];
    let mut names: Vec<_> = fixed.map(ToOwned::to_owned).to_vec();
    names.push("elixirreleases.beam-operator.io.yaml".to_owned());
    names.extend(["beam-operator-", "beam-release-"].map(|chart| format!("{chart}{VERSION}.tgz")));
    let versioned = ["beam-operator_V.oci.tar", "beam-operator-bundle_V.oci.tar", "beam-operator-bundle_V.tar.gz"];
    names.extend(versioned.map(|name| name.replace('V', VERSION)));
    for it in architectures {
        for binary in ["beam-operator", "kubectl-beam"] {
            names.push(format!("{binary}_{VERSION}_linux_{it}.cdx.json"));
        }
        names.push(format!("beam-operator_{VERSION}_linux_{it}.oci.tar"));
        names.push(format!("kubectl-beam_{VERSION}_linux_{it}.tar.gz"));
    }
    names.sort();
    names
}

fn json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn names_published_images(what: &str, text: &str) -> Result<()> {
    ensure!(text.contains(&format!("{REPOSITORY}:{VERSION}")), "{what} does not name the image of the release");
    ensure!(!text.contains("localhost/beam-operator"), "{what} names an image of the local cluster");
    Ok(())
}

/// An image, or an index of images, in the layout of OCI.
struct Layout(Tree);

impl Layout {
    fn read(archive: &Path) -> Result<Self> {
        let tar = fs::read(archive).with_context(|| format!("failed to read {}", archive.display()))?;
        let tree = Tree::from_tar(&tar)?;
        for path in tree.paths() {
            let Some(digest) = path.strip_prefix("blobs/sha256/") else { continue };
            ensure!(checksums::sha256(tree.content(&path)?) == digest, "{path} is not what its name says");
        }
        Ok(Self(tree))
    }

    /// What the only entry of the archive leads to; `reference` is how a node would call it.
    fn entry(&self, reference: &str) -> Result<Value> {
        let index: Value = serde_json::from_slice(self.0.content("index.json")?)?;
        let [entry] = index["manifests"].as_array().context("there are no manifests")?.as_slice() else {
            bail!("there is not one entry in {index}");
        };
        let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
        ensure!(*name == reference, "the image is called {name}, not {reference}");
        self.follow(entry)
    }

    fn follow(&self, descriptor: &Value) -> Result<Value> {
        Ok(serde_json::from_slice(self.blob(descriptor)?)?)
    }

    fn blob(&self, descriptor: &Value) -> Result<&[u8]> {
        let digest = descriptor["digest"].as_str().context("a descriptor has no digest")?;
        self.0.content(&format!("blobs/{}", digest.replace(':', "/")))
    }
}

/// The image is for its architecture, runs as nobody, and its binary is of this version.
fn image(layout: &Layout, architecture: Architecture, scratch: &Path) -> Result<()> {
    let manifest = layout.entry(&format!("{REPOSITORY}:{VERSION}"))?;
    let image = layout.follow(&manifest["config"])?;
    ensure!(
        image["architecture"] == architecture.name() && image["os"] == "linux",
        "it is for another system: {image}"
    );
    let config = &image["config"];
    ensure!(config["User"] == "65532:65532", "it runs as {}", config["User"]);
    ensure!(config["Labels"]["org.opencontainers.image.version"] == VERSION, "its labels are {}", config["Labels"]);
    let [layer] = manifest["layers"].as_array().context("it has no layers")?.as_slice() else {
        bail!("it has more than the binary: {manifest}");
    };
    let layer = Tree::from_tar_gz(layout.blob(layer)?)?;
    ensure!(layer.paths() == [OPERATOR], "there is more than the binary in it: {:?}", layer.paths());
    layer.write(&scratch.join("image"))?;
    says_version(&scratch.join("image").join(OPERATOR), OPERATOR, architecture)
}

/// The binary is of this version, and does not tell where it was made.
fn says_version(binary: &Path, name: &str, architecture: Architecture) -> Result<()> {
    for place in [root().to_owned(), compile::cargo_home()?] {
        let search =
            Command::new("grep").args(["--text", "--fixed-strings", "--quiet"]).arg(&place).arg(binary).status()?;
        // 0 is that it is found, more than 1 that it could not be looked for.
        ensure!(search.code() == Some(1), "{} tells the path {}: {search}", binary.display(), place.display());
    }
    let said = command::output(starting(binary, architecture)?.arg("--version"))?;
    ensure!(said.trim() == format!("{name} {VERSION}"), "{} says {said:?}", binary.display());
    Ok(())
}

/// The index leads to an image for each architecture.
fn index(layout: &Layout, architectures: &[Architecture]) -> Result<()> {
    let index = layout.entry(&format!("{REPOSITORY}:{VERSION}"))?;
    let manifests = index["manifests"].as_array().context("there is no index")?;
    let found: Vec<_> = manifests.iter().filter_map(|it| it["platform"]["architecture"].as_str()).collect();
    let wanted: Vec<_> = architectures.iter().map(|it| it.name()).collect();
    ensure!(found == wanted, "the index is of {found:?}");
    manifests.iter().try_for_each(|manifest| layout.follow(&layout.follow(manifest)?["config"]).map(drop))
}

/// krew installs the plugin from the archive, whose checksum it compares with the manifest's.
fn install_plugin(directory: &Path, architecture: Architecture, scratch: &Path) -> Result<()> {
    let archive = directory.join(plugin::archive_name(VERSION, architecture));
    let home = scratch.join(format!("krew-{architecture}"));
    let install = |archive: &Path| -> Result<String> {
        let mut krew = Command::new(tools::KREW.path()?);
        krew.env("KREW_ROOT", &home).env("KREW_OS", "linux").env("KREW_ARCH", architecture.name());
        krew.env("KREW_NO_UPGRADE_CHECK", "1");
        krew.arg("install").arg("--manifest").arg(directory.join(plugin::MANIFEST));
        command::output(krew.arg("--archive").arg(archive))
    };
    let other = scratch.join("other.tar.gz");
    fs::write(&other, Tree::read(&root().join("docs"))?.tar_gz(0)?)?;
    ensure!(install(&other).is_err(), "krew takes an archive that the manifest does not know");
    install(&archive)?;
    let installed = home.join("store/beam").join(format!("v{VERSION}"));
    ensure!(files(&installed)? == ["LICENSE", plugin::BINARY], "krew installed {:?}", files(&installed)?);
    says_version(&installed.join(plugin::BINARY), plugin::BINARY, architecture)?;
    let manifest: Value = serde_yaml::from_str(&fs::read_to_string(directory.join(plugin::MANIFEST))?)?;
    let uris = manifest["spec"]["platforms"].as_array().into_iter().flatten().filter_map(|it| it["uri"].as_str());
    let uri = format!("{DOWNLOADS}/v{VERSION}/{}", plugin::archive_name(VERSION, architecture));
    ensure!(uris.into_iter().any(|it| it == uri), "the manifest does not lead to {uri}");
    Ok(())
}

/// The crates and versions of Cargo.lock, and no path of this machine.
fn bill_of_materials(bom: &Value, binary: &str) -> Result<()> {
    let main = &bom["metadata"]["component"];
    ensure!(main["name"] == binary && main["version"] == VERSION, "it is the bill of materials of {main}");
    ensure!(!bom.to_string().contains(&root().display().to_string()), "it tells where the checkout is");
    let components = bom["components"].as_array().context("it has no components")?;
    let named: BTreeMap<_, _> = components.iter().filter_map(|it| Some((it["name"].as_str()?, it))).collect();
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    for component in components {
        let locked = format!("name = {}\nversion = {}\n", component["name"], component["version"]);
        ensure!(lock.contains(&locked), "Cargo.lock has no {} {}", component["name"], component["version"]);
    }
    for (name, linked) in [("kube", true), ("ring", true), ("proptest", false), ("serde_derive", false)] {
        ensure!(named.contains_key(name) == linked, "{name} is {} {binary}", if linked { "not in" } else { "in" });
    }
    Ok(())
}

/// Helm renders the package with the image of the release.
fn chart(package: &Path) -> Result<()> {
    let mut helm = Command::new(tools::HELM.path()?);
    helm.args(["template", OPERATOR]).arg(package).args(["--kube-version", crate::chart::KUBERNETES]);
    names_published_images("the chart", &command::output(&mut helm)?)
}

/// The bundle passes its validators, and its image has the same files.
fn bundle(directory: &Path, scratch: &Path) -> Result<()> {
    let name = format!("beam-operator-bundle_{VERSION}.tar.gz");
    let files = Tree::from_tar_gz(&fs::read(directory.join(name))?)?;
    let csv = String::from_utf8_lossy(files.content("manifests/beam-operator.clusterserviceversion.yaml")?);
    names_published_images("the bundle", &csv)?;
    let image = Layout::read(&directory.join(format!("beam-operator-bundle_{VERSION}.oci.tar")))?;
    let manifest = image.entry(&format!("{REPOSITORY}-bundle:{VERSION}"))?;
    let layers = manifest["layers"].as_array().context("the bundle's image has no layers")?;
    let mut paths = Vec::new();
    for layer in layers {
        paths.extend(Tree::from_tar_gz(image.blob(layer)?)?.paths());
    }
    paths.sort();
    ensure!(paths == files.paths(), "the bundle's image has the files {paths:?}");
    let labels = &image.follow(&manifest["config"])?["config"]["Labels"];
    ensure!(labels["operators.operatorframework.io.bundle.package.v1"] == OPERATOR, "its labels are {labels}");
    files.write(&scratch.join("bundle"))?;
    manifests::bundle(&scratch.join("bundle/manifests"))?;
    manifests::whole_bundle(&scratch.join("bundle"))?;
    let catalog = scratch.join("catalog");
    fs::create_dir_all(&catalog)?;
    fs::copy(directory.join("catalog.yaml"), catalog.join("catalog.yaml"))?;
    manifests::catalog(&catalog)
}
