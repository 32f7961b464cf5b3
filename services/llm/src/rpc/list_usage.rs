//! ListUsage: the ledger, newest first, and the sum over everything that the filter selects.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_chassis::{Failure, names};
use mc_proto::llm::v1::{ListUsageRequest, ListUsageResponse, UsageEntry, UsageTotal};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Llm, convert, parent_workspace};
use crate::domain::generation;
use crate::error::Error;
use crate::store::usage::{self, Entry, Filter, Total};

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<ListUsageRequest>,
) -> Result<ListUsageResponse, Error> {
    let caller = Caller::of(&request)?;
    let message = request.into_inner();
    let workspace = parent_workspace(&caller, &message.parent)?;
    for (field, pattern, name) in
        [("run", "workspaces/*/runs/*", &message.run), ("task", "workspaces/*/tasks/*", &message.task)]
    {
        if !name.is_empty() {
            let [owner, _] = names::parse(field, pattern, name)?;
            if owner != workspace {
                return Err(Failure::invalid(field, format!("must be in workspaces/{workspace}")).into());
            }
        }
    }
    let page: Page<(i64, Uuid)> = Page::parse(message.page_size, &message.page_token)?;
    let after = page.after.map(read_key).transpose()?;
    // What a dead process left unsettled belongs in the sum.
    llm.generations.sweep(workspace).await?;

    let filter = Filter { workspace, run: message.run, task: message.task };
    let mut tx = llm.database.read(workspace).await?;
    let mut entries = usage::list(&mut tx, &filter, after, page.fetch()).await?;
    let total = usage::sum(&mut tx, &filter).await?;
    drop(tx);
    let next_page_token = page.cut(&mut entries, |last| (nanos(last.created_at), last.generation));
    let entries = entries.into_iter().map(|entry| wire_entry(workspace, entry)).collect();
    Ok(ListUsageResponse { entries, next_page_token, total: Some(wire_total(total)) })
}

/// Nanoseconds since 1970, good until the year 2262.
fn nanos(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX)
}

fn read_key((nanos, generation): (i64, Uuid)) -> Result<(OffsetDateTime, Uuid), Failure> {
    let wrong = |_| Failure::invalid("page_token", "must be a next_page_token of this list, unchanged");
    Ok((OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).map_err(wrong)?, generation))
}

fn wire_entry(workspace: Uuid, entry: Entry) -> UsageEntry {
    UsageEntry {
        generation: generation::name(workspace, entry.generation),
        create_time: Some(convert::timestamp(entry.created_at)),
        model: entry.model,
        run: entry.attribution.run,
        task: entry.attribution.task,
        agent_version: entry.attribution.agent_version,
        usage: Some(convert::usage(entry.usage)),
        cost_nano_usd: entry.cost_nano_usd,
        estimated: entry.usage.estimated,
    }
}

fn wire_total(total: Total) -> UsageTotal {
    UsageTotal {
        generations: total.generations,
        usage: Some(convert::usage(total.usage.into())),
        cost_nano_usd: total.cost_nano_usd,
        unpriced_generations: total.unpriced_generations,
        estimated_cost_nano_usd: total.estimated_cost_nano_usd,
        estimated_generations: total.estimated_generations,
    }
}
