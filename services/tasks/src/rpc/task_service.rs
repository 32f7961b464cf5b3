//! TaskService, each method handed to the file that has its name.

use mc_proto::tasks::v1::task_service_server::TaskService;
use mc_proto::tasks::v1::{
    BatchStartTasksRequest, BatchStartTasksResponse, BatchUpdateTasksRequest, BatchUpdateTasksResponse,
    CreateTaskCommentRequest, CreateTaskCommentResponse, CreateTaskRequest, CreateTaskResponse,
    DeleteTaskCommentRequest, DeleteTaskCommentResponse, GetTaskRequest, GetTaskResponse,
    ListTaskCommentsRequest, ListTaskCommentsResponse, ListTasksRequest, ListTasksResponse, StartTaskRequest,
    StartTaskResponse, UpdateTaskRequest, UpdateTaskResponse,
};
use tonic::{Request, Response, Status};

use crate::rpc::{
    Api, batch_start_tasks, batch_update_tasks, create_task, create_task_comment, delete_task_comment,
    get_task, list_task_comments, list_tasks, start_task, update_task,
};

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

    async fn batch_update_tasks(
        &self,
        request: Request<BatchUpdateTasksRequest>,
    ) -> Reply<BatchUpdateTasksResponse> {
        Ok(Response::new(batch_update_tasks::batch_update_tasks(self, request).await?))
    }

    async fn batch_start_tasks(
        &self,
        request: Request<BatchStartTasksRequest>,
    ) -> Reply<BatchStartTasksResponse> {
        Ok(Response::new(batch_start_tasks::batch_start_tasks(self, request).await?))
    }

    async fn create_task_comment(
        &self,
        request: Request<CreateTaskCommentRequest>,
    ) -> Reply<CreateTaskCommentResponse> {
        Ok(Response::new(create_task_comment::create_task_comment(self, request).await?))
    }

    async fn list_task_comments(
        &self,
        request: Request<ListTaskCommentsRequest>,
    ) -> Reply<ListTaskCommentsResponse> {
        Ok(Response::new(list_task_comments::list_task_comments(self, request).await?))
    }

    async fn delete_task_comment(
        &self,
        request: Request<DeleteTaskCommentRequest>,
    ) -> Reply<DeleteTaskCommentResponse> {
        Ok(Response::new(delete_task_comment::delete_task_comment(self, request).await?))
    }
}
