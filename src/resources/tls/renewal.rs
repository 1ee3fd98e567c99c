//! When certificates are made anew, as a pure function of what there is and of the time.
//!
//! A certificate is replaced when a third of its life is left. An authority is replaced so early as well, and nodes trust
//! the new one for a while before the first certificate of it is used: until the kubelet has brought it to the last of
//! them and its VM has read it. The same order mends what somebody has deleted. Without the Secret of the authority there
//! is a new one, and the certificate of the nodes stays until they trust that; without the Secret of the nodes they get
//! another certificate of the same authority.

use jiff::{SignedDuration, Timestamp};

/// How long things are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The certificates of nodes and operator.
    pub certificate: SignedDuration,
    /// The authority of a cluster.
    pub authority: SignedDuration,
    /// How long nodes trust a new authority before it is used.
    pub overlap: SignedDuration,
}

impl Default for Lifetimes {
    /// 90 days and ten years. A kubelet takes two minutes at most to bring a Secret, and the VM two more to read it again;
    /// an hour leaves room for a kubelet that is away.
    fn default() -> Self {
        let day = SignedDuration::from_hours(24);
        Self { certificate: day * 90, authority: day * 3650, overlap: SignedDuration::from_hours(1) }
    }
}

impl Lifetimes {
    /// When a certificate that ends then is replaced.
    #[must_use]
    pub fn renewal_of_certificate(&self, end: Timestamp) -> Timestamp {
        before(end, self.certificate / 3)
    }

    /// When an authority that ends then is replaced.
    #[must_use]
    pub fn renewal_of_authority(&self, end: Timestamp) -> Timestamp {
        before(end, self.authority / 3)
    }
}

/// In whole seconds, as it is noted: not before the time, or it would be looked at too early and not again.
fn before(end: Timestamp, lead: SignedDuration) -> Timestamp {
    let time = end.checked_sub(lead).unwrap_or(Timestamp::MIN);
    let second = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second(second).unwrap_or(time)
}

/// In whole seconds, as certificates have it.
fn after(now: Timestamp, time: SignedDuration) -> Timestamp {
    let time = now.checked_add(time).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A certificate that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// When it ends.
    pub end: Timestamp,
    /// Whether the present authority has made it.
    pub is_of_authority: bool,
}

/// What there is. What cannot be read is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// When the present authority ends.
    pub authority: Option<Timestamp>,
    /// The certificate of the operator.
    pub operator: Option<Leaf>,
    /// The certificate of the nodes.
    pub nodes: Option<Leaf>,
    /// Whether the present authority is among those that nodes trust.
    pub is_trusted: bool,
    /// When the Secret of the nodes was to be looked at again: for an authority that is trusted and not used yet, when it
    /// may be used.
    pub again: Option<Timestamp>,
}

/// What to make anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The authority.
    pub authority: bool,
    /// The certificate of the operator.
    pub operator: bool,
    /// The certificate of the nodes.
    pub nodes: bool,
}

/// What to make anew of what there is now.
#[must_use]
pub fn due(found: &Found, lifetimes: &Lifetimes, now: Timestamp) -> Due {
    let authority = found.authority.is_none_or(|end| now >= lifetimes.renewal_of_authority(end));
    let is_own = |leaf: Leaf| leaf.is_of_authority && !authority;
    let may_be_used = !authority && found.is_trusted && found.again.is_none_or(|again| now >= again);
    let is_due = |leaf: Option<Leaf>, changes: bool| match leaf {
        None => true,
        Some(leaf) if now >= leaf.end => true,
        Some(leaf) if is_own(leaf) => now >= lifetimes.renewal_of_certificate(leaf.end),
        Some(_) => changes,
    };
    let nodes = is_due(found.nodes, may_be_used);
    // Nodes that show a certificate of the authority trust it.
    let is_in_use = found.nodes.is_some_and(is_own);
    Due { authority, operator: is_due(found.operator, may_be_used || is_in_use), nodes }
}

/// When what is made now will end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The authority, made now or before.
    pub authority: Timestamp,
    /// A certificate of it.
    pub certificate: Timestamp,
}

impl Ends {
    /// The end of what is due.
    #[must_use]
    pub fn of(found: &Found, due: &Due, lifetimes: &Lifetimes, now: Timestamp) -> Self {
        let present = found.authority.filter(|_| !due.authority);
        let authority = present.unwrap_or_else(|| after(now, lifetimes.authority));
        // Nobody takes a certificate that outlives its authority.
        Self { authority, certificate: after(now, lifetimes.certificate).min(authority) }
    }
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// At the Secret of the authority.
    pub authority: Timestamp,
    /// At that of the nodes.
    pub nodes: Timestamp,
}

/// When to look again once that which is due was made.
#[must_use]
pub fn again(found: &Found, due: &Due, ends: &Ends, lifetimes: &Lifetimes, now: Timestamp) -> Again {
    let is_own = |leaf: &Leaf| leaf.is_of_authority && !due.authority;
    let renewal = |made: bool, leaf: Option<Leaf>| {
        let end = if made { Some(ends.certificate) } else { leaf.filter(is_own).map(|leaf| leaf.end) };
        end.map(|end| lifetimes.renewal_of_certificate(end))
    };
    // Until then nodes show a certificate of an earlier authority, but none that has ended.
    let noted = found.again.filter(|_| found.is_trusted && !due.authority);
    let may_be_used = noted.unwrap_or_else(|| after(now, lifetimes.overlap));
    let waiting = found.nodes.map_or(may_be_used, |leaf| may_be_used.min(leaf.end));
    let nodes = renewal(due.nodes, found.nodes).unwrap_or(waiting);
    let operator = renewal(due.operator, found.operator).unwrap_or(nodes);
    Again { authority: lifetimes.renewal_of_authority(ends.authority).min(operator), nodes }
}
