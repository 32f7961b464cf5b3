//! Passing a person's caller token on to the next service.

use tonic::metadata::MetadataMap;

/// Headers that go on with a forwarded call.
const FORWARDED: [&str; 2] = ["authorization", "x-request-id"];

/// A request on behalf of the person whose call carried `incoming`: the next service verifies the same token and checks
/// its own permission. A service's token is never passed on: it is made out to one audience.
pub fn forward<M>(incoming: &MetadataMap, message: M) -> tonic::Request<M> {
    let mut request = tonic::Request::new(message);
    for name in FORWARDED {
        if let Some(value) = incoming.get(name) {
            request.metadata_mut().insert(name, value.clone());
        }
    }
    request
}
