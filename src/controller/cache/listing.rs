//! Telling what has gone from what a list no longer names.

use std::collections::HashSet;

/// One event of a watch, whatever it watches.
#[derive(Clone, Debug)]
pub enum Change<K> {
    /// A list begins. What it does not name is gone once it ends.
    Begin,
    /// An object exists.
    Seen(K),
    /// An object was deleted.
    Gone(K),
    /// The list is complete.
    End,
}

impl<K> Change<K> {
    /// The same change of a part of the object.
    pub fn map<T>(self, part: impl FnOnce(K) -> T) -> Change<T> {
        match self {
            Self::Begin => Change::Begin,
            Self::Seen(object) => Change::Seen(part(object)),
            Self::Gone(object) => Change::Gone(part(object)),
            Self::End => Change::End,
        }
    }
}

/// The objects that a list in progress has named. Between lists it remembers nothing.
#[derive(Debug, Default)]
pub(super) struct Listing(Option<HashSet<Box<str>>>);

impl Listing {
    pub(super) fn begin(&mut self) {
        self.0 = Some(HashSet::new());
    }

    pub(super) fn note(&mut self, id: &str) {
        if let Some(named) = &mut self.0 {
            named.insert(id.into());
        }
    }

    pub(super) fn end(&mut self) -> HashSet<Box<str>> {
        self.0.take().unwrap_or_default()
    }
}
