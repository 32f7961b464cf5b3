//! ListRunEvents: a run's journal, in order.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListRunEventsRequest, ListRunEventsResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view};
use crate::store::{journal, run};

/// Events of a page when the caller names no number.
const DEFAULT_SIZE: i32 = 100;

pub(super) async fn list_run_events(
    api: &Api,
    request: Request<ListRunEventsRequest>,
) -> Result<ListRunEventsResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let (workspace, id) = names::run(&caller, "parent", &request.parent)?;
    let after_seq = cursor(request.after_seq)?;
    let page = Page::<()>::parse_with_default(request.page_size, "", DEFAULT_SIZE)?;

    let mut tx = api.database.read(workspace.uuid()).await?;
    let run = run::get(&mut tx, id).await?.ok_or(Error::NotFound(request.parent))?;
    let records = journal::shown_page(&mut tx, id, after_seq, page.limit).await?;
    // The journal may have grown since the run was read.
    let head_seq = records.last().map_or(run.head_seq, |last| last.record.seq.max(run.head_seq));
    let events = records.into_iter().map(|shown| view::shown(workspace, id, shown)).collect();
    Ok(ListRunEventsResponse { events, head_seq })
}

/// Reads `after_seq`.
pub(super) fn cursor(after_seq: i64) -> Result<i64, Failure> {
    if after_seq < 0 {
        return Err(Failure::invalid("after_seq", "must be 0 or the seq of an event"));
    }
    Ok(after_seq)
}
