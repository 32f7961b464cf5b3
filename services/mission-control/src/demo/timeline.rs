//! Prints a run as it happens: journal events as lines, live tokens as they flow.

use mc_proto::llm::v1::{Message, Usage, part};
use mc_proto::tasks::v1::{
    ChildEnded, ChildWait, ChildrenStarted, CommandKind, ContextCompacted, ItemDecided, RunEvent, RunState,
    decision, run_event::Kind,
};

use super::follow::{LiveText, TextKind};
use crate::console::{Console, Style};

/// The printed timeline; it remembers where the cursor stands.
#[derive(Debug)]
pub(super) struct Timeline {
    console: Console,
    /// The call whose live text is being printed.
    live: Option<(i32, i32, TextKind)>,
    at_line_start: bool,
}

const GUTTER: &str = "        │ ";

impl Timeline {
    pub(super) fn new(console: Console) -> Self {
        Self { console, live: None, at_line_start: true }
    }

    /// Prints live text behind the text before it.
    pub(super) fn live(&mut self, call: &LiveText, text: &str) {
        let (kind, call) = (call.kind, (call.step, call.attempt, call.kind));
        if self.live != Some(call) {
            self.end_live();
            self.live = Some(call);
        }
        let style = if kind == TextKind::Thinking { Style::Dim } else { Style::Plain };
        for piece in text.split_inclusive('\n') {
            if self.at_line_start {
                self.console.write(self.console.paint(Style::Dim, GUTTER));
            }
            self.console.write(self.console.paint(style, piece));
            self.at_line_start = piece.ends_with('\n');
        }
    }

    /// Prints an event.
    pub(super) fn event(&mut self, event: &RunEvent) {
        self.end_live();
        let (mark, text) = self.describe(event.kind.as_ref());
        self.console.line(format_args!(
            "  {} {mark} {text}",
            self.console.paint(Style::Dim, format_args!("{:>4}", event.seq))
        ));
    }

    /// Ends the line that live text may have left open.
    pub(super) fn end_live(&mut self) {
        if !self.at_line_start {
            self.console.line("");
        }
        (self.live, self.at_line_start) = (None, true);
    }

    fn describe(&self, kind: Option<&Kind>) -> (&'static str, String) {
        let name = |text: &str| self.console.paint(Style::Name, text);
        match kind {
            Some(Kind::Queued(queued)) => ("•", format!("queued for {}", name(&queued.agent_display_name))),
            Some(Kind::Started(_)) => ("•", "a worker took it".to_owned()),
            Some(Kind::TakenOver(resumed)) => {
                ("↻", format!("another worker took it over (epoch {})", resumed.lease_epoch))
            }
            Some(Kind::ModelCallStarted(call)) => {
                let again =
                    if call.attempt > 1 { format!(", attempt {}", call.attempt) } else { String::new() };
                (
                    "→",
                    if call.compacts_through_seq.is_some() {
                        format!("step {}{again}: {} sums up the conversation", call.step, name(&call.model))
                    } else {
                        format!(
                            "step {}{again}: {} reads {} message{}",
                            call.step,
                            name(&call.model),
                            call.message_count,
                            if call.message_count == 1 { "" } else { "s" }
                        )
                    },
                )
            }
            Some(Kind::ModelCallCompleted(call)) => {
                let usage = call.usage.unwrap_or_default();
                let asks = call.message.as_ref().map(asked_tools).unwrap_or_default();
                let asks =
                    if asks.is_empty() { String::new() } else { format!(", asks for {}", asks.join(", ")) };
                let cost = call.cost_nano_usd.map_or_else(|| "price unknown".to_owned(), dollars);
                let took = millis(call.duration.as_ref());
                ("←", format!("step {} answered: {} · {cost} · {took}{asks}", call.step, tokens(&usage)))
            }
            Some(Kind::ModelCallFailed(call)) => {
                let error = call.error.clone().unwrap_or_default();
                let next = if call.retry_time.is_some() { "; it is tried again" } else { "" };
                (
                    "✗",
                    self.console
                        .paint(Style::Bad, format_args!("step {}: {}{next}", call.step, error.message)),
                )
            }
            Some(Kind::ToolCallStarted(call)) => (
                "⚙",
                format!(
                    "{} {}",
                    name(&call.tool),
                    self.console.paint(Style::Dim, short(&call.arguments_json))
                ),
            ),
            Some(Kind::ToolCallCompleted(call)) => {
                let style = if call.is_error { Style::Bad } else { Style::Plain };
                let text = format!("{} says: {}", call.tool, short(&call.content));
                ("⚙", format!("{} · {}", self.console.paint(style, text), millis(call.duration.as_ref())))
            }
            Some(Kind::EngineNote(note)) => {
                ("!", self.console.paint(Style::Warn, format_args!("{}: {}", note.reason, note.text)))
            }
            Some(Kind::Succeeded(end)) => {
                ("✓", self.console.paint(Style::Good, format_args!("succeeded: {}", end.summary)))
            }
            Some(Kind::Failed(end)) => {
                let error = end.error.clone().unwrap_or_default();
                (
                    "✗",
                    self.console
                        .paint(Style::Bad, format_args!("failed ({}): {}", error.reason, error.message)),
                )
            }
            Some(Kind::CommandDelivered(order)) => ("✋", format!("asked to {}", ordered(order.kind()))),
            Some(Kind::Paused(_)) => ("‖", "paused".to_owned()),
            Some(Kind::Resumed(_)) => ("▸", "goes on".to_owned()),
            Some(Kind::Cancelled(end)) => ("⊘", format!("cancelled. {}", end.reason)),
            Some(Kind::ApprovalRequested(asked)) => (
                "?",
                self.console.paint(
                    Style::Warn,
                    format_args!("asks to use {} {}", asked.tool, short(&asked.arguments_json)),
                ),
            ),
            Some(Kind::QuestionAsked(asked)) => {
                ("?", self.console.paint(Style::Warn, format_args!("asks: {}", asked.question)))
            }
            Some(Kind::OutcomeUnknown(asked)) => (
                "?",
                self.console
                    .paint(Style::Warn, format_args!("a crash left the outcome of {} unknown", asked.tool)),
            ),
            Some(Kind::QuotaAwaited(quota)) => {
                ("◷", format!("waits: {} takes no calls for now", quota.provider))
            }
            Some(Kind::TimerSet(set)) => ("◷", format!("waits by a timer: {}", set.reason)),
            Some(Kind::Decided(decided)) => ("✓", decided_as(decided)),
            Some(Kind::Steered(said)) => ("✎", format!("is told: {}", short(&said.text))),
            Some(Kind::Retried(_)) => ("↻", "goes on after its failure".to_owned()),
            Some(Kind::ApprovedByRule(allowed)) => ("✓", format!("a rule allows {}", name(&allowed.tool))),
            Some(Kind::ChildrenStarted(handed)) => ("⇉", format!("hands work to {}", handed_to(handed))),
            Some(Kind::ChildEnded(child)) => ("⇇", self.child_ended(child)),
            Some(Kind::ChildrenCancelled(order)) => (
                "⊘",
                match order.children.len() {
                    1 => "tells a run that it handed work to to stop".to_owned(),
                    runs => format!("tells {runs} runs that it handed work to to stop"),
                },
            ),
            Some(Kind::ContextCompacted(compacted)) => ("⇲", shorter(compacted)),
            None => ("?", "an event that this version does not know".to_owned()),
        }
    }

    fn child_ended(&self, child: &ChildEnded) -> String {
        let cost = dollars(child.cost_nano_usd);
        match child.state() {
            RunState::Succeeded => format!("handed back: {} · {cost}", short(&child.summary)),
            state => {
                let how = if state == RunState::Cancelled { "was cancelled" } else { "failed" };
                let why = child.error.as_ref().map_or("", |error| error.message.as_str());
                let text = format_args!("work that was handed on {how}: {} · {cost}", short(why));
                self.console.paint(Style::Bad, text)
            }
        }
    }
}

/// `bob (Look it up), ana (Write it)`, and what of them is waited for.
fn handed_to(handed: &ChildrenStarted) -> String {
    let pieces: Vec<String> =
        handed.children.iter().map(|child| format!("{} ({})", child.teammate, short(&child.title))).collect();
    let waits = match (handed.wait(), pieces.len()) {
        (ChildWait::Any, 2..) => ", and waits for the first that succeeds",
        _ => ", and waits",
    };
    pieces.join(", ") + waits
}

fn shorter(compacted: &ContextCompacted) -> String {
    let cost = compacted.cost_nano_usd.map(|cost| format!(" · {}", dollars(cost))).unwrap_or_default();
    format!("context compacted: {} -> {} tokens{cost}", compacted.tokens_before, compacted.tokens_after)
}

fn ordered(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Pause => "pause",
        CommandKind::Resume => "go on",
        CommandKind::Cancel => "stop",
        CommandKind::Steer => "read a message",
        CommandKind::Retry => "try again",
        CommandKind::Unspecified => "do something that this version does not know",
    }
}

fn decided_as(decided: &ItemDecided) -> String {
    use decision::Kind;
    match decided.decision.as_ref().and_then(|decision| decision.kind.as_ref()) {
        Some(Kind::Approve(approve)) if approve.arguments_json.is_some() => {
            "approved with changes".to_owned()
        }
        Some(Kind::Approve(_)) => "approved".to_owned(),
        Some(Kind::Reject(reject)) => format!("rejected: {}", reject.reason),
        Some(Kind::Answer(answer)) => format!("answered: {}", answer.text),
        Some(Kind::Respond(respond)) => format!("answered in its place: {}", short(&respond.text)),
        Some(Kind::MarkDone(done)) => format!("marked as done: {}", short(&done.result)),
        Some(Kind::Retry(_)) => "to be tried again".to_owned(),
        Some(Kind::Fail(fail)) => format!("marked as failed: {}", fail.reason),
        None => "decided".to_owned(),
    }
}

fn asked_tools(message: &Message) -> Vec<String> {
    message
        .parts
        .iter()
        .filter_map(|part| match &part.kind {
            Some(part::Kind::ToolCall(call)) => Some(call.tool.clone()),
            _ => None,
        })
        .collect()
}

fn tokens(usage: &Usage) -> String {
    format!("{} tokens in, {} out", usage.input_tokens, usage.output_tokens)
}

fn millis(duration: Option<&prost_types::Duration>) -> String {
    let duration = duration.copied().unwrap_or_default();
    format!("{} ms", duration.seconds * 1_000 + i64::from(duration.nanos) / 1_000_000)
}

/// Nano US dollars for people: `$0.000123`.
pub(super) fn dollars(nano_usd: i64) -> String {
    let text = format!("{:.9}", nano_usd as f64 / 1e9);
    let digits = text.trim_end_matches('0');
    // At least cents are shown.
    let wanted = digits.len().max(text.find('.').map_or(text.len(), |dot| dot + 3));
    format!("${}", &text[..wanted])
}

/// The first line, cut to fit a terminal.
fn short(text: &str) -> String {
    const MOST: usize = 90;
    let line = text.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(MOST).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_keep_their_digits() {
        assert_eq!(dollars(123_000), "$0.000123");
        assert_eq!(dollars(0), "$0.00");
        assert_eq!(dollars(1_500_000_000), "$1.50");
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(short("één regel"), "één regel");
        assert_eq!(short("one\ntwo"), "one…");
        assert_eq!(short(&"é".repeat(200)).chars().count(), 91);
    }
}
