//! Layers and images by `buildah`, in a store of our own beside the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Cache;
use crate::command;
use crate::fingerprint::Fingerprint;

/// Where buildah keeps layers.
pub(super) struct Store {
    layers: PathBuf,
    /// What is mounted, which buildah has to forget when the machine restarts.
    mounts: String,
}

impl Store {
    /// The store in the cache, without the containers that an interrupted build left in it.
    pub(super) fn of(cache: &Cache) -> Result<Self> {
        let layers = cache.directory.join("layers");
        let fingerprint = Fingerprint::new().words([layers.to_string_lossy().as_ref()]).finish();
        let store = Self { layers, mounts: format!("/run/beam-operator/images-{fingerprint}") };
        command::output(store.buildah("rm").arg("--all"))?;
        Ok(store)
    }

    fn buildah(&self, subcommand: &str) -> Command {
        let mut buildah = Command::new("buildah");
        buildah.arg("--root").arg(&self.layers).args(["--runroot", &self.mounts, subcommand]);
        buildah
    }

    /// Whether the store has an image of this name.
    pub(super) fn has(&self, image: &str) -> bool {
        command::output(self.buildah("inspect").args(["--type", "image", image])).is_ok()
    }

    /// A container to make an image of: `FROM` of a Dockerfile.
    pub(super) fn from(&self, image: &str) -> Result<Container<'_>> {
        let id = command::output(self.buildah("from").args(["--pull-never", image]))?;
        Ok(Container { store: self, id: id.trim().to_owned() })
    }

    /// Builds the last stage of a recipe into an image or an archive; `options` are those of `buildah build`.
    pub(super) fn build(&self, recipe: &Recipe<'_>, options: &[String], destination: &str) -> Result<()> {
        let mut build = self.buildah("build");
        if let Some((stage, files)) = recipe.stage {
            build.arg("--build-context").arg(format!("{stage}={}", files.display()));
        }
        build.args(options).args(["--tag", destination, "--file"]).arg(recipe.dockerfile);
        command::run(build.arg(recipe.context))
    }

    /// Writes an image of the store to a destination, such as `oci:DIRECTORY:NAME`.
    pub(super) fn push(&self, image: &str, destination: &str) -> Result<()> {
        command::run(self.buildah("push").args(["--quiet", "--format", "oci", image, destination]))
    }

    /// Writes an index of images of the store, with all of them, to a destination.
    pub(super) fn push_index(&self, images: &[String], destination: &str) -> Result<()> {
        let index = "localhost/index";
        let remove = || command::output(self.buildah("manifest").args(["rm", index]));
        // An interrupted run leaves it.
        if command::output(self.buildah("manifest").args(["exists", index])).is_ok() {
            remove()?;
        }
        command::output(self.buildah("manifest").args(["create", index]).args(images))?;
        let push = ["push", "--quiet", "--all", "--format", "oci", index, destination];
        let pushed = command::run(self.buildah("manifest").args(push));
        remove()?;
        pushed
    }

    /// Removes an image.
    pub(super) fn remove(&self, image: &str) -> Result<()> {
        command::output(self.buildah("rmi").arg(image)).map(drop)
    }
}

/// What `buildah build` makes an image of.
#[derive(Clone, Copy)]
pub(crate) struct Recipe<'a> {
    pub(crate) dockerfile: &'a Path,
    /// What the Dockerfile copies from.
    pub(crate) context: &'a Path,
    /// A stage of the Dockerfile, by its name, and the files that take its place.
    pub(crate) stage: Option<(&'a str, &'a Path)>,
}

/// A container that becomes an image. It is gone when this is dropped.
pub(super) struct Container<'a> {
    store: &'a Store,
    id: String,
}

impl Container<'_> {
    /// Unpacks a tar file at the root.
    pub(super) fn unpack(&self, tar: &Path) -> Result<()> {
        command::run(self.store.buildah("add").args(["--quiet", &self.id]).arg(tar).arg("/"))
    }

    /// Copies the content of a directory, owned by `user`.
    pub(super) fn copy(&self, directory: &Path, to: &str, user: &str) -> Result<()> {
        command::run(self.store.buildah("copy").args(["--quiet", "--chown", user, &self.id]).arg(directory).arg(to))
    }

    /// Sets what the image says of itself: `buildah config`'s own arguments.
    pub(super) fn configure(&self, arguments: &[String]) -> Result<()> {
        command::run(self.store.buildah("config").args(arguments).arg(&self.id))
    }

    /// Makes the image: a name in the store, or `oci-archive:FILE:NAME`.
    pub(super) fn commit(&self, destination: &str) -> Result<()> {
        command::run(self.store.buildah("commit").args(["--quiet", &self.id, destination]))
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Err(error) = command::output(self.store.buildah("rm").arg(&self.id)) {
            eprintln!("a build container is left behind: {error}");
        }
    }
}
