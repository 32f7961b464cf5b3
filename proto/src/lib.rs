//! The contract of Mission Control: generated messages and stubs, the descriptors behind them, and canonical JSON.
//!
//! It knows nothing of any service. REST routes, OpenAPI and the permission table all derive from [`descriptors`].

pub mod json;
pub mod rpc;

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

#[allow(clippy::all, clippy::pedantic, unreachable_pub, missing_debug_implementations, rustdoc::all)]
mod contract {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

pub use contract::google;
pub use contract::missioncontrol::{Cursor, identity, llm, registry, tasks};

/// The encoded `google.protobuf.FileDescriptorSet` of the whole contract, imports and comments included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTOR_SET).expect("the descriptor set was written by the build script")
});

/// The descriptors of the whole contract, decoded once.
pub fn descriptors() -> &'static DescriptorPool {
    &POOL
}
