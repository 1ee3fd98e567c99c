//! The certificate of a node, and the options of TLS, as files of its container.
//!
//! Both are in one volume. The certificate comes from a Secret, in which the kubelet replaces it while the node runs; the
//! options are an annotation of the pod, so that neither a shell nor an object of their own is needed.

use k8s_openapi::api::core::v1::{
    Container, DownwardAPIProjection, DownwardAPIVolumeFile, EnvVar, KeyToPath, ObjectFieldSelector,
    ProjectedVolumeSource, SecretProjection, Volume, VolumeProjection,
};

use super::draft::Draft;
use super::flags::is_read_by_the_vm;
use super::{CONTAINERS, literal, origin, scratch};
use crate::api::{ElixirRelease, ReleaseTool};
use crate::resources::problem::Problem;
use crate::resources::tls::{self, AUTHORITIES, CERTIFICATE, KEYS, PRIVATE_KEY};
use crate::resources::{labels, names};

const DIRECTORY: &str = "/var/run/beam-tls";
const OPTIONS: &str = "inet_tls.conf";

/// What the VM calls the protocol inside of TLS, over IPv4 and IPv6.
const TLS_PROTOCOLS: [&str; 2] = ["inet_tls", "inet6_tls"];

/// Where the files are.
pub(super) struct Files {
    directory: String,
}

/// Adds the volume to a draft, where the pods of the release use one.
pub(super) fn mount(release: &ElixirRelease, draft: &mut Draft) -> Option<Files> {
    let secret = tls::mounted(release)?;
    let directory = scratch::add(draft, "beam-tls", DIRECTORY, true, volume(&secret));
    let annotations = draft.metadata.annotations.get_or_insert_default();
    // One that the user wrote stays.
    annotations
        .entry(labels::TLS_OPTIONS.to_owned())
        .or_insert_with(|| tls::options::file(&directory, &names::certified(release)));
    Some(Files { directory })
}

fn volume(secret: &str) -> Volume {
    let items = KEYS.map(|key| KeyToPath { key: key.to_owned(), path: key.to_owned(), mode: None }).to_vec();
    let secret = SecretProjection { name: secret.to_owned(), items: Some(items), optional: None };
    let field_path = format!("metadata.annotations['{}']", labels::TLS_OPTIONS);
    let options = DownwardAPIVolumeFile {
        field_ref: Some(ObjectFieldSelector { api_version: None, field_path }),
        path: OPTIONS.to_owned(),
        ..DownwardAPIVolumeFile::default()
    };
    let sources = vec![
        VolumeProjection { secret: Some(secret), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![options]) }),
            ..VolumeProjection::default()
        },
    ];
    Volume {
        projected: Some(ProjectedVolumeSource { sources: Some(sources), ..ProjectedVolumeSource::default() }),
        ..Volume::default()
    }
}

/// Flags of the user's by which a node would not speak TLS although `cluster.tls` says that it does. Other ways to do it are
/// theirs to choose, such as TLS over IPv6; ours are left out then.
pub(super) fn contradictions(release: &ElixirRelease, container: &Container) -> Vec<Problem> {
    if !tls::has_flags(release) {
        return Vec::new();
    }
    let variables = container.env.iter().flatten().filter(|variable| is_read_by_the_vm(&variable.name));
    let texts = variables.filter_map(|variable| {
        let field = origin::variable(release, CONTAINERS, names::CONTAINER, &variable.name)?;
        Some((format!("{field}.value"), variable.value.as_deref()?))
    });
    texts
        .chain([("spec.vm.flags".to_owned(), release.spec.vm.flags.as_str())])
        .filter(|(_, text)| !protocols(text).all(|protocol| TLS_PROTOCOLS.contains(&protocol)))
        .map(|(field, _)| {
            let message = "has a -proto_dist without TLS, and cluster.tls asks for it: remove the flag, or write inet_tls \
                           or inet6_tls";
            Problem::new(field, message)
        })
        .collect()
}

/// The protocols that the flags in a text name.
fn protocols(text: &str) -> impl Iterator<Item = &str> {
    let mut words = text.split_whitespace();
    std::iter::from_fn(move || words.find(|word| *word == "-proto_dist").and_then(|_| words.next()))
}

impl Files {
    /// The file with the options of the VM.
    pub(super) fn options(&self) -> String {
        self.path(OPTIONS)
    }

    /// Where they are, for the application.
    pub(super) fn variables(&self, release: &ElixirRelease) -> Vec<EnvVar> {
        let mut variables = vec![
            literal("BEAM_TLS_CERT_FILE", self.path(CERTIFICATE)),
            literal("BEAM_TLS_KEY_FILE", self.path(PRIVATE_KEY)),
            literal("BEAM_TLS_CA_FILE", self.path(AUTHORITIES)),
            literal("BEAM_TLS_OPTIONS_FILE", self.options()),
        ];
        if release.spec.release.tool == ReleaseTool::Relx {
            // The start script asks nodes by erl_call otherwise, which does not speak TLS.
            variables.push(literal("USE_NODETOOL", "true"));
        }
        variables
    }

    fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.directory)
    }
}
