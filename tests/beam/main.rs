//! Tests of the distribution client against real nodes, of every OTP release that the machine has for it.
//!
//! `BEAM_OPERATOR_TEST_OTP` names them, separated by colons: each is an `erl` program, or the directory of a root file
//! system with one, which only root can enter. Each test runs on all of them, at least one. The nodes listen on loopback
//! only, have an EPMD of their own, and end with the test that started them.

mod addresses;
mod calls;
mod cookies;
mod footprint;
mod harness;
mod managed;
mod names;
mod tls;
