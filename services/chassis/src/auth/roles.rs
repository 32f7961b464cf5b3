//! The role matrix: which role and which service holds which permission. The matrix itself is data, in roles.json.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::auth::Role;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    roles: BTreeMap<Role, HashSet<String>>,
    services: HashMap<String, HashSet<String>>,
}

static MATRIX: LazyLock<Matrix> =
    LazyLock::new(|| serde_json::from_str(include_str!("roles.json")).expect("a test reads the same file"));

/// Whether a role, or one below it, holds a permission.
pub fn role_grants(role: Role, permission: &str) -> bool {
    MATRIX.roles.range(..=role).any(|(_, granted)| granted.contains(permission))
}

/// Whether a service holds a permission.
pub fn service_grants(service: &str, permission: &str) -> bool {
    MATRIX.services.get(service).is_some_and(|granted| granted.contains(permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_of_the_contract_is_granted_and_every_grant_is_of_the_contract() {
        let asked: HashSet<&str> = mc_proto::rpc::permissions()
            .values()
            .map(String::as_str)
            .filter(|permission| !matches!(*permission, "public" | "authenticated"))
            .collect();
        let granted: HashSet<&str> =
            MATRIX.roles.values().chain(MATRIX.services.values()).flatten().map(String::as_str).collect();
        assert_eq!(asked, granted);
    }

    #[test]
    fn no_permission_is_held_by_both_people_and_services() {
        for permission in MATRIX.services.values().flatten() {
            assert!(!role_grants(Role::Owner, permission), "{permission}");
        }
    }
}
