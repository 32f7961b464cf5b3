//! W3C trace context in HTTP headers and gRPC metadata.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Makes the trace that `headers` speak of the parent of `span`, which must not have been entered yet. Headers without
/// a trace, or with a broken one, leave the span to begin its own.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key("traceparent") {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&Incoming(headers));
    if parent.span().span_context().is_valid() {
        // An error means that nobody records this span.
        let _ = span.set_parent(parent);
    }
}

/// Writes the trace of `span` into headers (`traceparent`, `tracestate`); a span that nobody records leaves them as
/// they are.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    let context = span.context();
    if context.span().span_context().is_valid() {
        TraceContextPropagator::new().inject_context(&context, &mut Outgoing(headers));
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate says nothing.
        if let (Ok(name), Ok(value), false) =
            (HeaderName::try_from(key), HeaderValue::try_from(&value), value.is_empty())
        {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// What goes out of a call that came in with these headers.
    fn through(incoming: &HeaderMap) -> HeaderMap {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let recorder = tracing_opentelemetry::layer().with_tracer(tracer);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(recorder), || {
            let span = tracing::info_span!("call");
            adopt(&span, incoming);
            let mut outgoing = HeaderMap::new();
            inject(&span, &mut outgoing);
            outgoing
        })
    }

    #[test]
    fn trace_goes_through_a_service_with_a_new_span() {
        let mut incoming = HeaderMap::new();
        incoming.insert("traceparent", HeaderValue::from_static(PARENT));
        incoming.insert("tracestate", HeaderValue::from_static("vendor=1"));
        let outgoing = through(&incoming);
        let traceparent = outgoing["traceparent"].to_str().expect("ascii");
        assert!(traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{traceparent}");
        assert_ne!(traceparent, PARENT, "this service's span is the parent of the next one's");
        assert_eq!(outgoing["tracestate"], "vendor=1");
    }

    #[test]
    fn broken_trace_is_left_behind() {
        let mut incoming = HeaderMap::new();
        incoming.insert("traceparent", HeaderValue::from_static("00-zz-00f067aa0ba902b7-01"));
        let outgoing = through(&incoming);
        assert_eq!(outgoing["traceparent"].len(), PARENT.len());
        assert!(!outgoing.contains_key("tracestate"));
    }

    #[test]
    fn without_a_recorder_nothing_is_written() {
        let mut outgoing = HeaderMap::new();
        inject(&Span::none(), &mut outgoing);
        assert!(outgoing.is_empty());
    }
}
