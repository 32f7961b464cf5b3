//! WorkspaceService: the tenants that a person belongs to.

mod create;
mod get;
mod list;
mod update;

use mc_proto::identity::v1 as pb;
use pb::workspace_service_server::WorkspaceService;
use tonic::{Request, Response, Status};

use super::{Identity, serve};

#[tonic::async_trait]
impl WorkspaceService for Identity {
    async fn create_workspace(
        &self,
        request: Request<pb::CreateWorkspaceRequest>,
    ) -> Result<Response<pb::CreateWorkspaceResponse>, Status> {
        serve!(self, request, create::handle)
    }

    async fn get_workspace(
        &self,
        request: Request<pb::GetWorkspaceRequest>,
    ) -> Result<Response<pb::GetWorkspaceResponse>, Status> {
        serve!(self, request, get::handle)
    }

    async fn list_workspaces(
        &self,
        request: Request<pb::ListWorkspacesRequest>,
    ) -> Result<Response<pb::ListWorkspacesResponse>, Status> {
        serve!(self, request, list::handle)
    }

    async fn update_workspace(
        &self,
        request: Request<pb::UpdateWorkspaceRequest>,
    ) -> Result<Response<pb::UpdateWorkspaceResponse>, Status> {
        serve!(self, request, update::handle)
    }
}
