//! Whether the price of a model is known, before a run begins that may cost only so much: a limit that nobody can hold is no
//! promise.

use mc_chassis::auth::forward;
use mc_chassis::client::Upstream;
use mc_chassis::{Failure, sized};
use mc_proto::llm::v1::ListModelsRequest;
use mc_proto::llm::v1::model_service_client::ModelServiceClient;
use tonic::Code;
use tonic::metadata::MetadataMap;

use crate::domain::brief::AgentSnapshot;
use crate::domain::id::WorkspaceId;
use crate::error::MODEL_UNPRICED;

/// Refuses an agent that has a limit in dollars and a model whose price is unknown. Asked on behalf of whoever starts the run,
/// and only where there is such a limit.
pub(crate) async fn check(
    llm: &Upstream,
    metadata: &MetadataMap,
    workspace: WorkspaceId,
    agent: &AgentSnapshot,
) -> Result<(), Failure> {
    if agent.limits.max_cost_nano_usd.is_none() {
        return Ok(());
    }
    let request = ListModelsRequest { parent: format!("workspaces/{workspace}"), model: agent.model.clone() };
    let reply = sized!(ModelServiceClient::new(llm.unary()))
        .list_models(forward(metadata, request))
        .await
        .map_err(|status| Failure::from_status(&status))?;
    let is_priced = reply.into_inner().models.iter().any(|model| {
        model.id == agent.model
            && model.input_nano_usd_per_million_tokens.is_some()
            && model.output_nano_usd_per_million_tokens.is_some()
    });
    if is_priced { Ok(()) } else { Err(unpriced(agent)) }
}

fn unpriced(agent: &AgentSnapshot) -> Failure {
    let (who, model) = (&agent.display_name, &agent.model);
    let message = format!(
        "{who} may spend only so much on a run, and nobody knows what {model} costs, so that the limit could not be held. \
         Choose a model that has a price (the list of models shows prices), have this one added to the llm service's price book \
         (services/llm/prices.json), or take max_cost_nano_usd off the agent."
    );
    Failure::new(Code::FailedPrecondition, MODEL_UNPRICED, message).with("model", model.clone())
}
