//! Whether the commands of a release that call its node can start a virtual machine beside it.
//!
//! Those of Distillery, and with TLS those of relx, start one that listens, and nothing outside the image can tell it not to.

use crate::api::{ElixirRelease, Epmd, ReleaseTool};
use crate::resources::{names, tls};

/// What is in their way.
pub(super) struct Obstacle {
    /// The commands.
    pub commands: &'static str,
    /// The field that leaves no port to them.
    pub field: &'static str,
    /// What can be done about it.
    pub remedy: &'static str,
}

pub(super) fn obstacle(release: &ElixirRelease) -> Option<Obstacle> {
    let commands = match release.spec.release.tool {
        ReleaseTool::Distillery if names::is_distributed(release) => "rpc, remote_console and stop of Distillery",
        ReleaseTool::Relx if tls::has_flags(release) => "ping, rpc and eval of relx, which need a VM to speak TLS,",
        _ => return None,
    };
    let cluster = &release.spec.cluster;
    if cluster.epmd != Epmd::Enabled {
        return Some(Obstacle { commands, field: "spec.cluster.epmd", remedy: "enable EPMD" });
    }
    let range = cluster.ports.distribution;
    let field = "spec.cluster.ports.distribution";
    (range.from == range.to).then_some(Obstacle { commands, field, remedy: "give it more ports" })
}
