//! `write_artifact` and `read_artifact`.

use std::future::Future;

use super::bound::piece;
use super::{ToolAnswer, Unavailable, Written};
use crate::domain::id::ArtifactId;

/// Reads what the run has written.
pub trait ReadArtifacts: Sync {
    /// The newest content at a path of the run; none if nothing was written there.
    fn read(&self, path: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Unavailable>> + Send;
}

/// The file to be stored and what the model is told of it.
pub(super) fn write(artifact: ArtifactId, path: &str, content: &str, media_type: &str) -> ToolAnswer {
    let said = format!("Wrote {path}: {} bytes, {media_type}.", content.len());
    let written = Written {
        artifact,
        path: path.to_owned(),
        media_type: media_type.to_owned(),
        content: content.to_owned(),
    };
    ToolAnswer { written: Some(written), ..ToolAnswer::said(said) }
}

/// A piece of a file.
pub(super) async fn read<R: ReadArtifacts>(
    artifacts: &R,
    path: &str,
    offset: usize,
) -> Result<ToolAnswer, Unavailable> {
    let Some(content) = artifacts.read(path).await? else {
        return Ok(ToolAnswer::failed(format!("path: this run has not written `{path}`.")));
    };
    // Only text is ever written; should that change, what is no text shows as such.
    let content = String::from_utf8_lossy(&content);
    if content.is_empty() {
        return Ok(ToolAnswer::said("[the file is empty]"));
    }
    if offset >= content.len() {
        return Ok(ToolAnswer::failed(format!("offset: the file ends at byte {}.", content.len())));
    }
    let piece = piece(&content, offset);
    if piece.is_last() {
        return Ok(ToolAnswer::said(piece.text));
    }
    Ok(ToolAnswer::said(format!(
        "{}\n[these are bytes {} to {} of {}; read on with offset {}]",
        piece.text, piece.start, piece.end, piece.total, piece.end
    )))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::tools::bound::MAX_OUTPUT_BYTES;

    struct InMemory(BTreeMap<&'static str, Vec<u8>>);

    impl ReadArtifacts for InMemory {
        async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unavailable> {
            match self.0.get(path) {
                Some(content) if content == b"DOWN" => Err(Unavailable("the database is down".into())),
                found => Ok(found.cloned()),
            }
        }
    }

    async fn read_at(content: &str, offset: usize) -> ToolAnswer {
        let artifacts = InMemory(BTreeMap::from([("a.md", content.as_bytes().to_vec())]));
        read(&artifacts, "a.md", offset).await.unwrap()
    }

    #[tokio::test]
    async fn a_file_of_the_limit_comes_whole_and_a_longer_one_in_pieces() {
        let text = "x".repeat(MAX_OUTPUT_BYTES) + "end";
        assert_eq!(read_at(&text[3..], 0).await.content, text[3..]);
        let first = read_at(&text, 0).await.content;
        assert!(first.ends_with("x\n[these are bytes 0 to 32768 of 32771; read on with offset 32768]"));
        assert_eq!(read_at(&text, 32768).await.content, "end");
    }

    #[tokio::test]
    async fn the_end_of_a_file_is_told_apart_from_an_empty_one() {
        assert_eq!(read_at("", 0).await, ToolAnswer::said("[the file is empty]"));
        assert_eq!(read_at("ab", 1).await, ToolAnswer::said("b"));
        assert_eq!(read_at("ab", 2).await, ToolAnswer::failed("offset: the file ends at byte 2."));
        assert_eq!(read_at("ab", usize::MAX).await, ToolAnswer::failed("offset: the file ends at byte 2."));
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_an_answer_and_a_broken_store_is_none() {
        let artifacts = InMemory(BTreeMap::from([("down.md", b"DOWN".to_vec())]));
        let answer = read(&artifacts, "none.md", 0).await.unwrap();
        assert_eq!(answer, ToolAnswer::failed("path: this run has not written `none.md`."));
        assert!(read(&artifacts, "down.md", 0).await.is_err());
    }

    #[test]
    fn a_written_file_goes_with_its_answer() {
        let answer = write(ArtifactId::new(Uuid::from_u128(1)), "a/b.md", "h\u{e9}", "text/markdown");
        assert_eq!(answer.content, "Wrote a/b.md: 3 bytes, text/markdown.");
        assert_eq!(answer.written.unwrap().path, "a/b.md");
    }
}
