//! What it costs to watch nodes, in figures.

use super::Watched;
use crate::bench::report::{Figure, Report, count};

/// The most that watching a thousand nodes should take, in megabytes.
const MEMORY_FOR_A_THOUSAND: f64 = 20.0;

/// The figures of these nodes.
pub(in crate::bench) fn report(load: [f64; 2], watched: &Watched) -> Report {
    let Watched { nodes, meshes, .. } = watched;
    let what = format!("{nodes} simulated nodes in {meshes} releases, each a whole mesh");
    let phases = [
        ("start", &watched.start),
        ("creation", &watched.creation),
        ("watching", &watched.watching),
        ("rest", &watched.rest),
        ("partition", &watched.partition),
    ];
    let mut figures = process(watched);
    figures.extend(at_rest(watched));
    figures.extend(statuses(watched));
    Report::of(what, load, figures, &phases)
}

fn process(watched: &Watched) -> Vec<Figure> {
    let [before, after] = [&watched.creation.memory, &watched.rest.memory];
    let [threads_before, threads_after] = watched.threads;
    let nodes = f64::from(watched.nodes);
    let more = (count(after.resident) - count(before.resident)) / 1e6;
    vec![
        Figure::megabytes("resident memory, no release yet", watched.start.memory.resident),
        Figure::megabytes("resident memory, the releases made and no pod yet", before.resident),
        Figure::megabytes("— without the pages of the program itself", before.anonymous),
        Figure::megabytes("resident memory, all nodes watched", after.resident),
        Figure::megabytes("— without the pages of the program itself", after.anonymous),
        Figure::megabytes("— at its peak until then", after.peak),
        Figure::new("memory for watching the nodes", more, "MB").at_most(MEMORY_FOR_A_THOUSAND * nodes / 1e3),
        Figure::new("— for each node", more * 1e3 / nodes, "kB"),
        Figure::new("threads, no pod yet", count(threads_before), ""),
        Figure::new("threads, all nodes watched", count(threads_after), "").at_most(count(threads_before)),
    ]
}

fn at_rest(watched: &Watched) -> Vec<Figure> {
    let Watched { rest, traffic, .. } = watched;
    let nodes = f64::from(watched.nodes);
    let each = |measure, messages: u64| Figure::new(measure, count(messages) / nodes, "");
    let (bytes, series) = watched.metrics;
    vec![
        Figure::new("nodes without a connection of the operator", missing(watched, watched.connected), "").at_most(0.0),
        Figure::new("requests in a minute at rest, beside watches and the Lease", count(rest.requests.caused()), "")
            .at_most(0.0),
        each(
            "messages of a node in a minute at rest",
            traffic.calls + traffic.answers + traffic.ticks_heard + traffic.ticks_sent,
        ),
        each("— calls", traffic.calls),
        each("— answers", traffic.answers),
        each("— ticks of the operator", traffic.ticks_heard),
        each("— ticks of the node", traffic.ticks_sent),
        Figure::new("size of the metrics", count(bytes) / 1e3, "kB"),
        Figure::new("— series of nodes", count(series), ""),
    ]
}

fn statuses(watched: &Watched) -> Vec<Figure> {
    let Watched { watching, partition, told, told_apart, .. } = watched;
    let meshes = f64::from(watched.meshes);
    let others = |reported: usize| count(reported.saturating_sub(1));
    vec![
        Figure::new("nodes that no status tells as clustered", missing(watched, told.clustered), "").at_most(0.0),
        Figure::new(
            "status writes for a release until all is told",
            count(watching.requests.status_writes()) / meshes,
            "",
        ),
        Figure::new("— for the release with the most", count(watching.requests.most_status_writes()), ""),
        Figure::new("— events", count(watching.requests.events()) / meshes, ""),
        Figure::new("— writes of children", count(watching.requests.child_writes()), "").at_most(0.0),
        Figure::new("— reads, one of the cookie for a release", count(watching.requests.gets()) / meshes, ""),
        Figure::new("status writes for a partition", count(partition.requests.status_writes()), ""),
        Figure::new("— events", count(partition.requests.events()), ""),
        Figure::new("— of other releases", others(partition.requests.reported_releases()), "").at_most(0.0),
        Figure::new(
            "— other requests",
            count(partition.requests.caused() - partition.requests.status_writes() - partition.requests.events()),
            "",
        )
        .at_most(0.0),
        Figure::new("— nodes that are told as partitioned", count(told_apart.partitioned), ""),
    ]
}

fn missing(watched: &Watched, found: usize) -> f64 {
    f64::from(watched.nodes) - count(found)
}
