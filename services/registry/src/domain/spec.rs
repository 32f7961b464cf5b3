//! What an agent does when it runs: instructions, model, parameters, tools, limits. Stored as the JSON of these types.

use serde::{Deserialize, Serialize};

use super::text::quote;
use super::tools::{self, ToolGrant};
use mc_chassis::error::Violations;

/// Bytes of instructions.
pub(crate) const MAX_INSTRUCTIONS: usize = 64 * 1024;
/// Characters of a model's name behind its provider.
pub(crate) const MAX_MODEL: usize = 200;
/// Characters of a provider's id.
pub(crate) const MAX_PROVIDER: usize = 40;
/// Tokens of one answer.
pub(crate) const MAX_OUTPUT_TOKENS: i32 = 1_000_000;
/// Model calls of one run.
pub(crate) const MAX_STEPS: i32 = 10_000;
/// Milliseconds of work of one run: 30 days.
pub(crate) const MAX_DURATION_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
const MIN_DURATION_MS: i64 = 1_000;
/// Tokens that a model reads and writes in one call.
const MIN_WINDOW_TOKENS: i32 = 1_000;
const MAX_WINDOW_TOKENS: i32 = 10_000_000;
/// Nano US dollars that one run may cost: a million dollars.
pub(crate) const MAX_COST_NANO_USD: i64 = 1_000_000_000_000_000;
const MAX_CONCURRENT_RUNS: i32 = 10_000;
/// Milliseconds of one attempt at a model call and of one tool call: 24 hours.
pub(crate) const MAX_STEP_DURATION_MS: i64 = 24 * 60 * 60 * 1_000;

/// What a publish freezes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The system prompt.
    pub(crate) instructions: String,
    /// `{provider}/{model}`.
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) parameters: Parameters,
    #[serde(default)]
    pub(crate) tools: Vec<ToolGrant>,
    #[serde(default)]
    pub(crate) limits: Limits,
    #[serde(default, skip_serializing_if = "Context::says_nothing")]
    pub(crate) context: Context,
}

/// How a conversation is kept within what the model reads; absent leaves the engine's default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) window_tokens: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compact_at_percent: Option<i32>,
}

/// How answers are sampled; absent leaves the provider's default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_output_tokens: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<i64>,
}

/// When a run is stopped, and how many there may be; absent leaves the engine's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "named as in the contract, and all are maxima")]
pub(crate) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_steps: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_cost_nano_usd: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_step_duration_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrent_runs: Option<i32>,
}

impl Spec {
    /// Holds every field to its rule, each under its path behind `field`.
    pub(crate) fn check(&self, field: &str, violations: &mut Violations) {
        let instructions = format!("{field}.instructions");
        if self.instructions.is_empty() {
            violations.add(instructions, "is required: 1 byte to 64 KiB");
        } else if self.instructions.len() > MAX_INSTRUCTIONS {
            violations.add(instructions, "must be at most 64 KiB");
        } else if self.instructions.contains('\0') {
            violations.add(instructions, "must not contain a NUL character");
        }
        if !is_model(&self.model) {
            violations.add(
                format!("{field}.model"),
                format!(
                    "must be {{provider}}/{{model}}, for example simulator/demo, not {}",
                    quote(&self.model)
                ),
            );
        }
        self.parameters.check(&format!("{field}.parameters"), violations);
        tools::check(&format!("{field}.tools"), &self.tools, violations);
        self.limits.check(&format!("{field}.limits"), violations);
        self.context.check(&format!("{field}.context"), violations);
    }
}

/// A provider's id, `/`, and a name that the provider takes.
fn is_model(model: &str) -> bool {
    let Some((provider, name)) = model.split_once('/') else { return false };
    (1..=MAX_PROVIDER).contains(&provider.len())
        && provider.starts_with(|first: char| first.is_ascii_lowercase())
        && provider.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && (1..=MAX_MODEL).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Parameters {
    fn check(&self, field: &str, violations: &mut Violations) {
        // Written so that NaN, which compares with nothing, is refused.
        if self.temperature.is_some_and(|it| !(0.0..=2.0).contains(&it)) {
            violations.add(format!("{field}.temperature"), "must be 0 to 2");
        }
        if self.top_p.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            violations.add(format!("{field}.top_p"), "must be 0 to 1");
        }
        if self.max_output_tokens.is_some_and(|it| !(1..=MAX_OUTPUT_TOKENS).contains(&it)) {
            violations.add(format!("{field}.max_output_tokens"), "must be 1 to 1,000,000");
        }
    }
}

impl Context {
    // Serde hands a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub(crate) fn says_nothing(&self) -> bool {
        *self == Self::default()
    }

    fn check(self, field: &str, violations: &mut Violations) {
        if self.window_tokens.is_some_and(|it| !(MIN_WINDOW_TOKENS..=MAX_WINDOW_TOKENS).contains(&it)) {
            violations.add(
                format!("{field}.window_tokens"),
                "must be 1,000 to 10,000,000; leave it out for 128,000",
            );
        }
        if self.compact_at_percent.is_some_and(|it| !(10..=95).contains(&it)) {
            violations.add(format!("{field}.compact_at_percent"), "must be 10 to 95; leave it out for 75");
        }
    }
}

impl Limits {
    fn check(&self, field: &str, violations: &mut Violations) {
        if self.max_steps.is_some_and(|it| !(1..=MAX_STEPS).contains(&it)) {
            violations.add(format!("{field}.max_steps"), "must be 1 to 10,000");
        }
        if self.max_tokens.is_some_and(|it| it < 1) {
            violations.add(format!("{field}.max_tokens"), "must be 1 or more; leave it out for no limit");
        }
        if self.max_duration_ms.is_some_and(|it| !(MIN_DURATION_MS..=MAX_DURATION_MS).contains(&it)) {
            violations.add(format!("{field}.max_duration"), "must be 1 s to 30 days");
        }
        if self.max_cost_nano_usd.is_some_and(|it| !(1..=MAX_COST_NANO_USD).contains(&it)) {
            violations.add(
                format!("{field}.max_cost_nano_usd"),
                "must be 1 to 1,000,000,000,000,000 (a million dollars); leave it out for no limit",
            );
        }
        if self.max_step_duration_ms.is_some_and(|it| !(MIN_DURATION_MS..=MAX_STEP_DURATION_MS).contains(&it))
        {
            violations.add(format!("{field}.max_step_duration"), "must be 1 s to 24 h");
        }
        if self.max_concurrent_runs.is_some_and(|it| !(1..=MAX_CONCURRENT_RUNS).contains(&it)) {
            violations.add(
                format!("{field}.max_concurrent_runs"),
                "must be 1 to 10,000; leave it out for no limit of its own",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec { instructions: "Be brief.".into(), model: "simulator/demo".into(), ..Spec::default() }
    }

    fn broken(spec: &Spec) -> Vec<String> {
        let mut violations = Violations::default();
        spec.check("spec", &mut violations);
        violations.into_result().err().unwrap_or_default().into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn instructions_are_held_at_their_edges() {
        let with = |instructions: String| broken(&Spec { instructions, ..spec() });
        assert!(with("x".into()).is_empty() && with("x".repeat(MAX_INSTRUCTIONS)).is_empty());
        for bad in [String::new(), "x".repeat(MAX_INSTRUCTIONS + 1), "a\0b".into()] {
            assert_eq!(with(bad), ["spec.instructions"]);
        }
    }

    #[test]
    fn model_is_a_provider_and_a_name() {
        let with = |model: String| broken(&Spec { model, ..spec() });
        let long_provider = "p".repeat(MAX_PROVIDER);
        let long_name = "m".repeat(MAX_MODEL);
        for good in ["simulator/demo", "openrouter/meta-llama/llama-3:free", "p2-x/m"] {
            assert!(with(good.into()).is_empty(), "{good}");
        }
        assert!(with(format!("{long_provider}/{long_name}")).is_empty());
        for bad in [
            "",
            "demo",
            "/demo",
            "simulator/",
            "Simulator/demo",
            "2p/m",
            "-p/m",
            "p_x/m",
            "p/a b",
            "p/ä",
            "p/a\n",
        ] {
            assert_eq!(with(bad.into()), ["spec.model"], "{bad}");
        }
        assert_eq!(with(format!("{long_provider}p/m")), ["spec.model"]);
        assert_eq!(with(format!("p/{long_name}m")), ["spec.model"]);
    }

    #[test]
    fn parameters_are_held_at_their_edges() {
        let with = |parameters: Parameters| broken(&Spec { parameters, ..spec() });
        let temperature = |it| with(Parameters { temperature: Some(it), ..Parameters::default() });
        let top_p = |it| with(Parameters { top_p: Some(it), ..Parameters::default() });
        let output = |it| with(Parameters { max_output_tokens: Some(it), ..Parameters::default() });
        assert!(temperature(0.0).is_empty() && temperature(2.0).is_empty());
        for bad in [-0.01, 2.01, f64::NAN, f64::INFINITY] {
            assert_eq!(temperature(bad), ["spec.parameters.temperature"], "{bad}");
        }
        assert!(top_p(0.0).is_empty() && top_p(1.0).is_empty());
        assert_eq!(top_p(1.01), ["spec.parameters.top_p"]);
        assert_eq!(top_p(f64::NAN), ["spec.parameters.top_p"]);
        assert!(output(1).is_empty() && output(MAX_OUTPUT_TOKENS).is_empty());
        assert_eq!(output(0), ["spec.parameters.max_output_tokens"]);
        assert_eq!(output(MAX_OUTPUT_TOKENS + 1), ["spec.parameters.max_output_tokens"]);
        assert!(with(Parameters { seed: Some(i64::MIN), ..Parameters::default() }).is_empty());
    }

    #[test]
    fn limits_are_held_at_their_edges() {
        let with = |limits: Limits| broken(&Spec { limits, ..spec() });
        let steps = |it| with(Limits { max_steps: Some(it), ..Limits::default() });
        let tokens = |it| with(Limits { max_tokens: Some(it), ..Limits::default() });
        let duration = |it| with(Limits { max_duration_ms: Some(it), ..Limits::default() });
        assert!(steps(1).is_empty() && steps(MAX_STEPS).is_empty());
        assert_eq!(steps(0), ["spec.limits.max_steps"]);
        assert_eq!(steps(MAX_STEPS + 1), ["spec.limits.max_steps"]);
        assert!(tokens(1).is_empty() && tokens(i64::MAX).is_empty());
        assert_eq!(tokens(0), ["spec.limits.max_tokens"]);
        assert!(duration(MIN_DURATION_MS).is_empty() && duration(MAX_DURATION_MS).is_empty());
        assert_eq!(duration(MIN_DURATION_MS - 1), ["spec.limits.max_duration"]);
        assert_eq!(duration(MAX_DURATION_MS + 1), ["spec.limits.max_duration"]);
        let cost = |it| with(Limits { max_cost_nano_usd: Some(it), ..Limits::default() });
        let step = |it| with(Limits { max_step_duration_ms: Some(it), ..Limits::default() });
        assert!(cost(1).is_empty() && cost(MAX_COST_NANO_USD).is_empty());
        assert_eq!(cost(0), ["spec.limits.max_cost_nano_usd"]);
        assert_eq!(cost(MAX_COST_NANO_USD + 1), ["spec.limits.max_cost_nano_usd"]);
        assert!(step(MIN_DURATION_MS).is_empty() && step(MAX_STEP_DURATION_MS).is_empty());
        assert_eq!(step(MIN_DURATION_MS - 1), ["spec.limits.max_step_duration"]);
        assert_eq!(step(MAX_STEP_DURATION_MS + 1), ["spec.limits.max_step_duration"]);
        let runs = |it| with(Limits { max_concurrent_runs: Some(it), ..Limits::default() });
        assert!(runs(1).is_empty() && runs(MAX_CONCURRENT_RUNS).is_empty());
        assert_eq!(runs(0), ["spec.limits.max_concurrent_runs"]);
        assert_eq!(runs(MAX_CONCURRENT_RUNS + 1), ["spec.limits.max_concurrent_runs"]);
    }

    #[test]
    fn every_broken_rule_is_named_at_once() {
        let all = Spec {
            parameters: Parameters {
                temperature: Some(3.0),
                top_p: Some(-1.0),
                max_output_tokens: Some(0),
                seed: None,
            },
            limits: Limits {
                max_steps: Some(0),
                max_tokens: Some(0),
                max_duration_ms: Some(0),
                max_cost_nano_usd: Some(0),
                max_step_duration_ms: Some(0),
                max_concurrent_runs: Some(0),
            },
            context: Context { window_tokens: Some(0), compact_at_percent: Some(0) },
            ..Spec::default()
        };
        assert_eq!(broken(&all).len(), 13);
    }

    #[test]
    fn context_is_held_at_its_edges() {
        let with = |context: Context| broken(&Spec { context, ..spec() });
        let window = |it| with(Context { window_tokens: Some(it), ..Context::default() });
        assert!(window(MIN_WINDOW_TOKENS).is_empty() && window(MAX_WINDOW_TOKENS).is_empty());
        for bad in [MIN_WINDOW_TOKENS - 1, MAX_WINDOW_TOKENS + 1, -1] {
            assert_eq!(window(bad), ["spec.context.window_tokens"], "{bad}");
        }
        let percent = |it| with(Context { compact_at_percent: Some(it), ..Context::default() });
        assert!(percent(10).is_empty() && percent(95).is_empty());
        for bad in [9, 96] {
            assert_eq!(percent(bad), ["spec.context.compact_at_percent"], "{bad}");
        }
    }

    #[test]
    fn stored_form_stays_readable() {
        // A row of the first release: a field renamed or dropped breaks this, and with it every published version.
        let stored = r#"{"instructions":"Be brief.","model":"simulator/demo","parameters":{"temperature":0.2,"seed":7},
            "tools":[{"tool":"http_fetch","allowed_hosts":["*.example.com"]},{"tool":"read_artifact"}],
            "limits":{"max_steps":5,"max_duration_ms":1500}}"#;
        let read: Spec = serde_json::from_str(stored).expect("read");
        assert_eq!(read.tools.len(), 2);
        let again: Spec = serde_json::from_str(&serde_json::to_string(&read).expect("write")).expect("read");
        assert_eq!(again, read);
        assert_eq!(
            serde_json::to_value(&read).expect("write"),
            serde_json::from_str::<serde_json::Value>(stored).expect("json")
        );
    }
}
