//! Between the contract's messages and the domain. Nothing fails here: rules are the domain's.

use mc_proto::registry::v1 as pb;
use prost_types::{Duration, Timestamp};
use time::OffsetDateTime;

use crate::domain::{
    self, Context, Effect, HTTP_REQUEST, Limits, Parameters, Policy, Profile, Spec, Teammate, ToolGrant,
};

/// What a caller wrote about an agent. Output-only fields are ignored (AIP-203).
pub(super) fn profile(agent: pb::Agent) -> Profile {
    Profile {
        display_name: agent.display_name,
        role: agent.role,
        avatar: agent.avatar,
        spec: spec(agent.spec.unwrap_or_default()),
    }
}

fn spec(spec: pb::AgentSpec) -> Spec {
    let parameters = spec.parameters.unwrap_or_default();
    let limits = spec.limits.unwrap_or_default();
    let context = spec.context.unwrap_or_default();
    Spec {
        instructions: spec.instructions,
        model: spec.model,
        parameters: Parameters {
            temperature: parameters.temperature,
            top_p: parameters.top_p,
            max_output_tokens: parameters.max_output_tokens,
            seed: parameters.seed,
        },
        tools: spec.tools.into_iter().map(tool).collect(),
        limits: Limits {
            max_steps: limits.max_steps,
            max_tokens: limits.max_tokens,
            max_duration_ms: limits.max_duration.map(milliseconds),
            max_cost_nano_usd: limits.max_cost_nano_usd,
            max_step_duration_ms: limits.max_step_duration.map(milliseconds),
            max_concurrent_runs: limits.max_concurrent_runs,
        },
        context: Context {
            window_tokens: context.window_tokens,
            compact_at_percent: context.compact_at_percent,
        },
    }
}

fn tool(grant: pb::ToolGrant) -> ToolGrant {
    ToolGrant {
        policy: match pb::ToolPolicy::try_from(grant.policy) {
            Ok(pb::ToolPolicy::Unspecified | pb::ToolPolicy::Allow) => Policy::Allow,
            Ok(pb::ToolPolicy::Ask) => Policy::Ask,
            Ok(pb::ToolPolicy::Deny) => Policy::Deny,
            Err(_) => Policy::Unknown,
        },
        effect: match pb::RequestEffect::try_from(grant.effect) {
            Ok(pb::RequestEffect::Unspecified) => None,
            Ok(pb::RequestEffect::AtMostOnce) => Some(Effect::AtMostOnce),
            Ok(pb::RequestEffect::Idempotent) => Some(Effect::Idempotent),
            Ok(pb::RequestEffect::Queryable) => Some(Effect::Queryable),
            Err(_) => Some(Effect::Unknown),
        },
        query_url: grant.query_url,
        approval_expiry_ms: grant.approval_expiry.map(whole_milliseconds),
        teammates: grant
            .teammates
            .into_iter()
            .map(|it| Teammate { name: it.name, agent: it.agent, purpose: it.purpose })
            .collect(),
        tool: grant.tool,
        // Host names know no case (RFC 4343).
        allowed_hosts: grant.allowed_hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
    }
}

/// The same, where finer parts are to be refused and not dropped.
fn whole_milliseconds(duration: Duration) -> i64 {
    if duration.nanos % 1_000_000 == 0 { milliseconds(duration) } else { i64::MIN }
}

/// Whole milliseconds; finer parts are dropped. What is no duration at all comes out as one that every rule refuses.
fn milliseconds(duration: Duration) -> i64 {
    if duration.nanos.abs() >= 1_000_000_000 {
        return i64::MIN;
    }
    duration.seconds.saturating_mul(1_000).saturating_add(i64::from(duration.nanos / 1_000_000))
}

fn duration(milliseconds: i64) -> Duration {
    Duration { seconds: milliseconds / 1_000, nanos: (milliseconds % 1_000) as i32 * 1_000_000 }
}

fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: time.nanosecond() as i32 }
}

/// An agent as callers see it.
pub(super) fn agent(agent: domain::Agent) -> pb::Agent {
    pb::Agent {
        name: agent.name(),
        etag: agent.etag(),
        display_name: agent.profile.display_name,
        role: agent.profile.role,
        avatar: agent.profile.avatar,
        spec: Some(spec_message(agent.profile.spec)),
        latest_version: agent.latest_version,
        create_time: Some(timestamp(agent.create_time)),
        update_time: Some(timestamp(agent.update_time)),
    }
}

/// A version as callers see it.
pub(super) fn version(version: domain::Version) -> pb::AgentVersion {
    pb::AgentVersion {
        name: version.name(),
        version: version.number,
        display_name: version.display_name,
        spec: Some(spec_message(version.spec)),
        create_time: Some(timestamp(version.create_time)),
        publisher: mc_chassis::names::user(version.publisher),
        note: version.note,
    }
}

fn spec_message(spec: Spec) -> pb::AgentSpec {
    // A group in which nothing is set is left out, as a caller would leave it out.
    let parameters = (spec.parameters != Parameters::default()).then_some(pb::ModelParameters {
        temperature: spec.parameters.temperature,
        top_p: spec.parameters.top_p,
        max_output_tokens: spec.parameters.max_output_tokens,
        seed: spec.parameters.seed,
    });
    let limits = (spec.limits != Limits::default()).then_some(pb::RunLimits {
        max_steps: spec.limits.max_steps,
        max_tokens: spec.limits.max_tokens,
        max_duration: spec.limits.max_duration_ms.map(duration),
        max_cost_nano_usd: spec.limits.max_cost_nano_usd,
        max_step_duration: spec.limits.max_step_duration_ms.map(duration),
        max_concurrent_runs: spec.limits.max_concurrent_runs,
    });
    let context = (spec.context != Context::default()).then_some(pb::ContextPolicy {
        window_tokens: spec.context.window_tokens,
        compact_at_percent: spec.context.compact_at_percent,
    });
    pb::AgentSpec {
        instructions: spec.instructions,
        model: spec.model,
        parameters,
        tools: spec.tools.into_iter().map(grant_message).collect(),
        limits,
        context,
    }
}

/// What is not said stands there as what it means.
fn grant_message(grant: ToolGrant) -> pb::ToolGrant {
    let policy = match grant.policy {
        Policy::Allow => pb::ToolPolicy::Allow,
        Policy::Ask => pb::ToolPolicy::Ask,
        Policy::Deny | Policy::Unknown => pb::ToolPolicy::Deny,
    };
    let effect = match grant.effect {
        None if grant.tool != HTTP_REQUEST => pb::RequestEffect::Unspecified,
        None | Some(Effect::AtMostOnce | Effect::Unknown) => pb::RequestEffect::AtMostOnce,
        Some(Effect::Idempotent) => pb::RequestEffect::Idempotent,
        Some(Effect::Queryable) => pb::RequestEffect::Queryable,
    };
    pb::ToolGrant {
        tool: grant.tool,
        allowed_hosts: grant.allowed_hosts,
        policy: policy as i32,
        effect: effect as i32,
        query_url: grant.query_url,
        approval_expiry: grant.approval_expiry_ms.map(duration),
        teammates: grant
            .teammates
            .into_iter()
            .map(|it| pb::Teammate { name: it.name, agent: it.agent, purpose: it.purpose })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_come_back_as_they_were_meant_and_are_taken_again() {
        let given = |tool: &str, policy, effect: i32| pb::ToolGrant {
            tool: tool.into(),
            policy,
            effect,
            query_url: "https://a.example/{key}".into(),
            ..pb::ToolGrant::default()
        };
        for (tool, policy, effect, back) in [
            ("http_fetch", 0, 0, (1, 0)),
            ("http_request", 0, 0, (1, 1)),
            ("http_request", 2, 3, (2, 3)),
            ("http_request", 3, 2, (3, 2)),
            // Never stored: the rules refuse it. Should it be there, it is no leave and no promise.
            ("http_request", 9, 9, (3, 1)),
        ] {
            let message = grant_message(super::tool(given(tool, policy, effect)));
            assert_eq!((message.policy, message.effect), back, "{tool}, {policy}, {effect}");
            assert_eq!(grant_message(super::tool(message.clone())), message);
        }
    }

    #[test]
    fn durations_keep_their_milliseconds_and_nonsense_stays_out_of_range() {
        for (seconds, nanos, ms) in
            [(1, 0, 1_000), (1, 500_000_000, 1_500), (0, 999_999, 0), (-1, -1_000_000, -1_001)]
        {
            assert_eq!(milliseconds(Duration { seconds, nanos }), ms);
        }
        assert_eq!(milliseconds(Duration { seconds: i64::MAX, nanos: 0 }), i64::MAX);
        assert_eq!(milliseconds(Duration { seconds: 5, nanos: i32::MAX }), i64::MIN);
        assert_eq!(duration(90_061_500), Duration { seconds: 90_061, nanos: 500_000_000 });
    }
}
