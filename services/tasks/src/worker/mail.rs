//! The mail of a run under a lease: read, journalled with what follows from it, and carried out if it ends the run.

use crate::domain::event::{ChildCancelCause, Event};
use crate::domain::id::CommandId;
use crate::domain::mail::{self, Reading};
use crate::domain::order::Letter;
use crate::store::append::Besides;
use crate::store::mailbox::{self, Settlement};
use crate::worker::attempt::Stop;
use crate::worker::journal::Journal;
use crate::worker::stop::Because;

impl Journal {
    /// Takes note of all mail, in one transaction with what follows from it; only the end of a run with a model call under
    /// way comes in one of its own, once that is stopped. `at_rest` says that nothing of the run is
    /// under way here, so that a pause may take effect. Comes back with [`Stop::Ended`] when the run is cancelled.
    pub(super) async fn read_mail(&mut self, at_rest: bool) -> Result<(), Stop> {
        loop {
            let letters = if self.has_mail() { self.unread().await? } else { Vec::new() };
            let mut reading = mail::read(self.fold(), &letters, at_rest);
            for item in &reading.stray {
                tracing::warn!(run = %self.lease().run, %item, "a decision on something that the run does not ask");
            }
            for child in &reading.strangers {
                tracing::warn!(run = %self.lease().run, %child, "the end of a run that is no child of it which lives");
            }
            if reading.is_empty() {
                self.mail_is_read();
                return Ok(());
            }
            let mut besides =
                Besides { read_up_to: reading.read_up_to, settled: settled(&reading), ..Besides::default() };
            let ends = reading.cancels();
            if ends && (self.open_call().is_some() || !self.fold().live_children().is_empty()) {
                // The receipts say at once that the order was read; its end waits for the provider to let go, and for its
                // children to have the order.
                let end = reading.events.pop();
                if !reading.is_empty() {
                    self.append(std::mem::take(&mut reading.events), std::mem::take(&mut besides)).await?;
                }
                if let Some(call) = self.open_call() {
                    reading.events.push(self.stop_call(&call, Because::cancelled()).await);
                }
                if let Some(Event::Cancelled(end)) = &end {
                    let cause = ChildCancelCause::ParentCancelled;
                    reading.events.extend(self.cancel_all_children(cause, end.requester).await?);
                }
                reading.events.extend(end);
            }
            self.append(reading.events, besides).await?;
            if ends {
                return Err(Stop::Ended);
            }
            if !self.has_mail() {
                return Ok(());
            }
        }
    }

    async fn unread(&self) -> Result<Vec<Letter>, Stop> {
        self.persist(|| async {
            let mut tx = self.worker().means.engine.read(self.lease().workspace.uuid()).await?;
            match mailbox::unread(&mut tx, self.lease().run).await {
                Ok(letters) => Ok(Ok(letters)),
                Err(mailbox::Error::Database(error)) => Err(error),
                // A newer release put it there, which also has workers that can read it.
                Err(error @ mailbox::Error::Letter { .. }) => Ok(Err(Stop::Foreign(error.into()))),
            }
        })
        .await?
    }
}

fn settled(reading: &Reading) -> Vec<(CommandId, Settlement)> {
    let effective = reading.effective.iter().map(|command| (*command, Settlement::Effective));
    let superseded = reading.superseded.iter().map(|command| (*command, Settlement::Superseded));
    effective.chain(superseded).collect()
}
