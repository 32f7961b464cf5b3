//! The dialect's usage object, sorted into disjoint buckets.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::usage::Usage;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// DeepSeek's name for cached tokens.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

/// Reads a usage object; `None` when it has no counts at all.
///
/// `prompt_tokens` includes what was read from or written to the cache, so both are taken out of it. Reasoning is part
/// of `completion_tokens`, except on servers whose total shows that it was left out (xAI).
pub fn parse(raw: &RawValue) -> Option<Usage> {
    let wire: Wire = serde_json::from_str(raw.get()).ok()?;
    let (prompt, completion) = match (wire.prompt_tokens, wire.completion_tokens) {
        (None, None) => return None,
        (prompt, completion) => (prompt.unwrap_or(0), completion.unwrap_or(0)),
    };
    let details = wire.prompt_tokens_details.unwrap_or_default();
    let cache_read = details.cached_tokens.or(wire.prompt_cache_hit_tokens).unwrap_or(0).min(prompt);
    let cache_write = details.cache_write_tokens.unwrap_or(0).min(prompt - cache_read);
    let reasoning = wire.completion_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or(0);
    let left_out = reasoning > 0
        && wire.total_tokens == prompt.checked_add(completion).and_then(|sum| sum.checked_add(reasoning));
    let output = if left_out { completion + reasoning } else { completion };
    Some(Usage {
        input: prompt - cache_read - cache_write,
        cache_read,
        cache_write,
        output,
        reasoning: reasoning.min(output),
        estimated: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Option<Usage> {
        parse(&RawValue::from_string(json.to_owned()).expect("JSON"))
    }

    #[test]
    fn buckets_are_disjoint() {
        let cached = r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
            "prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30},
            "completion_tokens_details":{"reasoning_tokens":5}}"#;
        let expected =
            Usage { input: 10, cache_read: 60, cache_write: 30, output: 20, reasoning: 5, estimated: false };
        assert_eq!(usage(cached), Some(expected));
    }

    #[test]
    fn dialects_of_the_dialect_are_understood() {
        let deepseek = r#"{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#;
        assert_eq!(usage(deepseek).map(|usage| (usage.input, usage.cache_read)), Some((5, 4)));
        let xai = r#"{"prompt_tokens":10,"completion_tokens":2,"total_tokens":19,"completion_tokens_details":{"reasoning_tokens":7}}"#;
        assert_eq!(usage(xai).map(|usage| (usage.output, usage.reasoning)), Some((9, 7)));
        let nulls = r#"{"prompt_tokens":3,"completion_tokens":null,"prompt_tokens_details":null}"#;
        assert_eq!(usage(nulls).map(|usage| (usage.input, usage.output)), Some((3, 0)));
    }

    #[test]
    fn nonsense_is_no_usage_and_never_negative() {
        assert_eq!(usage("{}"), None);
        assert_eq!(usage("null"), None);
        assert_eq!(usage(r#"{"prompt_tokens":"many"}"#), None);
        let absurd = r#"{"prompt_tokens":1,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}"#;
        assert_eq!(
            usage(absurd).map(|usage| (usage.input, usage.cache_read, usage.cache_write)),
            Some((0, 1, 0))
        );
    }
}
