//! Sign-in links: `{gateway}/sign-in#code=mc_otc_...`, as `./mc up` prints them. The code works once.

use url::Url;

use super::Address;
use crate::error::Error;
use crate::secret::Secret;

/// How codes begin.
const PREFIX: &str = "mc_otc_";

/// What somebody pasted.
#[derive(Debug)]
pub struct Link {
    /// The gateway that it names; none for a bare code.
    pub gateway: Option<Address>,
    /// The code.
    pub code: Secret,
}

impl Link {
    /// Reads a whole link or a bare code.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.starts_with(PREFIX) {
            return Ok(Self { gateway: None, code: code(text)? });
        }
        let mut url = Url::parse(text).map_err(|_| unreadable())?;
        let fragment = url.fragment().unwrap_or_default().to_owned();
        let found = url::form_urlencoded::parse(fragment.as_bytes()).find(|(name, _)| name == "code");
        let code = code(&found.ok_or_else(unreadable)?.1)?;
        url.set_fragment(None);
        url.set_query(None);
        url.set_path("/");
        Ok(Self { gateway: Some(Address::parse(url.as_str())?), code })
    }
}

fn code(text: &str) -> Result<Secret, Error> {
    let rest = text.strip_prefix(PREFIX).ok_or_else(unreadable)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if rest.is_empty() || rest.len() > 256 || !rest.chars().all(plain) {
        return Err(unreadable());
    }
    Ok(Secret::new(text))
}

fn unreadable() -> Error {
    Error::invalid("link", "must be a sign-in link, whole, as ./mc up prints it: .../sign-in#code=mc_otc_...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_names_the_gateway_and_a_bare_code_does_not() {
        let link = Link::parse(" http://127.0.0.1:8080/sign-in#code=mc_otc_aB-9_z\n").expect("link");
        assert_eq!(link.gateway.expect("gateway").as_str(), "http://127.0.0.1:8080");
        assert_eq!(link.code.expose(), "mc_otc_aB-9_z");
        let link = Link::parse("mc_otc_x").expect("code");
        assert!(link.gateway.is_none());
    }

    #[test]
    fn what_is_no_link_is_refused_without_repeating_it() {
        for text in [
            "",
            "hello",
            "mc_otc_",
            "mc_otc_a b",
            "mc_ses_abc",
            "http://127.0.0.1:8080/sign-in",
            "http://127.0.0.1:8080/sign-in#code=mc_ses_abc",
            "http://127.0.0.1:8080/sign-in?code=mc_otc_abc",
            "http://evil.example/sign-in#code=mc_otc_abc",
        ] {
            let error = Link::parse(text).expect_err(text).to_string();
            assert!(!error.contains("abc"), "{error}");
        }
    }
}
