//! The RPCs of the contract, one file each: parse, act, reply.

mod cancel_generation;
mod convert;
mod create_provider;
mod delete_provider;
mod generate;
mod get_generation;
mod get_provider;
mod list_models;
mod list_providers;
mod list_usage;
mod parse;

use mc_chassis::auth::Caller;
use mc_chassis::db::Database;
use mc_chassis::{Ambient, Failure, names, sized};
use mc_proto::llm::v1::generation_service_server::{GenerationService, GenerationServiceServer};
use mc_proto::llm::v1::model_service_server::{ModelService, ModelServiceServer};
use mc_proto::llm::v1::provider_service_server::{ProviderService, ProviderServiceServer};
use mc_proto::llm::v1::usage_service_server::{UsageService, UsageServiceServer};
use mc_proto::llm::v1::{
    CancelGenerationRequest, CancelGenerationResponse, CreateProviderRequest, CreateProviderResponse,
    DeleteProviderRequest, DeleteProviderResponse, GenerateRequest, GetGenerationRequest,
    GetGenerationResponse, GetProviderRequest, GetProviderResponse, ListModelsRequest, ListModelsResponse,
    ListProvidersRequest, ListProvidersResponse, ListUsageRequest, ListUsageResponse,
};
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};
use uuid::Uuid;

use crate::connect::Connector;
use crate::domain::model_name::is_provider_id;
use crate::generation::Generations;

/// What [`is_provider_id`] asks for.
const PROVIDER_ID: &str =
    "a provider's id has 1 to 40 lower-case letters, digits and `-`, and starts with a letter";

/// Everything that the RPCs work with. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Llm {
    pub(crate) database: Database,
    pub(crate) generations: Generations,
    pub(crate) connector: Connector,
    pub(crate) ambient: Ambient,
}

impl Llm {
    /// The gRPC services.
    pub(crate) fn routes(self) -> Routes {
        Routes::new(sized!(GenerationServiceServer::new(self.clone())))
            .add_service(sized!(ProviderServiceServer::new(self.clone())))
            .add_service(sized!(ModelServiceServer::new(self.clone())))
            .add_service(sized!(UsageServiceServer::new(self)))
    }
}

/// The workspace of a `parent`, which must be the caller's.
fn parent_workspace(caller: &Caller, parent: &str) -> Result<Uuid, Failure> {
    let [workspace] = names::parse("parent", "workspaces/*", parent)?;
    caller.in_workspace(workspace)?;
    Ok(workspace)
}

/// The workspace and the id in the name of a provider; the workspace must be the caller's.
fn provider_name<'a>(caller: &Caller, name: &'a str) -> Result<(Uuid, &'a str), Failure> {
    let [workspace, id] = names::segments("name", "workspaces/*/providers/*", name)?;
    let [workspace] = names::parse("name", "workspaces/*", &format!("workspaces/{workspace}"))?;
    if !is_provider_id(id) {
        return Err(Failure::invalid("name", PROVIDER_ID));
    }
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((workspace, id))
}

#[async_trait]
impl GenerationService for Llm {
    type GenerateStream = generate::Stream;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        Ok(Response::new(generate::handle(self, request).await?))
    }

    async fn cancel_generation(
        &self,
        request: Request<CancelGenerationRequest>,
    ) -> Result<Response<CancelGenerationResponse>, Status> {
        Ok(Response::new(cancel_generation::handle(self, request).await?))
    }

    async fn get_generation(
        &self,
        request: Request<GetGenerationRequest>,
    ) -> Result<Response<GetGenerationResponse>, Status> {
        Ok(Response::new(get_generation::handle(self, request).await?))
    }
}

#[async_trait]
impl ProviderService for Llm {
    async fn create_provider(
        &self,
        request: Request<CreateProviderRequest>,
    ) -> Result<Response<CreateProviderResponse>, Status> {
        Ok(Response::new(create_provider::handle(self, request).await?))
    }

    async fn get_provider(
        &self,
        request: Request<GetProviderRequest>,
    ) -> Result<Response<GetProviderResponse>, Status> {
        Ok(Response::new(get_provider::handle(self, request).await?))
    }

    async fn list_providers(
        &self,
        request: Request<ListProvidersRequest>,
    ) -> Result<Response<ListProvidersResponse>, Status> {
        Ok(Response::new(list_providers::handle(self, request).await?))
    }

    async fn delete_provider(
        &self,
        request: Request<DeleteProviderRequest>,
    ) -> Result<Response<DeleteProviderResponse>, Status> {
        Ok(Response::new(delete_provider::handle(self, request).await?))
    }
}

#[async_trait]
impl ModelService for Llm {
    async fn list_models(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        Ok(Response::new(list_models::handle(self, request).await?))
    }
}

#[async_trait]
impl UsageService for Llm {
    async fn list_usage(
        &self,
        request: Request<ListUsageRequest>,
    ) -> Result<Response<ListUsageResponse>, Status> {
        Ok(Response::new(list_usage::handle(self, request).await?))
    }
}
