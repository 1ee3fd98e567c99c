//! The figures: what was measured, what it should be, and whether it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Arguments;
use super::phases::Phase;

/// Everything that was measured.
pub(super) struct Measured {
    pub(super) start: Phase,
    pub(super) creation: Phase,
    pub(super) rest: Phase,
    pub(super) restart: Phase,
    pub(super) update: Phase,
    /// How many children there were before the image changed.
    pub(super) children: usize,
    /// How long plain requests took to make the releases and that many: by the requests of the operator, and by POSTs.
    pub(super) plain: [Duration; 2],
}

/// The figures, and what they were measured on.
#[derive(Serialize)]
pub(super) struct Report {
    releases: u32,
    foreign: u32,
    children: usize,
    cores: usize,
    /// What the whole machine was busy with, before and after.
    load: [f64; 2],
    figures: Vec<Figure>,
    /// How many requests of each kind there were in each phase.
    requests: BTreeMap<&'static str, BTreeMap<String, usize>>,
}

/// A figure, and the most that it should be.
#[derive(Serialize)]
struct Figure {
    measure: &'static str,
    value: f64,
    unit: &'static str,
    goal: Option<f64>,
    met: Option<bool>,
}

impl Figure {
    fn new(measure: &'static str, value: f64, unit: &'static str) -> Self {
        Self { measure, value, unit, goal: None, met: None }
    }

    fn at_most(self, goal: f64) -> Self {
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
    pub(super) fn of(arguments: &Arguments, load: [f64; 2], measured: &Measured) -> Self {
        let phases = [
            ("start", &measured.start),
            ("creation", &measured.creation),
            ("rest", &measured.rest),
            ("restart", &measured.restart),
            ("image", &measured.update),
        ];
        let mut figures = memory(measured);
        figures.extend(creation(measured, f64::from(arguments.releases)));
        figures.extend(later(measured, f64::from(arguments.releases)));
        Self {
            releases: arguments.releases,
            foreign: arguments.foreign,
            children: measured.children,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load,
            figures,
            requests: phases.into_iter().map(|(name, phase)| (name, phase.requests.by_kind())).collect(),
        }
    }

    /// The figures for a reader, as Markdown.
    pub(super) fn table(&self) -> String {
        let Self { releases, foreign, children, cores, load: [before, after], .. } = self;
        let mut text = format!(
            "{releases} releases with {children} children beside {foreign} objects of others, on {cores} cores \
             (load of the machine {before} before, {after} after)\n\n"
        );
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
        let phases = ["start", "creation", "rest", "restart", "image"];
        let mut text =
            format!("| {:<40} | {} |\n|{}\n", "requests", phases.join(" | "), " --- |".repeat(phases.len() + 1));
        let kinds: BTreeSet<_> = self.requests.values().flat_map(BTreeMap::keys).collect();
        for kind in kinds {
            let counts = phases.map(|phase| self.requests[phase].get(kind).copied().unwrap_or_default().to_string());
            let _ = writeln!(text, "| {kind:<40} | {} |", counts.join(" | "));
        }
        text
    }
}

fn memory(measured: &Measured) -> Vec<Figure> {
    let Measured { start, creation, restart, .. } = measured;
    let megabytes = |measure, bytes| Figure::new(measure, count(bytes) / 1e6, "MB");
    vec![
        megabytes("resident memory, no release yet", start.memory.resident).at_most(12.0),
        megabytes("— without the pages of the program itself", start.memory.anonymous),
        megabytes("— at its peak, while listing", start.memory.peak),
        megabytes("resident memory, all releases made", creation.memory.resident).at_most(40.0),
        megabytes("— without the pages of the program itself", creation.memory.anonymous),
        megabytes("— at its peak, while making them", creation.memory.peak),
        megabytes("resident memory after a restart", restart.memory.resident).at_most(40.0),
        megabytes("— at its peak, while listing", restart.memory.peak),
    ]
}

fn creation(measured: &Measured, releases: f64) -> Vec<Figure> {
    let Measured { creation: Phase { requests, took, .. }, children, plain, .. } = measured;
    let each = |measure, requests: usize| Figure::new(measure, count(requests) / releases, "");
    let (took, [applied, posted]) = (took.as_secs_f64(), plain.map(|took| took.as_secs_f64()));
    vec![
        each("requests for a release", requests.caused()),
        Figure::new("writes for a child", count(requests.child_writes()) / count(*children), "").at_most(1.0),
        Figure::new("— for the child with the most", count(requests.most_writes_of_a_child()), "").at_most(1.0),
        each("status writes for a release", requests.status_writes()).at_most(2.0),
        Figure::new("— for the release with the most", count(requests.most_status_writes()), "").at_most(2.0),
        each("reads for a release", requests.gets() + requests.lists()).at_most(0.0),
        each("events for a release", requests.events()),
        Figure::new("requests that were refused", count(requests.refused()), "").at_most(0.0),
        Figure::new("time from the first release to the last write", took, "s"),
        Figure::new("— of the same requests for releases and children, sent plainly", applied, "s"),
        Figure::new("— ratio of the two", took / applied, "").at_most(1.3),
        Figure::new("— of plain POSTs for the same, which record no owner of a field", posted, "s"),
        Figure::new("— ratio to them", took / posted, ""),
    ]
}

fn later(measured: &Measured, releases: f64) -> Vec<Figure> {
    let Measured { rest, restart, update, .. } = measured;
    vec![
        Figure::new("requests in a minute at rest, beside watches and the Lease", count(rest.requests.caused()), "")
            .at_most(0.0),
        Figure::new("— watches that were renewed", count(rest.requests.watches()), ""),
        Figure::new("— for the Lease", count(rest.requests.of_lease()), ""),
        Figure::new("writes after a restart", count(restart.requests.writes()), "").at_most(0.0),
        Figure::new("— reads of single objects", count(restart.requests.gets()), ""),
        Figure::new("— pages of lists", count(restart.requests.lists()), ""),
        Figure::new("— time until every release has been looked at", restart.took.as_secs_f64(), "s"),
        Figure::new("writes of children for a new image", count(update.requests.child_writes()) / releases, ""),
        Figure::new("— status writes", count(update.requests.status_writes()) / releases, "").at_most(2.0),
        Figure::new("— events", count(update.requests.events()) / releases, ""),
        Figure::new("— reads", count(update.requests.gets() + update.requests.lists()) / releases, "").at_most(0.0),
        Figure::new("— time for all releases", update.took.as_secs_f64(), "s"),
    ]
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
fn count(number: impl TryInto<u64>) -> f64 {
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
