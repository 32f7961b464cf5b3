//! Calls to services by descriptor: raw bytes in and out, so that no generated stub is needed per RPC.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Response, Status, Streaming};
use tower::util::BoxCloneSyncService;

/// A way to one service that any stub can be put upon.
pub type Channel =
    BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// A reply larger than this is refused: the largest artifact (4 MiB) fits with room to spare.
pub const MAX_REPLY_BYTES: usize = 8 * 1024 * 1024;

/// The services behind the edge by the word that names them in the contract: `missioncontrol.{word}.v1`.
#[derive(Debug, Clone, Default)]
pub struct Upstreams(BTreeMap<String, Upstream>);

/// One service: unary calls and streams have connections of their own, so that neither starves the other.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// For unary calls.
    pub unary: Channel,
    /// For streams.
    pub streams: Channel,
}

impl From<&mc_chassis::client::Upstream> for Upstream {
    fn from(upstream: &mc_chassis::client::Upstream) -> Self {
        Self {
            unary: BoxCloneSyncService::new(upstream.unary()),
            streams: BoxCloneSyncService::new(upstream.streams()),
        }
    }
}

impl<'a> FromIterator<&'a mc_chassis::client::Upstream> for Upstreams {
    /// Each under its own name.
    fn from_iter<T: IntoIterator<Item = &'a mc_chassis::client::Upstream>>(upstreams: T) -> Self {
        Self(upstreams.into_iter().map(|upstream| (upstream.name().to_owned(), upstream.into())).collect())
    }
}

impl Upstreams {
    /// Adds a service.
    #[must_use]
    pub fn with(mut self, service: &str, upstream: Upstream) -> Self {
        self.0.insert(service.to_owned(), upstream);
        self
    }

    /// The service of a package: `missioncontrol.tasks.v1` is `tasks`.
    pub fn of_package(&self, package: &str) -> Result<&Upstream> {
        let word = package.split('.').nth(1).unwrap_or(package);
        self.get(word)
            .with_context(|| format!("package {package} has no upstream: configure the service `{word}`"))
    }

    /// A service by its word.
    pub fn get(&self, service: &str) -> Option<&Upstream> {
        self.0.get(service)
    }

    /// All services by their words.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Upstream)> {
        self.0.iter().map(|(word, upstream)| (word.as_str(), upstream))
    }
}

/// One request, one reply.
pub async fn unary(
    channel: Channel,
    path: PathAndQuery,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_REPLY_BYTES);
    client.ready().await?;
    client.unary(request, path, Raw).await
}

/// One request, a stream of replies.
pub async fn stream(
    channel: Channel,
    path: PathAndQuery,
    request: Request<Bytes>,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_REPLY_BYTES);
    client.ready().await?;
    client.server_streaming(request, path, Raw).await.map(Response::into_inner)
}

/// Bytes as they are: the descriptors know what they mean.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
