//! `OpenAI`'s chat completions dialect (<https://platform.openai.com/docs/api-reference/chat>), as its servers speak it.

pub mod fault;
pub mod request;
pub mod stream;
pub mod usage;
