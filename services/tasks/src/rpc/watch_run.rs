//! WatchRun: a run's journal from any place, followed as it grows.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{WatchRunRequest, WatchRunResponse};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Status};

use crate::error::{ACCESS_EXPIRED, Error};
use crate::rpc::list_run_events::cursor;
use crate::rpc::{Api, names};
use crate::store::run;
use crate::watch::{self, Access};

pub(super) async fn watch_run(
    api: &Api,
    request: Request<WatchRunRequest>,
) -> Result<BoxStream<'static, Result<WatchRunResponse, Status>>, Error> {
    let caller = Caller::of(&request)?;
    let (metadata, _, request) = request.into_parts();
    let (workspace, id) = names::run(&caller, "name", &request.name)?;
    let after_seq = cursor(request.after_seq)?;

    let mut tx = api.database.read(workspace.uuid()).await?;
    let run = run::get(&mut tx, id).await?.ok_or(Error::NotFound(request.name))?;
    drop(tx);
    if after_seq > run.head_seq {
        let head = run.head_seq;
        return Err(Failure::invalid(
            "after_seq",
            format!("the run has no such event yet; its newest is {head}"),
        )
        .into());
    }
    let request = watch::Request {
        workspace,
        run: id,
        after_seq,
        events_only: request.events_only,
        access: access(api, caller, metadata),
    };
    let stream = api.watcher.watch(request).await;
    Ok(stream.map(|update| update.map_err(Status::from)).boxed())
}

/// A person may watch as long as the token that they came with would still let them in. Identity has no list of revoked
/// sessions to ask yet; when it has, this is where it is asked.
pub(super) fn access(api: &Api, caller: Caller, metadata: MetadataMap) -> Access {
    let verifier = api.verifier.clone();
    let headers = Arc::new(metadata.into_headers());
    let is_person = matches!(caller, Caller::Person(_));
    Arc::new(move || {
        let (verifier, headers) = (verifier.clone(), headers.clone());
        Box::pin(async move {
            if is_person {
                verifier.caller(&headers).await.map_err(expired)?;
            }
            Ok(())
        })
    })
}

/// Unlike a call that begins with a bad token, a watch that outlives a good one is worth taking up again with the next.
fn expired(failure: Failure) -> Failure {
    if failure.code() != Code::Unauthenticated {
        return failure;
    }
    Failure::unavailable(
        ACCESS_EXPIRED,
        "the token that this watch began with has expired; watch again with a fresh one after the last seq you saw",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_that_outlives_its_token_may_be_taken_up_again() {
        let failure = expired(Failure::unauthenticated("expired"));
        assert_eq!((failure.code(), failure.reason()), (Code::Unavailable, ACCESS_EXPIRED));
        assert_eq!(expired(Failure::internal()).code(), Code::Internal);
    }
}
