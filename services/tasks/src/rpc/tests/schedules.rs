//! Schedules as people make, change, pause and preview them.

use mc_proto::tasks::v1::schedule_service_client::ScheduleServiceClient;
use mc_proto::tasks::v1::{
    ClockChange, CreateScheduleRequest, DeleteScheduleRequest, GetScheduleRequest, ListScheduleFiresRequest,
    ListSchedulesRequest, MissedFirePolicy, OverlapPolicy, PauseScheduleRequest, PreviewScheduleRequest,
    ResumeScheduleRequest, RunScheduleRequest, Schedule, ScheduleFire, ScheduleFireState, TaskTemplate,
    UpdateScheduleRequest,
};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;
use crate::domain::id::ScheduleId;
use crate::rpc::view;

/// A schedule that is due each minute, in a zone without changes.
pub(super) fn minutely() -> Schedule {
    Schedule {
        display_name: "Reports".into(),
        cron: "* * * * *".into(),
        time_zone: "UTC".into(),
        template: Some(TaskTemplate {
            title: "Write the report".into(),
            brief: "All of it.".into(),
            assignee: format!("workspaces/{HOME}/agents/{AGENT}"),
            acceptance_checks: vec!["It exists".into()],
        }),
        ..Schedule::default()
    }
}

pub(super) fn seconds(at: Option<prost_types::Timestamp>) -> i64 {
    at.map_or(0, |at| at.seconds) - NOW.unix_timestamp()
}

pub(super) fn id_of(schedule: &Schedule) -> ScheduleId {
    ScheduleId::new(schedule.name.rsplit('/').next().expect("a segment").parse().expect("an id"))
}

/// State, reason and, in seconds since the start of the test, due time: the oldest first.
pub(super) type Told = Vec<(ScheduleFireState, String, i64)>;

impl Service {
    pub(super) fn schedules(&self) -> ScheduleServiceClient<Channel> {
        ScheduleServiceClient::new(self.upstream.unary())
    }

    pub(super) async fn scheduled(&self, schedule: Schedule) -> Schedule {
        self.try_schedule(schedule, "").await.expect("create")
    }

    pub(super) async fn try_schedule(
        &self,
        schedule: Schedule,
        request_id: &str,
    ) -> Result<Schedule, Failure> {
        let request = CreateScheduleRequest {
            parent: format!("workspaces/{HOME}"),
            schedule: Some(schedule),
            request_id: request_id.into(),
        };
        let reply = self.schedules().create_schedule(self.ask(request)).await;
        reply.map(|it| it.into_inner().schedule.expect("a schedule")).map_err(|it| Failure::from_status(&it))
    }

    pub(super) async fn schedule(&self, name: &str) -> Schedule {
        let request = self.ask(GetScheduleRequest { name: name.into() });
        self.schedules().get_schedule(request).await.expect("get").into_inner().schedule.expect("a schedule")
    }

    pub(super) async fn change(&self, schedule: Schedule, paths: &[&str]) -> Result<Schedule, Failure> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|&path| path.into()).collect() });
        let request = UpdateScheduleRequest { schedule: Some(schedule), update_mask };
        let reply = self.schedules().update_schedule(self.ask(request)).await;
        reply.map(|it| it.into_inner().schedule.expect("a schedule")).map_err(|it| Failure::from_status(&it))
    }

    pub(super) async fn stop_clock(&self, name: &str) -> Schedule {
        let request = self.ask(PauseScheduleRequest { name: name.into() });
        let reply = self.schedules().pause_schedule(request).await.expect("pause").into_inner();
        reply.schedule.expect("a schedule")
    }

    pub(super) async fn go_on(&self, name: &str) -> Schedule {
        let request = self.ask(ResumeScheduleRequest { name: name.into() });
        let reply = self.schedules().resume_schedule(request).await.expect("resume").into_inner();
        reply.schedule.expect("a schedule")
    }

    pub(super) async fn run_now(&self, name: &str, request_id: &str) -> Result<ScheduleFire, Failure> {
        let request =
            RunScheduleRequest { name: name.into(), request_id: request_id.into(), note: "Now".into() };
        let reply = self.schedules().run_schedule(self.ask(request)).await;
        reply.map(|it| it.into_inner().fire.expect("a fire")).map_err(|it| Failure::from_status(&it))
    }

    /// The oldest first.
    pub(super) async fn fires(&self, name: &str) -> Vec<ScheduleFire> {
        let request =
            ListScheduleFiresRequest { parent: name.into(), page_size: 1_000, ..Default::default() };
        let mut fires =
            self.schedules().list_schedule_fires(self.ask(request)).await.expect("list").into_inner().fires;
        fires.reverse();
        fires
    }

    pub(super) async fn told(&self, name: &str) -> Told {
        let fires = self.fires(name).await;
        fires.into_iter().map(|fire| (fire.state(), fire.reason.clone(), seconds(fire.due_time))).collect()
    }

    /// What a scheduler does until there is nothing to do.
    pub(super) async fn tick(&self) {
        while self.clockwork.round().await {}
    }

    /// The clock goes on, and a scheduler sees to it.
    pub(super) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.tick().await;
    }
}

#[tokio::test]
async fn schedule_is_made_once_read_listed_changed_and_deleted() {
    let service = Service::new().await;
    let made = service.try_schedule(minutely(), "r1").await.expect("create");
    assert_eq!(service.try_schedule(minutely(), "r1").await.expect("again"), made);
    assert_eq!(seconds(made.next_fire_time), 60);
    assert_eq!((made.creator.as_str(), made.last_fire.as_ref()), (format!("users/{USER}").as_str(), None));
    assert_eq!(made.overlap_policy(), OverlapPolicy::Skip);
    assert_eq!(made.missed_fire_policy(), MissedFirePolicy::Once);
    let other = service.scheduled(minutely()).await;
    let list = async |token: String| {
        let parent = format!("workspaces/{HOME}");
        let request = ListSchedulesRequest { parent, page_size: 1, page_token: token };
        service.schedules().list_schedules(service.ask(request)).await.expect("list").into_inner()
    };
    let page = list(String::new()).await;
    assert_eq!(page.schedules, [other]);
    assert_eq!(list(page.next_page_token).await.schedules, std::slice::from_ref(&made));

    let renamed = Schedule { display_name: "Other".into(), cron: "x".into(), ..made.clone() };
    let changed = service.change(renamed.clone(), &["display_name"]).await.expect("update");
    assert_eq!((changed.display_name.as_str(), changed.cron.as_str()), ("Other", "* * * * *"));
    assert_eq!(
        service.change(renamed.clone(), &["display_name"]).await.expect_err("stale").reason(),
        "ETAG_MISMATCH"
    );
    let wrong =
        service.change(Schedule { etag: String::new(), ..renamed }, &["cron"]).await.expect_err("cron");
    assert_eq!(wrong.violations()[0].field, "schedule.cron");

    let delete =
        |etag: &str| service.ask(DeleteScheduleRequest { name: made.name.clone(), etag: etag.into() });
    let stale = service.schedules().delete_schedule(delete("r1")).await.expect_err("stale");
    assert_eq!(Failure::from_status(&stale).reason(), "ETAG_MISMATCH");
    service.schedules().delete_schedule(delete(&changed.etag)).await.expect("delete");
    let gone = service.schedules().delete_schedule(delete("")).await.expect_err("gone");
    assert_eq!(Failure::from_status(&gone).reason(), "NOT_FOUND");
}

#[tokio::test]
async fn another_workspace_and_a_viewer_get_nowhere() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    let stranger = |role| (Uuid::from_u128(2), role);
    let (elsewhere, owner) = stranger(Role::Owner);
    let get = service.auth.request(USER, elsewhere, owner, GetScheduleRequest { name: made.name.clone() });
    let refused = service.schedules().get_schedule(get).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&refused).reason(), "NOT_FOUND");
    let parent = made.name.clone();
    let fires = ListScheduleFiresRequest { parent, ..Default::default() };
    let fires = service.auth.request(USER, elsewhere, owner, fires);
    let refused = service.schedules().list_schedule_fires(fires).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&refused).reason(), "NOT_FOUND");
    let pause = PauseScheduleRequest { name: made.name.clone() };
    let pause = service.auth.request(USER, HOME, Role::Viewer, pause);
    let refused = service.schedules().pause_schedule(pause).await.expect_err("a viewer");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let get = service.auth.request(USER, HOME, Role::Viewer, GetScheduleRequest { name: made.name });
    service.schedules().get_schedule(get).await.expect("a viewer reads");
}

#[tokio::test]
async fn workspace_has_500_schedules_and_no_more() {
    let service = Service::new().await;
    service.tables.fill_with_schedules(WorkspaceId::new(HOME), 499).await;
    let both = futures::join!(service.try_schedule(minutely(), ""), service.try_schedule(minutely(), ""));
    let refused = [both.0, both.1].into_iter().filter_map(Result::err).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1, "the five hundredth fits, and no other");
    assert_eq!(refused[0].reason(), "SCHEDULE_LIMIT");
}

#[tokio::test]
async fn preview_tells_of_changes_of_the_clock_and_is_bounded() {
    let service = Service::new().await;
    let preview = async |cron: &str, count: i32, after: OffsetDateTime| {
        let request = PreviewScheduleRequest {
            parent: format!("workspaces/{HOME}"),
            cron: cron.into(),
            time_zone: "Europe/Berlin".into(),
            count,
            after_time: Some(view::timestamp(after)),
        };
        let reply = service.schedules().preview_schedule(service.ask(request)).await;
        reply.map(|it| it.into_inner().fires).map_err(|it| Failure::from_status(&it))
    };
    let spring = preview("30 2 * * *", 2, datetime!(2026-03-28 12:00 UTC)).await.expect("preview");
    assert_eq!(spring[0].local_time, "2026-03-29T03:00:00+02:00");
    assert_eq!(spring[0].scheduled_local_time, "2026-03-29T02:30:00");
    assert_eq!(spring[0].clock_change(), ClockChange::Moved);
    assert_eq!(spring[0].fire_time, Some(view::timestamp(datetime!(2026-03-29 1:00 UTC))));
    assert_eq!(spring[1].clock_change(), ClockChange::Unspecified);
    let autumn = preview("30 2 * * *", 1, datetime!(2026-10-24 12:00 UTC)).await.expect("preview");
    assert_eq!(autumn[0].clock_change(), ClockChange::FirstOfTwo);
    let hourly = preview("@hourly", 2, datetime!(2026-10-24 23:30 UTC)).await.expect("preview");
    assert_eq!(hourly[1].clock_change(), ClockChange::Repeated);
    for (count, fires) in [(0, 10), (1, 1), (50, 50)] {
        assert_eq!(preview("@daily", count, NOW).await.expect("preview").len(), fires);
    }
    for count in [-1, 51] {
        let refused = preview("@daily", count, NOW).await.expect_err("out of bounds");
        assert_eq!(refused.violations()[0].field, "count");
    }
    assert_eq!(preview("0 0 31 2 *", 1, NOW).await.expect_err("never").violations()[0].field, "cron");
    let early = preview("@daily", 1, datetime!(1969-12-31 23:59:59 UTC)).await.expect_err("early");
    assert_eq!(early.violations()[0].field, "after_time");
}

#[tokio::test]
async fn history_is_read_in_pages() {
    let service = Service::new().await;
    let made = service.scheduled(minutely()).await;
    for _ in 0..3 {
        service.pass(Duration::MINUTE).await;
    }
    let mut token = String::new();
    let mut seen = Vec::new();
    loop {
        let request = ListScheduleFiresRequest { parent: made.name.clone(), page_size: 1, page_token: token };
        let page = service.schedules().list_schedule_fires(service.ask(request)).await.expect("list");
        let page = page.into_inner();
        seen.extend(page.fires.into_iter().map(|fire| seconds(fire.due_time)));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [180, 120, 60]);
    assert_eq!(seconds(service.schedule(&made.name).await.last_fire.expect("a fire").due_time), 180);
}
