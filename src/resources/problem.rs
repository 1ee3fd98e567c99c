//! What is wrong with a release, in the words of the person who wrote it.

use std::fmt;

/// One thing that is wrong, and the field to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field as it was written, such as `spec.podTemplate.spec.containers[0].image`.
    pub field: String,
    /// What is wrong with it and what to do about it.
    pub message: String,
}

impl Problem {
    /// A problem with a field.
    #[must_use]
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
