//! What releases cost, in figures.

use super::Arguments;
use super::bed::Phase;
use super::phases::Plain;
use super::report::{Figure, Report, count};

/// Everything that was measured.
pub(super) struct Measured {
    pub(super) start: Phase,
    pub(super) creation: Phase,
    pub(super) rest: Phase,
    pub(super) restart: Phase,
    pub(super) update: Phase,
    /// How many children there were before the image changed.
    pub(super) children: usize,
    /// How long it took to make the same without the operator.
    pub(super) plain: Plain,
}

/// The figures of these releases.
pub(super) fn report(arguments: &Arguments, load: [f64; 2], measured: &Measured) -> Report {
    let Arguments { releases, foreign, .. } = arguments;
    let phases = [
        ("start", &measured.start),
        ("creation", &measured.creation),
        ("rest", &measured.rest),
        ("restart", &measured.restart),
        ("image", &measured.update),
    ];
    let what = format!("{releases} releases with {} children beside {foreign} objects of others", measured.children);
    let mut figures = memory(measured);
    figures.extend(creation(measured, f64::from(*releases)));
    figures.extend(later(measured, f64::from(*releases)));
    Report::of(what, load, figures, &phases)
}

fn memory(measured: &Measured) -> Vec<Figure> {
    let Measured { start, creation, restart, .. } = measured;
    vec![
        Figure::megabytes("resident memory, no release yet", start.memory.resident).at_most(12.0),
        Figure::megabytes("— without the pages of the program itself", start.memory.anonymous),
        Figure::megabytes("— at its peak, while listing", start.memory.peak),
        Figure::megabytes("resident memory, all releases made", creation.memory.resident).at_most(40.0),
        Figure::megabytes("— without the pages of the program itself", creation.memory.anonymous),
        Figure::megabytes("— at its peak, while making them", creation.memory.peak),
        Figure::megabytes("resident memory after a restart", restart.memory.resident).at_most(40.0),
        Figure::megabytes("— at its peak, while listing", restart.memory.peak),
    ]
}

fn creation(measured: &Measured, releases: f64) -> Vec<Figure> {
    let Measured { creation: Phase { requests, took, .. }, children, plain, .. } = measured;
    let each = |measure, requests: usize| Figure::new(measure, count(requests) / releases, "");
    let took = took.as_secs_f64();
    let [objects, statuses, posted] = [plain.objects, plain.statuses, plain.posted].map(|took| took.as_secs_f64());
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
        Figure::new("— of the same requests, sent plainly", objects + statuses, "s"),
        Figure::new("— ratio of the two", took / (objects + statuses), "").at_most(1.3),
        Figure::new("— of those for releases and children, without the statuses", objects, "s"),
        Figure::new("— ratio to them", took / objects, ""),
        Figure::new("— of POSTs for releases and children, which record no owner of a field", posted, "s"),
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
