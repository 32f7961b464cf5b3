//! Rows in PostgreSQL. Every function runs in a transaction that says, by [`scope`], whose rows it is about.

pub(crate) mod accounts;
pub(crate) mod api_tokens;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod caller_keys;
pub(crate) mod credentials;
pub(crate) mod scope;
pub(crate) mod sessions;
pub(crate) mod sign_in_codes;
pub(crate) mod workspaces;
