//! The id under which a call is found in every log: taken from the caller or made, and told in the reply.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use crate::ids::Ids;
use crate::telemetry::REQUEST_ID_HEADER;

/// Longest id that is taken over.
const MAX_LEN: usize = 128;

/// The caller's id if it is one (1 to 128 visible ASCII characters), else a new one, which also goes into the headers
/// so that it is forwarded.
pub(super) fn take_or_make(headers: &mut HeaderMap, ids: &Ids) -> Arc<str> {
    let given = headers.get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
    if let Some(given) =
        given.filter(|id| (1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()))
    {
        return given.into();
    }
    let made: Arc<str> = ids.uuid().to_string().into();
    echo(headers, &made);
    made
}

/// Writes the id into headers.
pub(super) fn echo(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID_HEADER, value);
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::Ambient;

    #[test]
    fn id_of_the_caller_is_kept_up_to_its_longest() {
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        let mut headers = HeaderMap::new();
        let longest = "x".repeat(MAX_LEN);
        headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(&longest).expect("ascii"));
        assert_eq!(&*take_or_make(&mut headers, &ambient.ids), longest);

        for unfit in ["x".repeat(MAX_LEN + 1), String::new(), "two words".to_owned()] {
            headers.insert(REQUEST_ID_HEADER, HeaderValue::from_str(&unfit).expect("ascii"));
            let made = take_or_make(&mut headers, &ambient.ids);
            assert_eq!(made.len(), 36, "{unfit}");
            assert_eq!(headers[REQUEST_ID_HEADER], *made);
        }
    }
}
