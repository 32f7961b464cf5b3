//! The fault matrix: real workers killed at each named point, stopped beyond their time, cut off from the database in
//! mid-commit, told too much and too little; and then every journal, letter, charge and side effect is read.
//!
//! `every_point_is_survived` is the short form. The long one is `./mc chaos`, which runs `many_kills_are_survived`.
#![allow(clippy::print_stderr, reason = "progress and the table are for who runs it")]
#![cfg(target_os = "linux")]

mod deck;
mod fleet;
mod letterbox;
#[path = "../outage/patience.rs"]
mod patience;
mod people;
mod proxy;
mod read;
mod rig;
mod score;
#[allow(dead_code, reason = "the outage tests need more of them")]
#[path = "../outage/servers.rs"]
mod servers;
#[allow(dead_code, reason = "the outage tests need more of it")]
#[path = "../outage/system.rs"]
mod system;
mod weather;

use std::time::Duration;

use rig::{Plan, Rig};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_point_is_survived() {
    let plan = Plan { kills: 16, seed: 7, time: Duration::from_mins(2), live_runs: 16, timed: false };
    Rig::start(plan).await.play().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the long form: ./mc chaos --kills 1000"]
async fn many_kills_are_survived() {
    let plan = Plan {
        kills: number("MC_CHAOS_KILLS").unwrap_or(1_000) as usize,
        seed: number("MC_CHAOS_SEED").unwrap_or(1),
        time: Duration::from_mins(number("MC_CHAOS_MINUTES").unwrap_or(90)),
        live_runs: 24,
        timed: true,
    };
    Rig::start(plan).await.play().await;
}
