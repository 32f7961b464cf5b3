//! The contract's comments, by descriptor.

use std::collections::HashMap;
use std::fmt::Write;

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, MessageDescriptor, MethodDescriptor,
};
use prost_reflect::{OneofDescriptor, ServiceDescriptor};

/// Leading comments of everything in the pool.
#[derive(Debug)]
pub(super) struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    /// Reads them from the source information of every file.
    pub(super) fn read(pool: &DescriptorPool) -> Self {
        let mut comments = HashMap::new();
        for file in pool.files() {
            let Some(info) = &file.file_descriptor_proto().source_code_info else { continue };
            for location in &info.location {
                if let Some(text) = &location.leading_comments {
                    comments.insert((file.name().to_owned(), location.path.clone()), unwrap(text));
                }
            }
        }
        Self(comments)
    }

    /// A message's comment; empty when it has none.
    pub(super) fn message(&self, it: &MessageDescriptor) -> String {
        self.get(it.parent_file().name(), it.path())
    }

    /// A field's comment.
    pub(super) fn field(&self, it: &FieldDescriptor) -> String {
        self.get(it.parent_file().name(), it.path())
    }

    /// A oneof's comment.
    pub(super) fn oneof(&self, it: &OneofDescriptor) -> String {
        self.get(it.parent_message().parent_file().name(), it.path())
    }

    /// An enum's comment, with a line per value.
    pub(super) fn enumeration(&self, it: &EnumDescriptor) -> String {
        let mut text = self.get(it.parent_file().name(), it.path());
        for value in it.values() {
            let _ = write!(text, "\n- `{}`: {}", value.name(), self.value(&value));
        }
        text
    }

    /// An RPC's comment.
    pub(super) fn method(&self, it: &MethodDescriptor) -> String {
        self.get(it.parent_service().parent_file().name(), it.path())
    }

    /// A service's comment.
    pub(super) fn service(&self, it: &ServiceDescriptor) -> String {
        self.get(it.parent_file().name(), it.path())
    }

    fn value(&self, it: &EnumValueDescriptor) -> String {
        self.get(it.parent_enum().parent_file().name(), it.path())
    }

    fn get(&self, file: &str, path: &[i32]) -> String {
        self.0.get(&(file.to_owned(), path.to_vec())).cloned().unwrap_or_default()
    }
}

/// The comment on one line, as Markdown joins it.
fn unwrap(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
