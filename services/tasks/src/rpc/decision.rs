//! What a person decides, parsed once; and whether it fits what was asked.

use mc_chassis::Failure;
use mc_proto::tasks::v1 as proto;
use proto::decision::Kind;

use crate::domain::arguments::Arguments;
use crate::domain::brief::AgentSnapshot;
use crate::domain::order::Decision;
use crate::domain::reach;
use crate::domain::tool::Tool;
use crate::rpc::order::unprintable;
use crate::rpc::view_people::decision_name;
use crate::store::inbox::{Item, kind};

/// Characters of a reason that an agent reads.
pub(super) const REASON_CHARS: usize = 2_000;
/// Characters of an answer or of a result.
pub(super) const TEXT_CHARS: usize = 8_000;
const ARGUMENTS: &str = "decision.approve.arguments_json";

/// Reads a decision apart from what it is about.
pub(super) fn parse(decision: proto::Decision) -> Result<Decision, Failure> {
    let choose = "must be one of approve, reject, respond, answer, mark_done, retry and fail";
    Ok(match decision.kind.ok_or_else(|| Failure::invalid("decision", choose))? {
        Kind::Approve(approve) => Decision::Approve { arguments_json: approve.arguments_json },
        Kind::Reject(reject) => {
            Decision::Reject { reason: text("decision.reject.reason", reject.reason, REASON_CHARS)? }
        }
        Kind::Respond(respond) => {
            Decision::Respond { text: text("decision.respond.text", respond.text, TEXT_CHARS)? }
        }
        Kind::Answer(answer) => {
            Decision::Answer { text: text("decision.answer.text", answer.text, TEXT_CHARS)? }
        }
        Kind::MarkDone(done) => {
            Decision::MarkDone { result: text("decision.mark_done.result", done.result, TEXT_CHARS)? }
        }
        Kind::Retry(_) => Decision::Retry,
        Kind::Fail(fail) => {
            Decision::Fail { reason: text("decision.fail.reason", fail.reason, REASON_CHARS)? }
        }
    })
}

fn text(field: &str, text: String, max: usize) -> Result<String, Failure> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > max {
        let description = format!("must have 1 to {max} characters, not blanks alone; it has {length}");
        return Err(Failure::invalid(field, description));
    }
    if text.chars().any(unprintable) {
        return Err(Failure::invalid(field, "must not contain control characters but line breaks and tabs"));
    }
    Ok(text)
}

/// Holds a decision to the kind of the item, and to what the item allows. Changed arguments are for [`check_arguments`].
pub(super) fn check_fit(item: &Item, decision: &Decision) -> Result<(), Failure> {
    let (what, takes): (_, &[&str]) = match item.kind {
        kind::APPROVAL => ("an approval", &["approve", "reject", "respond"]),
        kind::QUESTION => ("a question", &["answer"]),
        _ => ("an unknown outcome", &["mark_done", "retry", "fail"]),
    };
    let given = decision_name(decision);
    if !takes.contains(&given) {
        let description = format!("{what} takes {}, not {given}", takes.join(" or "));
        return Err(Failure::invalid(format!("decision.{given}"), description));
    }
    match decision {
        Decision::Answer { text } if !item.choices.is_empty() && !item.choices.contains(text) => {
            let choices: Vec<_> = item.choices.iter().map(|choice| format!("{choice:?}")).collect();
            let description = format!("must be one of the choices: {}", choices.join(", "));
            Err(Failure::invalid("decision.answer.text", description))
        }
        _ => Ok(()),
    }
}

/// Holds changed arguments to what the tool itself will ask of them, and to the hosts of its grant.
pub(super) fn check_arguments(tool: &str, agent: &AgentSnapshot, arguments: &str) -> Result<(), Failure> {
    let refuse = |why: String| Failure::invalid(ARGUMENTS, why);
    // A model may leave empty arguments away; a person who changes them writes an object.
    if !matches!(serde_json::from_str(arguments), Ok(serde_json::Value::Object(_))) {
        return Err(refuse("must be a JSON object".into()));
    }
    let tool = Tool::named(tool)
        .ok_or_else(|| refuse(format!("cannot be changed here: this release does not know {tool}")))?;
    let arguments = Arguments::parse(tool, arguments).map_err(refuse)?;
    reach::check(agent, tool, &arguments).map_err(refuse)
}
