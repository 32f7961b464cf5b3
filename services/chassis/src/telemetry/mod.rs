//! Logs, traces and metrics: set up once per process, exported over OTLP where a collector is configured.
//!
//! W3C trace context travels in headers, gRPC metadata being HTTP headers: [`adopt`] on the way in, [`inject`] on the
//! way out. Without a collector traces still have ids, so that logs of one call can be found across services.

mod call;
mod format;
mod propagation;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

pub use call::{CallContext, REQUEST_ID_HEADER};
pub use propagation::{adopt, inject};

use crate::config::{LogFormat, TelemetrySettings};

/// How long the last export may take when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The process's telemetry; call [`Telemetry::flush`] as the last thing.
#[derive(Debug)]
#[must_use = "flush it at the end, or the last spans are lost"]
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

impl Telemetry {
    /// Sends what has not been exported yet; gives up after three seconds.
    pub fn flush(self) {
        // Nothing is left to tell anybody when this fails: the collector is away.
        let _ = self.traces.shutdown_with_timeout(FLUSH_TIMEOUT);
        let _ = self.metrics.shutdown_with_timeout(FLUSH_TIMEOUT);
    }
}

/// Sets up logs, traces, metrics, the panic log and TLS for this process, as `service` (`mc-tasks`). Call it on the
/// runtime, once.
///
/// # Errors
/// A setting is wrong, or telemetry was set up before.
pub fn init(service: &'static str, settings: &TelemetrySettings) -> anyhow::Result<Telemetry> {
    crate::install_crypto();
    let resource = Resource::builder().with_service_name(service).build();
    let telemetry = Telemetry {
        traces: traces(settings, resource.clone()).context("set up traces")?,
        metrics: metrics(settings, resource).context("set up metrics")?,
    };
    let logged: EnvFilter = settings.log.parse().context("parse MC_LOG")?;
    // Spans are ours, whatever is logged: a quiet log must not make holes in traces.
    let traced = Targets::new().with_default(LevelFilter::WARN).with_target("mc_", LevelFilter::INFO);
    Registry::default()
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(telemetry.traces.tracer("missioncontrol"))
                .with_location(false)
                .with_threads(false)
                .with_filter(traced),
        )
        .with(log_layer(settings.log_format, service).with_filter(logged))
        .try_init()
        .context("telemetry was set up before")?;
    opentelemetry::global::set_tracer_provider(telemetry.traces.clone());
    opentelemetry::global::set_meter_provider(telemetry.metrics.clone());
    log_panics();
    Ok(telemetry)
}

fn log_layer<S>(
    format: LogFormat,
    service: &'static str,
) -> Box<dyn tracing_subscriber::Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Json => layer
            .with_ansi(false)
            .fmt_fields(tracing_subscriber::fmt::format::JsonFields::new())
            .event_format(format::Json { service })
            .boxed(),
        LogFormat::Pretty => {
            layer.with_ansi(std::io::stderr().is_terminal()).event_format(format::Pretty).boxed()
        }
    }
}

fn traces(settings: &TelemetrySettings, resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let share = Sampler::TraceIdRatioBased(settings.trace_share);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(Sampler::ParentBased(Box::new(share)));
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(provider.build()) };
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    Ok(provider.with_batch_exporter(exporter).build())
}

fn metrics(settings: &TelemetrySettings, resource: Resource) -> anyhow::Result<SdkMeterProvider> {
    let provider = SdkMeterProvider::builder().with_resource(resource);
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(provider.build()) };
    let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    Ok(provider.with_periodic_exporter(exporter).build())
}

/// Panics go where the other logs go, with the place they come from.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let text = crate::lifecycle::panic_text(panic.payload());
        tracing::error!(panic = text, place, "panic");
    }));
}
