//! `post.sql` and `decide_inbox_item.sql`: what people do, each in the transaction that locks the run's row.

use mc_tasks::domain::id::{CommandId, InboxItemId, RunId, UserId};
use mc_tasks::domain::order::{CommandKind, Decision, Details, Letter, LetterContent};
use mc_tasks::store::run::status;
use time::OffsetDateTime;

use super::{Bug, Posted, Tables};

/// Letters that are read at once.
const PAGE: usize = 100;

/// What came of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is in the mailbox, now or since an earlier try.
    Taken { woken: bool },
    /// The run has ended, or the item is closed.
    Refused,
}

impl Tables {
    /// Puts a letter into the mailbox of a run that lives.
    pub(crate) fn post(
        &mut self,
        run: RunId,
        sender: UserId,
        content: &LetterContent,
        at: OffsetDateTime,
    ) -> Answer {
        let wakes_nobody = self.has(Bug::PostWakesNobody);
        let Some(row) = self.runs.get_mut(&run) else { return Answer::Refused };
        let hears = row.status == status::FAILED && matches!(content, LetterContent::ChildEnded(_));
        if status::is_terminal(row.status) && !hears {
            return Answer::Refused;
        }
        let (kind, rouses) = match content {
            LetterContent::Command { kind, .. } => {
                (Some(*kind), matches!(kind, CommandKind::Resume | CommandKind::Cancel))
            }
            LetterContent::Decision { .. } | LetterContent::ChildEnded(_) => (None, false),
        };
        let hurries = matches!(kind, Some(CommandKind::Pause | CommandKind::Cancel));
        let wakes = row.status == status::WAITING || (row.status == status::PAUSED && rouses);
        row.mailbox_seq += 1;
        let letter = Letter { number: row.mailbox_seq, sender, sent_at: at, content: content.clone() };
        row.letters.push(Posted { letter, delivered: false, state: 1 });
        if let Some(number) = kind.map(order_number) {
            row.pending_command = number;
        }
        if wakes_nobody {
            return Answer::Taken { woken: false };
        }
        let hurries = row.status == status::WAITING || (row.status == status::QUEUED && hurries);
        let delayed = hurries && self.delayed.remove(&run).is_some();
        if delayed {
            self.asleep.remove(&run);
        }
        if row.status == status::QUEUED && kind.is_some_and(|kind| kind != CommandKind::Steer) {
            self.calls.remove(&run);
        }
        if wakes {
            (row.status, row.wait_reason) = (status::QUEUED, 0);
        }
        if wakes || delayed {
            self.ready.insert(run);
        }
        Answer::Taken { woken: wakes || delayed }
    }

    /// Closes an open item and puts the decision into the mailbox.
    pub(crate) fn decide(
        &mut self,
        run: RunId,
        sender: UserId,
        item: InboxItemId,
        decision: &Decision,
        at: OffsetDateTime,
    ) -> Answer {
        let Some(row) = self.runs.get_mut(&run) else { return Answer::Refused };
        match row.items.get_mut(&item.uuid()) {
            Some(state) if *state == 1 && !status::is_terminal(row.status) => *state = 2,
            _ => return Answer::Refused,
        }
        row.open_items -= 1;
        self.post(run, sender, &LetterContent::Decision { item, decision: decision.clone() }, at)
    }

    /// `retry_run.sql`: brings a failed run back by an order to retry in its mailbox.
    pub(crate) fn retry(
        &mut self,
        run: RunId,
        sender: UserId,
        command: CommandId,
        at: OffsetDateTime,
    ) -> Answer {
        let Some(row) = self.runs.get_mut(&run).filter(|row| row.status == status::FAILED) else {
            return Answer::Refused;
        };
        let (kind, details) = (CommandKind::Retry, Details::default());
        let content = LetterContent::Command { command, kind, reason: String::new(), details };
        row.mailbox_seq += 1;
        let letter = Letter { number: row.mailbox_seq, sender, sent_at: at, content };
        row.letters.push(Posted { letter, delivered: false, state: 1 });
        (row.status, row.pending_command) = (status::QUEUED, order_number(kind));
        self.ready.insert(run);
        Answer::Taken { woken: true }
    }

    /// The letters that the journal takes no note of and that no end came before.
    pub(crate) fn unread(&self, run: RunId) -> Vec<Letter> {
        let row = &self.runs[&run];
        let is_unread = |it: &&Posted| {
            let tells = matches!(it.letter.content, LetterContent::ChildEnded(_)) && it.state < 3;
            it.state != 4 && (it.letter.number > row.mailbox_read || tells)
        };
        let unread = row.letters.iter().filter(is_unread);
        unread.take(PAGE).map(|posted| posted.letter.clone()).collect()
    }
}

/// Number of an order in `pending_command`.
fn order_number(kind: CommandKind) -> i16 {
    mc_tasks::store::mailbox::command_number(kind)
}

/// The newest order that is not settled.
pub(super) fn pending(letters: &[Posted]) -> i16 {
    let orders = letters.iter().rev().filter(|posted| !posted.is_settled());
    let mut numbers = orders.filter_map(|posted| match &posted.letter.content {
        LetterContent::Command { kind, .. } => Some(order_number(*kind)),
        LetterContent::Decision { .. } | LetterContent::ChildEnded(_) => None,
    });
    numbers.next().unwrap_or_default()
}
