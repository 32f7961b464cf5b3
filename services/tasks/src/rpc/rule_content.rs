//! What people say of an approval rule, parsed once; and the rule that an approval makes.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::db::Tx;
use mc_chassis::error::Violation;
use mc_proto::tasks::v1 as proto;
use prost_types::Timestamp;
use proto::argument_condition::Match as Wanted;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{AgentId, ApprovalRuleId, InboxItemId, UserId, WorkspaceId};
use crate::domain::order::Decision;
use crate::domain::rule::{Condition, MAX_CONDITIONS, MAX_VALUES, Match, Pattern, read_value};
use crate::domain::tool::Tool;
use crate::error::Error;
use crate::rpc::names;
use crate::rpc::order::unprintable;
use crate::store::inbox::Item;
use crate::store::rule::{self, MAX_RULES, NewRule, StoredRule};

/// Characters of a note at most.
const NOTE_CHARS: usize = 500;
/// What it takes to make a rule, whichever way.
const WRITE: &str = "tasks.approvalRule.write";
const ALWAYS_ALLOW: &str = "decision.approve.always_allow";

/// What people say of a rule.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) agent: AgentId,
    pub(super) tool: String,
    pub(super) pattern: Pattern,
    pub(super) note: String,
    pub(super) expire_time: Option<OffsetDateTime>,
}

/// Reads a rule; the failure names every field that is wrong.
pub(super) fn parse(
    workspace: WorkspaceId,
    wanted: proto::ApprovalRule,
    now: OffsetDateTime,
) -> Result<Content, Failure> {
    let mut violations = Vec::new();
    let agent = if wanted.agent.is_empty() {
        violations.push(violation("approval_rule.agent", "is required"));
        None
    } else {
        noted(names::optional_agent(workspace, "approval_rule.agent", &wanted.agent), &mut violations)
            .flatten()
    };
    let can_be_asked = |tool: &Tool| !matches!(tool, Tool::AskHuman | Tool::Finish);
    if !Tool::named(&wanted.tool).as_ref().is_some_and(can_be_asked) {
        let tools: Vec<_> = Tool::ALL.into_iter().filter(can_be_asked).map(Tool::name).collect();
        violations.push(violation("approval_rule.tool", format!("must be one of {}", tools.join(", "))));
    }
    let length = wanted.note.chars().count();
    if length > NOTE_CHARS {
        let why = format!("must have at most {NOTE_CHARS} characters, not {length}");
        violations.push(violation("approval_rule.note", why));
    } else if wanted.note.chars().any(unprintable) {
        violations.push(violation("approval_rule.note", "must not contain control characters"));
    }
    let expire_time = wanted.expire_time;
    let expire_time = noted(future("approval_rule.expire_time", expire_time, now), &mut violations).flatten();
    let pattern = noted(pattern(wanted.conditions), &mut violations);
    match (agent, pattern) {
        (Some(agent), Some(pattern)) if violations.is_empty() => {
            Ok(Content { agent, tool: wanted.tool, pattern, note: wanted.note, expire_time })
        }
        _ => Err(Failure::invalid_fields(violations)),
    }
}

fn violation(field: impl Into<String>, description: impl Into<String>) -> Violation {
    Violation { field: field.into(), description: description.into() }
}

/// What was read, or a note of what is wrong with it.
fn noted<T>(read: Result<T, Failure>, violations: &mut Vec<Violation>) -> Option<T> {
    read.map_err(|failure| violations.extend(failure.violations().iter().cloned())).ok()
}

fn pattern(wanted: Vec<proto::ArgumentCondition>) -> Result<Pattern, Failure> {
    if wanted.len() > MAX_CONDITIONS {
        let why = format!("must be at most {MAX_CONDITIONS}, not {}", wanted.len());
        return Err(Failure::invalid("approval_rule.conditions", why));
    }
    let mut violations = Vec::new();
    let mut conditions = Vec::new();
    for (at, condition) in wanted.into_iter().enumerate() {
        let field = |name: &str| format!("approval_rule.conditions[{at}]{name}");
        let matching = match condition.r#match {
            None => Err(violation(
                field(""),
                "must say one of equals_json, one_of, text_prefix, url_prefix and any",
            )),
            Some(Wanted::EqualsJson(json)) => read_value(&json)
                .map(|value| Match::Equals { value })
                .map_err(|why| violation(field(".equals_json"), why)),
            Some(Wanted::OneOf(values)) => one_of(&values.values_json).map_err(|(place, why)| {
                violation(
                    place.map_or_else(|| field(".one_of"), |n| field(&format!(".one_of.values_json[{n}]"))),
                    why,
                )
            }),
            Some(Wanted::TextPrefix(prefix)) => Ok(Match::TextPrefix { prefix }),
            Some(Wanted::UrlPrefix(url)) => Ok(Match::UrlPrefix { url }),
            Some(Wanted::Any(proto::AnyValue {})) => Ok(Match::Any),
        };
        match matching {
            Ok(matching) => conditions.push(Condition { pointer: condition.pointer, matching }),
            Err(wrong) => violations.push(wrong),
        }
    }
    if !violations.is_empty() {
        return Err(Failure::invalid_fields(violations));
    }
    Pattern::new(conditions).map_err(|flaws| {
        let wrong = flaws
            .into_iter()
            .map(|flaw| violation(format!("approval_rule.conditions[{}].{}", flaw.at, flaw.field), flaw.why));
        Failure::invalid_fields(wrong.collect())
    })
}

fn one_of(values: &[String]) -> Result<Match, (Option<usize>, String)> {
    if values.len() > MAX_VALUES {
        return Err((None, format!("must be 1 to {MAX_VALUES} values, not {}", values.len())));
    }
    let read = values.iter().enumerate().map(|(at, json)| read_value(json).map_err(|why| (Some(at), why)));
    Ok(Match::OneOf { values: read.collect::<Result<_, _>>()? })
}

/// A time that is to come; none when absent.
fn future(
    field: &str,
    time: Option<Timestamp>,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, Failure> {
    let Some(time) = time else { return Ok(None) };
    let nanos = u32::try_from(time.nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let at = OffsetDateTime::from_unix_timestamp(time.seconds).ok().zip(nanos);
    match at.map(|(at, nanos)| at + time::Duration::nanoseconds(i64::from(nanos))) {
        // PostgreSQL keeps microseconds.
        Some(at) if at > now => {
            Ok(Some(at.replace_nanosecond(at.nanosecond() / 1_000 * 1_000).unwrap_or(at)))
        }
        Some(_) => Err(Failure::invalid(field, "must be in the future")),
        None => Err(Failure::invalid(field, "must be a time from year 1 to 9999")),
    }
}

/// Makes a rule if the agent has room for it.
pub(super) async fn make(
    tx: &mut Tx,
    workspace: WorkspaceId,
    new: &NewRule,
    now: OffsetDateTime,
) -> Result<StoredRule, Error> {
    rule::lock_agent(tx, workspace, new.agent).await?;
    make_locked(tx, workspace, new, now).await
}

async fn make_locked(
    tx: &mut Tx,
    workspace: WorkspaceId,
    new: &NewRule,
    now: OffsetDateTime,
) -> Result<StoredRule, Error> {
    if rule::count_in_force(tx, workspace, new.agent, now).await? >= MAX_RULES {
        return Err(Error::RuleLimit { agent: format!("workspaces/{workspace}/agents/{}", new.agent) });
    }
    Ok(rule::insert(tx, workspace, new, now).await?)
}

/// The wish that an approval stand for good.
#[derive(Debug)]
pub(super) struct Standing {
    expire_time: Option<OffsetDateTime>,
    creator: UserId,
    at: OffsetDateTime,
}

impl Standing {
    /// Reads it from a decision, if it is there: who may approve may not therefore make rules.
    pub(super) fn parse(
        decision: &proto::Decision,
        caller: &Caller,
        now: OffsetDateTime,
    ) -> Result<Option<Self>, Failure> {
        let Some(proto::decision::Kind::Approve(approve)) = &decision.kind else { return Ok(None) };
        let Some(always) = &approve.always_allow else { return Ok(None) };
        let field = format!("{ALWAYS_ALLOW}.expire_time");
        let expire_time = future(&field, always.expire_time, now)?;
        if !caller.may(WRITE) {
            return Err(Failure::permission_denied(WRITE));
        }
        Ok(Some(Self { expire_time, creator: UserId::new(caller.user()?), at: now }))
    }
}

/// Makes a rule of an approval: just this call, with the arguments that it is approved with. One that is there already will do.
pub(super) async fn make_of(
    tx: &mut Tx,
    item: &Item,
    decision: &Decision,
    standing: &Standing,
    id: Uuid,
) -> Result<ApprovalRuleId, Error> {
    let arguments = match decision {
        Decision::Approve { arguments_json: Some(edited) } => edited,
        _ => &item.arguments_json,
    };
    let pattern = Pattern::of_arguments(arguments).map_err(|why| Failure::invalid(ALWAYS_ALLOW, why))?;
    let workspace = WorkspaceId::new(item.workspace_id);
    let new = NewRule {
        rule: ApprovalRuleId::new(id),
        agent: AgentId::new(item.agent_id),
        tool: item.tool.clone(),
        pattern,
        note: String::new(),
        creator: standing.creator,
        expire_time: standing.expire_time,
        item: Some(InboxItemId::new(item.item_id)),
    };
    rule::lock_agent(tx, workspace, new.agent).await?;
    if let Some(same) = rule::same(tx, workspace, &new, standing.at).await? {
        return Ok(same);
    }
    Ok(ApprovalRuleId::new(make_locked(tx, workspace, &new, standing.at).await?.rule_id))
}
