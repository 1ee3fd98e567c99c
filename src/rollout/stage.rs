//! What is noted about the way of a revision through its strategy.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Note;

/// How far a revision has come, as it is noted on its record. What it says of steps counts for one time that the revision
/// is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The number that the revision had.
    pub number: i64,
    /// Canary: how many steps are done.
    #[serde(default)]
    pub step: u32,
    /// Canary: since when the step after those is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Timestamp>,
    /// BlueGreen: that traffic goes to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted: Option<Promoted>,
    /// What was asked for last by annotation, as an annotation and its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// That traffic was switched to a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promoted {
    /// When.
    pub at: Timestamp,
    /// The uid of what ran it then: one that is made anew has to prove itself anew.
    pub uid: Box<str>,
}

impl Note for Stage {}
