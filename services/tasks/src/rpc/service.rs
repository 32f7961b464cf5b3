//! The contract's services, each method handed to the file that has its name.

use futures::stream::BoxStream;
use mc_chassis::sized;
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1::artifact_service_server::{ArtifactService, ArtifactServiceServer};
use mc_proto::tasks::v1::run_service_server::{RunService, RunServiceServer};
use mc_proto::tasks::v1::task_service_server::{TaskService, TaskServiceServer};
use mc_proto::tasks::v1::{
    CancelRunRequest, CancelRunResponse, CreateTaskRequest, CreateTaskResponse, DownloadArtifactRequest,
    GetArtifactRequest, GetArtifactResponse, GetRunRequest, GetRunResponse, GetTaskRequest, GetTaskResponse,
    ListArtifactsRequest, ListArtifactsResponse, ListRunCommandsRequest, ListRunCommandsResponse,
    ListRunEventsRequest, ListRunEventsResponse, ListRunsRequest, ListRunsResponse, ListTasksRequest,
    ListTasksResponse, PauseRunRequest, PauseRunResponse, ResumeRunRequest, ResumeRunResponse,
    StartTaskRequest, StartTaskResponse, UpdateTaskRequest, UpdateTaskResponse, WatchRunRequest,
    WatchRunResponse,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::rpc::{
    Api, create_task, download_artifact, get_artifact, get_run, get_task, list_artifacts, list_run_events,
    list_runs, list_tasks, start_task, update_task, watch_run,
};

/// The routes of every service of this crate.
pub(crate) fn routes(api: Api) -> Routes {
    Routes::new(sized!(TaskServiceServer::new(api.clone())))
        .add_service(sized!(RunServiceServer::new(api.clone())))
        .add_service(sized!(ArtifactServiceServer::new(api)))
}

type Reply<M> = Result<Response<M>, Status>;

#[tonic::async_trait]
impl TaskService for Api {
    async fn create_task(&self, request: Request<CreateTaskRequest>) -> Reply<CreateTaskResponse> {
        Ok(Response::new(create_task::create_task(self, request).await?))
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Reply<GetTaskResponse> {
        Ok(Response::new(get_task::get_task(self, request).await?))
    }

    async fn list_tasks(&self, request: Request<ListTasksRequest>) -> Reply<ListTasksResponse> {
        Ok(Response::new(list_tasks::list_tasks(self, request).await?))
    }

    async fn update_task(&self, request: Request<UpdateTaskRequest>) -> Reply<UpdateTaskResponse> {
        Ok(Response::new(update_task::update_task(self, request).await?))
    }

    async fn start_task(&self, request: Request<StartTaskRequest>) -> Reply<StartTaskResponse> {
        Ok(Response::new(start_task::start_task(self, request).await?))
    }
}

#[tonic::async_trait]
impl RunService for Api {
    type WatchRunStream = BoxStream<'static, Result<WatchRunResponse, Status>>;

    async fn get_run(&self, request: Request<GetRunRequest>) -> Reply<GetRunResponse> {
        Ok(Response::new(get_run::get_run(self, request).await?))
    }

    async fn list_runs(&self, request: Request<ListRunsRequest>) -> Reply<ListRunsResponse> {
        Ok(Response::new(list_runs::list_runs(self, request).await?))
    }

    async fn list_run_events(&self, request: Request<ListRunEventsRequest>) -> Reply<ListRunEventsResponse> {
        Ok(Response::new(list_run_events::list_run_events(self, request).await?))
    }

    async fn watch_run(&self, request: Request<WatchRunRequest>) -> Reply<Self::WatchRunStream> {
        Ok(Response::new(watch_run::watch_run(self, request).await?))
    }

    async fn pause_run(&self, _: Request<PauseRunRequest>) -> Reply<PauseRunResponse> {
        Err(Status::unimplemented("being built"))
    }

    async fn resume_run(&self, _: Request<ResumeRunRequest>) -> Reply<ResumeRunResponse> {
        Err(Status::unimplemented("being built"))
    }

    async fn cancel_run(&self, _: Request<CancelRunRequest>) -> Reply<CancelRunResponse> {
        Err(Status::unimplemented("being built"))
    }

    async fn list_run_commands(&self, _: Request<ListRunCommandsRequest>) -> Reply<ListRunCommandsResponse> {
        Err(Status::unimplemented("being built"))
    }
}

#[tonic::async_trait]
impl ArtifactService for Api {
    async fn get_artifact(&self, request: Request<GetArtifactRequest>) -> Reply<GetArtifactResponse> {
        Ok(Response::new(get_artifact::get_artifact(self, request).await?))
    }

    async fn list_artifacts(&self, request: Request<ListArtifactsRequest>) -> Reply<ListArtifactsResponse> {
        Ok(Response::new(list_artifacts::list_artifacts(self, request).await?))
    }

    async fn download_artifact(&self, request: Request<DownloadArtifactRequest>) -> Reply<HttpBody> {
        Ok(Response::new(download_artifact::download_artifact(self, request).await?))
    }
}
