//! What the code beneath a call may want to know of it without being told: its request id and its deadline.

use std::sync::Arc;

use tokio::time::Instant;

/// Header (gRPC metadata key) with the id under which a call is found in every service's log.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: CallContext;
}

/// The call that the current task works for. A task that is spawned works for no call.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The id that came with the call or was made for it.
    pub request_id: Arc<str>,
    /// When its caller stops waiting; calls to other services inherit it.
    pub deadline: Option<Instant>,
}

impl CallContext {
    /// The call that the current task works for.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `work` for this call.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Runs a piece of work for this call that does not wait.
    pub fn sync_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}
