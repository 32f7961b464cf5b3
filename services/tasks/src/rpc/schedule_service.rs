//! ScheduleService, each method handed to the file that has its name.

use mc_proto::tasks::v1::schedule_service_server::ScheduleService;
use mc_proto::tasks::v1::{
    CreateScheduleRequest, CreateScheduleResponse, DeleteScheduleRequest, DeleteScheduleResponse,
    GetScheduleRequest, GetScheduleResponse, ListScheduleFiresRequest, ListScheduleFiresResponse,
    ListSchedulesRequest, ListSchedulesResponse, PauseScheduleRequest, PauseScheduleResponse,
    PreviewScheduleRequest, PreviewScheduleResponse, ResumeScheduleRequest, ResumeScheduleResponse,
    RunScheduleRequest, RunScheduleResponse, UpdateScheduleRequest, UpdateScheduleResponse,
};
use tonic::{Request, Response, Status};

use crate::rpc::{
    Api, create_schedule, delete_schedule, get_schedule, list_schedule_fires, list_schedules, pause_schedule,
    preview_schedule, resume_schedule, run_schedule, update_schedule,
};

type Reply<M> = Result<Response<M>, Status>;

#[tonic::async_trait]
impl ScheduleService for Api {
    async fn create_schedule(
        &self,
        request: Request<CreateScheduleRequest>,
    ) -> Reply<CreateScheduleResponse> {
        Ok(Response::new(create_schedule::create_schedule(self, request).await?))
    }

    async fn get_schedule(&self, request: Request<GetScheduleRequest>) -> Reply<GetScheduleResponse> {
        Ok(Response::new(get_schedule::get_schedule(self, request).await?))
    }

    async fn update_schedule(
        &self,
        request: Request<UpdateScheduleRequest>,
    ) -> Reply<UpdateScheduleResponse> {
        Ok(Response::new(update_schedule::update_schedule(self, request).await?))
    }

    async fn delete_schedule(
        &self,
        request: Request<DeleteScheduleRequest>,
    ) -> Reply<DeleteScheduleResponse> {
        Ok(Response::new(delete_schedule::delete_schedule(self, request).await?))
    }

    async fn pause_schedule(&self, request: Request<PauseScheduleRequest>) -> Reply<PauseScheduleResponse> {
        Ok(Response::new(pause_schedule::pause_schedule(self, request).await?))
    }

    async fn resume_schedule(
        &self,
        request: Request<ResumeScheduleRequest>,
    ) -> Reply<ResumeScheduleResponse> {
        Ok(Response::new(resume_schedule::resume_schedule(self, request).await?))
    }

    async fn run_schedule(&self, request: Request<RunScheduleRequest>) -> Reply<RunScheduleResponse> {
        Ok(Response::new(run_schedule::run_schedule(self, request).await?))
    }

    async fn preview_schedule(
        &self,
        request: Request<PreviewScheduleRequest>,
    ) -> Reply<PreviewScheduleResponse> {
        Ok(Response::new(preview_schedule::preview_schedule(self, request)?))
    }

    async fn list_schedules(&self, request: Request<ListSchedulesRequest>) -> Reply<ListSchedulesResponse> {
        Ok(Response::new(list_schedules::list_schedules(self, request).await?))
    }

    async fn list_schedule_fires(
        &self,
        request: Request<ListScheduleFiresRequest>,
    ) -> Reply<ListScheduleFiresResponse> {
        Ok(Response::new(list_schedule_fires::list_schedule_fires(self, request).await?))
    }
}
