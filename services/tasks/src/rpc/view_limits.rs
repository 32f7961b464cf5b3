//! Runs with what their provider's limit has to do with them.

use mc_proto::tasks::v1 as proto;
use uuid::Uuid;

use crate::rpc::view::{self, run_name, timestamp};
use crate::store::park::{self, Park};
use crate::store::run::Run;

/// A run as people see it, where these are the limits of its workspace.
pub(super) fn run(run: &Run, parks: &[Park]) -> proto::Run {
    let provider = run.model.split('/').next().unwrap_or_default();
    let park = parks.iter().find(|park| park.provider == provider).filter(|_| park::may_concern(run));
    proto::Run { provider_limit: park.map(|park| limit(run.workspace_id, park)), ..view::run(run) }
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
