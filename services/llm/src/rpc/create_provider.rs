//! CreateProvider: adds a provider; nothing is sent to it yet.

use mc_chassis::auth::Caller;
use mc_chassis::egress::Refused;
use mc_chassis::error::Violations;
use mc_chassis::idempotency::{self, Key};
use mc_chassis::{Failure, db, names};
use mc_proto::llm::v1::{CreateProviderRequest, CreateProviderResponse, Provider as Wire, ProviderKind};
use url::Url;
use uuid::Uuid;

use super::{Llm, convert, parent_workspace};
use crate::SCHEMA;
use crate::domain::model_name::{ModelName, is_provider_id};
use crate::domain::provider::{Kind, Provider, SIMULATOR_ID};
use crate::error::Error;
use crate::store;

/// Longest display name, in characters.
const MAX_NAME_CHARS: usize = 80;
/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2000;
/// Most models that are listed.
const MAX_MODELS: usize = 500;

pub(super) async fn handle(
    llm: &Llm,
    request: tonic::Request<CreateProviderRequest>,
) -> Result<CreateProviderResponse, Error> {
    let caller = Caller::of(&request)?;
    let message = request.into_inner();
    let workspace = parent_workspace(&caller, &message.parent)?;
    let now = llm.ambient.clock.now();
    let wire = message.provider.clone().unwrap_or_default();
    let provider = Provider { created_at: Some(now), ..parse(workspace, &message.provider_id, wire)? };
    if let Kind::OpenAiCompatible { base_url, .. } = &provider.kind {
        match llm.connector.egress.check(base_url).await {
            // A server that is not up yet may have no address yet; every connection is judged anew anyhow.
            Ok(()) | Err(Refused::Unresolved(_)) => {}
            Err(refused) => return Err(Failure::invalid("provider.base_url", refused.to_string()).into()),
        }
    }

    let actor = caller.actor();
    let key = Key {
        schema: &SCHEMA,
        workspace: Some(workspace),
        actor: &actor,
        operation: "CreateProvider",
        request_id: &message.request_id,
    };
    let mut tx = llm.database.begin(workspace).await?;
    let reply = idempotency::once(&mut tx, key, &message, now, async |tx| {
        store::provider::insert(tx, workspace, &provider).await.map_err(|error| {
            if db::is_constraint(&error, store::provider::KEY) {
                Error::Exists(convert::provider_name(workspace, &provider.id))
            } else {
                error.into()
            }
        })?;
        Ok::<_, Error>(CreateProviderResponse {
            provider: Some(convert::provider(workspace, provider.clone())),
        })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}

fn parse(workspace: Uuid, id: &str, wire: Wire) -> Result<Provider, Failure> {
    if !is_provider_id(id) {
        let text = "must be 1 to 40 lower-case letters, digits and `-`, starting with a letter";
        return Err(Failure::invalid("provider_id", text));
    }
    if id == SIMULATOR_ID {
        return Err(Failure::invalid("provider_id", "`simulator` is the built-in one; choose another id"));
    }
    match wire.kind() {
        ProviderKind::OpenaiCompatible => {}
        ProviderKind::Simulator => {
            let text = "the simulator is built in; add providers of the kind OPENAI_COMPATIBLE";
            return Err(Failure::invalid("provider.kind", text));
        }
        ProviderKind::Unspecified => {
            return Err(Failure::invalid("provider.kind", "must be OPENAI_COMPATIBLE"));
        }
    }
    let mut violations = Violations::default();
    violations.line("provider.display_name", &wire.display_name, MAX_NAME_CHARS, false);
    violations.into_result()?;
    let display_name = if wire.display_name.is_empty() { id.to_owned() } else { wire.display_name };
    let kind = Kind::OpenAiCompatible {
        base_url: parse_url(&wire.base_url)?,
        credential: parse_credential(workspace, &wire.credential)?,
    };
    check_models(id, &wire.models)?;
    Ok(Provider { id: id.to_owned(), display_name, kind, models: wire.models, created_at: None })
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    let wrong = |text: &str| Failure::invalid("provider.base_url", text);
    if text.len() > MAX_URL_BYTES {
        return Err(wrong(&format!("must have at most {MAX_URL_BYTES} bytes")));
    }
    let url = Url::parse(text).map_err(|_| wrong("must be a URL such as https://openrouter.ai/api/v1"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must start with https:// or http:// and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or password; keep the key as a credential"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end with its path, without `?` and `#`"));
    }
    Ok(url)
}

fn parse_credential(workspace: Uuid, name: &str) -> Result<Option<Uuid>, Failure> {
    const FIELD: &str = "provider.credential";
    if name.is_empty() {
        return Ok(None);
    }
    let [owner, credential] = names::parse(FIELD, "workspaces/*/credentials/*", name)?;
    if owner != workspace {
        return Err(Failure::invalid(FIELD, format!("must be a credential of workspaces/{workspace}")));
    }
    Ok(Some(credential))
}

fn check_models(id: &str, models: &[String]) -> Result<(), Failure> {
    if models.len() > MAX_MODELS {
        return Err(Failure::invalid("provider.models", format!("must be at most {MAX_MODELS}")));
    }
    for (place, model) in models.iter().enumerate() {
        let path = format!("provider.models[{place}]");
        ModelName::parse(&format!("{id}/{model}"))
            .map_err(|_| Failure::invalid(&path, "must be 1 to 150 visible ASCII characters"))?;
        if model.len() > 150 {
            return Err(Failure::invalid(path, "must be 1 to 150 visible ASCII characters"));
        }
        if models[..place].contains(model) {
            return Err(Failure::invalid(path, "is listed twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Wire {
        Wire {
            kind: ProviderKind::OpenaiCompatible.into(),
            base_url: "https://openrouter.ai/api/v1".into(),
            ..Wire::default()
        }
    }

    #[test]
    fn a_good_provider_is_taken() {
        let workspace = Uuid::from_u128(7);
        let credential = format!("workspaces/{workspace}/credentials/{}", Uuid::from_u128(8));
        let models = vec!["anthropic/claude-sonnet-4".to_owned()];
        let provider = parse(workspace, "router", Wire { credential, models, ..wire() }).expect("taken");
        assert_eq!((provider.display_name.as_str(), provider.models.len()), ("router", 1));
        assert_eq!(provider.price_place(), "openrouter.ai");
        let Kind::OpenAiCompatible { credential, .. } = provider.kind else { panic!("its kind") };
        assert_eq!(credential, Some(Uuid::from_u128(8)));
    }

    #[test]
    fn bad_providers_are_refused_by_field() {
        let url = |text: &str| Wire { base_url: text.into(), ..wire() };
        let elsewhere = format!("workspaces/{0}/credentials/{0}", Uuid::from_u128(9));
        let models =
            |models: &[&str]| Wire { models: models.iter().map(ToString::to_string).collect(), ..wire() };
        for (id, wire, field) in [
            ("", wire(), "provider_id"),
            ("2go", wire(), "provider_id"),
            ("Router", wire(), "provider_id"),
            ("simulator", wire(), "provider_id"),
            ("r", Wire { kind: 0, ..wire() }, "provider.kind"),
            ("r", Wire { kind: ProviderKind::Simulator.into(), ..wire() }, "provider.kind"),
            ("r", Wire { kind: 99, ..wire() }, "provider.kind"),
            ("r", Wire { display_name: "x".repeat(81), ..wire() }, "provider.display_name"),
            ("r", url(""), "provider.base_url"),
            ("r", url("openrouter.ai"), "provider.base_url"),
            ("r", url("ftp://openrouter.ai"), "provider.base_url"),
            ("r", url("https://user:key@openrouter.ai"), "provider.base_url"),
            ("r", url("https://openrouter.ai/v1?key=1"), "provider.base_url"),
            ("r", url("https://openrouter.ai/v1#a"), "provider.base_url"),
            ("r", url(&format!("https://openrouter.ai/{}", "x".repeat(MAX_URL_BYTES))), "provider.base_url"),
            ("r", Wire { credential: elsewhere, ..wire() }, "provider.credential"),
            ("r", Wire { credential: "key".into(), ..wire() }, "provider.credential"),
            ("r", models(&["a", "b", "a"]), "provider.models[2]"),
            ("r", models(&["a", ""]), "provider.models[1]"),
            ("r", models(&["with space"]), "provider.models[0]"),
            ("r", models(&[&"x".repeat(151)]), "provider.models[0]"),
            (
                "r",
                Wire { models: (0..=MAX_MODELS).map(|n| n.to_string()).collect(), ..wire() },
                "provider.models",
            ),
        ] {
            let failure = parse(Uuid::from_u128(7), id, wire.clone()).expect_err(field);
            assert_eq!(failure.violations()[0].field, field, "{id} {wire:?}");
        }
    }
}
