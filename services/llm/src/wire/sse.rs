//! A decoder of server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): bytes in, whole
//! frames out, wherever the network cut them.
//!
//! Text is decoded only when its frame is whole, so a character split between two reads is never damaged.

/// Bytes of one frame that are kept before the stream is refused.
pub const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// One dispatched event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The `event` field; empty if there was none.
    pub event: String,
    /// The `data` lines, joined by line feeds.
    pub data: String,
}

/// A frame is larger than [`MAX_FRAME_BYTES`] or the limit that was set instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a server-sent event is larger than {0} bytes")]
pub struct FrameTooLarge(usize);

/// Decodes one stream.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    line: Vec<u8>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    at_start: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::with_limit(MAX_FRAME_BYTES)
    }
}

impl Decoder {
    /// A decoder that refuses frames of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_cr: false,
            at_start: true,
        }
    }

    /// Takes the next bytes and appends every frame that they complete.
    pub fn push(&mut self, bytes: &[u8], frames: &mut Vec<Frame>) -> Result<(), FrameTooLarge> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_cr) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.extend_line(rest);
            };
            self.extend_line(&rest[..end])?;
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line(frames);
        }
        Ok(())
    }

    /// Ends the stream: a last frame that lacks only its blank line counts, because some servers close right after it.
    pub fn finish(mut self) -> Option<Frame> {
        let mut frames = Vec::new();
        if !self.line.is_empty() {
            self.end_line(&mut frames);
        }
        self.dispatch(&mut frames);
        frames.pop()
    }

    fn extend_line(&mut self, bytes: &[u8]) -> Result<(), FrameTooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(FrameTooLarge(self.limit));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, frames: &mut Vec<Frame>) {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.at_start) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch(frames);
        } else {
            let (field, value) = match line.iter().position(|&byte| byte == b':') {
                Some(colon) => {
                    let value = &line[colon + 1..];
                    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
                }
                None => (line.as_slice(), &[][..]),
            };
            match field {
                b"data" => {
                    if self.has_data {
                        self.data.push(b'\n');
                    }
                    self.data.extend_from_slice(value);
                    self.has_data = true;
                }
                b"event" => self.event = value.to_vec(),
                // Comments have an empty name; `id` and `retry` are for clients that reconnect, which ours never does.
                _ => {}
            }
        }
        line.clear();
        self.line = line;
    }

    fn dispatch(&mut self, frames: &mut Vec<Frame>) {
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if std::mem::take(&mut self.has_data) {
            let text = |bytes: Vec<u8>| {
                String::from_utf8(bytes)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
            };
            frames.push(Frame { event: text(event), data: text(data) });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.push(piece, &mut frames).expect("within the limit");
        }
        frames.extend(decoder.finish());
        frames
    }

    fn data(frames: &[Frame]) -> Vec<&str> {
        frames.iter().map(|frame| frame.data.as_str()).collect()
    }

    #[test]
    fn fields_comments_and_line_ends_follow_the_standard() {
        for (bytes, expected) in [
            ("data: a\n\ndata:b\n\n", vec!["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["a", "b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            (": keep-alive\n\n: again\ndata: a\n\n", vec!["a"]),
            ("data\n\n", vec![""]),
            ("data:  two spaces\n\n", vec![" two spaces"]),
            ("id: 1\nretry: 5\nevent: x\n\n", vec![]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            ("data: [DONE]", vec!["[DONE]"]),
            ("data: [DONE]\n", vec!["[DONE]"]),
            ("\n\n\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(data(&decode(&[bytes.as_bytes()])), expected, "{bytes:?}");
        }
    }

    #[test]
    fn an_event_name_belongs_to_its_own_frame_only() {
        let frames = decode(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
        assert_eq!((frames[0].event.as_str(), frames[1].event.as_str()), ("error", ""));
    }

    #[test]
    fn damaged_text_is_replaced_and_not_fatal() {
        assert_eq!(data(&decode(&[b"data: a\xff\n\n"])), ["a\u{fffd}"]);
    }

    #[test]
    fn a_frame_is_limited_to_the_byte() {
        let mut decoder = Decoder::with_limit(8);
        let mut frames = Vec::new();
        decoder.push(b"data: 12\n\n", &mut frames).expect("at the limit");
        decoder.push(b"data: 34\n", &mut frames).expect("at the limit");
        assert_eq!(decoder.push(b"data: 56", &mut frames), Err(FrameTooLarge(8)), "two lines are one frame");
    }

    proptest! {
        /// However the network cuts a stream, the same frames come out.
        #[test]
        fn cuts_change_nothing(
            texts in proptest::collection::vec("[a-z\u{e9}\u{20ac}\u{1f600}: ]{0,12}", 1..8),
            ends in proptest::collection::vec(prop_oneof![Just("\n"), Just("\r\n"), Just("\r")], 8),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let mut bytes = Vec::new();
            for (text, end) in texts.iter().zip(&ends) {
                bytes.extend_from_slice(format!(": note{end}data: {text}{end}data: {text}{end}{end}").as_bytes());
            }
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let frames = decode(&pieces);
            prop_assert_eq!(&frames, &decode(&[bytes.as_slice()]));
            let expected: Vec<String> = texts.iter().map(|text| format!("{text}\n{text}")).collect();
            prop_assert_eq!(data(&frames), expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            decode(&[&bytes]);
        }
    }
}
