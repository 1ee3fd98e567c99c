//! The pause program: process 1 of every pod, as an image, and process 1 of every node.
//!
//! Kubernetes' own image would have to be downloaded. The program is 25 lines of C, compiled once and kept in the
//! cache beside the tools, under the hash of what they are made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::command::output;
use crate::fingerprint::Fingerprint;
use crate::{progress, tools};

/// The image's name in the nodes' containerd.
pub(crate) const IMAGE: &str = "localhost/pause:1";

const SOURCE: &str = include_str!("../../pause/pause.c");

/// Where the program is in the image.
const PROGRAM: &str = "/pause";
/// What gcc is told of the program.
const COMPILE: &[&str] = &["-Os", "-Wall", "-Wextra", "-Werror", "-static", "-s"];
/// What the image says of itself.
const CONFIGURE: &[&str] = &["--entrypoint", r#"["/pause"]"#];

/// The built program and its image.
pub(crate) struct Pause {
    pub(crate) program: PathBuf,
    pub(crate) archive: PathBuf,
}

/// Builds program and image if the cache does not have them.
pub(crate) fn ensure() -> Result<Pause> {
    let fingerprint = fingerprint(SOURCE, COMPILE, CONFIGURE);
    let directory = tools::cache()?.join(format!("pause-{fingerprint}"));
    if !directory.exists() {
        let unfinished = directory.with_extension(format!("unfinished-{}", std::process::id()));
        progress::step("building the pause image", "once; kept in the cache", || build(&unfinished))?;
        // Another command may have been faster: then its result is as good as this one.
        if fs::rename(&unfinished, &directory).is_err() {
            fs::remove_dir_all(&unfinished)?;
        }
    }
    Ok(Pause { program: directory.join("pause"), archive: directory.join("pause.tar") })
}

fn fingerprint(source: &str, compile: &[&str], configure: &[&str]) -> String {
    let words = [source, PROGRAM, IMAGE].into_iter().chain(compile.iter().chain(configure).copied());
    Fingerprint::new().words(words).finish()
}

fn build(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory)?;
    let (source, program) = (directory.join("pause.c"), directory.join("pause"));
    fs::write(&source, SOURCE)?;
    output(Command::new("gcc").args(COMPILE).arg("-o").args([&program, &source]))?;
    let storage = directory.join("storage");
    let buildah = || {
        let mut buildah = Command::new("buildah");
        buildah.arg("--root").arg(storage.join("root")).arg("--runroot").arg(storage.join("run"));
        buildah.args(["--storage-driver", "vfs"]);
        buildah
    };
    let container = output(buildah().args(["from", "scratch"]))?;
    let container = container.trim();
    output(buildah().args(["copy", container]).arg(&program).arg(PROGRAM))?;
    output(buildah().arg("config").args(CONFIGURE).arg(container))?;
    output(buildah().args(["commit", container, IMAGE]))?;
    let archive = format!("oci-archive:{}:{IMAGE}", directory.join("pause.tar").display());
    output(buildah().args(["push", IMAGE, &archive]))?;
    fs::remove_dir_all(storage)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_commands_count() {
        let now = fingerprint(SOURCE, COMPILE, CONFIGURE);
        assert_ne!(fingerprint("int main;", COMPILE, CONFIGURE), now);
        assert_ne!(fingerprint(SOURCE, &["-O2"], CONFIGURE), now);
        assert_ne!(fingerprint(SOURCE, COMPILE, &["--user=1"]), now);
    }
}
