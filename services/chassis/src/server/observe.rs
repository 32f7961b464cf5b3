//! The span and the metrics of a call, with the names of the OpenTelemetry RPC conventions.

use std::time::Instant;

use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, UpDownCounter};
use tonic::{Code, Status};
use tracing::{Span, field};

use super::method::Method;
use crate::error::code_name;
use crate::telemetry;

/// What a server measures.
#[derive(Debug, Clone)]
pub(super) struct Instruments {
    duration: Histogram<f64>,
    active: UpDownCounter<i64>,
}

impl Instruments {
    pub(super) fn new() -> Self {
        let meter = opentelemetry::global::meter("missioncontrol");
        Self {
            duration: meter
                .f64_histogram("rpc.server.call.duration")
                .with_unit("s")
                .with_description("How long calls took, to the end of their reply")
                .with_boundaries(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
                ])
                .build(),
            active: meter
                .i64_up_down_counter("rpc.server.active_calls")
                .with_description("Calls in progress, open streams included")
                .build(),
        }
    }
}

/// One call as it is seen from outside. It ends when its status is known, or when it is dropped without one: cancelled.
#[derive(Debug)]
pub(super) struct Observation {
    span: Span,
    begun: Instant,
    instruments: Instruments,
    labels: [KeyValue; 3],
    ended: bool,
}

impl Observation {
    pub(super) fn begin(
        instruments: &Instruments,
        service: &'static str,
        method: &Method,
        request_id: &str,
        headers: &HeaderMap,
    ) -> Self {
        let span = tracing::info_span!(
            "rpc",
            otel.name = format_args!("{}/{}", method.service, method.name),
            otel.kind = "server",
            otel.status_code = field::Empty,
            rpc.system = "grpc",
            rpc.service = method.service,
            rpc.method = method.name,
            rpc.grpc.status_code = field::Empty,
            request_id,
        );
        telemetry::adopt(&span, headers);
        let labels = [
            KeyValue::new("service", service),
            KeyValue::new("rpc.service", method.service.clone()),
            KeyValue::new("rpc.method", method.name.clone()),
        ];
        instruments.active.add(1, &labels);
        Self { span, begun: Instant::now(), instruments: instruments.clone(), labels, ended: false }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The call has ended if these headers or trailers carry a status.
    pub(super) fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get(Status::GRPC_STATUS) {
            self.end(Code::from_bytes(status.as_bytes()));
        }
    }

    /// The call has ended. Only its first end counts.
    pub(super) fn end(&mut self, code: Code) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let took = self.begun.elapsed();
        self.instruments.active.add(-1, &self.labels);
        let [service, rpc_service, rpc_method] = self.labels.clone();
        let status = KeyValue::new("rpc.grpc.status_code", code as i64);
        self.instruments.duration.record(took.as_secs_f64(), &[service, rpc_service, rpc_method, status]);
        self.span.record("rpc.grpc.status_code", code as i32);
        let fault = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        if fault {
            self.span.record("otel.status_code", "ERROR");
        }
        self.span.in_scope(|| {
            tracing::debug!(status = code_name(code), took_ms = took.as_secs_f64() * 1_000.0, "answered");
        });
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.end(Code::Cancelled);
    }
}
