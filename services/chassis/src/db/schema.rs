//! A service's schema: its name, its migrations and the roles that serve from it.

use sqlx::migrate::Migrator;

/// What one service owns in the database. Made in a `static`, so a bad name fails the build.
#[derive(Debug)]
pub struct Schema {
    name: &'static str,
    migrations: &'static Migrator,
    logins: &'static [&'static str],
}

impl Schema {
    /// A schema with its migrations (`sqlx::migrate!()`) and logins: `&["api"]`, `&["api", "engine"]`.
    pub const fn new(
        name: &'static str,
        migrations: &'static Migrator,
        logins: &'static [&'static str],
    ) -> Self {
        assert_identifier(name);
        let mut at = 0;
        while at < logins.len() {
            assert_identifier(logins[at]);
            at += 1;
        }
        Self { name, migrations, logins }
    }

    /// The schema's name, safe to stand in SQL unquoted.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The logins' short names.
    pub const fn logins(&self) -> &'static [&'static str] {
        self.logins
    }

    /// The service's own migrations.
    pub(crate) const fn migrations(&self) -> &'static Migrator {
        self.migrations
    }

    /// The role that owns the schema and its tables, and cannot log in: `mc_tasks_owner`.
    pub fn owner(&self) -> String {
        format!("mc_{}_owner", self.name)
    }

    /// A serving role: `mc_tasks_api`.
    pub fn role(&self, login: &str) -> String {
        format!("mc_{}_{login}", self.name)
    }
}

/// Only what needs no quotes in SQL, and fits PostgreSQL's 63 bytes as a part of `mc_<schema>_<login>`.
const fn assert_identifier(name: &str) {
    let bytes = name.as_bytes();
    assert!(!bytes.is_empty() && bytes.len() <= 24, "a schema or login name has 1 to 24 characters");
    assert!(bytes[0].is_ascii_lowercase(), "a schema or login name starts with a letter");
    let mut at = 0;
    while at < bytes.len() {
        assert!(
            bytes[at].is_ascii_lowercase() || bytes[at].is_ascii_digit() || bytes[at] == b'_',
            "a schema or login name is made of a-z, 0-9 and _"
        );
        at += 1;
    }
}
