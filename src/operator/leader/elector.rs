//! Carries out an [`Election`] against the API server.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::election::{Election, Failure, Lost, Seen, Step, Timing};
use crate::operator::client::describe;

/// How a Lease is written, named in its managed fields.
const FIELD_MANAGER: &str = "beam-operator-leader";

/// A candidate for one Lease.
#[derive(Debug)]
pub struct Elector {
    leases: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    election: Election,
    /// The holder that was logged last.
    reported: Option<String>,
}

impl Elector {
    /// A candidate called `identity` for the Lease `name` in `namespace`. Sends nothing yet.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: String, identity: String, timing: Timing) -> Self {
        let election = Election::new(identity.clone(), timing, Instant::now());
        Self { leases: Api::namespaced(client, namespace), name, identity, timing, election, reported: None }
    }

    /// Waits until this candidate holds the Lease. Errors are logged and tried again for ever.
    pub async fn acquire(&mut self) -> Result<(), Lost> {
        while !self.election.leading() {
            self.advance().await?;
        }
        tracing::info!(lease = self.name, identity = self.identity, "leading");
        Ok(())
    }

    /// Renews the Lease until it is lost. Only called while leading, and polled without pause: the caller stops all work
    /// as soon as this returns.
    pub async fn hold(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.advance().await {
                return lost;
            }
        }
    }

    /// Gives the Lease back, so that another candidate need not wait until it expires. Best effort: nothing depends on it.
    pub async fn release(&mut self) {
        while self.election.leading() {
            let Some(seen) = self.election.seen().filter(|seen| seen.holder.as_ref() == Some(&self.identity)) else {
                return;
            };
            let spec = json!({"holderIdentity": null, "renewTime": now()});
            match self.patch(seen, spec).await {
                Ok(_) => {
                    tracing::info!(lease = self.name, "released the lease");
                    self.election.released();
                }
                // A renewal that was cut short by the shutdown may have arrived.
                Err(Error::Api(status)) if status.code == 409 => match self.leases.get_opt(&self.name).await {
                    Ok(lease) => self.election.looked(lease.as_ref(), Instant::now()),
                    Err(_) => return,
                },
                Err(error) => {
                    let error = describe(&error);
                    tracing::warn!(lease = self.name, error, "could not release the lease; it will expire");
                    return;
                }
            }
        }
    }

    /// Takes one step of the election.
    async fn advance(&mut self) -> Result<(), Lost> {
        let sent = Instant::now();
        let limit = self.election.request_limit(sent);
        match self.election.next(sent) {
            Step::Stop(lost) => return Err(lost),
            Step::Wait(until) => sleep_until(until).await,
            Step::Look => match within(limit, self.leases.get_opt(&self.name)).await {
                Ok(lease) => {
                    self.election.looked(lease.as_ref(), Instant::now());
                    self.report_holder();
                }
                Err(refusal) => self.failed("read", &refusal, sent),
            },
            Step::Create => {
                let created = within(limit, self.create()).await;
                self.written("create", created, sent);
            }
            Step::Take(seen) => {
                let taken = within(limit, self.patch(&seen, self.taken(&seen))).await;
                self.written("take", taken, sent);
            }
            Step::Renew(seen) => {
                let spec = json!({"renewTime": now(), "leaseDurationSeconds": self.lease_seconds()});
                let renewed = within(limit, self.patch(&seen, spec)).await;
                self.written("renew", renewed, sent);
            }
        }
        Ok(())
    }

    async fn create(&self) -> Result<Lease, Error> {
        let now = MicroTime(k8s_openapi::jiff::Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(self.lease_seconds()),
            lease_transitions: Some(0),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        self.leases.create(&parameters, &Lease { metadata, spec: Some(spec) }).await
    }

    fn taken(&self, seen: &Seen) -> Value {
        let changes_hands = seen.holder.as_ref() != Some(&self.identity);
        json!({
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.lease_seconds(),
            "leaseTransitions": seen.transitions.saturating_add(i32::from(changes_hands)),
            "acquireTime": now(),
            "renewTime": now(),
        })
    }

    /// Patches the Lease that was seen and no other: the resourceVersion makes it a conflict if it has changed since.
    async fn patch(&self, seen: &Seen, spec: Value) -> Result<Lease, Error> {
        let patch = json!({"metadata": {"resourceVersion": seen.resource_version}, "spec": spec});
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.leases.patch(&self.name, &parameters, &Patch::Merge(patch)).await
    }

    fn lease_seconds(&self) -> i32 {
        i32::try_from(self.timing.lease_duration.as_secs()).unwrap_or(i32::MAX)
    }

    fn written(&mut self, attempt: &'static str, result: Result<Lease, Refusal>, sent: Instant) {
        match result {
            Ok(lease) => self.election.wrote(&lease, sent),
            Err(refusal) => self.failed(attempt, &refusal, sent),
        }
    }

    fn failed(&mut self, attempt: &'static str, refusal: &Refusal, sent: Instant) {
        self.election.failed(refusal.failure, sent, Instant::now());
        let Refusal { failure, text } = refusal;
        if *failure == Failure::Conflict {
            tracing::debug!(lease = self.name, attempt, error = text, "leader election: the lease has moved on");
        } else {
            tracing::warn!(lease = self.name, attempt, error = text, "leader election: request failed");
        }
    }

    fn report_holder(&mut self) {
        let holder = self.election.seen().and_then(|seen| seen.holder.clone());
        if self.election.leading() || holder.is_none() || holder == self.reported {
            return;
        }
        tracing::info!(lease = self.name, holder, identity = self.identity, "standing by");
        self.reported = holder;
    }
}

/// A request that failed: what the election makes of it, and what the log says.
struct Refusal {
    failure: Failure,
    text: String,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let failure = match &error {
            Error::Api(status) if status.code == 409 => Failure::Conflict,
            Error::Api(status) if status.code == 404 => Failure::NotFound,
            _ => Failure::Other,
        };
        Self { failure, text: describe(&error) }
    }
}

/// The result of a request, if it comes within `limit`.
async fn within<T>(limit: Duration, request: impl Future<Output = Result<T, Error>>) -> Result<T, Refusal> {
    match timeout(limit, request).await {
        Ok(result) => result.map_err(Refusal::from),
        Err(_) => Err(Refusal { failure: Failure::Other, text: "no answer in time".to_owned() }),
    }
}

fn now() -> Value {
    json!(MicroTime(k8s_openapi::jiff::Timestamp::now()))
}
