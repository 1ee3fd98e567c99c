//! A cluster without nodes, and what somebody can do who is not root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::removal::{down_leaves_nothing, nothing_is_left};
use super::{FIRST, Outcome, program};
use crate::cluster::process::Processes;
use crate::cluster::record::{self, Cluster};
use crate::cluster::up::{Wanted, up};
use crate::cluster::{assets, control_plane};
use crate::tools;

/// Nobody's user and group id on every Linux.
const NOBODY: u32 = 65534;

/// An API server with the controller manager, which comes and goes whole.
pub(super) fn comes_and_goes() -> Result<()> {
    let wanted = Wanted { control_plane_only: true, controller_manager: true, ..Wanted::default() };
    let cluster = up(FIRST, &wanted)?;
    control_plane::kubectl(&cluster, &["get", "serviceaccount", "default"])?;
    down_leaves_nothing(FIRST)
}

/// Nodes are refused with the ways around them; just an API server is had, of the assets.
pub(super) fn works_without_root() -> Result<()> {
    let user = User::new()?;
    for task in [&["cluster", "up", "--name", FIRST][..], &["image"]] {
        let refused = user.run(task)?;
        let told = ["root, to", "--kubeconfig FILE"].iter().all(|words| refused.error.contains(words));
        ensure!(!refused.success && told, "{}: {refused:?}", task.join(" "));
    }
    ensure!(!user.cluster().exists(), "a cluster that was refused has a directory");

    let up = user.run(&["cluster", "up", "--control-plane-only", "--name", FIRST])?;
    ensure!(up.success, "without root: {up:?}");
    let directory = user.cluster();
    let record = record::read(&directory)?.context("there is no record of the cluster")?;
    let cluster = Cluster { directory, record };
    let commands = fs::read_to_string(cluster.directory.join("processes/kube-apiserver.command"))?;
    ensure!(commands.starts_with(&user.assets().display().to_string()), "{} is not used: {commands}", assets::VARIABLE);
    Processes::of(&cluster.directory).check("etcd")?;
    let down = user.run(&["cluster", "down", "--name", FIRST])?;
    ensure!(down.success, "without root: {down:?}");
    nothing_is_left(&cluster)
}

/// Somebody who is not root, has a home and the programs of a control plane, and is gone with this.
struct User {
    home: PathBuf,
}

impl User {
    fn new() -> Result<Self> {
        let user = Self { home: std::env::temp_dir().join(format!("beam-operator-check-{}", std::process::id())) };
        fs::create_dir_all(user.assets())?;
        for tool in [tools::ETCD, tools::KUBE_APISERVER, tools::KUBECTL] {
            fs::copy(tool.path()?, user.assets().join(tool.name()))?;
        }
        chown(&user.home, Some(NOBODY), Some(NOBODY))?;
        Ok(user)
    }

    fn assets(&self) -> PathBuf {
        self.home.join("assets")
    }

    fn cluster(&self) -> PathBuf {
        self.home.join(".local/state/beam-operator/clusters").join(FIRST)
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        Outcome::of(self.program().args(arguments))
    }

    fn program(&self) -> Command {
        let mut program = program();
        program.uid(NOBODY).gid(NOBODY).current_dir("/").env("HOME", &self.home).env(assets::VARIABLE, self.assets());
        for variable in ["BEAM_OPERATOR_STATE", "XDG_STATE_HOME", "BEAM_OPERATOR_CACHE", "XDG_CACHE_HOME"] {
            program.env_remove(variable);
        }
        program
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let down = self.run(&["cluster", "down", "--name", FIRST]);
        let removed = fs::remove_dir_all(&self.home);
        if !down.is_ok_and(|down| down.success) || removed.is_err() {
            eprintln!("what was made without root is left in {}", self.home.display());
        }
    }
}
