//! Latency of unary calls beside open watches, over two replicas that grant 100 streams per connection: a plain tonic
//! channel to one of them, then the chassis' clients. `cargo run --release -p mc-chassis --example watches`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

#[path = "../tests/wire/support.rs"]
mod support;

use std::time::{Duration, Instant};

use mc_chassis::Lifecycle;
use mc_chassis::config::{ClientSettings, ServerSettings};
use mc_proto::tasks::v1::run_service_client::RunServiceClient;
use support::{Name, Replica, get, open_watch, streams, unary, watch};

const CALLS: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() {
    let settings = ServerSettings { max_concurrent_streams: 100, ..ServerSettings::default() };
    let (one, other) = (Replica::start(settings.clone()).await, Replica::start(settings).await);
    println!("{:<34} {:>7} {:>10} {:>10} {:>10}", "client", "watches", "p50", "p99", "max");

    let mut plain = RunServiceClient::new(one.plain().await);
    let mut open = Vec::new();
    for watches in [0, 99, 100] {
        while open.len() < watches {
            open.push(plain.watch_run(watch("runs/1")).await.expect("watch"));
        }
        measure("one plain connection", watches, &mut plain).await;
    }
    drop(open);

    let lifecycle = Lifecycle::new();
    let upstream = Name::of(&[&one, &other]).upstream(&ClientSettings::default(), &lifecycle);
    let mut open = Vec::new();
    for watches in [0, 100, 500, 2_000] {
        while open.len() < watches {
            open.push(open_watch(&mut streams(&upstream)).await);
        }
        measure("chassis, two replicas", watches, &mut unary(&upstream)).await;
    }
}

/// Calls one after another and prints how long they took.
async fn measure<C>(client_name: &str, watches: usize, client: &mut RunServiceClient<C>)
where
    C: tonic::client::GrpcService<tonic::body::Body>,
    C::Error: Into<tonic::codegen::StdError>,
    C::ResponseBody: tonic::codegen::Body<Data = tonic::codegen::Bytes> + Send + 'static,
    <C::ResponseBody as tonic::codegen::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    let request = || get("runs/1").into_parts();
    let mut took = Vec::with_capacity(CALLS);
    for call in 0..CALLS + 200 {
        let (metadata, extensions, message) = request();
        let begun = Instant::now();
        let answered = client.get_run(tonic::Request::from_parts(metadata, extensions, message));
        if tokio::time::timeout(PATIENCE, answered).await.is_err() {
            println!("{client_name:<34} {watches:>7} starved: no answer within {PATIENCE:?}");
            return;
        }
        // The first calls warm up.
        if call >= 200 {
            took.push(begun.elapsed());
        }
    }
    took.sort_unstable();
    let (p50, p99, max) = (took[CALLS / 2], took[CALLS * 99 / 100], took[CALLS - 1]);
    println!("{client_name:<34} {watches:>7} {p50:>10.1?} {p99:>10.1?} {max:>10.1?}");
}
