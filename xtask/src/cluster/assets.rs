//! Where the programs of a control plane come from: built from source, or from `KUBEBUILDER_ASSETS`.
//!
//! The variable names a directory in which the tests of other projects find etcd, kube-apiserver and kubectl. A cluster
//! without nodes takes them from there; one with nodes has all its programs from one source.

use std::env;
use std::ffi::OsString;
use std::path::{self, Path, PathBuf};

use anyhow::Result;

use super::record::Extent;
use crate::tools::Tool;

pub(crate) const VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// The program, built first if it is neither an asset nor in the cache.
pub(crate) fn path(extent: Extent, tool: &Tool) -> Result<PathBuf> {
    let directory = directory(extent, env::var_os(VARIABLE));
    directory.and_then(|directory| asset(&directory, tool)).map_or_else(|| tool.path(), Ok)
}

/// As [`path`], and tells of a program that does not come from where it is expected.
pub(crate) fn ensure(extent: Extent, tool: &Tool) -> Result<()> {
    if let Some(text) = directory(extent, env::var_os(VARIABLE)).and_then(|directory| missing(&directory, tool)) {
        eprintln!("{text}");
    }
    path(extent, tool).map(drop)
}

fn directory(extent: Extent, variable: Option<OsString>) -> Option<PathBuf> {
    let directory = variable.filter(|value| !value.is_empty() && matches!(extent, Extent::ControlPlane { .. }))?;
    // What is started does not run in the directory of this process.
    path::absolute(directory).ok()
}

fn asset(directory: &Path, tool: &Tool) -> Option<PathBuf> {
    Some(directory.join(tool.name())).filter(|program| program.is_file())
}

fn missing(directory: &Path, tool: &Tool) -> Option<String> {
    let text = || format!("{VARIABLE} has no {}: the one that is built from source is used", tool.name());
    asset(directory, tool).is_none().then(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::addresses::Slot;
    use super::*;
    use crate::tools::{ETCD, KUBE_APISERVER};

    const CONTROL_PLANE: Extent = Extent::ControlPlane { controller_manager: true };
    const NODES: Extent = Extent::Nodes { slot: Slot(0), count: 1 };

    #[test]
    fn only_a_control_plane_without_nodes_takes_assets() {
        assert_eq!(directory(CONTROL_PLANE, Some("/assets".into())), Some("/assets".into()));
        assert_eq!(directory(NODES, Some("/assets".into())), None);
        assert_eq!(directory(CONTROL_PLANE, None), None);
        assert_eq!(directory(CONTROL_PLANE, Some("".into())), None);
    }

    #[test]
    fn a_relative_directory_is_found_from_everywhere() {
        assert!(directory(CONTROL_PLANE, Some("assets".into())).unwrap().is_absolute());
    }

    #[test]
    fn an_asset_is_used_and_one_that_is_missing_is_told() {
        let assets = env::temp_dir().join(format!("beam-operator-assets-{}", std::process::id()));
        fs::create_dir_all(&assets).unwrap();
        fs::write(assets.join("etcd"), "").unwrap();
        let (etcd, api_server) = (asset(&assets, &ETCD), asset(&assets, &KUBE_APISERVER));
        let (nothing, told) = (missing(&assets, &ETCD), missing(&assets, &KUBE_APISERVER));
        fs::remove_dir_all(&assets).unwrap();

        assert_eq!((etcd, api_server), (Some(assets.join("etcd")), None));
        assert_eq!(nothing, None);
        assert!(told.is_some_and(|text| text.contains("KUBEBUILDER_ASSETS has no kube-apiserver")));
    }
}
