//! What becomes of `delegate`: who is to do what within which limits, and what the agent reads of it in the end.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::calls::result;
use super::limits::dollars;
use crate::domain::arguments::{Arguments, Delegation, Piece};
use crate::domain::conversation::ToolCall;
use crate::domain::event::{ChildEnd, ChildEnded, ChildStarted, ChildWait, ChildrenStarted, Event};
use crate::domain::family::{Ceiling, Lineage, MAX_LIVE_CHILDREN};
use crate::domain::fold::{Answer, CallState, Delegated, RunFold};
use crate::domain::id::{AgentId, RunId, WorkspaceId};
use crate::domain::order::Decision;
use crate::domain::prompt;
use crate::domain::tool::Tool;

/// Work that is to be handed to others: their runs are to be made in the transaction of [`Delegate::started`].
#[derive(Debug, Clone, PartialEq)]
pub struct Delegate {
    /// Step whose answer asked for it.
    pub step: u32,
    /// Id of the call.
    pub call_id: String,
    /// The pieces, each with the agent that does it.
    pub pieces: Vec<(AgentId, Piece)>,
    /// What each may use at most.
    pub ceiling: Ceiling,
    /// Where their runs stand.
    pub lineage: Lineage,
    wait: ChildWait,
    leave_others: bool,
    call: ToolCall,
    /// The intent of a call that has no effect, for when it comes to nothing.
    intent: Event,
    /// What its agent is told of arguments that a person changed; empty where none did.
    preface: String,
}

impl Delegate {
    /// The record that these do it.
    pub fn started(&self, children: Vec<ChildStarted>) -> Event {
        Event::ChildrenStarted(ChildrenStarted {
            step: self.step,
            call_id: self.call_id.clone(),
            children,
            wait: self.wait,
            leave_others: self.leave_others,
        })
    }

    /// The records that nothing was handed over, and why: a clause for the model.
    pub fn refused(&self, why: &str) -> Vec<Event> {
        let content = format!("{}Not carried out: {why}.", self.preface);
        vec![self.intent.clone(), result(self.step, &self.call, content, true)]
    }
}

/// What is to be handed over by a call with these arguments, or what the model reads in place of a result.
pub(super) fn order(
    fold: &RunFold,
    answer: &Answer,
    (call, intent, preface): (&ToolCall, Event, String),
    delegation: Delegation,
    now: OffsetDateTime,
) -> Result<Delegate, String> {
    let no = |why: String| format!("Not carried out: {why}.");
    let (live, more) = (fold.live_children().len(), delegation.children.len());
    if live + more > MAX_LIVE_CHILDREN {
        return Err(no(format!(
            "{live} of the runs that you handed work to live, and {MAX_LIVE_CHILDREN} at once are the most"
        )));
    }
    let grant = fold.brief().agent.grant(Tool::Delegate);
    let teammates = grant.map(|grant| grant.teammates.as_slice()).unwrap_or_default();
    let mut pieces = Vec::with_capacity(more);
    for (place, piece) in delegation.children.into_iter().enumerate() {
        let Some(teammate) = teammates.iter().find(|it| it.name == piece.teammate) else {
            let names: Vec<&str> = teammates.iter().map(|it| it.name.as_str()).collect();
            let name: String = piece.teammate.chars().take(64).collect();
            return Err(no(format!(
                "children[{place}].teammate: there is no `{name}`. You may hand work to: {}",
                names.join(", ")
            )));
        };
        pieces.push((teammate.agent, piece));
    }
    let ceiling = Ceiling::of(fold, now, to_start(answer).max(more)).map_err(no)?;
    Ok(Delegate {
        step: fold.steps(),
        call_id: call.id.clone(),
        pieces,
        ceiling,
        lineage: Lineage::below(fold),
        wait: delegation.wait,
        leave_others: delegation.leave_others,
        call: call.clone(),
        intent,
        preface,
    })
}

/// Pieces that calls of the same answer hand over, which share what is left.
fn to_start(answer: &Answer) -> usize {
    let arguments =
        answer.calls.iter().filter(|call| call.call.tool == Tool::Delegate.name()).filter_map(|call| {
            match &call.state {
                CallState::Asked => Some(&call.call.arguments_json),
                CallState::Decided { decision: Decision::Approve { arguments_json }, .. } => {
                    Some(arguments_json.as_ref().unwrap_or(&call.call.arguments_json))
                }
                _ => None,
            }
        });
    let pieces = arguments.map(|arguments| match Arguments::parse(Tool::Delegate, arguments) {
        Ok(Arguments::Delegate(delegation)) => delegation.children.len(),
        _ => 0,
    });
    pieces.sum()
}

/// What follows from where others stand.
pub(super) enum Following {
    /// It waits.
    Nothing,
    /// These are not needed any longer.
    Cancel(Vec<RunId>),
    /// The agent reads this, and whether it is a failure.
    Result(String, bool),
}

pub(super) fn following(fold: &RunFold, delegated: &Delegated) -> Following {
    if !delegated.is_over() {
        return Following::Nothing;
    }
    let live = fold.live_children();
    let others: Vec<RunId> = delegated
        .children
        .iter()
        .filter(|(child, end)| end.is_none() && live.contains(&child.run))
        .map(|(child, _)| child.run)
        .collect();
    if !others.is_empty() && !delegated.leave_others {
        return Following::Cancel(others);
    }
    let succeeded = delegated.children.iter().filter(|(_, end)| has_succeeded(end.as_ref())).count();
    let preface = delegated.edited.as_deref().map(prompt::edited).unwrap_or_default();
    Following::Result(preface + &told(fold.brief().workspace, delegated, succeeded), succeeded == 0)
}

fn has_succeeded(end: Option<&ChildEnded>) -> bool {
    end.is_some_and(|end| end.end == ChildEnd::Succeeded)
}

fn told(workspace: WorkspaceId, delegated: &Delegated, succeeded: usize) -> String {
    let all = delegated.children.len();
    let mut text = match delegated.wait {
        ChildWait::All => format!("{succeeded} of {all} succeeded. What they say is material to judge.\n"),
        ChildWait::Any if succeeded == 0 => format!("None of {all} succeeded.\n"),
        ChildWait::Any => {
            format!("{succeeded} of {all} succeeded, which is enough. What is said is material to judge.\n")
        }
    };
    for (place, (child, end)) in delegated.children.iter().enumerate() {
        let _ = writeln!(text, "\n## {}. {}: {}", place + 1, child.teammate, child.title);
        match end {
            Some(end) => tell(&mut text, workspace, end),
            None if delegated.leave_others => {
                text.push_str("It goes on by itself; you are not told how it ends.\n");
            }
            None => text.push_str("It was told to stop, since it is not needed any longer.\n"),
        }
        let _ = writeln!(text, "Run: workspaces/{workspace}/runs/{}", child.run);
    }
    text
}

fn tell(text: &mut String, workspace: WorkspaceId, end: &ChildEnded) {
    let how = match end.end {
        ChildEnd::Succeeded => "Succeeded",
        ChildEnd::Failed => "Failed",
        ChildEnd::Cancelled => "Cancelled",
    };
    let unknown = match end.unpriced_calls {
        0 => String::new(),
        calls => format!(", and {calls} calls of unknown cost"),
    };
    let (steps, tokens, cost) = (end.steps, end.total_tokens, dollars(end.cost_nano_usd));
    let _ = writeln!(text, "{how}, with {steps} model calls, {tokens} tokens and {cost}{unknown}.");
    if let Some(error) = &end.error {
        let _ = writeln!(text, "{}: {}", error.reason, error.message);
    }
    if !end.summary.is_empty() {
        let _ = writeln!(text, "It says: {}", end.summary);
    }
    if !end.artifacts.is_empty() {
        let named = end
            .artifacts
            .iter()
            .map(|file| format!("{} (workspaces/{workspace}/artifacts/{})", file.path, file.artifact));
        let named: Vec<String> = named.collect();
        let more =
            if end.more_artifacts > 0 { format!(" and {} more", end.more_artifacts) } else { String::new() };
        let _ = writeln!(text, "Files: {}{more}", named.join(", "));
    }
}
