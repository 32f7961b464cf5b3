//! SteerRun: says something to a run while it works.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{SteerRunRequest, SteerRunResponse};
use tonic::Request;

use crate::domain::order::{CommandKind, Details};
use crate::error::Error;
use crate::rpc::Api;
use crate::rpc::order::{self, Order, unprintable};

/// Bytes of UTF-8 that are said at once at most.
const TEXT_BYTES: usize = 16 * 1024;

pub(super) async fn steer_run(
    api: &Api,
    request: Request<SteerRunRequest>,
) -> Result<SteerRunResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    check(&request.text)?;
    let order = Order {
        operation: "SteerRun",
        kind: CommandKind::Steer,
        name: &request.name,
        reason: "",
        details: Details { text: request.text.clone(), interrupt: request.interrupt },
        request_id: &request.request_id,
    };
    // Whatever else was said, this is said too.
    let command = order::receive(api, &caller, &order, &request, &[], |_| Ok(None)).await?;
    Ok(SteerRunResponse { command: Some(command) })
}

fn check(text: &str) -> Result<(), Failure> {
    let bytes = text.len();
    if text.trim().is_empty() || bytes > TEXT_BYTES {
        let description = format!("must have 1 to {TEXT_BYTES} bytes, not blanks alone; it has {bytes}");
        return Err(Failure::invalid("text", description));
    }
    if text.chars().any(unprintable) {
        return Err(Failure::invalid("text", "must not contain control characters but line breaks and tabs"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_held_at_its_edges_in_bytes() {
        for good in ["x", " two\nlines\tand a tab ", &"é".repeat(TEXT_BYTES / 2)] {
            check(good).expect("good");
        }
        let long = "é".repeat(TEXT_BYTES / 2) + "x";
        for bad in ["", " \n\t", "nul\0", "escape\u{1b}[31m", &long] {
            assert_eq!(check(bad).expect_err("bad").violations()[0].field, "text");
        }
    }
}
