//! Volumes that every release gets from us: a directory to write to, so that the root file system can be read-only, and
//! the VM arguments of remote shells.

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource, ObjectFieldSelector, Volume, VolumeMount,
};

use super::draft::Draft;
use crate::api::{ElixirRelease, ReleaseTool};
use crate::resources::{labels, names};

const DIRECTORY: &str = "/var/run/beam";
const ARGUMENTS: &str = "/var/run/beam-arguments";
const FILE: &str = "remote.vm.args";

/// A remote shell, `rpc` or `stop` must not listen: the node beside it in the pod has the port.
const REMOTE_ARGUMENTS: &str = "-dist_listen false";

/// Where the volumes are mounted.
pub(super) struct Scratch {
    /// A directory of the pod that can be written to.
    pub directory: String,
    /// A file with VM arguments, for Mix releases that are distributed.
    pub remote_vm_args: Option<String>,
}

/// Adds the volumes to a draft. `remote` tells whether the file with arguments will be used.
pub(super) fn mount(release: &ElixirRelease, draft: &mut Draft, remote: bool) -> Scratch {
    let empty = Volume { empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() };
    let directory = add(draft, "beam-tmp", DIRECTORY, false, empty);
    let mix = release.spec.release.tool == ReleaseTool::Mix && names::is_distributed(release);
    let remote_vm_args = (mix && remote).then(|| format!("{}/{FILE}", add_arguments(draft)));
    Scratch { directory, remote_vm_args }
}

/// The arguments are an annotation of the pod, so that they need no object of their own. One that the user wrote stays.
fn add_arguments(draft: &mut Draft) -> String {
    let annotations = draft.metadata.annotations.get_or_insert_default();
    annotations.entry(labels::REMOTE_VM_ARGS.to_owned()).or_insert_with(|| REMOTE_ARGUMENTS.to_owned());
    let field_path = format!("metadata.annotations['{}']", labels::REMOTE_VM_ARGS);
    let file = DownwardAPIVolumeFile {
        field_ref: Some(ObjectFieldSelector { api_version: None, field_path }),
        path: FILE.to_owned(),
        ..DownwardAPIVolumeFile::default()
    };
    let source = DownwardAPIVolumeSource { items: Some(vec![file]), ..DownwardAPIVolumeSource::default() };
    add(draft, "beam-arguments", ARGUMENTS, true, Volume { downward_api: Some(source), ..Volume::default() })
}

/// Adds a volume and mounts it into the release's container. Returns the path, which differs from the wanted one where
/// the user has mounted something there.
pub(super) fn add(draft: &mut Draft, name: &str, path: &str, read_only: bool, volume: Volume) -> String {
    let volumes = draft.pod.volumes.get_or_insert_default();
    let name = free(name, |taken| volumes.iter().any(|volume| volume.name == taken));
    volumes.push(Volume { name: name.clone(), ..volume });
    let mounts = draft.container.volume_mounts.get_or_insert_default();
    let path = free(path, |taken| mounts.iter().any(|mount| mount.mount_path.trim_end_matches('/') == taken));
    let read_only = read_only.then_some(true);
    mounts.push(VolumeMount { mount_path: path.clone(), name, read_only, ..VolumeMount::default() });
    path
}

/// The name, or the first of `name-2`, `name-3`, … that is not taken.
fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}
