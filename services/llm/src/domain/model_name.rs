//! The name of a model: `{provider}/{model}`, split at the first slash.

use std::fmt;

/// Longest model name that is taken, in bytes.
pub const MAX_BYTES: usize = 200;

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName {
    provider: String,
    model: String,
}

/// Why a text is no model name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No slash, or nothing on one side of it.
    #[error("must be {{provider}}/{{model}}, for example simulator/demo")]
    Shape,
    /// Too long.
    #[error("must have at most {MAX_BYTES} bytes")]
    TooLong,
    /// Something that is not visible ASCII.
    #[error("must be visible ASCII without spaces")]
    Characters,
}

impl ModelName {
    /// Reads `{provider}/{model}`; the model may have slashes of its own.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (provider, model) = text.split_once('/').ok_or(Error::Shape)?;
        if !is_provider_id(provider) || model.is_empty() {
            return Err(Error::Shape);
        }
        if text.len() > MAX_BYTES {
            return Err(Error::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Characters);
        }
        Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
    }

    /// Id of the provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Id of the model, as the provider knows it.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.provider, self.model)
    }
}

/// Whether a text may be a provider's id: lower-case letters, digits and `-`, 1 to 40, starting with a letter.
pub fn is_provider_id(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_split_at_the_first_slash() {
        let name = ModelName::parse("openrouter/anthropic/claude-sonnet-4").expect("a model name");
        assert_eq!((name.provider(), name.model()), ("openrouter", "anthropic/claude-sonnet-4"));
        assert_eq!(name.to_string(), "openrouter/anthropic/claude-sonnet-4");
    }

    #[test]
    fn bad_names_say_what_is_wrong() {
        for (text, error) in [
            ("", Error::Shape),
            ("demo", Error::Shape),
            ("/demo", Error::Shape),
            ("simulator/", Error::Shape),
            ("Simulator/demo", Error::Shape),
            ("simulator/de mo", Error::Characters),
            ("simulator/d\u{e9}mo", Error::Characters),
            (&format!("simulator/{}", "x".repeat(MAX_BYTES)), Error::TooLong),
        ] {
            assert_eq!(ModelName::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn provider_ids_are_slugs_of_at_most_forty() {
        assert!(is_provider_id("a") && is_provider_id("open-router2") && is_provider_id(&"a".repeat(40)));
        for text in ["", "2go", "-a", "A", "a_b", "a/b", &"a".repeat(41)] {
            assert!(!is_provider_id(text), "{text:?}");
        }
    }
}
