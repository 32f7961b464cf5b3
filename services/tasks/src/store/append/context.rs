//! What goes with the events that make a conversation shorter.

use mc_chassis::db::Tx;
use sha2::{Digest, Sha256};

use crate::domain::event::{ContextCompacted, Event};
use crate::domain::id::RunId;
use crate::domain::key::hex;

/// The first fold that knows what a summary is.
const FIRST_FOLD: i16 = 5;

/// What is unique of it within its run: a step is summed up once, and without one an answer is shortened once.
pub(super) fn key(event: &ContextCompacted) -> String {
    match (event.step, event.shortened.first()) {
        (Some(step), _) => format!("k/{step}"),
        (None, Some(first)) => format!("k/{}/{}", first.seq, hex(&Sha256::digest(&first.call_id))),
        (None, None) => "k".to_owned(),
    }
}

/// Whether one of the events is of a kind that older releases know nothing of, or take for something else.
pub(super) fn is_shortened(events: &[Event]) -> bool {
    events.iter().any(|event| match event {
        Event::ModelCallStarted(call) => call.compacts_through.is_some(),
        Event::ContextCompacted(_) => true,
        _ => false,
    })
}

/// From now on workers that fold as an older release did leave the run alone: they would take a summary for an answer.
pub(super) async fn keep_for_this_fold(tx: &mut Tx, run: RunId) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE tasks.run SET fold_version = greatest(fold_version, $2) WHERE run_id = $1")
        .bind(run.uuid())
        .bind(FIRST_FOLD)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
