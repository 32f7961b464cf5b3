//! Whether a run may end: `finish` is judged here and nowhere else, by what the journal can show.

use super::arguments::{Arguments, Finish};
use super::decide::{Next, intent, result};
use super::event::{Event, Failed, RunError, Succeeded};
use super::fold::{Answer, CallState, RunFold};
use super::tool::Tool;

/// Judges the first `finish` without a result in an answer whose other calls are settled; none if there is none.
/// What is accepted ends the run in the same transaction.
pub(super) fn judge(fold: &RunFold, answer: &Answer) -> Option<Next> {
    let call = answer.calls.iter().find(|call| !matches!(call.state, CallState::Done(_)))?;
    let step = fold.steps();
    let mut events = Vec::new();
    if call.state == CallState::Asked {
        events.push(intent(fold, &call.call));
    }
    let verdict = match Arguments::parse(Tool::Finish, &call.call.arguments_json) {
        Ok(Arguments::Finish(finish)) => accept(fold, answer, finish),
        Ok(_) => Err("this is no `finish`".to_owned()),
        Err(why) => Err(why),
    };
    match verdict {
        Ok(end) => events.extend([result(step, &call.call, "Accepted.".into(), false), end]),
        Err(why) => events.push(result(step, &call.call, format!("Not accepted: {why}."), true)),
    }
    Some(Next::Append(events))
}

fn accept(fold: &RunFold, answer: &Answer, finish: Finish) -> Result<Event, String> {
    if !fold.orders.steering().is_empty() {
        return Err("a person has said something meanwhile, which comes next; read it first".into());
    }
    let failed = answer
        .calls
        .iter()
        .filter(|call| matches!(&call.state, CallState::Done(done) if done.is_error))
        .count();
    if failed > 0 {
        return Err(format!(
            "{failed} other calls of the same answer failed; read their results first, then call `finish` on its own"
        ));
    }
    if !finish.done {
        return Ok(Event::Failed(Failed { error: RunError::new("TASK_IMPOSSIBLE", finish.summary) }));
    }
    let brief = fold.brief();
    if finish.evidence.is_empty() && !brief.task.acceptance_checks.is_empty() {
        return Err("evidence: is missing; show for each acceptance check that it holds".into());
    }
    if finish.evidence.is_empty() && brief.agent.may_use(Tool::WriteArtifact) {
        return Err(
            "evidence: is missing; name what shows the result, such as `artifact:{path}` or a quotation"
                .into(),
        );
    }
    for (place, entry) in finish.evidence.iter().enumerate() {
        if let Some(path) = entry.strip_prefix("artifact:").map(str::trim)
            && !fold.artifacts().contains_key(path)
        {
            let written: Vec<&str> = fold.artifacts().keys().map(String::as_str).take(20).collect();
            let written = if written.is_empty() { "nothing".to_owned() } else { written.join(", ") };
            return Err(format!(
                "evidence[{place}]: this run has not written `{path}`; it has written: {written}"
            ));
        }
    }
    Ok(Event::Succeeded(Succeeded { summary: finish.summary, evidence: finish.evidence }))
}
