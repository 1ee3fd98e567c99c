//! The file that `-ssl_dist_optfile` names.
//!
//! It is one Erlang expression, which the VM evaluates before it listens. OTP checks a node that it connects to against
//! the host of the node's name, which no certificate of ours has, and OTP 25 lets nobody change what it compares with; how
//! it compares is for us to say. Of a node that connects it checks no name at all, so that is added.
//!
//! See [using TLS for Erlang distribution](https://www.erlang.org/doc/apps/ssl/ssl_distribution). No version of TLS is
//! named: each OTP release knows which are fit for distribution.

use super::{AUTHORITIES, CERTIFICATE, PRIVATE_KEY};

/// The options of a node whose Secret is mounted at `directory`, for peers whose certificates have this DNS name.
#[must_use]
pub fn file(directory: &str, name: &str) -> String {
    let files = format!(
        r#"{{cacertfile, "{directory}/{AUTHORITIES}"}},
           {{certfile, "{directory}/{CERTIFICATE}"}},
           {{keyfile, "{directory}/{PRIVATE_KEY}"}},
           {{verify, verify_peer}}"#
    );
    format!(
        r#"[{{server, [{files},
           {{fail_if_no_peer_cert, true}},
           {{verify_fun, {{fun(_, {{bad_cert, _}} = Reason, _) -> {{fail, Reason}};
                            (_, {{extension, _}}, State) -> {{unknown, State}};
                            (_, valid, State) -> {{valid, State}};
                            (Certificate, valid_peer, State) ->
                                case public_key:pkix_verify_hostname(Certificate, [{{dns_id, "{name}"}}]) of
                                    true -> {{valid, State}};
                                    false -> {{fail, {{bad_cert, hostname_check_failed}}}}
                                end
                         end, []}}}}]}},
 {{client, [{files},
           {{customize_hostname_check,
            [{{match_fun, fun(_, {{dNSName, "{name}"}}) -> true; (_, _) -> false end}}]}}]}}].
"#
    )
}
