//! What has to be there before the operator can work: its CRD and its permissions.
//!
//! Without them every watch fails again and again with messages that name neither the cause nor the remedy. So they are
//! looked at first, and while something is missing the process says what and waits: a container that restarts would say
//! the same in more lines, and could not continue by itself once somebody has put it right. Afterwards nothing is sent
//! until the API server refuses something; then it is looked at again, and the work goes on as far as it can.

mod crd;
mod permissions;
mod requirements;

use std::convert::Infallible;
use std::time::Duration;

use kube::{Client, Error};

pub use crd::CustomResource;
pub use permissions::{Permission, Place};
pub use requirements::{CUSTOM_RESOURCE, FOR_ROUTES, PERMISSIONS};

use super::Refusals;
use super::client::describe;
use super::readiness::Readiness;
use super::settings::WatchScope;

/// Time between two looks while something is missing.
const RETRY: Duration = Duration::from_secs(5);

/// Time between two looks when nothing is missing although the API server refuses something.
const PATIENCE: Duration = Duration::from_secs(10);

/// After how many looks an unchanged problem is logged again: once a minute.
const REPEAT: u32 = 12;

const GRANT: &str =
    "permissions are granted by: helm upgrade (with rbac.create=true), or kubectl apply -f deploy/manifests";

/// Where the operator is going to work.
#[derive(Clone, Copy, Debug)]
pub struct Territory<'a> {
    /// The namespaces that are watched.
    pub watched: &'a WatchScope,
    /// The operator's own namespace and the name of its Lease, if it takes part in leader election.
    pub lease: Option<(&'a str, &'a str)>,
}

/// Returns when everything the operator needs is there. Until then `readiness` and the log say what is missing.
pub async fn wait_until_complete(client: &Client, territory: Territory<'_>, readiness: &Readiness) {
    let mut told = Told::default();
    loop {
        let missing = match missing(client, territory).await {
            Ok(missing) if missing.is_empty() => return,
            Ok(missing) => missing,
            Err(error) => vec![format!("the API server does not answer: {}", describe(&error))],
        };
        if let Some(missing) = told.anew(missing) {
            for problem in missing {
                tracing::error!("waiting: {problem}");
            }
            readiness.waiting_for(missing.join("\n"));
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Looks again whenever the API server has refused something. While anything is missing, `readiness` and the log say what.
pub async fn keep_complete(
    client: &Client,
    territory: Territory<'_>,
    readiness: &Readiness,
    refusals: &Refusals,
) -> Infallible {
    loop {
        refusals.next().await;
        let mut told = Told::default();
        loop {
            match missing(client, territory).await {
                Ok(missing) if missing.is_empty() => break,
                Ok(missing) => {
                    if let Some(missing) = told.anew(missing) {
                        for problem in missing {
                            tracing::error!("missing: {problem}");
                        }
                        readiness.lacking(Some(missing.join("\n")));
                    }
                }
                Err(error) => tracing::debug!(error = describe(&error), "what may be missing cannot be asked"),
            }
            tokio::time::sleep(RETRY).await;
        }
        if !told.missing.is_empty() {
            tracing::info!("what was missing is there again");
            readiness.lacking(None);
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

/// What was told of what is missing, and how many looks ago.
#[derive(Default)]
struct Told {
    missing: Vec<String>,
    looks: u32,
}

impl Told {
    /// What is missing, if it is to be told: because it has changed, or once a minute.
    fn anew(&mut self, missing: Vec<String>) -> Option<&[String]> {
        let is_due = missing != self.missing || self.looks.is_multiple_of(REPEAT);
        (self.missing, self.looks) = (missing, self.looks + 1);
        is_due.then_some(&*self.missing)
    }
}

/// Everything that is missing, a sentence each.
async fn missing(client: &Client, territory: Territory<'_>) -> Result<Vec<String>, Error> {
    let mut refused = Vec::new();
    for namespace in territory.watched.namespaces() {
        refused.extend(permissions::missing(client, namespace, &needed(Place::Watched), None).await?);
    }
    if let Some((namespace, lease)) = territory.lease {
        refused.extend(permissions::missing(client, Some(namespace), &needed(Place::Own), Some(lease)).await?);
    }
    if !refused.is_empty() {
        refused.push(GRANT.to_owned());
    }
    Ok(CUSTOM_RESOURCE.missing(client).await?.into_iter().chain(refused).collect())
}

fn needed(place: Place) -> Vec<Permission> {
    PERMISSIONS.iter().filter(|permission| permission.place == place).copied().collect()
}

#[cfg(test)]
mod tests;
