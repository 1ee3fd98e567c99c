//! Why a condition is as it is, in a word.

use std::fmt;

/// Every reason a condition can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Ready: every wanted node is ready.
    AllNodesReady,
    /// Ready: some wanted node is not. Clustered: none is yet.
    NodesNotReady,
    /// Ready: nothing was made yet.
    NotCreated,
    /// Progressing: nodes are being started or replaced.
    RolloutInProgress,
    /// Progressing: nothing is left to do.
    RolloutComplete,
    /// Progressing: `spec.paused` holds, or the annotation `beam-operator.io/pause`.
    Paused,
    /// Progressing and Degraded: no progress within `rollout.progressDeadlineSeconds`.
    ProgressDeadlineExceeded,
    /// Migrated: every migration was run for the revision that is asked for.
    Migrated,
    /// Migrated and Progressing: one is being run.
    MigrationRunning,
    /// Migrated: some are run once the rollout is complete.
    MigrationPending,
    /// Migrated, Progressing and Degraded: one failed.
    MigrationFailed,
    /// Progressing: it waits for other releases.
    WaitingForRelease,
    /// Progressing: it waits for somebody who says that it may go on.
    WaitingForPromotion,
    /// Progressing: a canary waits for the HTTPRoute whose traffic it splits.
    WaitingForRoute,
    /// Progressing: a scale-down waits for a node that was asked to leave.
    NodesLeaving,
    /// Degraded: a scale-down waits for a node that does not leave.
    LeaveFailed,
    /// Progressing and Degraded: the revision that the spec asks for was rejected, and an earlier one runs.
    RolledBack,
    /// Progressing: the release is not valid, so nothing is written.
    ConfigurationInvalid,
    /// Degraded: nothing is wrong.
    AsExpected,
    /// Degraded: an object of somebody else stands where a child should be.
    NameTaken,
    /// Degraded: the API server refused a write.
    WriteFailed,
    /// Degraded, Progressing and ConfigurationValid: an object that the pods read could not be read.
    ReferenceUnreadable,
    /// Degraded: pods cannot be created, for instance because of a quota.
    PodCreationFailed,
    /// Degraded: an image cannot be pulled.
    ImagePullFailed,
    /// Degraded: a container cannot be made.
    ContainerConfigError,
    /// Degraded: a container was killed for using too much memory.
    OutOfMemory,
    /// Degraded: a container ends again and again.
    CrashLoop,
    /// Degraded: the nodes of a new revision run, but have not met their cluster as those before them had.
    NotClustered,
    /// Degraded: the virtual machines of a new revision bear too much.
    Strained,
    /// Degraded: no Kubernetes node can take a pod.
    Unschedulable,
    /// Degraded: a Kubernetes node with a pod on it does not answer.
    NodeLost,
    /// Clustered: every ready node is connected to every other.
    AllNodesConnected,
    /// Clustered: nodes that had met have lost each other.
    Partitioned,
    /// Clustered: ready nodes have not met the others.
    NodesMissing,
    /// Clustered: nodes that were started only now have not met the others yet.
    NodesJoining,
    /// Clustered: a node calls itself something else than it should.
    NameMismatch,
    /// Clustered: a node has another cookie.
    CookieMismatch,
    /// Clustered: a node is not distributed.
    NotDistributed,
    /// Clustered: the OTP releases of two nodes are too far apart.
    VersionConflict,
    /// Clustered: nodes of revisions that are to be apart are connected.
    RevisionsMixed,
    /// Clustered: the operator cannot ask a node.
    Unreachable,
    /// Clustered: nobody looks at the nodes.
    ObservationDisabled,
    /// Clustered: the nodes were not looked at yet.
    NotObserved,
    /// ConfigurationValid: nothing is wrong with it.
    Valid,
    /// ConfigurationValid: it works, but something in it looks like a mistake.
    ValidWithWarnings,
    /// ConfigurationValid: it cannot be applied.
    Invalid,
    /// ConfigurationValid: it has a shape that this version of the operator does not know.
    Unreadable,
}

impl Reason {
    /// Those of the condition Clustered.
    pub const OF_CLUSTERED: [Self; 13] = [
        Self::AllNodesConnected,
        Self::Partitioned,
        Self::NodesMissing,
        Self::NodesJoining,
        Self::NameMismatch,
        Self::CookieMismatch,
        Self::NotDistributed,
        Self::VersionConflict,
        Self::RevisionsMixed,
        Self::Unreachable,
        Self::ObservationDisabled,
        Self::NotObserved,
        Self::NodesNotReady,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
