//! Where the work of a task is: a git URL and a ref, held to what git takes, and never to be taken for an option or a secret.

/// A place in a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where the repository is.
    pub git_url: String,
    /// A branch, tag or commit; the default branch when empty.
    pub git_ref: String,
}

/// Characters of a URL at most.
pub const MAX_URL_CHARS: usize = 2_000;
/// Characters of a ref at most.
pub const MAX_REF_CHARS: usize = 200;

/// What is wrong with a URL, if anything is.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    if url.is_empty() || url.chars().count() > MAX_URL_CHARS {
        return Err("must have 1 to 2000 characters");
    }
    if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("must not contain blanks or control characters");
    }
    let (authority, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            if !matches!(scheme, "https" | "http" | "ssh" | "git") {
                return Err(
                    "must begin with https://, http://, ssh:// or git://, or have the form user@host:path",
                );
            }
            rest.split_once('/').unwrap_or((rest, ""))
        }
        // As in `git@example.com:group/project.git`.
        None => match url.split_once(':') {
            Some((host, path)) if host.contains('@') && !host.contains('/') => (host, path),
            _ => {
                return Err(
                    "must begin with https://, http://, ssh:// or git://, or have the form user@host:path",
                );
            }
        },
    };
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("must not contain a password; everybody in the workspace reads it");
    }
    let plain = |text: &str| !text.is_empty() && !text.starts_with('-');
    if !plain(host) || !host.chars().all(|c| c.is_alphanumeric() || "-.:[]_".contains(c)) {
        return Err("must name a host");
    }
    if user.is_some_and(|user| !plain(user)) || !plain(path) {
        return Err("must name a repository on the host");
    }
    Ok(())
}

/// What is wrong with a ref, if anything is; by the rules of git-check-ref-format(1). None is fine.
pub fn check_ref(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Ok(());
    }
    if name.chars().count() > MAX_REF_CHARS {
        return Err("must have at most 200 characters");
    }
    let strange = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    if name.chars().any(strange) || name.contains("..") || name.contains("@{") || name == "@" {
        return Err(
            "must be the name of a branch or tag, or a commit; blanks, `..`, `@{` and any of ~^:?*[\\ are in none",
        );
    }
    let wrong = |part: &str| {
        part.is_empty()
            || part.starts_with('.')
            || part.ends_with('.')
            || part.strip_suffix(".lock").is_some()
    };
    if name.starts_with('-') || name.split('/').any(wrong) {
        return Err(
            "must be the name of a branch or tag, or a commit; parts between slashes are not empty, do not begin or end with a dot nor end with .lock, and the first does not begin with a dash",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_git_takes_are_taken_and_others_are_not() {
        for url in [
            "https://github.com/owner/name",
            "https://git.example:8443/a/b.git",
            "http://[::1]/a",
            "ssh://git@example.com/a.git",
            "git://example.com/a",
            "git@example.com:group/project.git",
            "https://user@example.com/a",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "example.com/a",
            "file:///etc/passwd",
            "ext::sh -c id",
            "https://user:secret@example.com/a",
            "https://example.com",
            "https://example.com/",
            "https:///a",
            "https://-oProxyCommand=id/a",
            "ssh://-x@example.com/a",
            "git@example.com:-a",
            "git@-host:a",
            "C:\\work",
            "/work/repository",
            "https://example.com/a b",
            "https://exam\0ple.com/a",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        let long = |chars: usize| format!("https://example.com/{}", "x".repeat(chars - 20));
        assert_eq!(check_url(&long(MAX_URL_CHARS)), Ok(()));
        assert!(check_url(&long(MAX_URL_CHARS + 1)).is_err());
    }

    #[test]
    fn refs_are_held_to_the_rules_of_git() {
        for name in ["", "main", "feature/a-b", "v1.2.3", "0a1b2c3d", "refs/heads/main", "größe", "@a", "a@b"]
        {
            assert_eq!(check_ref(name), Ok(()), "{name}");
        }
        for name in [
            "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a", "a/", "a//b", ".a",
            "a/.b", "a.", "a.lock", "a.lock/b", "@", "a@{1}", "a\0b",
        ] {
            assert!(check_ref(name).is_err(), "{name}");
        }
        assert_eq!(check_ref(&"x".repeat(MAX_REF_CHARS)), Ok(()));
        assert!(check_ref(&"x".repeat(MAX_REF_CHARS + 1)).is_err());
    }
}
