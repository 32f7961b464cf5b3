//! Services among themselves: each signs short tokens with its own key, and all hold one list of public keys.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::auth::token::CLOCK_SKEW;
use crate::auth::{Caller, PublicKey, RunAssertion, SERVICE_HEADER, Service, SigningKey};
use crate::clock::SharedClock;

/// How long a service token lives: it is made for one call.
const TTL: Duration = Duration::minutes(2);

/// What a service signs with.
#[derive(Debug, Clone)]
pub struct ServiceIdentity {
    name: String,
    key: SigningKey,
    clock: SharedClock,
}

/// The public keys of all services, by name.
#[derive(Debug, Clone, Default)]
pub struct TrustList(HashMap<String, PublicKey>);

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workspace: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunAssertion>,
}

impl ServiceIdentity {
    /// An identity with a key at hand.
    pub fn new(name: impl Into<String>, key: SigningKey, clock: SharedClock) -> Self {
        Self { name: name.into(), key, clock }
    }

    /// Reads the key file (base64 of 32 bytes).
    pub fn load(name: &str, key_file: &Path, clock: SharedClock) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(key_file)
            .with_context(|| format!("read the service key of {name} at {}", key_file.display()))?;
        let key = SigningKey::from_base64(&text)
            .with_context(|| format!("{} must hold 32 bytes in base64", key_file.display()))?;
        Ok(Self::new(name, key, clock))
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half of its key.
    pub fn public(&self) -> &PublicKey {
        self.key.public()
    }

    /// A request to `audience` on the service's own account.
    pub fn request<M>(&self, audience: &str, message: M) -> tonic::Request<M> {
        self.sign(audience, None, None, message)
    }

    /// A request to `audience` on the service's own account, about one workspace.
    pub fn request_in<M>(&self, audience: &str, workspace: Uuid, message: M) -> tonic::Request<M> {
        self.sign(audience, Some(workspace), None, message)
    }

    /// A request to `audience` for a run. The assertion travels with this service as the one that asserts it.
    pub fn request_for_run<M>(&self, audience: &str, run: &RunAssertion, message: M) -> tonic::Request<M> {
        let run = RunAssertion { service: self.name.clone(), ..run.clone() };
        self.sign(audience, Some(run.workspace), Some(run), message)
    }

    fn sign<M>(
        &self,
        audience: &str,
        workspace: Option<Uuid>,
        run: Option<RunAssertion>,
        message: M,
    ) -> tonic::Request<M> {
        let now = self.clock.now();
        let claims = Claims {
            iss: self.name.clone(),
            aud: audience.to_owned(),
            iat: now.unix_timestamp(),
            exp: (now + TTL).unix_timestamp(),
            workspace,
            run,
        };
        let mut request = tonic::Request::new(message);
        let token = self.key.sign(&claims).parse().expect("a JWT is ASCII");
        request.metadata_mut().insert(SERVICE_HEADER, token);
        request
    }
}

impl TrustList {
    /// A list of names and their keys.
    pub fn new(keys: impl IntoIterator<Item = (String, PublicKey)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Reads a trust file: a JSON object of service names and base64 public keys.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("read the trust list at {}", file.display()))?;
        Self::from_json(&text)
            .with_context(|| format!("{} must map service names to base64 keys", file.display()))
    }

    /// Reads the text of a trust file.
    pub fn from_json(text: &str) -> anyhow::Result<Self> {
        let entries: HashMap<String, String> = serde_json::from_str(text)?;
        let read = |(name, text): (String, String)| {
            let key = PublicKey::from_base64(&text)
                .with_context(|| format!("the key of {name} is not 32 bytes in base64"))?;
            Ok((name, key))
        };
        entries.into_iter().map(read).collect::<anyhow::Result<_>>().map(Self)
    }

    /// The text for a trust file.
    pub fn to_json(&self) -> String {
        let entries: std::collections::BTreeMap<_, _> =
            self.0.iter().map(|(name, key)| (name.as_str(), key.to_base64())).collect();
        serde_json::to_string_pretty(&entries).expect("names and keys are plain text")
    }

    /// Who sent a service token to `audience`, and when the token ends; absent unless a listed key signed it for this
    /// audience and it is alive.
    pub(crate) fn open(
        &self,
        audience: &str,
        token: &str,
        now: OffsetDateTime,
    ) -> Option<(Caller, OffsetDateTime)> {
        let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
        let (name, key) = self.0.iter().find(|(_, key)| key.kid() == kid)?;
        let claims: Claims = key.open(token)?;
        let alive = claims.exp > now.unix_timestamp() && claims.iat <= (now + CLOCK_SKEW).unix_timestamp();
        let own_run = claims
            .run
            .as_ref()
            .is_none_or(|run| run.service == *name && Some(run.workspace) == claims.workspace);
        if claims.iss != *name || claims.aud != audience || !alive || !own_run {
            return None;
        }
        let expire_time = OffsetDateTime::from_unix_timestamp(claims.exp).ok()?;
        let caller = match claims.run {
            Some(run) => Caller::Run(run),
            None => Caller::Service(Service { name: name.clone(), workspace: claims.workspace }),
        };
        Some((caller, expire_time))
    }
}
