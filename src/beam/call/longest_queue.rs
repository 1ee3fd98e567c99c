//! The expression that finds the longest message queue:
//!
//! ```erlang
//! lists:max([0 | [N || P <- erlang:processes(),
//!                      {message_queue_len, N} <- [erlang:process_info(P, message_queue_len)]]])
//! ```
//!
//! A process that has ended meanwhile matches nothing.
//!
//! Source: <https://www.erlang.org/doc/apps/erts/absform>.

use crate::beam::term::Encoder;

/// Writes it in the abstract format.
pub(super) fn write(out: &mut Encoder) {
    call(out, ["lists", "max"], 1, |out| {
        form(out, "cons", 4);
        form(out, "integer", 3);
        out.integer(0);
        queues(out);
    });
}

/// The list of the lengths of all queues.
fn queues(out: &mut Encoder) {
    form(out, "lc", 4);
    variable(out, "N");
    out.list(2);
    form(out, "generate", 4);
    variable(out, "P");
    call(out, ["erlang", "processes"], 0, |_| {});
    form(out, "generate", 4);
    form(out, "tuple", 3);
    out.list(2);
    atom(out, "message_queue_len");
    variable(out, "N");
    out.nil();
    form(out, "cons", 4);
    call(out, ["erlang", "process_info"], 2, |out| {
        variable(out, "P");
        atom(out, "message_queue_len");
    });
    form(out, "nil", 2);
    out.nil();
}

/// Begins a form of this name, at no line in particular.
fn form(out: &mut Encoder, name: &str, size: u8) {
    out.tuple(size);
    out.atom(name);
    out.integer(0);
}

fn atom(out: &mut Encoder, name: &str) {
    form(out, "atom", 3);
    out.atom(name);
}

fn variable(out: &mut Encoder, name: &str) {
    form(out, "var", 3);
    out.atom(name);
}

fn call(out: &mut Encoder, [module, function]: [&str; 2], arity: u32, arguments: impl FnOnce(&mut Encoder)) {
    form(out, "call", 4);
    form(out, "remote", 4);
    atom(out, module);
    atom(out, function);
    if arity > 0 {
        out.list(arity);
    }
    arguments(out);
    out.nil();
}
