//! The names of OpenTelemetry's GenAI conventions (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>), in one place.
//!
//! Sizes, reasons and names are recorded; what people and models say is not, ever.

use std::time::Duration;

use tracing::Span;
use uuid::Uuid;

use crate::domain::ask::Ask;
use crate::domain::generation::{End, Settlement};
use crate::domain::provider::{Kind, Provider};

/// The span of one call of a model, and its line in the log.
#[derive(Debug)]
pub(crate) struct ChatSpan(Span);

impl ChatSpan {
    pub(crate) fn new(ask: &Ask, provider: &Provider, generation: Uuid) -> Self {
        let system = match provider.kind {
            Kind::Simulator => "simulator",
            Kind::OpenAiCompatible { .. } => "openai",
        };
        let model = ask.model.model();
        Self(tracing::info_span!(
            "chat",
            otel.name = format!("chat {model}"),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = system,
            gen_ai.request.model = model,
            gen_ai.request.max_tokens = ask.parameters.max_output_tokens,
            gen_ai.request.temperature = ask.parameters.temperature,
            gen_ai.response.model = tracing::field::Empty,
            gen_ai.response.finish_reasons = tracing::field::Empty,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            server.address = provider.price_place(),
            error.r#type = tracing::field::Empty,
            mc.provider = provider.id,
            mc.generation = %generation,
            mc.usage.estimated = tracing::field::Empty,
            mc.cost_nano_usd = tracing::field::Empty,
        ))
    }

    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// Records how it ended, once.
    pub(crate) fn record(&self, end: &End, took: Duration) {
        match end {
            End::Succeeded(answer, settlement) => {
                self.0.record("gen_ai.response.model", answer.provider_model.as_str());
                self.0.record("gen_ai.response.finish_reasons", answer.finish_reason.as_str());
                self.record_usage(settlement);
            }
            End::Failed(fault) => self.record_fault(fault.kind.reason()),
            End::Cut(fault, _, settlement) => {
                self.record_fault(fault.kind.reason());
                if let Some(settlement) = settlement {
                    self.record_usage(settlement);
                }
            }
        }
        let reason = match end {
            End::Succeeded(..) => "",
            End::Failed(fault) | End::Cut(fault, ..) => fault.kind.reason(),
        };
        self.0.in_scope(|| tracing::info!(took_ms = took.as_millis() as u64, reason, "generation ended"));
    }

    fn record_usage(&self, settlement: &Settlement) {
        let usage = settlement.usage;
        // By the conventions input tokens include what came from the cache; in the ledger the buckets are disjoint.
        self.0.record("gen_ai.usage.input_tokens", usage.input + usage.cache_read + usage.cache_write);
        self.0.record("gen_ai.usage.output_tokens", usage.output);
        self.0.record("mc.usage.estimated", usage.estimated);
        if let Some(cost) = settlement.cost_nano_usd {
            self.0.record("mc.cost_nano_usd", cost);
        }
    }

    fn record_fault(&self, reason: &str) {
        self.0.record("error.type", reason);
        self.0.record("otel.status_code", "ERROR");
    }
}
