//! Log lines: one for people, one for machines, both with the ids that lead to the trace.

use std::fmt;

use opentelemetry::trace::TraceContextExt as _;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The ids of the span that is entered, where there is one.
fn trace_ids() -> Option<(String, String)> {
    let context = opentelemetry::Context::current();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| (span.trace_id().to_string(), span.span_id().to_string()))
}

/// One JSON object per line: `time`, `level`, `service`, `target`, `message`, the event's and its spans' fields,
/// `trace_id`, `span_id`.
pub(super) struct Json {
    pub(super) service: &'static str,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Map::new();
        line.insert("time".to_owned(), time.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("service".to_owned(), self.service.into());
        line.insert("target".to_owned(), event.metadata().target().into());
        // Outer spans first: what is nearer to the event wins.
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map_or("", |fields| &**fields);
            if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
                line.extend(fields);
            }
        }
        event.record(&mut JsonFields(&mut line));
        if let Some((trace, span)) = trace_ids() {
            line.insert("trace_id".to_owned(), trace.into());
            line.insert("span_id".to_owned(), span.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

struct JsonFields<'a>(&'a mut Map<String, Value>);

impl JsonFields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonFields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// `08:14:03.112  INFO mc_tasks::worker: claimed run=... request_id=... trace_id=...`.
pub(super) struct Pretty;

impl<S, N> FormatEvent<S, N> for Pretty
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        // The day and the zone tell a person in front of a terminal nothing.
        let time = time.split_once('T').map_or(&*time, |(_, time)| time.get(..12).unwrap_or(time));
        let level = event.metadata().level();
        let ansi = writer.has_ansi_escapes();
        let (dim, color, off) = if ansi { ("\x1b[2m", color(*level), "\x1b[0m") } else { ("", "", "") };
        write!(writer, "{dim}{time}{off} {color}{level:>5}{off} {dim}{}:{off} ", event.metadata().target())?;
        context.format_fields(writer.by_ref(), event)?;
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>().filter(|fields| !fields.is_empty()) {
                write!(writer, " {dim}{fields}{off}")?;
            }
        }
        if let Some((trace, span)) = trace_ids() {
            write!(writer, " {dim}trace_id={trace} span_id={span}{off}")?;
        }
        writeln!(writer)
    }
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[2m",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{Json, Map, Pretty, Value};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Lines {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("lock").clone()).expect("utf-8")
        }
    }

    #[test]
    fn json_line_has_the_fields_of_event_and_spans_and_the_trace() {
        let lines = Lines::default();
        let traces = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("test")))
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(lines.clone())
                    .fmt_fields(JsonFields::new())
                    .event_format(Json { service: "mc-tasks" }),
            );
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("call", request_id = "r-1", attempt = 1).in_scope(|| {
                tracing::warn!(attempt = 2, broken = true, "claimed");
            });
        });
        let line: Map<String, Value> = serde_json::from_str(&lines.text()).expect("one JSON object");
        assert_eq!(line["message"], "claimed");
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["service"], "mc-tasks");
        assert_eq!(line["request_id"], "r-1");
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["broken"], true);
        assert_eq!(line["trace_id"].as_str().map(str::len), Some(32));
        assert_eq!(line["span_id"].as_str().map(str::len), Some(16));
    }

    #[test]
    fn pretty_line_can_be_read_and_found() {
        let lines = Lines::default();
        let traces = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("test")))
            .with(
                tracing_subscriber::fmt::layer()
                    .with_ansi(false)
                    .with_writer(lines.clone())
                    .event_format(Pretty),
            );
        tracing::subscriber::with_default(subscriber, || {
            tracing::info_span!("call", request_id = "r-1").in_scope(|| tracing::info!(run = 7, "claimed"));
        });
        let line = lines.text();
        let expected = " INFO mc_chassis::telemetry::format::tests: claimed run=7 request_id=\"r-1\"";
        assert!(line.contains(expected) && line.contains(" trace_id="), "{line}");
    }
}
