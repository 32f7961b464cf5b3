//! Addresses of rules: compared part by part after they were parsed as the tools parse them, and never as text.

use url::Url;

use crate::domain::arguments::check_url;

/// Holds an address to what a rule can promise of it.
pub(super) fn check(text: &str) -> Result<Url, String> {
    let url = check_url(text).map_err(|why| why.trim_start_matches("url: ").to_owned())?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must have no query and no fragment; every query is allowed below the path".into());
    }
    if !is_plain(url.path()) {
        return Err(
            "its path can be read in more than one way: it may hold no `//`, `;`, `..` within a name, \
                    escaped `/`, `\\`, `.` or `%`, and nothing but ASCII"
                .into(),
        );
    }
    Ok(url)
}

/// Whether an address is a rule's own or lies below it. What cannot be parsed does not.
pub(super) fn is_below(rule: &str, text: &str) -> bool {
    let (Ok(rule), Ok(url)) = (check(rule), check_url(text)) else { return false };
    url.scheme() == rule.scheme()
        && url.host() == rule.host()
        && url.port_or_known_default() == rule.port_or_known_default()
        && is_plain(url.path())
        && is_path_below(rule.path(), url.path())
}

/// Whether a text is an address with a host, however it is written.
pub(super) fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| url.has_host())
}

/// By whole names: `/v1/orders` has `/v1/orders/7` below it and not `/v1/orders-of-others`; `/v1/orders/` is not below itself
/// without its last `/`.
fn is_path_below(rule: &str, path: &str) -> bool {
    match path.strip_prefix(rule) {
        Some(rest) => rest.is_empty() || rule.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// Whether every server reads a parsed path as we do. Dot segments are resolved already, also escaped ones; what is left
/// could be resolved by a server that unescapes once more, cuts parameters (`..;`), or folds slashes.
fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let plain = match bytes[at] {
            b'%' => {
                let escape = path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
                at += 2;
                escape.is_some_and(|byte| (b' '..=b'~').contains(&byte) && !b"/\\.%;?#".contains(&byte))
            }
            byte => byte.is_ascii_graphic() && byte != b';' && byte != b'\\',
        };
        if !plain {
            return false;
        }
        at += 1;
    }
    !path.contains("//") && !path.contains("..")
}
