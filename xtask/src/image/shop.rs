//! The images of the sample application, `examples/shop`.
//!
//! Two versions, so that there is something to upgrade to, on two OTP releases, and one behind a start script in the
//! manner of Distillery, because such releases are still around. `examples/shop/README.md` says what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::buildah::Store;
use super::fingerprint::Fingerprint;
use super::rootfs::{self, BOOKWORM, BuildRoot, Suite, TRIXIE};
use super::{Archive, Cache, remove_if_present};
use crate::{checkout, progress};

/// The user that releases run as: numeric, so that Kubernetes can see that it is not root.
const USER: &str = "1000:1000";

/// The directories that a release is made of.
const SOURCES: &[&str] = &["config", "lib", "rel"];

struct Image {
    tag: &'static str,
    suite: &'static Suite,
    version: &'static str,
    script: &'static Script,
}

/// The start script of a release, as `SHOP_RELEASE` of its `mix.exs` calls it.
struct Script {
    name: &'static str,
    /// The command that starts the node and stays in the foreground.
    start: &'static str,
    environment: &'static [&'static str],
}

const MIX: Script = Script {
    name: "mix",
    start: "start",
    // The root file system may be read-only.
    environment: &["RELEASE_TMP=/tmp/shop"],
};

// RELEASE_MUTABLE_DIR is left to whoever runs the image, as Distillery does.
const DISTILLERY: Script = Script { name: "distillery", start: "foreground", environment: &["REPLACE_OS_VARS=true"] };

const MIX_IMAGES: &[Image] = &[
    Image { tag: "1", suite: &TRIXIE, version: "1.0.0", script: &MIX },
    Image { tag: "2", suite: &TRIXIE, version: "2.0.0", script: &MIX },
    Image { tag: "1-otp25", suite: &BOOKWORM, version: "1.0.0", script: &MIX },
    Image { tag: "2-otp25", suite: &BOOKWORM, version: "2.0.0", script: &MIX },
];

const DISTILLERY_IMAGE: Image = Image { tag: "1-distillery", suite: &TRIXIE, version: "1.0.0", script: &DISTILLERY };

/// The sample application as a mix release, in all versions.
pub(super) fn mix(cache: &Cache) -> Result<Vec<Archive>> {
    MIX_IMAGES.iter().map(|image| image.build(cache)).collect()
}

/// The sample application in the manner of Distillery.
pub(super) fn distillery(cache: &Cache) -> Result<Vec<Archive>> {
    Ok(vec![DISTILLERY_IMAGE.build(cache)?])
}

fn source() -> PathBuf {
    checkout::root().join("examples/shop")
}

fn source_fingerprint() -> Result<Fingerprint> {
    let source = source();
    let project = Fingerprint::new().file(&source.join("mix.exs"))?;
    SOURCES.iter().try_fold(project, |fingerprint, directory| fingerprint.directory(&source.join(directory)))
}

impl Image {
    fn build(&self, cache: &Cache) -> Result<Archive> {
        test(self.suite, cache)?;
        let reference = format!("localhost/shop:{}", self.tag);
        cache.archive(&reference, &self.fingerprint()?, |archive| {
            eprintln!("==> building {reference}");
            let release = self.release(cache)?;
            self.commit(&release, cache, &format!("oci-archive:{}:{reference}", archive.display()))
        })
    }

    fn fingerprint(&self) -> Result<String> {
        let settings = self.settings();
        Ok(source_fingerprint()?
            .words([rootfs::runtime_fingerprint(self.suite).as_str(), self.script.name, USER])
            .words(settings.iter().map(String::as_str))
            .finish())
    }

    /// Builds the release and returns the directory that holds it.
    fn release(&self, cache: &Cache) -> Result<PathBuf> {
        let out = cache.directory.join("release");
        remove_if_present(&out)?;
        fs::create_dir_all(&out)?;
        let script = format!(
            "SHOP_VERSION={} SHOP_RELEASE={} MIX_ENV=prod mix release --quiet --path /out/shop",
            self.version, self.script.name
        );
        BuildRoot::of(self.suite, cache)?.run(&source(), &out, &script)?;
        Ok(out.join("shop"))
    }

    fn commit(&self, release: &Path, cache: &Cache, destination: &str) -> Result<()> {
        let store = Store::of(cache)?;
        let container = store.from(&base(self.suite, &store, cache)?)?;
        container.copy(release, "/app", USER)?;
        container.configure(&self.settings())?;
        container.commit(destination)
    }

    fn settings(&self) -> Vec<String> {
        let environment = ["LANG=C.UTF-8", "ERL_CRASH_DUMP=/tmp/erl_crash.dump"];
        let environment = environment.iter().chain(self.script.environment).map(|variable| format!("--env={variable}"));
        let labels = [("title", "shop"), ("version", self.version), ("licenses", "Apache-2.0")];
        let labels = labels.map(|(name, value)| format!("--label=org.opencontainers.image.{name}={value}"));
        let settings = [
            r#"--entrypoint=["/app/bin/shop"]"#.to_owned(),
            format!("--cmd={}", self.script.start),
            "--workingdir=/app".to_owned(),
            format!("--user={USER}"),
            "--port=4000".to_owned(),
        ];
        settings.into_iter().chain(environment).chain(labels).collect()
    }
}

/// Runs the application's tests, unless these very sources have passed them on this suite.
fn test(suite: &Suite, cache: &Cache) -> Result<()> {
    let passed = cache.directory.join(format!("tests-passed-{}", suite.name));
    let fingerprint = source_fingerprint()?.directory(&source().join("test"))?.finish();
    if fs::read_to_string(&passed).is_ok_and(|passed| passed == fingerprint) {
        return Ok(());
    }
    let root = BuildRoot::of(suite, cache)?;
    progress::step(&format!("testing the shop on OTP {}", suite.otp), "its nodes die and hang: 30 s", || {
        root.run(&source(), &cache.directory, "mix test --warnings-as-errors")
    })?;
    Ok(fs::write(passed, fingerprint)?)
}

/// The image that all images of a suite share as their first layer, which is made but once.
fn base(suite: &Suite, store: &Store, cache: &Cache) -> Result<String> {
    let name = format!("localhost/{}-runtime:{}", suite.name, rootfs::runtime_fingerprint(suite));
    if !store.has(&name) {
        let tar = cache.directory.join(format!("{}-runtime.tar", suite.name));
        rootfs::runtime(suite, &tar)?;
        let container = store.from("scratch")?;
        container.unpack(&tar)?;
        container.commit(&name)?;
        fs::remove_file(tar)?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Image> {
        MIX_IMAGES.iter().chain([&DISTILLERY_IMAGE])
    }

    #[test]
    fn every_image_has_a_fingerprint_of_its_own() {
        let mut fingerprints: Vec<_> = all().map(|image| image.fingerprint().unwrap()).collect();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), all().count());
    }

    #[test]
    fn an_image_says_how_it_is_run() {
        let settings = DISTILLERY_IMAGE.settings();
        for expected in [r#"--entrypoint=["/app/bin/shop"]"#, "--cmd=foreground", "--user=1000:1000"] {
            assert!(settings.iter().any(|setting| setting == expected), "{expected} is not in {settings:?}");
        }
    }
}
