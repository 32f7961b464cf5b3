//! Several of a kind at once, each by itself, in a transaction of its own.
//!
//! What is wrong with one would undo the rest in a transaction of all, and one that held the rows of all could deadlock with
//! others that do. The request's id is kept first, so that it cannot stand for another batch later; then each is done under
//! an id made of it. Whoever repeats a request whose answer got lost has the rest done, and the stored answers for what was.

use std::collections::BTreeSet;

use mc_chassis::auth::Caller;
use mc_chassis::error::Violation;
use mc_chassis::error::reason::ETAG_MISMATCH;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{TaskRefusal, TaskViolation};
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Code;

use crate::domain::id::WorkspaceId;
use crate::domain::key;
use crate::error::Error;
use crate::rpc::Api;

/// Entries of one request at most.
pub(super) const MAX_ENTRIES: usize = 100;

/// Holds a batch to 1 to [`MAX_ENTRIES`] entries, no name twice. `name_path` is where an entry has its name.
pub(super) fn check<'a>(
    field: &str,
    name_path: &str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), Failure> {
    if names.len() == 0 || names.len() > MAX_ENTRIES {
        return Err(Failure::invalid(field, format!("must be 1 to {MAX_ENTRIES}, not {}", names.len())));
    }
    let mut seen = BTreeSet::new();
    let twice: Vec<Violation> = names
        .enumerate()
        .filter(|(_, name)| !seen.insert(*name))
        .map(|(at, _)| Violation {
            field: format!("{field}[{at}].{name_path}"),
            description: "is there twice; each is done once".into(),
        })
        .collect();
    if twice.is_empty() { Ok(()) } else { Err(Failure::invalid_fields(twice)) }
}

/// Keeps the request's id for just this request.
pub(super) async fn keep_id<Q: Message>(
    api: &Api,
    caller: &Caller,
    workspace: WorkspaceId,
    operation: &'static str,
    request_id: &str,
    request: &Q,
) -> Result<(), Error> {
    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation,
        request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    idempotency::once(&mut tx, key, request, api.ambient.clock.now(), async |_| Ok::<_, Error>(())).await?;
    tx.commit().await?;
    Ok(())
}

/// The id under which one entry is done; none if the request has none.
pub(super) fn entry_request_id(request_id: &str, name: &str) -> String {
    if request_id.is_empty() {
        return String::new();
    }
    key::hex(&Sha256::digest(format!("{request_id} {name}")))
}

/// What an entry came to: what was done, or why it was refused. An error is about our own means and not about the entry:
/// what is left is undone, and the request is to be repeated.
pub(super) fn outcome<T>(done: Result<T, Error>) -> Result<Result<T, TaskRefusal>, Error> {
    match done.map_err(Failure::from) {
        Ok(done) => Ok(Ok(done)),
        Err(failure) if is_ours(&failure) => Err(failure.into()),
        Err(failure) => Ok(Err(refusal(&failure))),
    }
}

/// Whether a failure is about our own means, and not about what was asked. A stale etag is aborted too, and is the asker's.
pub(super) fn is_ours(failure: &Failure) -> bool {
    matches!(
        failure.code(),
        Code::Unavailable
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Unknown
            | Code::Cancelled
    ) && failure.reason() != ETAG_MISMATCH
}

fn refusal(failure: &Failure) -> TaskRefusal {
    TaskRefusal {
        code: failure.code() as i32,
        reason: failure.reason().to_owned(),
        message: failure.message().to_owned(),
        metadata: failure.metadata().clone().into_iter().collect(),
        violations: failure
            .violations()
            .iter()
            .map(|it| TaskViolation { field: it.field.clone(), description: it.description.clone() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_has_an_id_of_its_own_and_none_where_the_request_has_none() {
        assert_eq!(entry_request_id("", "a"), "");
        let ids: BTreeSet<_> =
            [("r", "a"), ("r", "b"), ("s", "a")].map(|(id, name)| entry_request_id(id, name)).into();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.len() == 64));
    }

    #[test]
    fn batch_has_1_to_100_entries_and_no_name_twice() {
        let field = |names: &[&str]| {
            let checked = check("updates", "task.name", names.iter().copied());
            checked.err().map(|failure| failure.violations()[0].field.clone())
        };
        let many: Vec<String> = (0..=MAX_ENTRIES).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(field(&many[..MAX_ENTRIES]), None);
        assert_eq!(field(&many).as_deref(), Some("updates"));
        assert_eq!(field(&[]).as_deref(), Some("updates"));
        assert_eq!(field(&["a", "b", "a"]).as_deref(), Some("updates[2].task.name"));
    }
}
