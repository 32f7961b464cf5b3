//! `google.api.field_behavior` (AIP-203) of a field.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost_reflect::{FieldDescriptor, Value};

/// Every field of the contract that has a behaviour: options are decoded once, not per request.
static CONTRACT: LazyLock<HashMap<String, Behavior>> = LazyLock::new(|| {
    let messages = mc_proto::descriptors().all_messages();
    let fields = messages.flat_map(|message| message.fields().collect::<Vec<_>>());
    let read = fields.map(|field| (field.full_name().to_owned(), Behavior::read(&field)));
    read.filter(|(_, behavior)| *behavior != Behavior::default()).collect()
});

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behavior {
    /// Must be given in a request.
    pub required: bool,
    /// Set by the service: what a request says is ignored.
    pub output_only: bool,
    /// Never comes back in a reply.
    pub input_only: bool,
    /// The resource's own name.
    pub identifier: bool,
    /// Given once, at creation.
    pub immutable: bool,
}

const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;
const IMMUTABLE: i32 = 5;
const IDENTIFIER: i32 = 8;

impl Behavior {
    /// The behaviour of a field of the contract.
    pub fn of(field: &FieldDescriptor) -> Self {
        CONTRACT.get(field.full_name()).copied().unwrap_or_default()
    }

    fn read(field: &FieldDescriptor) -> Self {
        let mut behavior = Self::default();
        let pool = field.parent_pool();
        let Some(extension) = pool.get_extension_by_name("google.api.field_behavior") else {
            return behavior;
        };
        let options = field.options();
        let Value::List(values) = options.get_extension(&extension).into_owned() else { return behavior };
        for value in values {
            match value.as_enum_number() {
                Some(REQUIRED) => behavior.required = true,
                Some(OUTPUT_ONLY) => behavior.output_only = true,
                Some(INPUT_ONLY) => behavior.input_only = true,
                Some(IMMUTABLE) => behavior.immutable = true,
                Some(IDENTIFIER) => behavior.identifier = true,
                _ => {}
            }
        }
        behavior
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(message: &str, name: &str) -> FieldDescriptor {
        let message = mc_proto::descriptors().get_message_by_name(message).expect("message");
        message.get_field_by_name(name).expect("field")
    }

    #[test]
    fn options_are_read() {
        assert!(Behavior::of(&field("missioncontrol.registry.v1.Agent", "name")).identifier);
        assert!(Behavior::of(&field("missioncontrol.registry.v1.Agent", "create_time")).output_only);
        let secret = Behavior::of(&field("missioncontrol.identity.v1.CreateCredentialRequest", "secret"));
        assert!(secret.required && secret.input_only);
        assert_eq!(Behavior::of(&field("missioncontrol.registry.v1.Agent", "role")), Behavior::default());
    }
}
