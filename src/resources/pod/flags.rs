//! The flags that the operator gives to the virtual machine.
//!
//! `ERL_AFLAGS` stands before `vm.args` and `ERL_ZFLAGS` behind it, but for what comes after an `-extra` there. Of
//! `-kernel inet_dist_listen_*` and `-shutdown_time` the VM takes the first occurrence and of emulator flags such as `+S` the
//! last. The ports go into the first, so that the NetworkPolicy is right about them, all else into the second, each on the
//! side of the user's text that lets the user win.

use k8s_openapi::api::core::v1::{Container, EnvVar};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube_quantity::ParsedQuantity;

use super::tls::Files;
use super::{Draft, pre_stop};
use crate::api::{BusyWait, ElixirRelease, Epmd, ReleaseTool, Schedulers, SchedulersPolicy, Vm};
use crate::resources::names;

/// Flags in a variable that may hold some of the user's already.
pub(super) struct Flags {
    /// Name of the variable.
    pub variable: &'static str,
    /// Our text before the user's.
    pub before: String,
    /// Our text behind the user's.
    pub behind: String,
}

/// The variable with the flags before `vm.args`.
const BEFORE_VM_ARGS: &str = "ERL_AFLAGS";
/// The variable with the flags behind `vm.args`.
pub(super) const EMULATOR: &str = "ERL_ZFLAGS";
/// Seconds that are left between the end of the VM's time to stop and SIGKILL.
const MARGIN: i64 = 2;
/// The most schedulers that the VM takes.
const MAX_SCHEDULERS: u16 = 1024;

/// The flags of the release. `draft` has `podTemplate` merged in, because its CPU limit and its grace period are those that
/// count; `tls` are the files of a node that speaks TLS.
pub(super) fn of(release: &ElixirRelease, draft: &Draft, env: &[EnvVar], tls: Option<&Files>) -> Vec<Flags> {
    let distribution =
        Flags { variable: BEFORE_VM_ARGS, before: String::new(), behind: distribution(release, env, tls) };
    let (emulator, shutdown) = (emulator(release, &draft.container), shutdown(release, draft, env));
    let behind_vm_args = if ends_flags(release, env) {
        let before = [shutdown, emulator].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        Flags { variable: EMULATOR, before, behind: String::new() }
    } else {
        Flags { variable: EMULATOR, before: emulator, behind: shutdown }
    };
    [distribution, behind_vm_args].into_iter().filter(|flags| !flags.is_empty()).collect()
}

impl Flags {
    fn is_empty(&self) -> bool {
        self.before.is_empty() && self.behind.is_empty()
    }
}

/// Where the node listens, and how. What the user's own flags say about it is left out: `-start_epmd`, `-erl_epmd_port` and
/// `-ssl_dist_optfile` stop the VM from starting when given twice, and of `-proto_dist` OTP 25 takes neither then.
fn distribution(release: &ElixirRelease, env: &[EnvVar], tls: Option<&Files>) -> String {
    let spec = &release.spec;
    if spec.release.tool == ReleaseTool::None || !names::is_distributed(release) {
        return String::new();
    }
    let range = spec.cluster.ports.distribution;
    // Without a daemon that knows better, peers expect a node on the one port that all have in common.
    let last = if spec.cluster.epmd == Epmd::Enabled { range.to } else { range.from };
    let without_epmd = spec.cluster.epmd == Epmd::Disabled;
    let listen = format!("-kernel inet_dist_listen_min {} inet_dist_listen_max {last}", range.from);
    // Not every parameter that begins so says where: `inet_dist_listen_options` leaves that open.
    let mut flags = vec![(&["inet_dist_listen_min", "inet_dist_listen_max"][..], listen)];
    // The start script of relx passes these two itself, from ERL_DIST_PORT.
    if without_epmd && spec.release.tool != ReleaseTool::Relx {
        flags.push((&["-start_epmd"], "-start_epmd false".to_owned()));
        flags.push((&["-erl_epmd_port"], format!("-erl_epmd_port {}", range.from)));
    }
    if let Some(files) = tls {
        flags.push((&["-proto_dist"], "-proto_dist inet_tls".to_owned()));
        flags.push((&["-ssl_dist_opt"], format!("-ssl_dist_optfile {}", files.options())));
    }
    let is_open = |names: &[&str]| !names.iter().any(|name| is_written(release, env, name));
    flags.into_iter().filter(|(names, _)| is_open(names)).map(|(_, text)| text).collect::<Vec<_>>().join(" ")
}

/// How long the VM may take to stop: what is left of the grace period. Without it `init:stop/0` waits for ever for an
/// application that does not end, and the kernel's SIGKILL leaves those that come after it no chance to.
///
/// Of two, the VM takes the first: behind all others, it gives way to one in `vm.args`, and in a variable whose content only
/// the pod knows.
///
/// Source: <https://www.erlang.org/doc/apps/erts/init.html#stop/0>.
fn shutdown(release: &ElixirRelease, draft: &Draft, env: &[EnvVar]) -> String {
    const FLAG: &str = "-shutdown_time";
    if release.spec.release.tool == ReleaseTool::None || is_written(release, env, FLAG) {
        return String::new();
    }
    let grace = draft.pod.termination_grace_period_seconds.unwrap_or(release.spec.shutdown.grace_period_seconds);
    let left = grace.saturating_sub(pre_stop::known_seconds(release, draft)).saturating_sub(MARGIN);
    format!("{FLAG} {}", left.max(1).saturating_mul(1000))
}

/// Whether the user's own text that stands behind `vm.args` makes arguments of the application of all that follows.
fn ends_flags(release: &ElixirRelease, env: &[EnvVar]) -> bool {
    const FLAG: &str = "-extra";
    release.spec.vm.flags.contains(FLAG) || env.iter().any(|entry| entry.name == EMULATOR && holds(entry, FLAG))
}

/// Whether the user's own flags say this.
fn is_written(release: &ElixirRelease, env: &[EnvVar], flag: &str) -> bool {
    release.spec.vm.flags.contains(flag) || env.iter().any(|entry| holds(entry, flag))
}

/// Whether the VM takes flags from a variable.
pub(super) fn is_read_by_the_vm(variable: &str) -> bool {
    [BEFORE_VM_ARGS, "ERL_FLAGS", EMULATOR].contains(&variable)
}

fn holds(entry: &EnvVar, flag: &str) -> bool {
    is_read_by_the_vm(&entry.name) && entry.value.as_ref().is_some_and(|text| text.contains(flag))
}

fn emulator(release: &ElixirRelease, container: &Container) -> String {
    let vm = &release.spec.vm;
    let by_default = release.spec.release.tool != ReleaseTool::None;
    let mut flags = Vec::new();
    if let Some(count) = schedulers(vm, container, by_default) {
        flags.push(format!("+S {count}:{count}"));
    }
    let busy_wait = vm.busy_wait.or(by_default.then_some(BusyWait::None));
    if busy_wait == Some(BusyWait::None) && cpu_limit(container).is_some() {
        flags.push("+sbwt none +sbwtdcpu none +sbwtdio none".to_owned());
    }
    if !vm.flags.trim().is_empty() {
        flags.push(vm.flags.trim().to_owned());
    }
    flags.join(" ")
}

fn schedulers(vm: &Vm, container: &Container, by_default: bool) -> Option<u16> {
    let wanted = vm.schedulers.or(by_default.then_some(Schedulers::Policy(SchedulersPolicy::Auto)))?;
    match wanted {
        Schedulers::Count(count) => Some(count),
        Schedulers::Policy(SchedulersPolicy::Default) => None,
        Schedulers::Policy(SchedulersPolicy::Auto) => {
            whole_cpus(cpu_limit(container).or_else(|| cpu_request(container))?)
        }
    }
}

fn cpu_limit(container: &Container) -> Option<&Quantity> {
    container.resources.as_ref()?.limits.as_ref()?.get("cpu")
}

fn cpu_request(container: &Container) -> Option<&Quantity> {
    container.resources.as_ref()?.requests.as_ref()?.get("cpu")
}

/// The number of CPUs, rounded up; `None` when it is not a quantity.
fn whole_cpus(cpu: &Quantity) -> Option<u16> {
    let cpus = ParsedQuantity::try_from(cpu).ok()?;
    let one = ParsedQuantity::try_from("1").ok()?;
    let whole = (1..MAX_SCHEDULERS).find(|&count| cpus <= one.clone() * count);
    Some(whole.unwrap_or(MAX_SCHEDULERS))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2", Some(2))]
    #[case("2000m", Some(2))]
    #[case("2001m", Some(3))]
    #[case("1.5", Some(2))]
    #[case("500m", Some(1))]
    #[case("1m", Some(1))]
    #[case("100u", Some(1))]
    #[case("0", Some(1))]
    #[case("1e1", Some(10))]
    #[case("4k", Some(1024))]
    #[case("many", None)]
    fn cpus_are_rounded_up(#[case] cpu: &str, #[case] expected: Option<u16>) {
        assert_eq!(whole_cpus(&Quantity(cpu.to_owned())), expected);
    }
}
