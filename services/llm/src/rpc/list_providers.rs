//! ListProviders: the built-in simulator, then the workspace's own by id.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::llm::v1::{ListProvidersRequest, ListProvidersResponse};

use super::{Llm, convert, parent_workspace};
use crate::domain::model_name::is_provider_id;
use crate::domain::provider::Provider;
use crate::error::Error;
use crate::store;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<ListProvidersRequest>,
) -> Result<ListProvidersResponse, Error> {
    let caller = Caller::of(&request)?;
    let message = request.into_inner();
    let workspace = parent_workspace(&caller, &message.parent)?;
    // The key is the last id of the page before; the simulator comes before all ids and stands for the empty one.
    let page: Page<String> = Page::parse(message.page_size, &message.page_token)?;
    if page.after.as_deref().is_some_and(|after| !after.is_empty() && !is_provider_id(after)) {
        return Err(
            Failure::invalid("page_token", "must be a next_page_token of this list, unchanged").into()
        );
    }
    let mut providers = Vec::new();
    let after = match &page.after {
        None => {
            providers.push(Provider::simulator());
            ""
        }
        Some(after) => after,
    };
    let mut tx = llm.database.read(workspace).await?;
    let room = page.fetch() - providers.len() as i64;
    providers.extend(store::provider::list(&mut tx, workspace, after, room).await?);
    let next_page_token = page.cut(&mut providers, |last| match last.created_at {
        None => String::new(),
        Some(_) => last.id.clone(),
    });
    let providers = providers.into_iter().map(|provider| convert::provider(workspace, provider)).collect();
    Ok(ListProvidersResponse { providers, next_page_token })
}
