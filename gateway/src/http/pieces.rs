//! Content that comes in pieces, as the body of one response. The reader's pace is the upstream's: nothing is gathered here.

use std::time::Duration;

use axum::body::Body;
use futures::stream;
use mc_chassis::Failure;
use tokio::time::Instant;

use crate::transcode::call::ContentStream;

/// The pieces one after another. The caller's access is asked for again where the last time is longer ago than `recheck`;
/// without it, and when the upstream fails, the body breaks off, which HTTP shows to its reader.
pub(super) fn body(content: ContentStream, recheck: Duration) -> Body {
    Body::from_stream(stream::try_unfold(
        (content, Instant::now()),
        move |(mut content, mut asked)| async move {
            if asked.elapsed() >= recheck {
                content.recheck().await.map_err(broken)?;
                asked = Instant::now();
            }
            match content.next().await.transpose().map_err(broken)? {
                Some(piece) => Ok::<_, Failure>(Some((piece, (content, asked)))),
                None => Ok(None),
            }
        },
    ))
}

fn broken(failure: Failure) -> Failure {
    tracing::warn!(reason = failure.reason(), "content breaks off: {failure}");
    failure
}
