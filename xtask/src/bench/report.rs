//! The figures: what was measured, what it should be, and whether it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

use super::bed::Phase;

/// The figures, and what they were measured on.
#[derive(Serialize)]
pub(super) struct Report {
    /// What was measured.
    what: String,
    cores: usize,
    /// What the whole machine was busy with, before and after.
    load: [f64; 2],
    figures: Vec<Figure>,
    /// The phases in their order.
    phases: Vec<&'static str>,
    /// How many requests of each kind there were in each phase.
    requests: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

/// A figure, and the most that it should be.
#[derive(Serialize)]
pub(super) struct Figure {
    measure: &'static str,
    value: f64,
    unit: &'static str,
    goal: Option<f64>,
    met: Option<bool>,
}

impl Figure {
    pub(super) fn new(measure: &'static str, value: f64, unit: &'static str) -> Self {
        Self { measure, value, unit, goal: None, met: None }
    }

    pub(super) fn megabytes(measure: &'static str, bytes: u64) -> Self {
        Self::new(measure, count(bytes) / 1e6, "MB")
    }

    pub(super) fn at_most(self, goal: f64) -> Self {
        Self { met: Some(self.value <= goal), goal: Some(goal), ..self }
    }

    fn row(&self) -> String {
        let Self { measure, value, unit, goal, met } = self;
        let goal = goal.map(|goal| if goal == 0.0 { "none".to_owned() } else { format!("≤ {goal} {unit}") });
        let met = met.map(|met| if met { "yes" } else { "no" });
        format!(
            "| {measure:<62} | {:<12} | {:<8} | {:<3} |\n",
            format!("{} {unit}", rounded(*value)).trim_end(),
            goal.as_deref().unwrap_or_default().trim_end(),
            met.unwrap_or_default()
        )
    }
}

impl Report {
    pub(super) fn of(what: String, load: [f64; 2], figures: Vec<Figure>, phases: &[(&'static str, &Phase)]) -> Self {
        Self {
            what,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load,
            figures,
            phases: phases.iter().map(|(name, _)| *name).collect(),
            requests: phases.iter().map(|(name, phase)| (*name, phase.requests.by_kind())).collect(),
        }
    }

    /// The figures for a reader, as Markdown.
    pub(super) fn table(&self) -> String {
        let Self { what, cores, load: [before, after], .. } = self;
        let mut text = format!("{what}, on {cores} cores (load of the machine {before} before, {after} after)\n\n");
        let _ =
            writeln!(text, "| {:<62} | {:<12} | {:<8} | met |\n| --- | --- | --- | --- |", "measure", "value", "goal");
        for figure in &self.figures {
            text.push_str(&figure.row());
        }
        text.push('\n');
        text.push_str(&self.requests_table());
        text
    }

    fn requests_table(&self) -> String {
        let phases = &self.phases;
        let mut text =
            format!("| {:<40} | {} |\n|{}\n", "requests", phases.join(" | "), " --- |".repeat(phases.len() + 1));
        let kinds: BTreeSet<_> = self.requests.values().flat_map(BTreeMap::keys).collect();
        for kind in kinds {
            let count = |phase| self.requests[phase].get(kind).copied().unwrap_or_default().to_string();
            let counts: Vec<_> = phases.iter().map(count).collect();
            let _ = writeln!(text, "| {kind:<40} | {} |", counts.join(" | "));
        }
        text
    }
}

/// How many processes wanted to run in the last minute.
pub(super) fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    text.split(' ').next().and_then(|load| load.parse().ok()).context("the kernel tells no load")
}

/// Two decimals at most.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// As a number to divide. What is counted here is far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts and bytes of one process")]
pub(super) fn count(number: impl TryInto<u64>) -> f64 {
    number.try_into().unwrap_or(u64::MAX) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_a_limit() {
        assert_eq!(Figure::new("ratio", 1.3, "").at_most(1.3).met, Some(true));
        assert_eq!(Figure::new("ratio", 1.31, "").at_most(1.3).met, Some(false));
        assert_eq!(Figure::new("ratio", 1.31, "").met, None);
    }

    #[test]
    fn a_row_says_what_it_should_be() {
        let cells = |figure: Figure| figure.row().split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let figure = Figure::new("memory", 11.996, "MB").at_most(12.0);
        assert_eq!(cells(figure)[1..5], ["memory", "12 MB", "≤ 12 MB", "yes"]);
        assert_eq!(cells(Figure::new("reads", 2.0, "").at_most(0.0))[1..5], ["reads", "2", "none", "no"]);
    }
}
