//! What kind of RPC a path is.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How long a reply may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One message; it has a deadline.
    Unary,
    /// Many messages, with an end of their own.
    Stream,
    /// Many messages without an end: a stream whose name begins with `Watch`. Its client resumes elsewhere.
    Watch,
}

/// An RPC.
#[derive(Debug, Clone)]
pub(super) struct Method {
    /// `missioncontrol.tasks.v1.RunService`.
    pub(super) service: String,
    /// `WatchRun`.
    pub(super) name: String,
    pub(super) kind: Kind,
}

static KINDS: LazyLock<HashMap<String, Kind>> = LazyLock::new(|| {
    let services = mc_proto::descriptors().services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    methods
        .map(|method| (mc_proto::rpc::path(&method), kind(method.name(), method.is_server_streaming())))
        // Not in the contract, and served by every service.
        .chain([
            ("/grpc.health.v1.Health/Watch".to_owned(), Kind::Watch),
            ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned(), Kind::Stream),
            ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo".to_owned(), Kind::Stream),
        ])
        .collect()
});

fn kind(name: &str, streams: bool) -> Kind {
    match (streams, name.starts_with("Watch")) {
        (false, _) => Kind::Unary,
        (true, false) => Kind::Stream,
        (true, true) => Kind::Watch,
    }
}

impl Method {
    /// The RPC behind a path; one that nobody knows counts as unary, since its reply is an error.
    pub(super) fn of(path: &str) -> Self {
        let (service, name) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let kind = KINDS.get(path).copied().unwrap_or(Kind::Unary);
        Self { service: service.to_owned(), name: name.to_owned(), kind }
    }

    /// Health is answered however much there is to do: an overloaded service is not a dead one.
    pub(super) fn is_health(&self) -> bool {
        self.service == "grpc.health.v1.Health"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_the_contract() {
        assert_eq!(Method::of("/missioncontrol.tasks.v1.RunService/GetRun").kind, Kind::Unary);
        assert_eq!(Method::of("/missioncontrol.tasks.v1.RunService/WatchRun").kind, Kind::Watch);
        assert_eq!(Method::of("/missioncontrol.llm.v1.GenerationService/Generate").kind, Kind::Stream);
        assert_eq!(Method::of("/grpc.health.v1.Health/Watch").kind, Kind::Watch);
        assert_eq!(Method::of("/nobody.knows.It/Streams").kind, Kind::Unary);
        assert_eq!(Method::of("").kind, Kind::Unary);
    }
}
