//! A schedule as it is now, for the replies of everything that reads or changes one.

use mc_chassis::db::Tx;
use mc_proto::tasks::v1 as proto;

use crate::domain::id::ScheduleId;
use crate::error::Error;
use crate::rpc::view_schedule;
use crate::store::schedule::Schedule;
use crate::store::{fire, schedule};

/// Reads a schedule of the transaction's workspace; none if there is none.
pub(super) async fn shown(tx: &mut Tx, id: ScheduleId) -> Result<Option<proto::Schedule>, Error> {
    let found = schedule::get(tx, id).await?;
    Ok(with_fires(tx, found.as_slice()).await?.pop())
}

/// Schedules with their newest fires, in the same order.
pub(super) async fn with_fires(tx: &mut Tx, schedules: &[Schedule]) -> Result<Vec<proto::Schedule>, Error> {
    let ids: Vec<_> = schedules.iter().map(|schedule| schedule.schedule_id).collect();
    let fires = fire::newest(tx, &ids).await?;
    let last = |id| fires.iter().find(|fire| fire.schedule_id == id);
    Ok(schedules
        .iter()
        .map(|schedule| view_schedule::schedule(schedule, last(schedule.schedule_id)))
        .collect())
}
