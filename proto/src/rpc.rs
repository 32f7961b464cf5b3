//! What the contract says about each RPC besides its types: the permission that it asks for.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{ExtensionDescriptor, MethodDescriptor, Value};

use crate::descriptors;

static PERMISSIONS: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    descriptors()
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|method| (path(&method), permission(&method)))
        .collect()
});

static EXTENSION: LazyLock<ExtensionDescriptor> = LazyLock::new(|| {
    descriptors().get_extension_by_name("missioncontrol.permission").expect("declared in options.proto")
});

/// The HTTP/2 path of an RPC: `/package.Service/Method`.
pub fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The permission that an RPC asks for; never empty, because the build refuses such an RPC.
pub fn permission(method: &MethodDescriptor) -> String {
    match method.options().get_extension(&EXTENSION).as_ref() {
        Value::String(name) => name.clone(),
        other => unreachable!("permission is a string, not {other:?}"),
    }
}

/// Every RPC's path with the permission it asks for.
pub fn permissions() -> &'static HashMap<String, String> {
    &PERMISSIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rpc_has_a_permission() {
        assert!(permissions().len() > 20);
        assert!(permissions().values().all(|permission| !permission.is_empty()));
        assert_eq!(permissions()["/missioncontrol.tasks.v1.TaskService/StartTask"], "tasks.task.start");
    }
}
