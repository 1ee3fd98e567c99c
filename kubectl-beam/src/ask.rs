//! Asking for something, and waiting until the operator says what became of it.
//!
//! The release is read again and again rather than watched: that takes no more rights than `get`, and a connection that is
//! lost is no different from an answer that is late.

use std::time::Duration;

use anyhow::{Context as _, Result};
use beam_operator::api::ElixirRelease;
use jiff::Timestamp;
use kube::ResourceExt as _;
use thiserror::Error;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::answer::{self, Answer, Wish, never, why_not};
use crate::cli::{Options, Request};
use crate::cluster::Cluster;
use crate::error::Error as Unanswered;

/// How kubectl names the kind in what it tells.
const KIND: &str = "elixirrelease.beam-operator.io";
/// Time between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What is told of a wish that was fulfilled, or asked for only.
#[derive(Debug)]
pub struct Told {
    /// For standard output.
    pub text: String,
    /// For standard error.
    pub warnings: Vec<String>,
}

/// Why a wish was not fulfilled.
#[derive(Debug, Error)]
pub enum Failure {
    /// The operator said no.
    #[error("{0} was not {1}: {2}")]
    Refused(String, &'static str, String),
    /// Somebody has asked for something else.
    #[error(
        "{0} was not {1}: somebody has changed the annotation since. What it asks for now: kubectl beam status {0} -n {2}"
    )]
    Overtaken(String, &'static str, String),
    /// There is no answer yet.
    #[error(
        "the operator has not answered {wish} yet. That stands: kubectl beam status {name} -n {namespace} tells what becomes \
         of it. {why}"
    )]
    Open {
        /// The release.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What was asked for.
        wish: Wish,
        /// Why there is no answer, as far as it is known.
        why: String,
    },
}

impl Failure {
    /// Whether there may be an answer later.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// Asks, and waits for the answer unless it is told not to.
pub async fn run(cluster: &Cluster, request: &Request, now: Timestamp) -> Result<Told> {
    let Options { name, no_wait, timeout } = request.options();
    let wish = Wish::of(request, now);
    let release = cluster.annotate(name, wish.verb.annotation(), wish.value.as_deref()).await?;
    if *no_wait {
        let namespace = &cluster.namespace;
        let text = format!(
            "{KIND}/{name} annotated with {wish}; kubectl beam status {name} -n {namespace} tells what becomes of it\n"
        );
        return Ok(Told { text, warnings: answer::warnings(&release, &wish) });
    }
    let (release, answer) = wait(cluster, release, &wish, Instant::now() + *timeout).await?;
    match answer {
        Answer::Done(message) => {
            let text = format!("{KIND}/{name} {}: {message}\n", wish.done);
            Ok(Told { text, warnings: answer::warnings(&release, &wish) })
        }
        Answer::Refused(why) => Err(Failure::Refused(name.clone(), wish.done, why).into()),
        Answer::Overtaken => Err(Failure::Overtaken(name.clone(), wish.done, cluster.namespace.clone()).into()),
    }
}

/// The answer to a wish, and the release that has it.
async fn wait(
    cluster: &Cluster,
    mut release: ElixirRelease,
    wish: &Wish,
    deadline: Instant,
) -> Result<(ElixirRelease, Answer)> {
    let name = release.name_any();
    let open = |why: String| {
        let namespace = cluster.namespace.clone();
        Failure::Open { name: name.clone(), namespace, wish: wish.clone(), why }
    };
    let mut failure: Option<Unanswered> = None;
    loop {
        if let Some(answer) = answer::answer(&release, wish) {
            return Ok((release, answer));
        }
        if let Some(never) = never(&release) {
            return Err(open(never.to_owned()).into());
        }
        if Instant::now() >= deadline {
            return Err(open(failure.map_or_else(|| why_not(&release), |error| error.to_string())).into());
        }
        sleep_until(deadline.min(Instant::now() + BETWEEN_LOOKS)).await;
        // One that has not answered by then says nothing more than the last one did.
        let Ok(looked) = timeout_at(deadline + BETWEEN_LOOKS, cluster.release(&name)).await else { continue };
        match looked {
            Ok(seen) => (release, failure) = (seen, None),
            Err(error) if error.is_passing() => failure = Some(error),
            Err(error) => return Err(error).with_context(|| format!("{name} was annotated with {wish}, but then")),
        }
    }
}

#[cfg(test)]
mod tests;
