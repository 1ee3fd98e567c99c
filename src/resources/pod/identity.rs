//! The variables that the operator sets: what a node is, and what the tool that built the release reads.
//!
//! They refer to each other instead of repeating values, so that a user who replaces one (`BEAM_NODE`, say) replaces what
//! follows from it. No variable ever passes `-setcookie`: given twice, the VM ignores both.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, SecretKeySelector};

use super::expansion::reference;
use super::scratch::Scratch;
use super::{literal, scope};
use crate::api::{Discovery, ElixirRelease, Epmd, Host, ReleaseTool};
use crate::resources::{Facts, labels, names};

/// The cookie, which only the release's own container gets.
pub(super) const COOKIE: &str = "BEAM_COOKIE";
/// The revision, which names what the nodes of one have for themselves with scope Revision.
pub(super) const REVISION: &str = "BEAM_REVISION";
/// Names the file with the VM arguments of remote shells of a Mix release.
pub(super) const REMOTE_VM_ARGS: &str = "RELEASE_REMOTE_VM_ARGS";

const POD_IP: &str = "POD_IP";
const POD_NAME: &str = "POD_NAME";
const NODE: &str = "BEAM_NODE";
const CLUSTER_DNS: &str = "BEAM_CLUSTER_DNS";
/// The port at which an EPMD listens unless told otherwise.
const EPMD_PORT: u16 = 4369;

/// What the operator knows of a node, for every release tool.
pub(super) fn of_node(release: &ElixirRelease, facts: &Facts) -> Vec<EnvVar> {
    let mut variables = vec![
        field(POD_IP, "status.podIP"),
        field(POD_NAME, "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field(REVISION, &format!("metadata.labels['{}']", labels::REVISION)),
    ];
    if names::is_distributed(release) {
        variables.extend(of_member(release, facts));
    }
    variables
}

fn of_member(release: &ElixirRelease, facts: &Facts) -> Vec<EnvVar> {
    let node = names::node(release, &reference(POD_NAME), &reference(POD_IP), facts);
    let mut variables = vec![literal("BEAM_BASENAME", names::basename(release))];
    variables.extend(node.map(|node| literal(NODE, node)));
    variables.push(cookie(release));
    // The kubelet puts the revision in.
    let service = if names::meets_by_revision(release) {
        names::revision_service(&reference(REVISION))
    } else {
        names::headless_service(release)
    };
    variables.push(literal(CLUSTER_DNS, names::dns(release, &service, facts)));
    variables.push(literal("BEAM_CLUSTER_SERVICE", service));
    variables.extend(names::seed_node(release, facts).map(|seed| literal("BEAM_SEED_NODE", seed)));
    variables
}

/// What the release tool and well-known libraries read.
pub(super) fn of_tool(release: &ElixirRelease, scratch: &Scratch) -> Vec<EnvVar> {
    let mut variables = match release.spec.release.tool {
        ReleaseTool::Mix => mix(release, scratch),
        ReleaseTool::Distillery => {
            vec![literal("REPLACE_OS_VARS", "true"), literal("RELEASE_MUTABLE_DIR", scratch.directory.as_str())]
        }
        ReleaseTool::Relx => relx(release, scratch),
        ReleaseTool::None => return Vec::new(),
    };
    variables.push(literal("ERL_CRASH_DUMP", format!("{}/erl_crash.dump", scratch.directory)));
    if names::is_distributed(release) {
        variables.extend(discovery(release));
    }
    variables
}

/// An image that makes its own name decides about the kind of name as well, and whether its start script or the
/// application starts the distribution. Both variables would overrule what its `env.sh` says as a default.
fn mix(release: &ElixirRelease, scratch: &Scratch) -> Vec<EnvVar> {
    let mut variables = match release.spec.cluster.host {
        _ if !names::is_distributed(release) => vec![literal("RELEASE_DISTRIBUTION", "none")],
        Host::PodIP | Host::PodFQDN => vec![
            literal("RELEASE_DISTRIBUTION", "name"),
            literal("RELEASE_NODE", reference(NODE)),
            literal("RELEASE_COOKIE", reference(COOKIE)),
        ],
        Host::Application => vec![literal("RELEASE_COOKIE", reference(COOKIE))],
    };
    variables.push(literal("RELEASE_TMP", scratch.directory.as_str()));
    variables.extend(scratch.remote_vm_args.as_deref().map(|file| literal(REMOTE_VM_ARGS, file)));
    variables
}

/// Without EPMD, the start script of relx needs the port itself: it passes the flags to the node and to its remote
/// commands, which do not read `ERL_AFLAGS`.
fn relx(release: &ElixirRelease, scratch: &Scratch) -> Vec<EnvVar> {
    let mut variables =
        vec![literal("RELX_REPLACE_OS_VARS", "true"), literal("RELX_OUT_FILE_PATH", scratch.directory.as_str())];
    let cluster = &release.spec.cluster;
    if names::is_distributed(release) && cluster.epmd == Epmd::Disabled {
        variables.push(literal("ERL_DIST_PORT", cluster.ports.distribution.from.to_string()));
    }
    variables
}

fn discovery(release: &ElixirRelease) -> Vec<EnvVar> {
    let cluster = &release.spec.cluster;
    let mut variables = Vec::new();
    // Who reads it connects to the addresses that it finds, and no node is called by its address then.
    if cluster.discovery == Discovery::Dns && cluster.host != Host::PodFQDN {
        variables.push(literal("DNS_CLUSTER_QUERY", reference(CLUSTER_DNS)));
    }
    if cluster.epmd == Epmd::Enabled && cluster.ports.epmd != EPMD_PORT {
        variables.push(literal("ERL_EPMD_PORT", cluster.ports.epmd.to_string()));
    }
    variables
}

fn cookie(release: &ElixirRelease) -> EnvVar {
    let secret = if names::meets_by_revision(release) { scope::cookie() } else { names::cookie(release) };
    let selector = SecretKeySelector { key: secret.key, name: secret.name, optional: None };
    from(COOKIE, EnvVarSource { secret_key_ref: Some(selector), ..EnvVarSource::default() })
}

fn field(name: &str, path: &str) -> EnvVar {
    let selector = ObjectFieldSelector { api_version: None, field_path: path.to_owned() };
    from(name, EnvVarSource { field_ref: Some(selector), ..EnvVarSource::default() })
}

fn from(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar { name: name.to_owned(), value: None, value_from: Some(source) }
}
