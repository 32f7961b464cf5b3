//! Runs with what their provider's limit has to do with them.

use mc_proto::tasks::v1 as proto;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::fold::WaitReason;
use crate::domain::id::WorkspaceId;
use crate::rpc::view::{self, run_name, timestamp};
use crate::store::park::{self, Park};
use crate::store::run::{Run, status, wait_number};

/// Runs of the transaction's workspace, as people see them.
pub(super) async fn runs(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    runs: &[Run],
) -> Result<Vec<proto::Run>, sqlx::Error> {
    let parks = if runs.iter().any(may_wait) { park::list(connection, workspace).await? } else { Vec::new() };
    Ok(runs.iter().map(|run| shown(run, &parks)).collect())
}

fn shown(run: &Run, parks: &[Park]) -> proto::Run {
    let provider = run.model.split('/').next().unwrap_or_default();
    let park = parks.iter().find(|park| park.provider == provider).filter(|_| may_wait(run));
    proto::Run { provider_limit: park.map(|park| limit(run.workspace_id, park)), ..view::run(run) }
}

/// Whether it is neither at work nor waits for something else.
fn may_wait(run: &Run) -> bool {
    match run.status {
        status::QUEUED => run.wake_time.is_none(),
        status::WAITING => run.wait_reason == wait_number(WaitReason::Quota),
        _ => false,
    }
}

fn limit(workspace: Uuid, park: &Park) -> proto::ProviderLimit {
    proto::ProviderLimit {
        provider: park.provider.clone(),
        since_time: Some(timestamp(park.since)),
        until_time: Some(timestamp(park.until)),
        refusals: park.refusals,
        message: park.message.clone(),
        waiting_runs: i32::try_from(park.waiting).unwrap_or(i32::MAX),
        probe_run: park.probe_run.map(|run| run_name(workspace, run)).unwrap_or_default(),
        opening: park.opening,
    }
}
