//! Fires become runs, or do not: one schedule at a time, its oldest fire first.

use mc_chassis::Failure;
use mc_chassis::db::Tx;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::domain::brief::AgentSnapshot;
use crate::domain::id::{AgentId, CommandId, FireId, RunId, ScheduleId, TaskId, UserId, WorkspaceId};
use crate::domain::order::{CommandKind, Details, LetterContent};
use crate::domain::schedule::overlap::{self, Cancel, Next, OpenFire};
use crate::error::Error;
use crate::start::{self, Start};
use crate::store::fire::{self, End, Look, Open};
use crate::store::mailbox::{self, Posted};
use crate::store::schedule::overlap_of;
use crate::store::task::{self, Content};
use crate::topics;

use super::Clockwork;
use super::delegate::may_pass;

/// First wait before a start is tried again, and the longest.
const FIRST_WAIT: Duration = Duration::seconds(1);
const LONGEST_WAIT: Duration = Duration::minutes(1);
/// How long a start is tried.
const START_PATIENCE: Duration = Duration::hours(1);

/// Transactions of one look at most: more than two for each fire that may be open.
const STEPS: usize = 500;

/// What one transaction of a look came to.
enum Step {
    /// Look again.
    Again,
    /// There is nothing to do for now.
    Done,
    /// This fire is to be started, for this person, by this agent.
    Start { fire: Uuid, person: Uuid, agent: Uuid },
}

impl Clockwork {
    /// Looks at the open fires of one schedule until there is nothing to do for now.
    pub(crate) async fn look(&self, workspace: WorkspaceId, schedule: ScheduleId) -> Result<(), Error> {
        for _ in 0..STEPS {
            match self.step(workspace, schedule).await? {
                Step::Again => {}
                Step::Done => return Ok(()),
                Step::Start { fire, person, agent } => {
                    let found = self.agent(workspace, schedule, person, agent).await;
                    let go_on = match found {
                        Ok(snapshot) => self.start(workspace, schedule, fire, snapshot).await?,
                        Err(failure) => self.could_not(workspace, schedule, fire, &failure).await?,
                    };
                    if !go_on {
                        return Ok(());
                    }
                }
            }
        }
        tracing::error!(%schedule, "the fires of a schedule come to no rest; they are looked at again later");
        Ok(())
    }

    /// Does what is first among the open fires, in one transaction.
    async fn step(&self, workspace: WorkspaceId, schedule: ScheduleId) -> Result<Step, Error> {
        let now = self.ambient.clock.now();
        let mut tx = self.engine.begin(workspace.uuid()).await?;
        let Some(look) = fire::look(&mut tx, schedule).await? else { return Ok(Step::Done) };
        let mut posted = None;
        let step = match next(&look) {
            Next::Rest => {
                fire::rest(&mut tx, schedule, false).await?;
                Step::Done
            }
            Next::Wait => {
                fire::rest(&mut tx, schedule, true).await?;
                Step::Done
            }
            Next::Skip(fires, reason, run) => {
                fire::end(&mut tx, schedule, &fires, End::Skipped(reason, run), now).await?;
                Step::Again
            }
            Next::Block(waiting, run, cancel) => {
                let command = match cancel {
                    Cancel::No => None,
                    Cancel::Yes => {
                        let sender = UserId::new(on_behalf_of(&look, waiting));
                        let (command, letter) = self.cancel(&mut tx, run, sender, schedule, now).await?;
                        posted = letter;
                        command
                    }
                };
                fire::block(&mut tx, schedule, FireId::new(waiting), run, command).await?;
                Step::Again
            }
            Next::Start(fire) => {
                let agent = fire::content(&mut tx, schedule).await?.assignee;
                return Ok(Step::Start { fire, person: on_behalf_of(&look, fire), agent });
            }
        };
        tx.commit().await?;
        if let Some(posted) = posted {
            topics::publish(
                &self.bus,
                topics::MAIL,
                &topics::Mail { run: posted.run, number: posted.number },
            );
            if posted.woken {
                topics::publish(&self.bus, topics::READY, &"");
            }
        }
        Ok(step)
    }

    /// Orders a run to be cancelled, unless that was ordered before; none if it has ended meanwhile.
    async fn cancel(
        &self,
        tx: &mut Tx,
        run: RunId,
        sender: UserId,
        schedule: ScheduleId,
        now: OffsetDateTime,
    ) -> Result<(Option<CommandId>, Option<Posted>), Error> {
        let Some(to) = mailbox::lock_live(tx, run).await? else { return Ok((None, None)) };
        if let Some(ordered) = mailbox::newest(tx, run, &[CommandKind::Cancel]).await? {
            return Ok((Some(CommandId::new(ordered.command_id)), None));
        }
        let command = CommandId::new(self.ambient.ids.uuid());
        let reason = format!("Replaced by the next fire of schedules/{schedule}");
        let details = Details::default();
        let letter = LetterContent::Command { command, kind: CommandKind::Cancel, reason, details };
        let posted = mailbox::post(tx, to, sender, &letter, now).await?;
        Ok((Some(command), Some(posted)))
    }

    /// Puts the task on the board and begins its run, in the transaction that settles the fire; false where the schedule is
    /// gone.
    async fn start(
        &self,
        workspace: WorkspaceId,
        schedule: ScheduleId,
        fire: Uuid,
        agent: AgentSnapshot,
    ) -> Result<bool, Error> {
        let now = self.ambient.clock.now();
        let mut tx = self.engine.begin(workspace.uuid()).await?;
        let Some(look) = fire::look(&mut tx, schedule).await? else { return Ok(false) };
        // While others were asked, the fire may have been started by another scheduler, or the schedule changed by people.
        if next(&look) != Next::Start(fire) {
            return Ok(true);
        }
        let content = fire::content(&mut tx, schedule).await?;
        if content.assignee != agent.agent.uuid() {
            return Ok(true);
        }
        let person = UserId::new(on_behalf_of(&look, fire));
        let (id, run) = (TaskId::new(self.ambient.ids.uuid()), RunId::new(self.ambient.ids.uuid()));
        let content = Content {
            title: content.title,
            brief: content.brief,
            assignee: Some(AgentId::new(content.assignee)),
            acceptance_checks: content.acceptance_checks,
        };
        let task = task::insert(&mut tx, workspace, id, &content, person, now).await?;
        start::begin(&mut tx, Start { run, starter: person, at: None }, task, agent, now).await?;
        if !fire::started(&mut tx, schedule, FireId::new(fire), id, run, now).await? {
            return Ok(true);
        }
        tx.commit().await?;
        topics::publish(&self.bus, topics::READY, &"");
        Ok(true)
    }

    /// Puts a fire back that could not be started, or gives it up; true where there may be more to do at once.
    async fn could_not(
        &self,
        workspace: WorkspaceId,
        schedule: ScheduleId,
        fire: Uuid,
        failure: &Failure,
    ) -> Result<bool, Error> {
        let now = self.ambient.clock.now();
        let mut tx = self.engine.begin(workspace.uuid()).await?;
        let Some(look) = fire::look(&mut tx, schedule).await? else { return Ok(false) };
        let Some(open) = look.open.iter().find(|open| open.fire_id == fire) else { return Ok(true) };
        let (reason, message) = (failure.reason(), failure.message());
        let given_up = !may_pass(failure) || now - open.create_time >= START_PATIENCE;
        if given_up {
            fire::end(&mut tx, schedule, &[fire], End::Failed(reason, message), now).await?;
        } else {
            let again = now + wait(open);
            fire::put_back(&mut tx, schedule, FireId::new(fire), reason, message, again).await?;
        }
        tx.commit().await?;
        tracing::warn!(%schedule, %fire, reason, message, given_up, "a fire of a schedule could not be started");
        Ok(given_up)
    }
}

fn next(look: &Look) -> Next<Uuid> {
    let open: Vec<_> = look
        .open
        .iter()
        .map(|open| OpenFire {
            fire: open.fire_id,
            asked: open.requester.is_some(),
            waits_for: open.blocking_run.map(RunId::new),
        })
        .collect();
    overlap::next(overlap_of(look.schedule.overlap_policy), look.schedule.paused, look.live, &open)
}

/// Who asked for a fire, or who made the schedule.
fn on_behalf_of(look: &Look, fire: Uuid) -> Uuid {
    let open = look.open.iter().find(|open| open.fire_id == fire);
    open.and_then(|open| open.requester).unwrap_or(look.schedule.creator)
}

/// Doubles with each attempt. Fires of many schedules that fail at once come back at different times: up to a quarter of
/// the wait is taken off, by the fire's id.
fn wait(open: &Open) -> Duration {
    let doubled = FIRST_WAIT * 2_i32.saturating_pow(u32::try_from(open.attempts).unwrap_or(0).min(16));
    let longest = doubled.min(LONGEST_WAIT);
    longest - longest * f64::from(open.fire_id.as_bytes()[15]) / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_spread() {
        let open = |attempts, last| Open {
            fire_id: Uuid::from_u128(last),
            due_time: OffsetDateTime::UNIX_EPOCH,
            requester: None,
            blocking_run: None,
            attempts,
            create_time: OffsetDateTime::UNIX_EPOCH,
        };
        let seconds = |attempts| wait(&open(attempts, 0)).whole_seconds();
        assert_eq!([0, 1, 2, 5, 6, 1_000, i32::MAX].map(seconds), [1, 2, 4, 32, 60, 60, 60]);
        let spread = wait(&open(6, 255));
        assert!((Duration::seconds(45)..Duration::seconds(46)).contains(&spread), "{spread}");
    }
}
