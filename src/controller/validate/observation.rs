//! What the operator can only do for nodes that it looks at.

use crate::api::{Discovery, ElixirRelease, Healing, ObservationMode, ReadinessGate};
use crate::resources::problem::Problem;
use crate::resources::{Facts, names};

/// Why nobody looks at the nodes of a release.
#[derive(Clone, Copy)]
enum Blind {
    /// The release does not want it.
    Release,
    /// The operator was told not to.
    Operator,
}

/// What would wait for ever: nodes that nobody introduces to each other, and gates that nobody opens.
pub(super) fn problems(release: &ElixirRelease, facts: &Facts) -> Vec<Problem> {
    let Some(blind) = blind(release, facts) else { return Vec::new() };
    let cluster = &release.spec.cluster;
    let rules = [
        (
            cluster.discovery == Discovery::Operator,
            "spec.cluster.discovery",
            "Operator has the operator connect the nodes",
            "or use another discovery",
        ),
        (
            cluster.readiness_gate == ReadinessGate::Enabled,
            "spec.cluster.readinessGate",
            "Enabled has pods wait until the operator has seen them in the mesh",
            "or disable the gate",
        ),
    ];
    let broken = rules.into_iter().filter(|(is_wanted, ..)| *is_wanted);
    broken.map(|(_, field, what, or)| Problem::new(field, format!("{what}, and {}, {or}", blind.told()))).collect()
}

/// Nothing waits for healing, so this is no more than a warning; and only where it was asked for, as the default is to connect
/// nodes that lost each other.
pub(super) fn no_healing(release: &ElixirRelease, facts: &Facts) -> Option<Problem> {
    let blind = blind(release, facts)?;
    let is_wanted = release.spec.cluster.healing == Healing::Restart;
    is_wanted.then(|| {
        let message = format!("Restart does nothing for nodes that nobody looks at, and {}", blind.told());
        Problem::new("spec.cluster.healing", message)
    })
}

fn blind(release: &ElixirRelease, facts: &Facts) -> Option<Blind> {
    if !names::is_distributed(release) {
        return None;
    }
    match release.spec.cluster.observation.mode {
        ObservationMode::Disabled => Some(Blind::Release),
        ObservationMode::Enabled if facts.observes => None,
        ObservationMode::Enabled => Some(Blind::Operator),
    }
}

impl Blind {
    /// Who it is, and how that is changed.
    fn told(self) -> &'static str {
        match self {
            Self::Release => "cluster.observation.mode is Disabled: enable it",
            Self::Operator => {
                "this operator was started with --observation=false: set operator.observation of its chart to true"
            }
        }
    }
}
