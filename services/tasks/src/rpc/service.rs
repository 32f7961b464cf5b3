//! The contract's services, each method handed to the file that has its name.

use futures::stream::BoxStream;
use mc_chassis::sized;
use mc_proto::google::api::HttpBody;
use mc_proto::tasks::v1::activity_service_server::{ActivityService, ActivityServiceServer};
use mc_proto::tasks::v1::approval_rule_service_server::{ApprovalRuleService, ApprovalRuleServiceServer};
use mc_proto::tasks::v1::artifact_service_server::{ArtifactService, ArtifactServiceServer};
use mc_proto::tasks::v1::inbox_service_server::{InboxService, InboxServiceServer};
use mc_proto::tasks::v1::notification_service_server::NotificationServiceServer;
use mc_proto::tasks::v1::run_service_server::{RunService, RunServiceServer};
use mc_proto::tasks::v1::schedule_service_server::ScheduleServiceServer;
use mc_proto::tasks::v1::task_service_server::TaskServiceServer;
use mc_proto::tasks::v1::{
    BatchDecideInboxItemsRequest, BatchDecideInboxItemsResponse, CreateApprovalRuleRequest,
    CreateApprovalRuleResponse, GetApprovalRuleRequest, GetApprovalRuleResponse, ListApprovalRulesRequest,
    ListApprovalRulesResponse, RevokeApprovalRuleRequest, RevokeApprovalRuleResponse,
};
use mc_proto::tasks::v1::{
    CancelRunRequest, CancelRunResponse, DecideInboxItemRequest, DecideInboxItemResponse,
    DownloadArtifactRequest, ExportRunRequest, GetArtifactRequest, GetArtifactResponse, GetInboxItemRequest,
    GetInboxItemResponse, GetRunRequest, GetRunResponse, ListArtifactsRequest, ListArtifactsResponse,
    ListInboxItemsRequest, ListInboxItemsResponse, ListRunCommandsRequest, ListRunCommandsResponse,
    ListRunEventsRequest, ListRunEventsResponse, ListRunsRequest, ListRunsResponse, PauseRunRequest,
    PauseRunResponse, ResumeRunRequest, ResumeRunResponse, RetryRunRequest, RetryRunResponse,
    SteerRunRequest, SteerRunResponse, WatchRunRequest, WatchRunResponse, WatchWorkspaceRequest,
    WatchWorkspaceResponse,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use crate::rpc::{
    Api, batch_decide_inbox_items, cancel_run, create_approval_rule, decide_inbox_item, download_artifact,
    export_run, get_approval_rule, get_artifact, get_inbox_item, get_run, list_approval_rules,
    list_artifacts, list_inbox_items, list_run_commands, list_run_events, list_runs, pause_run, resume_run,
    retry_run, revoke_approval_rule, steer_run, watch_run, watch_workspace,
};

/// The routes of every service of this crate.
pub(crate) fn routes(api: Api) -> Routes {
    Routes::new(sized!(TaskServiceServer::new(api.clone())))
        .add_service(sized!(RunServiceServer::new(api.clone())))
        .add_service(sized!(InboxServiceServer::new(api.clone())))
        .add_service(sized!(ApprovalRuleServiceServer::new(api.clone())))
        .add_service(sized!(ArtifactServiceServer::new(api.clone())))
        .add_service(sized!(ScheduleServiceServer::new(api.clone())))
        .add_service(sized!(NotificationServiceServer::new(api.clone())))
        .add_service(sized!(ActivityServiceServer::new(api)))
}

type Reply<M> = Result<Response<M>, Status>;

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

    type ExportRunStream = BoxStream<'static, Result<HttpBody, Status>>;

    async fn export_run(&self, request: Request<ExportRunRequest>) -> Reply<Self::ExportRunStream> {
        Ok(Response::new(export_run::export_run(self, request).await?))
    }

    async fn pause_run(&self, request: Request<PauseRunRequest>) -> Reply<PauseRunResponse> {
        Ok(Response::new(pause_run::pause_run(self, request).await?))
    }

    async fn resume_run(&self, request: Request<ResumeRunRequest>) -> Reply<ResumeRunResponse> {
        Ok(Response::new(resume_run::resume_run(self, request).await?))
    }

    async fn cancel_run(&self, request: Request<CancelRunRequest>) -> Reply<CancelRunResponse> {
        Ok(Response::new(cancel_run::cancel_run(self, request).await?))
    }

    async fn steer_run(&self, request: Request<SteerRunRequest>) -> Reply<SteerRunResponse> {
        Ok(Response::new(steer_run::steer_run(self, request).await?))
    }

    async fn retry_run(&self, request: Request<RetryRunRequest>) -> Reply<RetryRunResponse> {
        Ok(Response::new(retry_run::retry_run(self, request).await?))
    }

    async fn list_run_commands(
        &self,
        request: Request<ListRunCommandsRequest>,
    ) -> Reply<ListRunCommandsResponse> {
        Ok(Response::new(list_run_commands::list_run_commands(self, request).await?))
    }
}

#[tonic::async_trait]
impl InboxService for Api {
    async fn list_inbox_items(
        &self,
        request: Request<ListInboxItemsRequest>,
    ) -> Reply<ListInboxItemsResponse> {
        Ok(Response::new(list_inbox_items::list_inbox_items(self, request).await?))
    }

    async fn get_inbox_item(&self, request: Request<GetInboxItemRequest>) -> Reply<GetInboxItemResponse> {
        Ok(Response::new(get_inbox_item::get_inbox_item(self, request).await?))
    }

    async fn decide_inbox_item(
        &self,
        request: Request<DecideInboxItemRequest>,
    ) -> Reply<DecideInboxItemResponse> {
        Ok(Response::new(decide_inbox_item::decide_inbox_item(self, request).await?))
    }

    async fn batch_decide_inbox_items(
        &self,
        request: Request<BatchDecideInboxItemsRequest>,
    ) -> Reply<BatchDecideInboxItemsResponse> {
        Ok(Response::new(batch_decide_inbox_items::batch_decide_inbox_items(self, request).await?))
    }
}

#[tonic::async_trait]
impl ApprovalRuleService for Api {
    async fn create_approval_rule(
        &self,
        request: Request<CreateApprovalRuleRequest>,
    ) -> Reply<CreateApprovalRuleResponse> {
        Ok(Response::new(create_approval_rule::create_approval_rule(self, request).await?))
    }

    async fn get_approval_rule(
        &self,
        request: Request<GetApprovalRuleRequest>,
    ) -> Reply<GetApprovalRuleResponse> {
        Ok(Response::new(get_approval_rule::get_approval_rule(self, request).await?))
    }

    async fn list_approval_rules(
        &self,
        request: Request<ListApprovalRulesRequest>,
    ) -> Reply<ListApprovalRulesResponse> {
        Ok(Response::new(list_approval_rules::list_approval_rules(self, request).await?))
    }

    async fn revoke_approval_rule(
        &self,
        request: Request<RevokeApprovalRuleRequest>,
    ) -> Reply<RevokeApprovalRuleResponse> {
        Ok(Response::new(revoke_approval_rule::revoke_approval_rule(self, request).await?))
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

#[tonic::async_trait]
impl ActivityService for Api {
    type WatchWorkspaceStream = BoxStream<'static, Result<WatchWorkspaceResponse, Status>>;

    async fn watch_workspace(
        &self,
        request: Request<WatchWorkspaceRequest>,
    ) -> Reply<Self::WatchWorkspaceStream> {
        Ok(Response::new(watch_workspace::watch_workspace(self, request).await?))
    }
}
