//! UpdateSchedule: changes what people say of a schedule. With another timetable it counts anew from now.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{self as proto, UpdateScheduleRequest, UpdateScheduleResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, schedule_content, shown_schedule, view, view_schedule};
use crate::store::schedule::{self, Clock};

const FIELDS: [&str; 6] =
    ["display_name", "cron", "time_zone", "template", "overlap_policy", "missed_fire_policy"];
/// Parts of the template that can be changed by themselves.
const PARTS: [&str; 4] =
    ["template.title", "template.brief", "template.assignee", "template.acceptance_checks"];

pub(super) async fn update_schedule(
    api: &Api,
    request: Request<UpdateScheduleRequest>,
) -> Result<UpdateScheduleResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let wanted = request.schedule.ok_or_else(|| Failure::invalid("schedule", "is required"))?;
    let (workspace, id) = names::schedule(&caller, "schedule.name", &wanted.name)?;
    let paths = mask(request.update_mask.map(|mask| mask.paths).unwrap_or_default())?;
    let now = api.ambient.clock.now();

    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = schedule::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(wanted.name.clone()))?;
    if !wanted.etag.is_empty() && wanted.etag != view::etag(stored.revision) {
        return Err(Error::EtagMismatch(wanted.name));
    }
    let merged = merge(view_schedule::schedule(&stored, None), wanted, &paths);
    let parsed = schedule_content::parse(workspace, &merged, now)?;
    let as_before = (&stored.cron, &stored.time_zone) == (&parsed.settings.cron, &parsed.settings.time_zone);
    let clock = if as_before || stored.paused {
        Clock { paused: stored.paused, next: stored.next_fire_time, settled_until: stored.settled_until }
    } else {
        // What was due until now was due by the timetable of then. A tick that was seen to is never seen to again, even if
        // the clock went back since.
        let from = stored.settled_until.max(now);
        let next = parsed.timetable.after(from).map(|tick| tick.at);
        Clock { paused: false, next, settled_until: from }
    };
    schedule::update(&mut tx, id, &parsed.settings, clock, now).await?;
    let schedule = shown_schedule::shown(&mut tx, id).await?;
    tx.commit().await?;
    Ok(UpdateScheduleResponse { schedule })
}

/// The fields to change: those of the mask, or all when it is empty.
fn mask(paths: Vec<String>) -> Result<Vec<String>, Failure> {
    if paths.is_empty() {
        return Ok(FIELDS.map(String::from).to_vec());
    }
    let known = |path: &str| FIELDS.contains(&path) || PARTS.contains(&path);
    match paths.iter().find(|path| !known(path)) {
        Some(path) => Err(Failure::invalid(
            "update_mask",
            format!("may name {}, {}; {path:?} cannot be changed", FIELDS.join(", "), PARTS.join(", ")),
        )),
        None => Ok(paths),
    }
}

fn merge(mut schedule: proto::Schedule, wanted: proto::Schedule, paths: &[String]) -> proto::Schedule {
    let other = wanted.template.clone().unwrap_or_default();
    for path in paths {
        let template = schedule.template.get_or_insert_default();
        match path.as_str() {
            "display_name" => schedule.display_name.clone_from(&wanted.display_name),
            "cron" => schedule.cron.clone_from(&wanted.cron),
            "time_zone" => schedule.time_zone.clone_from(&wanted.time_zone),
            "template" => schedule.template.clone_from(&wanted.template),
            "template.title" => template.title.clone_from(&other.title),
            "template.brief" => template.brief.clone_from(&other.brief),
            "template.assignee" => template.assignee.clone_from(&other.assignee),
            "template.acceptance_checks" => template.acceptance_checks.clone_from(&other.acceptance_checks),
            "overlap_policy" => schedule.overlap_policy = wanted.overlap_policy,
            "missed_fire_policy" => schedule.missed_fire_policy = wanted.missed_fire_policy,
            _ => {}
        }
    }
    schedule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_names_what_can_be_changed_and_empty_means_all() {
        assert_eq!(mask(Vec::new()).expect("all").len(), FIELDS.len());
        for path in FIELDS.into_iter().chain(PARTS) {
            let template = proto::TaskTemplate {
                title: "t".into(),
                brief: "b".into(),
                assignee: "a".into(),
                acceptance_checks: vec!["c".into()],
            };
            let wanted = proto::Schedule {
                display_name: "n".into(),
                cron: "c".into(),
                time_zone: "z".into(),
                template: Some(template),
                overlap_policy: 2,
                missed_fire_policy: 2,
                ..Default::default()
            };
            let paths = mask(vec![path.into()]).expect(path);
            let merged = merge(proto::Schedule::default(), wanted, &paths);
            let untouched = proto::Schedule { template: merged.template.clone(), ..Default::default() };
            let with_template =
                merged.template.clone().is_some_and(|it| it != proto::TaskTemplate::default());
            assert!(merged != untouched || with_template, "{path} is merged");
        }
        for path in ["paused", "name", "schedule.cron", "template.name", "*", ""] {
            let failure = mask(vec!["cron".into(), path.into()]).expect_err(path);
            assert_eq!(failure.violations()[0].field, "update_mask");
        }
    }
}
