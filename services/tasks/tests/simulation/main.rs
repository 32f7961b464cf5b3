//! The engine's protocol under controlled time and interleavings: workers that are the real fold, loop and mailbox, around a
//! model of the tables that is held to the real SQL by a test of its own; and planted bugs, each of which has to be found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stderr, reason = "how much was tried is for who runs it")]

mod carry;
mod children;
mod conformance;
mod exec;
mod judge;
mod line;
mod outside;
mod park;
mod people;
mod random;
mod script;
mod seeds;
mod tables;
mod tools;
mod weather;
mod worker;
mod world;
