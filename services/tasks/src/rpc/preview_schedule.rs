//! PreviewSchedule: when an expression would fire, and what changes of the clock do to that.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{self as proto, PreviewScheduleRequest, PreviewScheduleResponse};
use prost_types::Timestamp;
use time::OffsetDateTime;
use tonic::Request;

use crate::domain::schedule::Timetable;
use crate::domain::schedule::ticks::{ClockChange, Tick};
use crate::error::Error;
use crate::rpc::{Api, names, schedule_content, view};

/// Fires of one preview at most, and when nothing is said.
const MOST: i32 = 50;
const DEFAULT: i32 = 10;
/// Seconds of 9000-01-01: before the end of what calendars can do.
const LATEST: i64 = 221_845_392_000;

pub(super) fn preview_schedule(
    api: &Api,
    request: Request<PreviewScheduleRequest>,
) -> Result<PreviewScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    names::parent(&caller, "parent", &request.parent)?;
    let count = match request.count {
        0 => DEFAULT,
        1..=MOST => request.count,
        _ => return Err(Failure::invalid("count", format!("must be 1 to {MOST}, or 0 for {DEFAULT}")).into()),
    };
    let mut at = match request.after_time {
        Some(after) => time(after)?,
        None => api.ambient.clock.now(),
    };
    let timetable = schedule_content::timetable("", &request.cron, &request.time_zone, at)?;
    let mut fires = Vec::new();
    for _ in 0..count {
        let Some(tick) = timetable.after(at) else { break };
        at = tick.at;
        fires.push(fire(&timetable, &tick));
    }
    Ok(PreviewScheduleResponse { fires })
}

fn time(at: Timestamp) -> Result<OffsetDateTime, Failure> {
    let wrong = || Failure::invalid("after_time", "must be a time from 1970-01-01 to 9000-01-01");
    if !(0..=LATEST).contains(&at.seconds) {
        return Err(wrong());
    }
    let seconds = OffsetDateTime::from_unix_timestamp(at.seconds).map_err(|_| wrong())?;
    let nanos = u32::try_from(at.nanos).map_err(|_| wrong())?;
    seconds.replace_nanosecond(nanos).map_err(|_| wrong())
}

fn fire(timetable: &Timetable, tick: &Tick) -> proto::PreviewFire {
    let clock_change = match tick.change {
        ClockChange::None => proto::ClockChange::Unspecified,
        ClockChange::Moved => proto::ClockChange::Moved,
        ClockChange::FirstOfTwo => proto::ClockChange::FirstOfTwo,
        ClockChange::Repeated => proto::ClockChange::Repeated,
    };
    proto::PreviewFire {
        fire_time: Some(view::timestamp(tick.at)),
        local_time: timetable.zone.local(tick.at),
        clock_change: clock_change as i32,
        scheduled_local_time: tick.scheduled.to_string(),
    }
}
