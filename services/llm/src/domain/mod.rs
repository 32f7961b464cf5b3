//! What a model call is: conversation, stream, answer, price. Pure: no I/O, no async, no clock.

pub mod accumulate;
pub mod ask;
pub mod conversation;
pub mod fault;
pub mod follow;
pub mod generation;
pub mod model_name;
pub mod price;
pub mod provider;
pub mod usage;
