//! The images of the sample application, `examples/shop`.
//!
//! Two versions, so that there is something to upgrade to, on two OTP releases; one that starts its distribution itself,
//! with an EPMD module of its own; one behind a start script in the manner
//! of Distillery, because such releases are still around; and one that rebar3 made. `examples/shop/README.md` says what is in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::buildah::Store;
use super::rootfs::{self, BOOKWORM, BuildRoot, Suite, TRIXIE};
use super::{Archive, Cache, remove_if_present};
use crate::fingerprint::Fingerprint;
use crate::{checkout, progress};

/// The user that releases run as: numeric, so that Kubernetes can see that it is not root.
const USER: &str = "1000:1000";

/// Where the release is in the image.
const APPLICATION: &str = "/app";

/// The script that runs the application's tests.
const TEST: &str = "mix test --warnings-as-errors";

/// The directories that a release is made of.
const SOURCES: &[&str] = &["config", "lib", "rel"];

struct Image {
    tag: &'static str,
    suite: &'static Suite,
    version: &'static str,
    script: &'static Script,
}

/// How a release is made, and the start script that it gets.
struct Script {
    /// Makes the release in `/out/shop`. `SHOP_VERSION` is set.
    assemble: &'static str,
    /// The command that starts the node and stays in the foreground.
    start: &'static str,
    environment: &'static [&'static str],
}

const MIX: Script = Script {
    assemble: "SHOP_RELEASE=mix MIX_ENV=prod mix release --quiet --path /out/shop",
    start: "start",
    // The root file system may be read-only.
    environment: &["RELEASE_TMP=/tmp/shop"],
};

const OWN_EPMD: Script =
    Script { assemble: "SHOP_RELEASE=own-epmd MIX_ENV=prod mix release --quiet --path /out/shop", ..MIX };

// RELEASE_MUTABLE_DIR is left to whoever runs the image, as Distillery does.
const DISTILLERY: Script = Script {
    assemble: "SHOP_RELEASE=distillery MIX_ENV=prod mix release --quiet --path /out/shop",
    start: "foreground",
    environment: &["REPLACE_OS_VARS=true"],
};

const RELX: Script = Script {
    assemble: "MIX_ENV=prod mix compile && cp -r rel/relx /tmp/relx && cd /tmp/relx && \
               rebar3 release --output-dir /tmp/rel && cp -r /tmp/rel/shop /out/shop",
    start: "foreground",
    environment: &[],
};

const MIX_IMAGES: &[Image] = &[
    Image { tag: "1", suite: &TRIXIE, version: "1.0.0", script: &MIX },
    Image { tag: "2", suite: &TRIXIE, version: "2.0.0", script: &MIX },
    Image { tag: "1-otp25", suite: &BOOKWORM, version: "1.0.0", script: &MIX },
    Image { tag: "2-otp25", suite: &BOOKWORM, version: "2.0.0", script: &MIX },
    Image { tag: "1-own-epmd", suite: &TRIXIE, version: "1.0.0", script: &OWN_EPMD },
];

const DISTILLERY_IMAGE: Image = Image { tag: "1-distillery", suite: &TRIXIE, version: "1.0.0", script: &DISTILLERY };

const RELX_IMAGE: Image = Image { tag: "1-relx", suite: &BOOKWORM, version: "1.0.0", script: &RELX };

/// The sample application as a mix release, in all versions and with an EPMD module of its own.
pub(super) fn mix(cache: &Cache) -> Result<Vec<Archive>> {
    MIX_IMAGES.iter().map(|image| image.build(cache)).collect()
}

/// The sample application in the manner of Distillery.
pub(super) fn distillery(cache: &Cache) -> Result<Vec<Archive>> {
    Ok(vec![DISTILLERY_IMAGE.build(cache)?])
}

/// The sample application as a release of rebar3.
pub(super) fn relx(cache: &Cache) -> Result<Vec<Archive>> {
    Ok(vec![RELX_IMAGE.build(cache)?])
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
        Ok(self.fingerprint_of(source_fingerprint()?, &self.release_script()))
    }

    /// Of the sources, of where and by which script a release is made of them, and of what an image is made of that.
    fn fingerprint_of(&self, sources: Fingerprint, release_script: &str) -> String {
        let (build, runtime) =
            (BuildRoot::fingerprint(self.suite, release_script), rootfs::runtime_fingerprint(self.suite));
        let settings = self.settings();
        sources.words([build.as_str(), &runtime, APPLICATION, USER]).words(settings.iter().map(String::as_str)).finish()
    }

    fn release_script(&self) -> String {
        format!("export SHOP_VERSION={}; {}", self.version, self.script.assemble)
    }

    /// Builds the release and returns the directory that holds it.
    fn release(&self, cache: &Cache) -> Result<PathBuf> {
        let out = cache.directory.join("release");
        remove_if_present(&out)?;
        fs::create_dir_all(&out)?;
        BuildRoot::of(self.suite, cache)?.run(&source(), &out, &self.release_script())?;
        Ok(out.join("shop"))
    }

    fn commit(&self, release: &Path, cache: &Cache, destination: &str) -> Result<()> {
        let store = Store::of(cache)?;
        let container = store.from(&rootfs::runtime_image(self.suite, &store, cache)?)?;
        container.copy(release, APPLICATION, USER)?;
        container.configure(&self.settings())?;
        container.commit(destination)
    }

    fn settings(&self) -> Vec<String> {
        let environment = ["LANG=C.UTF-8", "ERL_CRASH_DUMP=/tmp/erl_crash.dump"];
        let environment = environment.iter().chain(self.script.environment).map(|variable| format!("--env={variable}"));
        let labels = [("title", "shop"), ("version", self.version), ("licenses", "Apache-2.0")];
        let labels = labels.map(|(name, value)| format!("--label=org.opencontainers.image.{name}={value}"));
        let settings = [
            format!(r#"--entrypoint=["{APPLICATION}/bin/shop"]"#),
            format!("--cmd={}", self.script.start),
            format!("--workingdir={APPLICATION}"),
            format!("--user={USER}"),
            "--port=4000".to_owned(),
        ];
        settings.into_iter().chain(environment).chain(labels).collect()
    }
}

/// What the application's tests depend on.
fn test_fingerprint(suite: &'static Suite) -> Result<String> {
    let sources = source_fingerprint()?.directory(&source().join("test"))?;
    Ok(sources.words([BuildRoot::fingerprint(suite, TEST).as_str()]).finish())
}

/// Runs the application's tests, unless these very sources have passed them on this suite.
fn test(suite: &'static Suite, cache: &Cache) -> Result<()> {
    let passed = cache.directory.join(format!("tests-passed-{}", suite.name));
    let fingerprint = test_fingerprint(suite)?;
    if fs::read_to_string(&passed).is_ok_and(|passed| passed == fingerprint) {
        return Ok(());
    }
    let root = BuildRoot::of(suite, cache)?;
    progress::step(&format!("testing the shop on OTP {}", suite.otp), "its nodes die and hang: 30 s", || {
        root.run(&source(), &cache.directory, TEST)
    })?;
    Ok(fs::write(passed, fingerprint)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn all() -> impl Iterator<Item = &'static Image> {
        MIX_IMAGES.iter().chain([&DISTILLERY_IMAGE, &RELX_IMAGE])
    }

    #[test]
    fn every_image_has_a_fingerprint_of_its_own() {
        let mut fingerprints: Vec<_> = all().map(|image| image.fingerprint().unwrap()).collect();
        fingerprints.sort();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), all().count());
    }

    #[test]
    fn everything_that_an_image_is_made_of_counts() {
        let image = |suite, version, script| Image { tag: "1", suite, version, script };
        let of = |image: Image, sources: &str, release_script: &str| {
            image.fingerprint_of(Fingerprint::new().words([sources]), release_script)
        };
        let fingerprints = [
            of(image(&TRIXIE, "1.0.0", &MIX), "sources", "mix release"),
            of(image(&TRIXIE, "1.0.0", &MIX), "other sources", "mix release"),
            of(image(&TRIXIE, "1.0.0", &MIX), "sources", "mix release --quiet"),
            of(image(&BOOKWORM, "1.0.0", &MIX), "sources", "mix release"),
            of(image(&TRIXIE, "2.0.0", &MIX), "sources", "mix release"),
            of(image(&TRIXIE, "1.0.0", &DISTILLERY), "sources", "mix release"),
        ];
        assert_eq!(fingerprints.iter().collect::<BTreeSet<_>>().len(), fingerprints.len());
        assert_eq!(fingerprints[0], of(image(&TRIXIE, "1.0.0", &MIX), "sources", "mix release"));
    }

    #[test]
    fn the_script_that_makes_a_release_is_part_of_its_image() {
        let image = &MIX_IMAGES[1];
        let script = image.release_script();
        assert!(script.contains("SHOP_VERSION=2.0.0; SHOP_RELEASE=mix MIX_ENV=prod mix release"), "{script}");
        assert_eq!(image.fingerprint().unwrap(), image.fingerprint_of(source_fingerprint().unwrap(), &script));
    }

    #[test]
    fn tests_that_passed_on_one_suite_say_nothing_of_another() {
        assert_ne!(test_fingerprint(&TRIXIE).unwrap(), test_fingerprint(&BOOKWORM).unwrap());
    }

    #[test]
    fn an_image_says_how_it_is_run() {
        let settings = DISTILLERY_IMAGE.settings();
        for expected in [r#"--entrypoint=["/app/bin/shop"]"#, "--cmd=foreground", "--user=1000:1000"] {
            assert!(settings.iter().any(|setting| setting == expected), "{expected} is not in {settings:?}");
        }
    }
}
