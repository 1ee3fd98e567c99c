//! The calls: everything that the operator may ever ask a node to do.
//!
//! A connection is the right to run any code on the node. So what is asked is not a module, a function and arguments but
//! one of these, and each has an answer of a type of its own, read by a function in [`answer`].
//!
//! One of them has the node evaluate an expression, because no function of OTP tells what it does. The expression is always the
//! same, and nothing that anybody writes becomes a part of it.
//!
//! The cookie of a node is not asked for. Whether it has a certain one, a handshake tells without that anybody sends it.

pub(super) mod answer;
mod longest_queue;

use super::cookie::Cookie;
use super::name::NodeName;
use super::term::Encoder;

pub use answer::{Connected, InitStatus, Memory};

/// Which of the nodes that a node is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Members of its cluster.
    Visible,
    /// Hidden ones: remote shells, tools, and this client itself.
    Hidden,
}

/// Something that a node can be asked.
#[derive(Clone, Debug)]
pub enum Call {
    /// The nodes that it is connected to.
    Nodes(Visibility),
    /// How much memory it uses for what.
    Memory,
    /// How many processes and ports are ready to run and wait for a scheduler.
    RunQueue,
    /// How many schedulers it uses.
    SchedulersOnline,
    /// Its OTP release.
    OtpRelease,
    /// The version of its run-time system.
    ErtsVersion,
    /// How far its start, or its end, has come.
    InitStatus,
    /// The time by its own steady clock, in its own unit.
    MonotonicTime,
    /// When it was started, by the same clock.
    StartTime,
    /// How many of that unit are a second.
    NativeSecond,
    /// How many processes there are.
    ProcessCount,
    /// How many processes there may be.
    ProcessLimit,
    /// How many messages wait for the process for which most do.
    LongestQueue,
    /// Connects it to another node.
    ConnectNode(NodeName),
    /// Changes the cookie that it uses with a node, or, if that is the node itself, with all others.
    ///
    /// The node keeps a copy as an atom, and without TLS anybody on the way can read the new cookie.
    SetCookie {
        /// The node that the cookie is for.
        node: NodeName,
        /// The new cookie.
        cookie: Cookie,
    },
    /// After how long a silent node is taken for dead.
    NetTicktime,
    /// Whether `global` disconnects nodes that not all others see.
    PreventOverlappingPartitions,
}

impl Call {
    /// The function, as in Erlang's documentation.
    #[must_use]
    pub fn function(&self) -> &'static str {
        match self {
            Self::Nodes(_) => "erlang:nodes/1",
            Self::Memory => "erlang:memory/0",
            Self::RunQueue => "erlang:statistics/1",
            Self::SchedulersOnline
            | Self::OtpRelease
            | Self::ErtsVersion
            | Self::StartTime
            | Self::ProcessCount
            | Self::ProcessLimit => "erlang:system_info/1",
            Self::LongestQueue => "erl_eval:expr/2",
            Self::InitStatus => "init:get_status/0",
            Self::MonotonicTime => "erlang:monotonic_time/0",
            Self::NativeSecond => "erlang:convert_time_unit/3",
            Self::ConnectNode(_) => "net_kernel:connect_node/1",
            Self::SetCookie { .. } => "erlang:set_cookie/2",
            Self::NetTicktime => "net_kernel:get_net_ticktime/0",
            Self::PreventOverlappingPartitions => "application:get_env/2",
        }
    }

    /// Writes module, function and list of arguments.
    pub(super) fn write(&self, out: &mut Encoder) {
        let name = self.function();
        let (module, rest) = name.split_once(':').unwrap_or((name, ""));
        let (function, arity) = rest.split_once('/').unwrap_or((rest, ""));
        out.atom(module);
        out.atom(function);
        let arity: u32 = arity.parse().unwrap_or_default();
        if arity > 0 {
            out.list(arity);
        }
        self.write_arguments(out);
        out.nil();
    }

    fn write_arguments(&self, out: &mut Encoder) {
        match self {
            Self::Nodes(Visibility::Visible) => out.atom("visible"),
            Self::Nodes(Visibility::Hidden) => out.atom("hidden"),
            Self::RunQueue => out.atom("total_run_queue_lengths"),
            Self::SchedulersOnline => out.atom("schedulers_online"),
            Self::OtpRelease => out.atom("otp_release"),
            Self::ErtsVersion => out.atom("version"),
            Self::StartTime => out.atom("start_time"),
            Self::ProcessCount => out.atom("process_count"),
            Self::ProcessLimit => out.atom("process_limit"),
            Self::LongestQueue => {
                longest_queue::write(out);
                // There are no bindings.
                out.nil();
            }
            Self::NativeSecond => {
                out.integer(1);
                out.atom("second");
                out.atom("native");
            }
            Self::ConnectNode(node) => out.atom(node.as_str()),
            Self::SetCookie { node, cookie } => {
                out.atom(node.as_str());
                out.atom_of(cookie.expose());
            }
            Self::PreventOverlappingPartitions => {
                out.atom("kernel");
                out.atom("prevent_overlapping_partitions");
            }
            Self::Memory | Self::InitStatus | Self::MonotonicTime | Self::NetTicktime => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::term::Decoder;
    use super::*;

    fn all() -> Vec<Call> {
        let node: NodeName = "shop@10.0.0.1".parse().unwrap();
        vec![
            Call::Nodes(Visibility::Visible),
            Call::Nodes(Visibility::Hidden),
            Call::Memory,
            Call::RunQueue,
            Call::SchedulersOnline,
            Call::OtpRelease,
            Call::ErtsVersion,
            Call::InitStatus,
            Call::MonotonicTime,
            Call::StartTime,
            Call::NativeSecond,
            Call::ProcessCount,
            Call::ProcessLimit,
            Call::LongestQueue,
            Call::ConnectNode(node.clone()),
            Call::SetCookie { node, cookie: Cookie::new("swordfish").unwrap() },
            Call::NetTicktime,
            Call::PreventOverlappingPartitions,
        ]
    }

    #[test]
    fn each_call_has_as_many_arguments_as_its_function() {
        for call in all() {
            let mut out = Encoder::new();
            out.begin();
            out.tuple(3);
            call.write(&mut out);
            let bytes = out.finish();
            let mut terms = Decoder::new(&bytes);
            let term = terms.next().unwrap();

            assert!(terms.is_empty(), "{call:?}");
            let [module, function, arguments] = term.as_tuple().unwrap() else { panic!("{call:?}") };
            let arguments = arguments.as_list().unwrap().len();
            let name = format!("{}:{}/{arguments}", module.as_atom().unwrap(), function.as_atom().unwrap());
            assert_eq!(name, call.function());
        }
    }

    #[test]
    fn a_log_shows_no_cookie() {
        assert!(!format!("{:?}", all()).contains("swordfish"));
    }
}
