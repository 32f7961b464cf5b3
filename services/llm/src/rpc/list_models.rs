//! ListModels: every model of every provider; those that list none are asked, all at once and not for long.

use futures::future::join_all;
use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::llm::v1::{ListModelsRequest, ListModelsResponse, Model, UnreachableProvider};
use uuid::Uuid;

use super::{Llm, convert, parent_workspace, parse};
use crate::domain::fault::Fault;
use crate::domain::model_name::ModelName;
use crate::domain::price::PriceBook;
use crate::domain::provider::{Kind, Provider};
use crate::error::Error;
use crate::store;

/// Most providers of a workspace that are looked at.
const MAX_PROVIDERS: i64 = 200;
/// Most models of one provider that are listed.
const MAX_MODELS: usize = 5_000;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<ListModelsRequest>,
) -> Result<ListModelsResponse, Error> {
    let caller = Caller::of(&request)?;
    let workspace = parent_workspace(&caller, &request.get_ref().parent)?;
    if !request.get_ref().model.is_empty() {
        return one(llm, workspace, &request.get_ref().model).await;
    }
    let mut providers = vec![Provider::simulator()];
    {
        let mut tx = llm.database.read(workspace).await?;
        providers.extend(store::provider::list(&mut tx, workspace, "", MAX_PROVIDERS).await?);
    }
    let asked = join_all(providers.iter().map(|provider| models_of(llm, &caller, workspace, provider))).await;

    let (mut models, mut unreachable) = (Vec::new(), Vec::new());
    for (provider, answer) in providers.iter().zip(asked) {
        match answer {
            Ok(ids) => {
                let named = ids.iter().take(MAX_MODELS).filter_map(|id| model(workspace, provider, id));
                models.extend(named);
            }
            Err(fault) => unreachable.push(UnreachableProvider {
                provider: convert::provider_name(workspace, &provider.id),
                message: fault.message,
            }),
        }
    }
    models.sort_by(|a, b| a.id.cmp(&b.id));
    models.dedup_by(|a, b| a.id == b.id);
    Ok(ListModelsResponse { models, unreachable })
}

/// The model of this name, as far as we know it ourselves.
async fn one(llm: &Llm, workspace: Uuid, name: &str) -> Result<ListModelsResponse, Error> {
    let name = ModelName::parse(name).map_err(|error| Failure::invalid("model", error.to_string()))?;
    let simulator = Provider::simulator();
    let provider = if name.provider() == simulator.id {
        Some(simulator)
    } else {
        let mut tx = llm.database.read(workspace).await?;
        store::provider::get(&mut tx, workspace, name.provider()).await?
    };
    let known = provider.and_then(|provider| model(workspace, &provider, name.model()));
    Ok(ListModelsResponse { models: known.into_iter().collect(), unreachable: Vec::new() })
}

async fn models_of(
    llm: &Llm,
    caller: &Caller,
    workspace: Uuid,
    provider: &Provider,
) -> Result<Vec<String>, Fault> {
    if !provider.models.is_empty() {
        return Ok(provider.models.clone());
    }
    let connected = llm.connector.connect(provider)?;
    let key = llm.connector.key(workspace, provider, parse::run_of(caller)).await?;
    connected.models(key.as_ref()).await
}

/// A model as it is called; `None` for one whose id could not be asked for.
fn model(workspace: Uuid, provider: &Provider, id: &str) -> Option<Model> {
    let name = ModelName::parse(&format!("{}/{id}", provider.id)).ok()?;
    let price = PriceBook::embedded().price(provider.price_place(), id);
    Some(Model {
        id: name.to_string(),
        provider: convert::provider_name(workspace, &provider.id),
        simulated: provider.kind == Kind::Simulator,
        input_nano_usd_per_million_tokens: price.and_then(|price| price.input),
        output_nano_usd_per_million_tokens: price.and_then(|price| price.output),
    })
}
