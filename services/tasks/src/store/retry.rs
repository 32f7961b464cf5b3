//! How a failed run comes back: its row lives again in the transaction that puts the order to retry into its mailbox.

use mc_chassis::db::Tx;
use time::OffsetDateTime;

use crate::domain::id::{CommandId, RunId, UserId};
use crate::store::mailbox::{FOLD_OF_SPEECH, Posted};

/// Makes a failed run, which the transaction has locked, ready for whoever reads the order, and its task be in progress.
/// None if it has not failed. Breaks `run_live_of_task` when the task has another run that has not ended. What was posted is
/// to be announced after the commit.
pub async fn reopen(
    tx: &mut Tx,
    run: RunId,
    command: CommandId,
    sender: UserId,
    reason: &str,
    now: OffsetDateTime,
) -> Result<Option<Posted>, sqlx::Error> {
    let number: Option<i64> = sqlx::query_scalar(include_str!("../../queries/retry_run.sql"))
        .bind(run.uuid())
        .bind(command.uuid())
        .bind(sender.uuid())
        .bind(reason)
        .bind(now)
        .bind(FOLD_OF_SPEECH)
        .fetch_optional(&mut **tx)
        .await?;
    Ok(number.map(|number| Posted { run, number, woken: true }))
}
