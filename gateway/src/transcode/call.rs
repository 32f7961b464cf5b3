//! One call from outside to one RPC: route, caller, request, upstream, reply.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use http::uri::PathAndQuery;
use mc_chassis::Failure;
use prost::Message;
use prost_reflect::DescriptorPool;
use tokio::sync::Semaphore;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Code, Request, Streaming};

use super::reply::{Event, Reply, is_content, read, read_content, read_event};
use super::request::{Parts, assemble};
use super::routes::{Found, Miss, Routes};
use crate::auth::{Authenticator, Freshness, refusal};
use crate::contract::binding::{self, Binding};
use crate::problem::{self, reason};
use crate::upstream::{self, Channel, Upstreams};

/// Serves every annotated RPC of a contract.
#[derive(Debug)]
pub struct Transcoder {
    routes: Routes<Target>,
    auth: Arc<Authenticator>,
    /// How long a unary call may take.
    deadline: Duration,
    /// Room for calls in progress.
    room: Semaphore,
}

/// Where a route leads.
#[derive(Debug)]
struct Target {
    binding: Arc<Binding>,
    path: PathAndQuery,
    unary: Channel,
    streams: Channel,
}

/// A call from outside.
#[derive(Debug, Clone)]
pub struct Call {
    /// HTTP method.
    pub method: Method,
    /// Path, still encoded.
    pub path: String,
    /// Query, still encoded.
    pub query: String,
    /// Body; empty when there is none.
    pub body: Bytes,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `Last-Event-ID`.
    pub last_event_id: Option<String>,
    /// Who calls, and under which ids.
    pub origin: Origin,
}

/// Who calls, and under which ids it is followed through the services.
#[derive(Clone, Default)]
pub struct Origin {
    /// What the client holds; none on public calls.
    pub bearer: Option<String>,
    /// `X-Request-Id`.
    pub request_id: String,
    /// The client's network address.
    pub client: Option<IpAddr>,
    /// W3C `traceparent`, if the client sent one that is well-formed.
    pub traceparent: Option<String>,
}

impl Origin {
    /// Writes what the services are to know into a request's metadata.
    pub fn write(&self, metadata: &mut MetadataMap, authorization: Option<MetadataValue<Ascii>>) {
        if let Some(authorization) = authorization {
            metadata.insert("authorization", authorization);
        } else if let Some(address) = self.client.and_then(|client| client.to_string().parse().ok()) {
            // Of use where nobody is known yet, so that attempts are counted; nobody else is told.
            metadata.insert("x-mc-client-address", address);
        }
        for (name, value) in
            [("x-request-id", Some(&self.request_id)), ("traceparent", self.traceparent.as_ref())]
        {
            if let Some(value) = value.and_then(|value| value.parse().ok()) {
                metadata.insert(name, value);
            }
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bearer = self.bearer.as_ref().map(|_| "[redacted]");
        f.debug_struct("Origin")
            .field("bearer", &bearer)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// What came of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The reply in full.
    Reply(Reply),
    /// A stream that goes on.
    Stream(Box<EventStream>),
    /// Content that comes in pieces.
    Content(Box<ContentStream>),
}

/// A server stream, and what is needed to see that its caller may still watch it.
#[derive(Debug)]
pub struct EventStream {
    binding: Arc<Binding>,
    messages: Streaming<Bytes>,
    auth: Arc<Authenticator>,
    caller: Option<(String, String)>,
}

/// Content in pieces, of which the first has come: what can be refused has been.
#[derive(Debug)]
pub struct ContentStream {
    /// Its media type; empty where nobody says.
    pub media_type: String,
    first: Option<Bytes>,
    rest: EventStream,
}

impl ContentStream {
    async fn begin(mut rest: EventStream) -> Result<Self, Failure> {
        let first = rest.piece().await.transpose()?;
        let (media_type, first) = first.map_or_else(Default::default, |(kind, data)| (kind, Some(data)));
        Ok(Self { media_type, first, rest })
    }

    /// The next piece; none when all has come.
    pub async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        self.rest.piece().await.map(|piece| piece.map(|(_, data)| data))
    }

    /// Asks whether the caller may still read.
    ///
    /// # Errors
    /// It may not, or nobody can tell at the moment.
    pub async fn recheck(&self) -> Result<(), Failure> {
        self.rest.recheck().await
    }
}

impl EventStream {
    /// The next event; none when the stream has ended well. It can be dropped while it waits.
    pub async fn next(&mut self) -> Option<Result<Event, Failure>> {
        match self.messages.message().await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(read_event(&self.binding, bytes)),
            Err(status) => Some(Err(problem::from_upstream(&status))),
        }
    }

    async fn piece(&mut self) -> Option<Result<(String, Bytes), Failure>> {
        match self.messages.message().await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some(read_content(&self.binding, bytes)),
            Err(status) => Some(Err(problem::from_upstream(&status))),
        }
    }

    /// Asks whether the caller may still watch.
    ///
    /// # Errors
    /// It may not, or nobody can tell at the moment.
    pub async fn recheck(&self) -> Result<(), Failure> {
        match &self.caller {
            Some((bearer, workspace)) => {
                self.auth.authorization(bearer, workspace, Freshness::Stream).await.map(drop)
            }
            None => Ok(()),
        }
    }
}

impl Transcoder {
    /// Builds every route of the contract, for so many calls at a time. A service without upstream, or two RPCs at one path,
    /// is an error.
    pub fn new(
        pool: &DescriptorPool,
        upstreams: &Upstreams,
        auth: Arc<Authenticator>,
        deadline: Duration,
        at_a_time: usize,
    ) -> Result<Self> {
        let mut routes = Routes::default();
        for binding in binding::read(pool)? {
            let upstream = upstreams.of_package(binding.rpc.parent_service().package_name())?;
            let path = mc_proto::rpc::path(&binding.rpc).parse().context("RPC path")?;
            let (unary, streams) = (upstream.unary.clone(), upstream.streams.clone());
            let (method, template, text) =
                (binding.method.clone(), binding.template.clone(), binding.path.clone());
            let name = binding.rpc.full_name().to_owned();
            let target = Target { binding: Arc::new(binding), path, unary, streams };
            ensure!(
                routes.insert(&method, template, target),
                "{name}: {method} {text} is taken by another RPC"
            );
        }
        Ok(Self { routes, auth, deadline, room: Semaphore::new(at_a_time.min(Semaphore::MAX_PERMITS)) })
    }

    /// Methods that a path takes; none when nothing is there.
    pub fn methods(&self, path: &str) -> Vec<String> {
        self.routes.methods(path).into_iter().collect()
    }

    /// Carries out a call, if there is room for it. A unary RPC that does not answer in time is given up.
    pub async fn call(&self, call: &Call) -> Result<Outcome, Failure> {
        let Found { target, values } = self.find(call)?;
        let _place = self.room.try_acquire().map_err(|_| overloaded())?;
        let binding = &target.binding;
        let streaming = binding.rpc.is_server_streaming();
        let about = about(&values);
        let caller = caller(binding, about, &call.origin)?;
        let freshness = if streaming { Freshness::Stream } else { Freshness::Call };
        let authorization = match &caller {
            Some((bearer, workspace)) => {
                let authorization = self.auth.authorization(bearer, workspace, freshness).await;
                let field = about.map_or("name", |(field, _)| field);
                Some(authorization.map_err(|failure| named(failure, field))?)
            }
            None => None,
        };
        let parts = Parts {
            path: &values,
            query: &call.query,
            body: &call.body,
            idempotency_key: call.idempotency_key.as_deref(),
            if_match: call.if_match.as_deref(),
            last_event_id: call.last_event_id.as_deref(),
        };
        let mut request = Request::new(Bytes::from(assemble(binding, parts)?.encode_to_vec()));
        call.origin.write(request.metadata_mut(), authorization);
        if streaming {
            let messages = upstream::stream(target.streams.clone(), target.path.clone(), request).await;
            let messages = messages.map_err(|status| problem::from_upstream(&status))?;
            let (binding, auth) = (binding.clone(), self.auth.clone());
            let is_content = is_content(&binding);
            let stream = EventStream { binding, messages, auth, caller };
            if !is_content {
                return Ok(Outcome::Stream(Box::new(stream)));
            }
            let begun = tokio::time::timeout(self.deadline, ContentStream::begin(stream)).await;
            return begun.map_err(|_| late())?.map(|content| Outcome::Content(Box::new(content)));
        }
        request.set_timeout(self.deadline);
        let unary = upstream::unary(target.unary.clone(), target.path.clone(), request);
        let reply = tokio::time::timeout(self.deadline, unary).await.map_err(|_| late())?;
        let bytes = reply.map_err(|status| problem::from_upstream(&status))?.into_inner();
        read(binding, bytes).map(Outcome::Reply)
    }

    /// True when the call's RPC answers with a stream.
    pub fn is_streaming(&self, call: &Call) -> bool {
        self.find(call).is_ok_and(|found| found.target.binding.rpc.is_server_streaming())
    }

    fn find(&self, call: &Call) -> Result<Found<'_, Target>, Failure> {
        self.routes.find(&call.method, &call.path).map_err(|miss| match miss {
            Miss::Path => Failure::new(
                Code::NotFound,
                reason::ROUTE_NOT_FOUND,
                "there is nothing at this path; /openapi.json lists what there is",
            ),
            Miss::Encoding => Failure::new(
                Code::InvalidArgument,
                reason::MALFORMED_PATH,
                "the path is not percent-encoded UTF-8",
            ),
            Miss::Method(methods) => {
                let allow = methods.into_iter().collect::<Vec<_>>().join(", ");
                Failure::new(
                    Code::Unimplemented,
                    reason::METHOD_NOT_ALLOWED,
                    format!("this path takes {allow}"),
                )
                .with("allow", allow)
            }
        })
    }
}

/// The workspace that a call is about, with the field of the request that names it.
fn about<'a>(values: &'a [(&'a str, String)]) -> Option<(&'a str, &'a str)> {
    values.iter().find_map(|(field, value)| Some((*field, workspace_of(value)?)))
}

/// The bearer and the workspace that it is to be exchanged for; none where no caller is asked for.
fn caller(
    binding: &Binding,
    about: Option<(&str, &str)>,
    origin: &Origin,
) -> Result<Option<(String, String)>, Failure> {
    if binding.permission == "public" {
        return Ok(None);
    }
    let bearer = origin.bearer.clone().ok_or_else(refusal)?;
    let workspace = about.map(|(_, workspace)| workspace.to_owned()).unwrap_or_default();
    Ok(Some((bearer, workspace)))
}

/// What identity says of the workspace, told under the name of the client's own field.
pub(crate) fn named(failure: Failure, field: &str) -> Failure {
    match failure.violations() {
        [violation] if violation.field == "workspace" => {
            Failure::invalid(field, violation.description.clone())
        }
        _ => failure,
    }
}

/// The workspace that a name begins with: `workspaces/{workspace}`.
pub fn workspace_of(name: &str) -> Option<&str> {
    let id = name.strip_prefix("workspaces/")?.split('/').next()?;
    (!id.is_empty()).then(|| &name[.."workspaces/".len() + id.len()])
}

fn overloaded() -> Failure {
    let text = "the edge has as many calls in progress as it takes; try again in a moment";
    Failure::unavailable(mc_chassis::error::reason::OVERLOADED, text)
}

fn late() -> Failure {
    Failure::new(
        Code::DeadlineExceeded,
        mc_chassis::error::reason::DEADLINE_EXCEEDED,
        "the call took longer than it may; whether it took effect is not known: repeat it with its Idempotency-Key",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_is_the_head_of_a_name() {
        assert_eq!(workspace_of("workspaces/w/agents/a"), Some("workspaces/w"));
        assert_eq!(workspace_of("workspaces/w"), Some("workspaces/w"));
        for other in ["workspaces/", "users/u", "workspace/w", ""] {
            assert_eq!(workspace_of(other), None, "{other}");
        }
    }

    #[test]
    fn bearer_is_not_printed() {
        let origin = Origin { bearer: Some("mc_pat_secret".to_owned()), ..Origin::default() };
        assert!(!format!("{origin:?}").contains("secret"));
    }
}
