//! What the person who installs the operator can decide, as flags of `beam-operator run` and as environment variables.
//!
//! Everything is read once, here, and checked before anything starts: a reconcile never looks at the environment, and a
//! mistake ends the process with the name of the flag instead of showing up hours later. Durations are whole seconds.

mod certificates;

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

pub use certificates::CertificateSettings;

use super::server::ListenAddress;
use super::telemetry::{LogFilter, LogFormat};
use crate::resources::syntax::{is_dns_label, is_object_name};

/// Settings of `beam-operator run`.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Namespaces to watch, separated by commas; empty means all of them.
    #[arg(long, env = "WATCH_NAMESPACE", value_name = "NAMESPACES", default_value = "", hide_default_value = true)]
    pub watch_namespace: WatchScope,

    /// DNS domain of the cluster, the last part of the names of Services.
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local", value_parser = cluster_domain)]
    pub cluster_domain: String,

    /// Namespace the operator runs in, where its Lease lives [default: that of the service account or kubeconfig].
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", value_parser = namespace)]
    pub pod_namespace: Option<String>,

    /// Name of the operator's pod, shown as the Lease's holder and as the reporter of events [default: the host name].
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,

    /// UID of the operator's pod. With it a restarted container takes its Lease back at once; without it, it waits until
    /// the Lease has expired.
    #[arg(long, env = "POD_UID", value_name = "UID")]
    pub pod_uid: Option<String>,

    /// Leader election; needed as soon as two replicas run.
    #[command(flatten)]
    pub election: ElectionSettings,

    /// Releases that are reconciled at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// Threads that run the operator.
    #[arg(long, value_name = "COUNT", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub worker_threads: u16,

    /// Seconds after which a release is looked at again although nothing has changed, to repair what no watch shows.
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds::<60, 604_800>)]
    pub resync_interval: Duration,

    /// Look at the nodes of releases through the Erlang distribution protocol; false: never connect to any.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_value_t = true, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set)]
    pub observation: bool,

    /// Seconds a request to the API server may take, its retries and its body included; watches are exempt.
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds::<1, 300>)]
    pub request_timeout: Duration,

    /// Address of /metrics: IP:PORT, or :PORT for every address of the pod.
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    pub metrics_address: ListenAddress,

    /// Address of /healthz and /readyz: IP:PORT, or :PORT for every address of the pod.
    #[arg(long, value_name = "ADDRESS", default_value = ":8081")]
    pub health_address: ListenAddress,

    /// How long certificates are valid.
    #[command(flatten)]
    pub certificates: CertificateSettings,

    /// Shape of log lines.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Least severe level that is logged: error, warn, info, debug, trace, or `target=level` pairs separated by commas.
    #[arg(long, env = "RUST_LOG", value_name = "LEVEL", default_value = "info")]
    pub log_level: LogFilter,
}

/// Settings of leader election. The defaults send six requests a minute from the leader, twelve from each standby.
#[derive(Args, Clone, Debug)]
pub struct ElectionSettings {
    /// Work only while holding the Lease [default: true inside a cluster, false outside].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub leader_elect: Option<bool>,

    /// Name of the Lease.
    #[arg(long, value_name = "NAME", default_value = "beam-operator")]
    pub lease_name: String,

    /// Seconds that a standby waits after the last renewal it saw before it takes the Lease.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds::<9, 3600>)]
    pub lease_duration: Duration,

    /// Seconds after its last successful renewal at which a leader stops; it renews after half of them.
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds::<6, 3600>)]
    pub lease_renew_deadline: Duration,

    /// Seconds between two looks of a standby.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds::<1, 3600>)]
    pub lease_retry_period: Duration,
}

/// A combination of settings that cannot work.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("--{flag} {problem}")]
pub struct InvalidSetting {
    /// The flag to change, without its dashes.
    pub flag: &'static str,
    /// What is wrong with its value.
    pub problem: String,
}

impl Settings {
    /// Checks what no flag can check alone.
    ///
    /// # Errors
    /// The first flag whose value contradicts another's.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        self.election.validate()
    }
}

impl ElectionSettings {
    /// Whether this process takes part in leader election.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.leader_elect.unwrap_or_else(|| std::env::var_os("KUBERNETES_SERVICE_HOST").is_some())
    }

    fn validate(&self) -> Result<(), InvalidSetting> {
        if self.lease_renew_deadline >= self.lease_duration {
            return Err(InvalidSetting {
                flag: "lease-renew-deadline",
                problem: format!(
                    "must be shorter than --lease-duration ({} s), or two leaders could work at once",
                    self.lease_duration.as_secs()
                ),
            });
        }
        if self.lease_retry_period > self.lease_duration {
            return Err(InvalidSetting {
                flag: "lease-retry-period",
                problem: format!(
                    "must not be longer than --lease-duration ({} s), or a standby sees too late that the lease is free",
                    self.lease_duration.as_secs()
                ),
            });
        }
        Ok(())
    }
}

/// Where the operator looks for releases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchScope {
    /// Every namespace, with cluster-wide permissions.
    Cluster,
    /// These namespaces only, with permissions in each.
    Namespaces(BTreeSet<String>),
}

impl WatchScope {
    /// One entry for each set of watches: `None` for all namespaces, or the name of each namespace.
    pub fn namespaces(&self) -> impl Iterator<Item = Option<&str>> {
        let (cluster, named) = match self {
            Self::Cluster => (Some(None), None),
            Self::Namespaces(names) => (None, Some(names.iter().map(|name| Some(name.as_str())))),
        };
        cluster.into_iter().chain(named.into_iter().flatten())
    }
}

impl FromStr for WatchScope {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names = names.map(namespace).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(if names.is_empty() { Self::Cluster } else { Self::Namespaces(names) })
    }
}

/// Parses whole seconds between `MIN` and `MAX`.
pub(super) fn seconds<const MIN: u64, const MAX: u64>(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) if (MIN..=MAX).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("expected whole seconds from {MIN} to {MAX}")),
    }
}

pub(super) fn namespace(name: &str) -> Result<String, String> {
    if name.len() <= 63 && is_dns_label(name) {
        Ok(name.to_owned())
    } else {
        Err(format!("{name:?} is not the name of a namespace"))
    }
}

fn cluster_domain(domain: &str) -> Result<String, String> {
    let domain = domain.trim_end_matches('.');
    if is_object_name(domain) && domain.split('.').all(|label| label.len() <= 63) {
        Ok(domain.to_owned())
    } else {
        Err("expected a DNS domain such as cluster.local".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::tls::renewal::Lifetimes;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        settings: Settings,
    }

    fn parse(arguments: &[&str]) -> Result<Settings, String> {
        let cli = Cli::try_parse_from([&["run"], arguments].concat()).map_err(|error| error.to_string())?;
        cli.settings.validate().map_err(|error| error.to_string())?;
        Ok(cli.settings)
    }

    #[test]
    fn defaults_are_valid() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.watch_namespace, WatchScope::Cluster);
        assert_eq!(settings.cluster_domain, "cluster.local");
        assert_eq!(settings.concurrency, 16);
        assert_eq!(Lifetimes::from(&settings.certificates), Lifetimes::default());
        assert_eq!(settings.election.lease_duration, Duration::from_secs(30));
    }

    #[rstest]
    #[case("", &[None])]
    #[case(" , ", &[None])]
    #[case("store", &[Some("store")])]
    #[case("store, blog,store", &[Some("blog"), Some("store")])]
    fn watch_namespace_is_a_list(#[case] list: &str, #[case] expect: &[Option<&str>]) {
        let scope: WatchScope = list.parse().unwrap();
        assert_eq!(scope.namespaces().collect::<Vec<_>>(), expect);
    }

    /// OLM writes an empty list where it installs for all namespaces, so it has to be a value and no mistake.
    #[rstest]
    #[case("--watch-namespace=", WatchScope::Cluster)]
    #[case("--watch-namespace=store,blog", WatchScope::Namespaces(["blog".to_owned(), "store".to_owned()].into()))]
    fn an_empty_list_of_namespaces_is_all_of_them(#[case] argument: &str, #[case] expect: WatchScope) {
        assert_eq!(parse(&[argument]).unwrap().watch_namespace, expect);
    }

    #[rstest]
    #[case(&[], true)]
    #[case(&["--observation"], true)]
    #[case(&["--observation=false"], false)]
    fn observation_is_a_switch_with_a_value(#[case] arguments: &[&str], #[case] expect: bool) {
        assert_eq!(parse(arguments).unwrap().observation, expect);
    }

    #[rstest]
    #[case(&["--leader-elect"], Some(true))]
    #[case(&["--leader-elect=false"], Some(false))]
    #[case(&[], None)]
    fn leader_elect_is_a_switch_with_a_value(#[case] arguments: &[&str], #[case] expect: Option<bool>) {
        assert_eq!(parse(arguments).unwrap().election.leader_elect, expect);
    }

    #[rstest]
    #[case(&["--watch-namespace=Store"], &["--watch-namespace", "\"Store\" is not the name of a namespace"])]
    #[case(&["--cluster-domain=a..b"], &["--cluster-domain", "expected a DNS domain"])]
    #[case(&["--concurrency=0"], &["--concurrency", "1..=256"])]
    #[case(&["--worker-threads=none"], &["--worker-threads"])]
    #[case(&["--resync-interval=5"], &["--resync-interval", "from 60 to 604800"])]
    #[case(&["--request-timeout=1.5"], &["--request-timeout", "expected whole seconds"])]
    #[case(&["--metrics-address=localhost"], &["--metrics-address", "IP:PORT or :PORT"])]
    #[case(&["--log-format=xml"], &["--log-format", "text, json"])]
    #[case(&["--log-level=loud=="], &["--log-level"])]
    #[case(&["--lease-duration=20"], &["--lease-renew-deadline", "--lease-duration (20 s)"])]
    #[case(&["--lease-retry-period=31"], &["--lease-retry-period", "--lease-duration (30 s)"])]
    fn mistakes_name_the_flag(#[case] arguments: &[&str], #[case] expect: &[&str]) {
        let error = parse(arguments).unwrap_err();
        for part in expect {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}
