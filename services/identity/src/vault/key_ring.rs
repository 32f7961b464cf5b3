//! Key-encryption keys from a file: one that new envelopes use, and older ones that still open theirs.
//!
//! A file holds one key per line, `{id}:{key}`, the key being 32 bytes in hex or base64; the first one seals. A line
//! without an id gets one that follows from the key. Empty lines and lines that start with `#` are skipped.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mc_chassis::ids::Ids;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A file longer than this is not a key file.
const MAX_FILE: u64 = 64 * 1024;

/// Keys that wrap the data keys of envelopes. Its Debug shows ids alone.
#[derive(Clone)]
pub struct KeyRing(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("read the key file {path}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// Others than its owner may read it.
    #[error("the key file {path} is open to others (mode {mode:o}): run `chmod 600 {path}`")]
    Open {
        /// The file.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// A line is not a key.
    #[error(
        "line {line} of the key file is no key: write `id:key` with 32 bytes in hex or base64, id of a-z, 0-9, - and _"
    )]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// Two lines have one id.
    #[error("line {line} of the key file repeats the id {id}")]
    Repeated {
        /// Counted from 1.
        line: usize,
        /// The id.
        id: String,
    },
    /// It has no key.
    #[error("the key file holds no key: make one with `mc-identity new-key --out FILE`")]
    Empty,
}

impl KeyRing {
    /// Reads a key file, which nobody but its owner (and group, as Kubernetes mounts secrets) may read.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let shown = || path.display().to_string();
        let failed = |source| KeyFileError::Read { path: shown(), source };
        let file = std::fs::metadata(path).map_err(failed)?;
        if file.len() > MAX_FILE {
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "longer than any key file")));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = file.permissions().mode() & 0o777;
            if mode & 0o007 != 0 {
                return Err(KeyFileError::Open { path: shown(), mode });
            }
        }
        Self::parse(&Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?))
    }

    /// Reads the text of a key file.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = key(line).ok_or(KeyFileError::Line { line: index + 1 })?;
            if keys.iter().any(|earlier| earlier.id == key.id) {
                return Err(KeyFileError::Repeated { line: index + 1, id: key.id });
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyFileError::Empty) } else { Ok(Self(keys)) }
    }

    /// Writes a file with one new key, readable by its owner alone. An existing file is refused.
    pub fn create_file(path: &Path, ids: &Ids) -> io::Result<()> {
        let bytes = Zeroizing::new(ids.bytes::<32>());
        let line = Zeroizing::new(format!(
            "{}:{}\n",
            id_of(&bytes),
            Zeroizing::new(STANDARD.encode(*bytes)).as_str()
        ));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(line.as_bytes())?;
        // Without this key everything sealed under it is lost: it is on the disk before anything is.
        file.sync_all()
    }

    /// A keyed hash (HMAC-SHA-256, RFC 2104) in hex, which tells nothing of the text to who lacks the key that seals.
    pub(crate) fn fingerprint(&self, text: &[u8]) -> String {
        let pad = |byte: u8| {
            let mut block = Zeroizing::new([byte; 64]);
            block.iter_mut().zip(self.primary().1).for_each(|(pad, key)| *pad ^= key);
            block
        };
        let inner = Sha256::new().chain_update(*pad(0x36)).chain_update(text).finalize();
        hex(&Sha256::new().chain_update(*pad(0x5c)).chain_update(inner).finalize())
    }

    /// The key that seals, with its id.
    pub(super) fn primary(&self) -> (&str, &[u8; 32]) {
        (&self.0[0].id, &self.0[0].bytes)
    }

    /// The key with this id.
    pub(super) fn get(&self, id: &str) -> Option<&[u8; 32]> {
        self.0.iter().find(|key| key.id == id).map(|key| &*key.bytes)
    }
}

fn key(line: &str) -> Option<Key> {
    let (id, text) = match line.split_once(':') {
        Some((id, text)) => (Some(id.trim()), text.trim()),
        None => (None, line),
    };
    let bytes = Zeroizing::new(bytes(text)?);
    let id = match id {
        Some(id) if is_id(id) => id.to_owned(),
        Some(_) => return None,
        None => id_of(&bytes),
    };
    Some(Key { id, bytes })
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 {
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.bytes().all(|it| it.is_ascii_hexdigit()))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(bytes);
    }
    let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
    decoded.as_slice().try_into().ok()
}

/// An id that follows from the key and tells nothing of it.
fn id_of(bytes: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"mc key id").chain_update(bytes).finalize();
    format!("k{}", hex(&digest[..6]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use mc_chassis::Ambient;
    use time::macros::datetime;

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const BASE64: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn hex_and_base64_are_the_same_key() {
        let hex = KeyRing::parse(HEX).expect("hex");
        let base64 = KeyRing::parse(BASE64).expect("base64");
        assert_eq!(hex.primary(), base64.primary());
        assert_eq!(hex.primary().1[31], 31);
    }

    #[test]
    fn first_line_seals_and_every_line_opens() {
        let other = HEX.replace('0', "f");
        let ring = KeyRing::parse(&format!("# 2026\nnew: {HEX}\n\nold:{other}\n")).expect("two keys");
        assert_eq!(ring.primary().0, "new");
        assert!(ring.get("old").is_some() && ring.get("new").is_some() && ring.get("older").is_none());
        assert_eq!(format!("{ring:?}"), r#"["new", "old"]"#);
    }

    #[test]
    fn anything_else_is_refused_by_line_and_never_repeated() {
        for bad in [
            "short",
            &HEX[1..],
            &format!("{HEX}0"),
            &format!("Id:{HEX}"),
            &format!(":{HEX}"),
            "k:",
            &HEX.replace('0', "g"),
        ] {
            let error = KeyRing::parse(&format!("# one\n{bad}")).expect_err(bad);
            assert!(matches!(error, KeyFileError::Line { line: 2 }), "{error}");
        }
        assert!(matches!(
            KeyRing::parse(&format!("a:{HEX}\na:{HEX}")),
            Err(KeyFileError::Repeated { line: 2, .. })
        ));
        assert!(matches!(KeyRing::parse("# none\n"), Err(KeyFileError::Empty)));
    }

    #[test]
    fn fingerprint_is_hmac_sha256() {
        // Python: hmac.new(bytes(range(32)), b"s3cret", "sha256").hexdigest()
        let ring = KeyRing::parse(HEX).expect("hex");
        assert_eq!(
            ring.fingerprint(b"s3cret"),
            "041efc537aab85fd1e423fa916b9c56696133b9b75bb07b184b6b3b313024f63"
        );
    }

    #[test]
    fn new_file_is_its_owners_alone_and_overwrites_none() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("key");
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        KeyRing::create_file(&path, &ambient.ids).expect("create");
        assert_eq!(std::fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
        let ring = KeyRing::read(&path).expect("read");
        assert!(ring.primary().0.starts_with('k'));
        assert!(KeyRing::create_file(&path, &ambient.ids).is_err());

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).expect("open up");
        let error = KeyRing::read(&path).expect_err("open to others");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert!(matches!(KeyRing::read(&folder.path().join("none")), Err(KeyFileError::Read { .. })));
    }
}
