//! People, workspaces, bearers and secrets, apart from any wire or database.

pub(crate) mod account;
pub(crate) mod api_token;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod bearer;
pub(crate) mod credential;
pub(crate) mod session;
pub(crate) mod sign_in_code;
pub(crate) mod text;
pub(crate) mod workspace;
