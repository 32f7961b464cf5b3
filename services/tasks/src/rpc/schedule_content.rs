//! What people say of a schedule, parsed once: its name, when it is due, what it puts on the board, and its policies.

use mc_chassis::Failure;
use mc_chassis::error::Violation;
use mc_proto::tasks::v1 as proto;
use time::OffsetDateTime;

use crate::domain::id::WorkspaceId;
use crate::domain::schedule::cron::Cron;
use crate::domain::schedule::ticks::Zone;
use crate::domain::schedule::{CRON_CHARS, MissedPolicy, OverlapPolicy, Timetable};
use crate::rpc::task_content;
use crate::store::schedule::Settings;

/// Characters of a name at most.
const NAME_CHARS: usize = 80;

/// Everything about a schedule that people set, and when it is due.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) settings: Settings,
    pub(super) timetable: Timetable,
}

/// Reads a schedule; the failure names every field that is wrong. It must be due at some time after `now`.
pub(super) fn parse(
    workspace: WorkspaceId,
    schedule: &proto::Schedule,
    now: OffsetDateTime,
) -> Result<Parsed, Failure> {
    let mut violations = Vec::new();
    let name = &schedule.display_name;
    if name.trim().is_empty() || name.chars().count() > NAME_CHARS {
        let description = format!("must have 1 to {NAME_CHARS} characters, not blanks alone");
        violations.push(Violation { field: "schedule.display_name".into(), description });
    } else if name.chars().any(char::is_control) {
        let description = "must be one line without control characters".into();
        violations.push(Violation { field: "schedule.display_name".into(), description });
    }
    let mut kept = |failure: Failure| violations.extend(failure.violations().iter().cloned());
    let timetable = timetable("schedule.", &schedule.cron, &schedule.time_zone, now).map_err(&mut kept).ok();
    let content = content(workspace, schedule.template.as_ref()).map_err(&mut kept).ok();
    let overlap = overlap(schedule.overlap_policy).map_err(&mut kept).ok();
    let missed = missed(schedule.missed_fire_policy).map_err(&mut kept).ok();
    let (Some(timetable), Some(content), Some(overlap), Some(missed), true) =
        (timetable, content, overlap, missed, violations.is_empty())
    else {
        return Err(Failure::invalid_fields(violations));
    };
    let settings = Settings {
        display_name: name.clone(),
        cron: schedule.cron.clone(),
        time_zone: schedule.time_zone.clone(),
        content,
        overlap,
        missed,
    };
    Ok(Parsed { settings, timetable })
}

/// Reads an expression and a zone; `prefix` stands before the names of their fields. Refuses what is never due after `now`.
pub(super) fn timetable(
    prefix: &str,
    cron: &str,
    time_zone: &str,
    now: OffsetDateTime,
) -> Result<Timetable, Failure> {
    let wrong =
        |field: &str, description: String| Violation { field: format!("{prefix}{field}"), description };
    let cron = if cron.is_empty() {
        Err(wrong("cron", "is required, for example `0 9 * * mon-fri` or `@daily`".into()))
    } else if cron.chars().count() > CRON_CHARS {
        Err(wrong("cron", format!("must have at most {CRON_CHARS} characters")))
    } else {
        Cron::parse(cron).map_err(|error| wrong("cron", error.to_string()))
    };
    let zone = Zone::named(time_zone).ok_or_else(|| {
        let what = if time_zone.is_empty() { "is required" } else { "is not known" };
        wrong(
            "time_zone",
            format!("{what}; it is a name of the IANA database, for example `Europe/Berlin` or `UTC`"),
        )
    });
    let (cron, zone) = match (cron, zone) {
        (Ok(cron), Ok(zone)) => (cron, zone),
        (cron, zone) => {
            return Err(Failure::invalid_fields(cron.err().into_iter().chain(zone.err()).collect()));
        }
    };
    let timetable = Timetable { cron, zone };
    if timetable.after(now).is_none() {
        let never = "names a day that never comes, so it would never fire";
        return Err(Failure::invalid_fields(vec![wrong("cron", never.into())]));
    }
    Ok(timetable)
}

/// A template has the limits of a task, and an assignee.
fn content(
    workspace: WorkspaceId,
    template: Option<&proto::TaskTemplate>,
) -> Result<crate::store::task::Content, Failure> {
    let template = template.ok_or_else(|| Failure::invalid("schedule.template", "is required"))?;
    let task = proto::Task {
        title: template.title.clone(),
        brief: template.brief.clone(),
        assignee: template.assignee.clone(),
        acceptance_checks: template.acceptance_checks.clone(),
        ..proto::Task::default()
    };
    let nobody = template.assignee.is_empty().then(|| Violation {
        field: "schedule.template.assignee".into(),
        description: "is required: nobody is there to choose one when it is due".into(),
    });
    let under_template = |violation: &Violation| Violation {
        field: violation.field.replacen("task.", "schedule.template.", 1),
        description: violation.description.clone(),
    };
    match (task_content::parse(workspace, &task), nobody) {
        (Ok(content), None) => Ok(content),
        (parsed, nobody) => {
            let wrong = parsed.err();
            let wrong = wrong.iter().flat_map(Failure::violations).map(under_template);
            Err(Failure::invalid_fields(wrong.chain(nobody).collect()))
        }
    }
}

fn overlap(number: i32) -> Result<OverlapPolicy, Failure> {
    match proto::OverlapPolicy::try_from(number) {
        Ok(proto::OverlapPolicy::Unspecified | proto::OverlapPolicy::Skip) => Ok(OverlapPolicy::Skip),
        Ok(proto::OverlapPolicy::Queue) => Ok(OverlapPolicy::Queue),
        Ok(proto::OverlapPolicy::Replace) => Ok(OverlapPolicy::Replace),
        Err(_) => Err(Failure::invalid("schedule.overlap_policy", "must be an OverlapPolicy")),
    }
}

fn missed(number: i32) -> Result<MissedPolicy, Failure> {
    match proto::MissedFirePolicy::try_from(number) {
        Ok(proto::MissedFirePolicy::Unspecified | proto::MissedFirePolicy::Once) => Ok(MissedPolicy::Once),
        Ok(proto::MissedFirePolicy::Skip) => Ok(MissedPolicy::Skip),
        Ok(proto::MissedFirePolicy::All) => Ok(MissedPolicy::All),
        Err(_) => Err(Failure::invalid("schedule.missed_fire_policy", "must be a MissedFirePolicy")),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(7));
    const NOW: OffsetDateTime = datetime!(2026-11-23 8:00 UTC);

    fn template() -> proto::TaskTemplate {
        proto::TaskTemplate {
            title: "Write the report".into(),
            assignee: format!("workspaces/{WORKSPACE}/agents/{}", Uuid::from_u128(9)),
            ..Default::default()
        }
    }

    fn good() -> proto::Schedule {
        proto::Schedule {
            display_name: "Reports".into(),
            cron: "0 9 * * mon-fri".into(),
            time_zone: "Europe/Berlin".into(),
            template: Some(template()),
            ..Default::default()
        }
    }

    #[test]
    fn policies_have_defaults() {
        let parsed = parse(WORKSPACE, &good(), NOW).expect("good");
        let Settings { overlap, missed, .. } = parsed.settings;
        assert_eq!((overlap, missed), (OverlapPolicy::Skip, MissedPolicy::Once));
    }

    #[test]
    fn every_limit_holds_at_its_edge() {
        let padded = |length: usize| format!("{}* * * * *", " ".repeat(length - 9));
        for accepted in [
            proto::Schedule { display_name: "é".repeat(NAME_CHARS), ..good() },
            proto::Schedule { cron: padded(CRON_CHARS), ..good() },
        ] {
            parse(WORKSPACE, &accepted, NOW).expect("within the limits");
        }
        let with = |template: proto::TaskTemplate| proto::Schedule { template: Some(template), ..good() };
        for (field, refused) in [
            ("schedule.display_name", proto::Schedule { display_name: " ".into(), ..good() }),
            ("schedule.display_name", proto::Schedule { display_name: "é".repeat(NAME_CHARS + 1), ..good() }),
            ("schedule.display_name", proto::Schedule { display_name: "a\nb".into(), ..good() }),
            ("schedule.cron", proto::Schedule { cron: String::new(), ..good() }),
            ("schedule.cron", proto::Schedule { cron: padded(CRON_CHARS + 1), ..good() }),
            ("schedule.cron", proto::Schedule { cron: "0 0 30 2 *".into(), ..good() }),
            ("schedule.cron", proto::Schedule { cron: "0 25 * * *".into(), ..good() }),
            ("schedule.time_zone", proto::Schedule { time_zone: String::new(), ..good() }),
            ("schedule.time_zone", proto::Schedule { time_zone: "Mars/Olympus".into(), ..good() }),
            ("schedule.template", proto::Schedule { template: None, ..good() }),
            ("schedule.template.title", with(proto::TaskTemplate { title: String::new(), ..template() })),
            (
                "schedule.template.assignee",
                with(proto::TaskTemplate { assignee: String::new(), ..template() }),
            ),
            (
                "schedule.template.acceptance_checks[0]",
                with(proto::TaskTemplate { acceptance_checks: vec![String::new()], ..template() }),
            ),
            ("schedule.overlap_policy", proto::Schedule { overlap_policy: 4, ..good() }),
            ("schedule.missed_fire_policy", proto::Schedule { missed_fire_policy: -1, ..good() }),
        ] {
            let failure = parse(WORKSPACE, &refused, NOW).expect_err(field);
            assert_eq!(failure.violations()[0].field, field, "{failure}");
            assert_eq!(failure.violations().len(), 1, "{failure}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let failure = parse(WORKSPACE, &proto::Schedule::default(), NOW).expect_err("all are wrong");
        let fields: Vec<_> = failure.violations().iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(
            fields,
            ["schedule.display_name", "schedule.cron", "schedule.time_zone", "schedule.template"]
        );
    }
}
