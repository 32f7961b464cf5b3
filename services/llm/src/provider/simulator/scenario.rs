//! Scenarios as data: `scenarios/*.json`, embedded. See services/llm/README.md for the format.

use std::sync::LazyLock;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::conversation::FinishReason;
use crate::domain::fault::{Fault, Kind};

/// One script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, for people.
    pub about: String,
    /// How fast it plays.
    #[serde(default)]
    pub pace: Pace,
    /// Turns of the assistant in order, each as the replies of its attempts in order; both lists repeat their last entry.
    turns: Vec<Vec<Reply>>,
}

/// How fast a script plays.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Milliseconds before anything comes.
    pub first_token_ms: u64,
    /// Milliseconds before each token.
    pub token_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first_token_ms: 50, token_ms: 5 }
    }
}

/// One answer of the script.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// Reasoning.
    pub thinking: String,
    /// Text.
    pub text: String,
    /// Tools that it calls.
    pub tool_calls: Vec<ScriptedCall>,
    /// Why it stops; follows from the tool calls when left out.
    pub finish: Option<FinishReason>,
    /// How it fails.
    pub fails: Option<Failing>,
}

/// A tool call of the script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// Name of the tool.
    pub tool: String,
    /// Arguments.
    #[serde(default)]
    pub arguments: Value,
    /// Arguments that need not be JSON, instead.
    #[serde(default)]
    pub arguments_text: Option<String>,
}

/// How a reply fails.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// Tokens that come first; before any token when 0.
    #[serde(default)]
    pub after_tokens: u32,
    /// The stream just ends: no error, no finish reason, no end mark.
    #[serde(default)]
    pub silently: bool,
    /// What the failure is, as a reason of the error table.
    #[serde(default)]
    reason: String,
    /// What the provider asks to wait for.
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl Failing {
    /// The failure.
    pub fn fault(&self) -> Fault {
        let kind = Kind::from_reason(&self.reason).unwrap_or(Kind::Unavailable);
        Fault::new(kind, format!("the simulator's script fails here: {}", kind.reason()))
            .after(self.retry_after_ms.map(Duration::from_millis))
    }
}

impl Scenario {
    /// The reply to the turn after `assistant_turns` of them, in this attempt (from 1).
    pub fn reply(&self, assistant_turns: usize, attempt: u32) -> &Reply {
        let turn = &self.turns[assistant_turns.min(self.turns.len() - 1)];
        &turn[(attempt.max(1) as usize - 1).min(turn.len() - 1)]
    }
}

macro_rules! scenarios {
    ($($name:literal),+ $(,)?) => {
        /// Every script by name, the demonstration first.
        static ALL: LazyLock<Vec<(&'static str, Scenario)>> = LazyLock::new(|| {
            vec![$(($name, read($name, include_str!(concat!("../../../scenarios/", $name, ".json"))))),+]
        });
    };
}

scenarios![
    "demo",
    "errand",
    "asks",
    "echo",
    "malformed-arguments",
    "truncated",
    "empty",
    "repeats",
    "claims-done",
    "error-first",
    "cut",
    "cut-silently",
    "rate-limited",
    "slow",
];

fn read(name: &str, text: &str) -> Scenario {
    let scenario: Scenario = serde_json::from_str(text)
        .unwrap_or_else(|error| panic!("scenarios/{name}.json is checked by a test: {error}"));
    assert!(
        !scenario.turns.is_empty() && scenario.turns.iter().all(|turn| !turn.is_empty()),
        "scenarios/{name}.json is checked by a test: no turn may be empty"
    );
    scenario
}

/// Every script and its name.
pub fn all() -> impl Iterator<Item = (&'static str, &'static Scenario)> {
    ALL.iter().map(|(name, scenario)| (*name, scenario))
}

/// The script of this name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    all().find(|(known, _)| *known == name).map(|(_, scenario)| scenario)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_is_readable_and_names_only_known_failures() {
        for (name, scenario) in all() {
            assert!(scenario.about.starts_with("Scripted, no model:"), "{name} says what it is");
            for reply in scenario.turns.iter().flatten() {
                let Some(failing) = &reply.fails else { continue };
                assert!(failing.silently || Kind::from_reason(&failing.reason).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn every_file_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().replace(".json", ""))
            .collect();
        let mut listed: Vec<&str> = all().map(|(name, _)| name).collect();
        files.sort();
        listed.sort_unstable();
        assert_eq!(files, listed);
    }

    #[test]
    fn turns_and_attempts_repeat_their_last_entry() {
        let reply = |text: &str| format!(r#"{{"text":"{text}"}}"#);
        let text = format!(r#"{{"about":"","turns":[[{}],[{},{}]]}}"#, reply("a"), reply("b1"), reply("b2"));
        let scenario: Scenario = serde_json::from_str(&text).expect("a script");
        let of = |turns, attempt| scenario.reply(turns, attempt).text.as_str();
        assert_eq!(
            [of(0, 1), of(0, 9), of(1, 1), of(1, 2), of(1, 3), of(7, 0)],
            ["a", "a", "b1", "b2", "b2", "b1"]
        );
    }
}
