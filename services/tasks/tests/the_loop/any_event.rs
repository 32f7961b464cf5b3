//! Any event at all, for what must hold of the journal's JSON.

use mc_tasks::domain::brief::{ModelParameters, RunLimits};
use mc_tasks::domain::conversation::{
    FinishReason, Message, Opaque, Part, Role, Thinking, ToolCall, ToolResult, Usage,
};
use mc_tasks::domain::event::{
    ArtifactRef, CommandDelivered, ContextCompacted, EffectClass, EngineNote, Event, Failed,
    ModelCallCompleted, ModelCallFailed, ModelCallStarted, NoteReason, Queued, QuotaAwaited, Retried,
    RunError, ShortenedResult, Started, Steered, Succeeded, TakenOver, TimerSet, ToolCallCompleted,
    ToolCallStarted,
};
use mc_tasks::domain::id::{ArtifactId, CommandId, UserId};
use mc_tasks::domain::order::{CommandKind, Details};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::kit::{agent, brief, task};

fn any_message() -> impl Strategy<Value = Message> {
    let part =
        prop_oneof![
            any::<String>().prop_map(|text| Part::Text { text }),
            any::<(String, String, String)>()
                .prop_map(|(id, tool, arguments_json)| Part::ToolCall(ToolCall { id, tool, arguments_json })),
            any::<(String, String, bool)>().prop_map(|(call_id, content, is_error)| Part::ToolResult(
                ToolResult { call_id, content, is_error }
            )),
            any::<(String, Vec<u8>)>()
                .prop_map(|(text, signature)| Part::Thinking(Thinking { text, signature })),
            any::<(String, String, Vec<u8>)>().prop_map(|(provider, model, content)| Part::Opaque(Opaque {
                provider,
                model,
                content
            })),
        ];
    let role = prop::sample::select(vec![Role::User, Role::Assistant, Role::Tool]);
    (role, vec(part, 0..4)).prop_map(|(role, parts)| Message { role, parts })
}

fn any_usage() -> impl Strategy<Value = Usage> {
    any::<([i64; 5], bool)>().prop_map(|(tokens, estimated)| {
        let [input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens] = tokens;
        Usage {
            input_tokens,
            cache_read_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            estimated,
        }
    })
}

fn any_error() -> impl Strategy<Value = RunError> {
    any::<(String, String)>().prop_map(|(reason, message)| RunError { reason, message })
}

fn any_time() -> impl Strategy<Value = Option<OffsetDateTime>> {
    option::of(0..4_000_000_000_000_i64)
        .prop_map(|ms| ms.map(|ms| OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(ms)))
}

fn any_queued() -> impl Strategy<Value = Event> {
    (
        any::<(String, String, String)>(),
        vec(any::<String>(), 0..3),
        option::of(0..2000_u32),
        any::<(u32, i64, [Option<i64>; 3])>(),
        any_time(),
    )
        .prop_map(
            |(
                (title, text, instructions),
                checks,
                thousandths,
                (max_steps, max_duration_ms, limits),
                start_at,
            )| {
                let [max_tokens, max_cost_nano_usd, max_step_duration_ms] = limits;
                let (mut task, mut agent) = (task(), agent());
                (task.title, task.brief, task.acceptance_checks) = (title, text, checks);
                agent.instructions = instructions;
                agent.parameters = ModelParameters {
                    temperature: thousandths.map(|thousandths| f64::from(thousandths) / 1000.0),
                    ..ModelParameters::default()
                };
                agent.limits = RunLimits {
                    max_steps,
                    max_tokens,
                    max_duration_ms,
                    max_cost_nano_usd,
                    max_step_duration_ms,
                    max_concurrent_runs: max_tokens.and_then(|number| u32::try_from(number).ok()),
                };
                Event::Queued(Queued { brief: brief(task, agent).into(), start_at })
            },
        )
}

/// Any event at all, whether or not it could happen.
pub(crate) fn any_event() -> impl Strategy<Value = Event> {
    let finish_reason = prop::sample::select(vec![
        FinishReason::Stop,
        FinishReason::ToolCalls,
        FinishReason::Length,
        FinishReason::ContentFilter,
        FinishReason::Other,
    ]);
    let effect_class = prop::sample::select(vec![
        EffectClass::Pure,
        EffectClass::Idempotent,
        EffectClass::Queryable,
        EffectClass::AtMostOnce,
    ]);
    let note_reason = prop::sample::select(vec![
        NoteReason::EmptyAnswer,
        NoteReason::TruncatedAnswer,
        NoteReason::NoToolCall,
        NoteReason::RepeatedCall,
    ]);
    let text = any::<String>;
    prop_oneof![
        any_queued(),
        Just(Event::Started(Started {})),
        any::<i64>().prop_map(|lease_epoch| Event::TakenOver(TakenOver { lease_epoch })),
        any::<(u32, u32, String, u32, Option<i64>)>().prop_map(
            |(step, attempt, model, message_count, compacts_through)| {
                Event::ModelCallStarted(ModelCallStarted {
                    step,
                    attempt,
                    model,
                    message_count,
                    compacts_through,
                })
            }
        ),
        any_compaction(),
        (any::<(u32, u32, u64)>(), any_message(), finish_reason, any_usage(), any::<Option<i64>>(), text())
            .prop_map(
                |((step, attempt, duration_ms), message, finish_reason, usage, cost_nano_usd, generation)| {
                    Event::ModelCallCompleted(ModelCallCompleted {
                        step,
                        attempt,
                        message,
                        finish_reason,
                        usage,
                        cost_nano_usd,
                        generation,
                        duration_ms,
                    })
                }
            ),
        (any::<(u32, u32)>(), any_error(), any_time(), text(), any::<(bool, Option<i64>, bool, i64)>())
            .prop_map(|((step, attempt), error, retry_at, generation, charge)| {
                let (maybe_billed, cost_nano_usd, cost_estimated, total_tokens) = charge;
                Event::ModelCallFailed(ModelCallFailed {
                    step,
                    attempt,
                    error,
                    retry_at,
                    generation,
                    maybe_billed,
                    cost_nano_usd,
                    cost_estimated,
                    total_tokens,
                })
            }),
        (any::<(u32, u32)>(), any::<[String; 4]>(), effect_class).prop_map(
            |((step, attempt), [call_id, tool, arguments_json, idempotency_key], effect_class)| {
                Event::ToolCallStarted(ToolCallStarted {
                    step,
                    call_id,
                    tool,
                    arguments_json,
                    effect_class,
                    idempotency_key,
                    attempt,
                })
            }
        ),
        (any::<(u32, u64, bool)>(), any::<[String; 3]>(), option::of(any::<(u128, String)>())).prop_map(
            |((step, duration_ms, is_error), [call_id, tool, content], artifact)| {
                let artifact = artifact
                    .map(|(id, path)| ArtifactRef { artifact: ArtifactId::new(Uuid::from_u128(id)), path });
                Event::ToolCallCompleted(ToolCallCompleted {
                    step,
                    call_id,
                    tool,
                    content,
                    is_error,
                    artifact,
                    duration_ms,
                })
            }
        ),
        (any::<u32>(), note_reason, text()).prop_map(|(step, reason, text)| Event::EngineNote(EngineNote {
            step,
            reason,
            text
        })),
        (text(), vec(text(), 0..3))
            .prop_map(|(summary, evidence)| Event::Succeeded(Succeeded { summary, evidence })),
        any_error().prop_map(|error| Event::Failed(Failed { error })),
        (any::<u32>(), text(), any_time(), text()).prop_map(|(step, call_id, wake_at, reason)| {
            let wake_at = wake_at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            Event::TimerSet(TimerSet { step, call_id, wake_at, reason })
        }),
        (text(), any_time()).prop_map(|(provider, until)| {
            let until = until.unwrap_or(OffsetDateTime::UNIX_EPOCH);
            Event::QuotaAwaited(QuotaAwaited { provider, until })
        }),
        any_order(),
        any::<(u128, u128, String)>().prop_map(|(command, person, text)| Event::Steered(Steered {
            command: CommandId::new(Uuid::from_u128(command)),
            requester: UserId::new(Uuid::from_u128(person)),
            text,
        })),
        (any::<(u128, u128)>(), some_time(), any::<[String; 2]>()).prop_map(
            |((command, person), requested_at, [reason, note])| Event::Retried(Retried {
                command: CommandId::new(Uuid::from_u128(command)),
                requester: UserId::new(Uuid::from_u128(person)),
                requested_at,
                reason,
                note,
            })
        ),
    ]
}

fn any_compaction() -> impl Strategy<Value = Event> {
    let shortened = vec(
        any::<(i64, String, String)>().prop_map(|(seq, call_id, text)| ShortenedResult {
            seq,
            call_id,
            text,
        }),
        0..3,
    );
    (any::<Option<u32>>(), any::<[i64; 5]>(), any::<String>(), shortened, any::<Option<i64>>()).prop_map(
        |(step, [first_seq, last_seq, tokens_before, tokens_after, window_tokens], text, shortened, cost)| {
            Event::ContextCompacted(ContextCompacted {
                step,
                first_seq,
                last_seq,
                text,
                shortened,
                tokens_before,
                tokens_after,
                window_tokens,
                cost_nano_usd: cost,
            })
        },
    )
}

fn some_time() -> impl Strategy<Value = OffsetDateTime> {
    (0..4_000_000_000_000_i64).prop_map(|ms| OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(ms))
}

fn any_order() -> impl Strategy<Value = Event> {
    let kind = prop::sample::select(vec![
        CommandKind::Pause,
        CommandKind::Resume,
        CommandKind::Cancel,
        CommandKind::Steer,
        CommandKind::Retry,
    ]);
    (any::<(u128, u128)>(), kind, some_time(), any::<[String; 2]>(), any::<bool>()).prop_map(
        |((command, person), kind, requested_at, [reason, text], interrupt)| {
            Event::CommandDelivered(CommandDelivered {
                command: CommandId::new(Uuid::from_u128(command)),
                kind,
                requester: UserId::new(Uuid::from_u128(person)),
                requested_at,
                reason,
                details: Details { text, interrupt },
            })
        },
    )
}
