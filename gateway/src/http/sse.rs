//! A server stream as server-sent events (WHATWG HTML, "Server-sent events").
//!
//! Each event has the stream's cursor as `id`, so that a browser resumes by itself with `Last-Event-ID`. `event: error`
//! carries a problem and ends the stream. `event: end` says that nothing will follow: without it a browser would come
//! back for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use mc_chassis::Failure;
use mc_chassis::error::reason;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_stream::wrappers::ReceiverStream;

use super::{Edge, RequestContext};
use crate::problem::Problem;
use crate::transcode::call::EventStream;
use crate::transcode::reply::Event;

/// Events that wait for a slow reader before the stream behind them is held back.
const QUEUE: usize = 64;

/// A reader that takes nothing for this long is given up; it resumes with its last id.
const STALL: Duration = Duration::from_secs(30);

/// How long a browser waits before it comes back.
const RETRY: &str = "retry: 1000\n\n";

/// Starts the stream and answers with it.
pub(super) fn respond(edge: &Arc<Edge>, context: RequestContext, stream: EventStream) -> Response<Body> {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::convert::Infallible>>(QUEUE);
    let pump = Pump { edge: edge.clone(), context, sender };
    edge.lifecycle.spawn("sse stream", pump.run(stream));
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(receiver)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that buffer would hold the events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Pump {
    edge: Arc<Edge>,
    context: RequestContext,
    sender: mpsc::Sender<Result<Bytes, std::convert::Infallible>>,
}

/// The reader has left or takes nothing.
struct Gone;

impl Pump {
    async fn run(self, stream: EventStream) {
        // An error means that nobody is left to tell.
        let _: Result<(), Gone> = self.pump(stream).await;
    }

    async fn pump(self, mut stream: EventStream) -> Result<(), Gone> {
        let draining = self.edge.lifecycle.draining();
        let mut heartbeat = ticks(self.edge.settings.heartbeat);
        let mut recheck = ticks(self.edge.settings.recheck);
        self.send(RETRY.into()).await?;
        loop {
            tokio::select! {
                event = stream.next() => match event {
                    Some(Ok(event)) => {
                        self.send(text(&event)).await?;
                        heartbeat.reset();
                    }
                    Some(Err(failure)) => return self.fail(&failure).await,
                    None => return self.send("event: end\ndata: {}\n\n".into()).await,
                },
                _ = heartbeat.tick() => self.send(":\n\n".into()).await?,
                _ = recheck.tick() => {
                    if let Err(failure) = stream.recheck().await {
                        return self.fail(&failure).await;
                    }
                }
                () = draining.cancelled() => return self.fail(&restarting()).await,
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn fail(&self, failure: &Failure) -> Result<(), Gone> {
        let problem = Problem::new(failure, &self.context.request_id);
        let data = serde_json::to_string(&problem).expect("strings and numbers are JSON");
        self.send(format!("event: error\ndata: {data}\n\n")).await
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        match timeout(STALL, self.sender.send(Ok(text.into()))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Gone),
            Err(_) => {
                tracing::info!(
                    request_id = self.context.request_id,
                    "a reader of events takes nothing; it can resume"
                );
                Err(Gone)
            }
        }
    }
}

/// What a stream or a socket gets when the edge restarts.
pub(crate) fn restarting() -> Failure {
    Failure::unavailable(reason::DRAINING, "the edge is restarting; connect again and resume")
}

/// Ticks of which the first comes after one period.
fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn text(event: &Event) -> String {
    match &event.cursor {
        Some(cursor) => format!("id: {cursor}\ndata: {}\n\n", event.json),
        None => format!("data: {}\n\n", event.json),
    }
}
