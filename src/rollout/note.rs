//! What is noted on the record of a revision, as the text of an annotation.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that is noted as JSON.
pub trait Note: Serialize + DeserializeOwned {
    /// The text of the annotation.
    #[must_use]
    fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the text of an annotation says. One that nobody can read says nothing.
    #[must_use]
    fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
