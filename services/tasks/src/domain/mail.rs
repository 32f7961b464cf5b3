//! Reading a run's mail: what its journal says of letters, and what follows from them.

use time::OffsetDateTime;

use super::event::{
    Cancelled, CommandDelivered, Event, ItemDecided, Paused, Record, Resumed, Retried, Steered,
};
use super::fold::{RunFold, RunState};
use super::id::{CommandId, InboxItemId, RunId};
use super::order::{CommandKind, Details, Letter, LetterContent};
use super::prompt;

/// What reading letters comes to; to be committed in one transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// What the journal says of it, in order; the last one may end the run.
    pub events: Vec<Event>,
    /// Number of the last letter that was read; 0 if none was.
    pub read_up_to: i64,
    /// Orders that are so without an event of their own: a resumption that took back a pause, or found none.
    pub effective: Vec<CommandId>,
    /// Orders that something else came before.
    pub superseded: Vec<CommandId>,
    /// Decisions on items that the run does not wait for. No letter should be one.
    pub stray: Vec<InboxItemId>,
    /// Ends of runs that are no children of it which live. No letter should be one.
    pub strangers: Vec<RunId>,
}

impl Reading {
    /// True when there is nothing to be committed.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.read_up_to == 0
    }

    /// True when it ends the run.
    pub fn cancels(&self) -> bool {
        matches!(self.events.last(), Some(Event::Cancelled(_)))
    }
}

/// Reads letters in their order. Every one is told of; an order to end ends the run at once; decisions are taken at once; a
/// pause takes effect, and what people say is said, only `at_rest`, when nothing of the run is under way. Without letters,
/// it is what was left to follow. A run that has failed goes on by an order to retry; one that ended otherwise is over.
pub fn read(fold: &RunFold, letters: &[Letter], at_rest: bool) -> Reading {
    if matches!(fold.state(), RunState::Succeeded | RunState::Cancelled) {
        return Reading::default();
    }
    let mut reader = Reader { fold: fold.clone(), reading: Reading::default() };
    // What its children did meanwhile, a failed run hears of when it goes on again.
    let goes_on = |letter: &&Letter| fold.state() == RunState::Failed && is_retry(letter);
    let (first, then): (Vec<&Letter>, Vec<&Letter>) = letters.iter().partition(goes_on);
    for letter in first.into_iter().chain(then) {
        reader.reading.read_up_to = reader.reading.read_up_to.max(letter.number);
        match &letter.content {
            LetterContent::Command { command, kind: CommandKind::Retry, reason, .. }
                if reader.fold.state() == RunState::Failed =>
            {
                let note = reader.fold.error().map(|error| prompt::retried(error, reason));
                let retried = retried(letter, *command, reason, note.unwrap_or_default());
                reader.take(Event::Retried(retried), letter.sent_at);
            }
            LetterContent::Command { command, kind, reason, details } => {
                reader.deliver(letter, *command, *kind, reason, details);
            }
            LetterContent::Decision { item, decision } => {
                let Some(open) = fold.open_items().into_iter().find(|open| open.item == *item) else {
                    reader.reading.stray.push(*item);
                    continue;
                };
                let decided = Event::ItemDecided(ItemDecided {
                    item: *item,
                    step: open.step,
                    call_id: open.call_id,
                    decider: letter.sender,
                    decided_at: letter.sent_at,
                    decision: decision.clone(),
                });
                if !reader.take(decided, letter.sent_at) {
                    reader.reading.stray.push(*item);
                }
            }
            LetterContent::ChildEnded(ended) => {
                if !reader.take(Event::ChildEnded((**ended).clone()), letter.sent_at) {
                    reader.reading.strangers.push(ended.run);
                    reader.reading.superseded.push(CommandId::new(ended.run.uuid()));
                }
            }
        }
    }
    reader.follow(at_rest)
}

/// What a run's journal says of the orders to retry among these letters, whatever else it holds: for one that nobody can
/// read any more.
pub fn reopened(letters: &[Letter]) -> Vec<Event> {
    let retries = letters.iter().filter_map(|letter| match &letter.content {
        LetterContent::Command { command, kind: CommandKind::Retry, reason, .. } => {
            Some(Event::Retried(retried(letter, *command, reason, String::new())))
        }
        _ => None,
    });
    retries.collect()
}

fn is_retry(letter: &Letter) -> bool {
    matches!(letter.content, LetterContent::Command { kind: CommandKind::Retry, .. })
}

fn retried(letter: &Letter, command: CommandId, reason: &str, note: String) -> Retried {
    let (requester, requested_at) = (letter.sender, letter.sent_at);
    Retried { command, requester, requested_at, reason: reason.to_owned(), note }
}

struct Reader {
    /// The run as the events so far leave it.
    fold: RunFold,
    reading: Reading,
}

impl Reader {
    /// Takes an event up if the fold does.
    fn take(&mut self, event: Event, at: OffsetDateTime) -> bool {
        let record = Record { seq: self.fold.head_seq() + 1, at, event };
        let fits = self.fold.apply(&record).is_ok();
        if fits {
            self.reading.events.push(record.event);
        }
        fits
    }

    fn deliver(
        &mut self,
        letter: &Letter,
        command: CommandId,
        kind: CommandKind,
        reason: &str,
        details: &Details,
    ) {
        let pausing = self.fold.orders.pausing();
        let cancelling = self.fold.orders.cancelling().is_some();
        let delivered = Event::CommandDelivered(CommandDelivered {
            command,
            kind,
            requester: letter.sender,
            requested_at: letter.sent_at,
            reason: reason.to_owned(),
            details: details.clone(),
        });
        if !self.take(delivered, letter.sent_at) {
            return;
        }
        match kind {
            // It takes back a pause all the same.
            CommandKind::Resume if cancelling => {
                self.reading.superseded.extend(pausing.into_iter().chain([command]));
            }
            CommandKind::Steer => {}
            _ if cancelling => self.reading.superseded.push(command),
            // One that does not wait takes the place of one that does.
            CommandKind::Pause if self.fold.orders.pausing() == Some(command) => {
                self.reading.superseded.extend(pausing);
            }
            CommandKind::Pause | CommandKind::Retry => self.reading.superseded.push(command),
            CommandKind::Resume if self.fold.orders.resuming() == Some(command) => {
                self.take(Event::Resumed(Resumed { command }), letter.sent_at);
            }
            CommandKind::Resume => {
                self.reading.superseded.extend(pausing);
                self.reading.effective.push(command);
            }
            CommandKind::Cancel => {}
        }
    }

    /// What follows from the orders that have been delivered, now or before.
    fn follow(mut self, at_rest: bool) -> Reading {
        if self.fold.state().is_terminal() {
            return self.reading;
        }
        if let Some(order) = self.fold.orders.cancelling() {
            let cancelled = Cancelled {
                command: order.command,
                requester: order.requester,
                reason: order.reason.clone(),
                survivors: self.fold.survivors(),
            };
            self.reading.superseded.extend(self.fold.orders.pausing());
            self.reading.superseded.extend(self.fold.orders.steering().iter().map(|said| said.command));
            self.reading.events.push(Event::Cancelled(cancelled));
        } else if at_rest && self.fold.interruption().is_none() {
            self.say();
            if let Some(command) = self.fold.orders.pausing() {
                self.reading.events.push(Event::Paused(Paused { command }));
            }
        }
        self.reading
    }

    /// Says what people had to say, if the conversation is where it can be said.
    fn say(&mut self) {
        while self.fold.listens()
            && let Some(said) = self.fold.orders.steering().front().cloned()
        {
            let CommandDelivered { command, requester, requested_at, details, .. } = said;
            let steered = Steered { command, requester, text: details.text };
            if !self.take(Event::Steered(steered), requested_at) {
                return;
            }
        }
    }
}
