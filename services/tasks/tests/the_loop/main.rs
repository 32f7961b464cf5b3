//! The agent loop held by transcripts: scripted models, good and bad, and what the journal says of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod any_event;
mod kit;
mod scenario;
mod world;

mod approvals;
mod board_graph;
mod children;
mod claims_without_evidence;
mod compaction;
mod compaction_properties;
mod context_overflow;
mod empty_answers;
mod fold_snapshots;
mod golden_prompts;
mod journal_format;
mod limits;
mod malformed_arguments;
mod model_failures;
mod orders;
mod outcomes;
mod properties;
mod questions;
mod recovery;
mod repeated_calls;
mod retries;
mod retry_table;
mod rule_patterns;
mod rules;
mod schedules;
mod steers;
mod strict_fold;
mod truncated_answers;
mod waits;
