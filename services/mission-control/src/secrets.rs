//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

/// Writes a file with mode 0600, at once or not at all: a reader sees the old content or the new.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let draft = path.with_extension("new");
    let name = path.display();
    // A draft that a crash left behind may be of any mode.
    let _ = std::fs::remove_file(&draft);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("write {name}"))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("write {name}"))?;
    std::fs::rename(&draft, path).with_context(|| format!("put {name} in place"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secret_is_readable_by_its_owner_alone_even_where_an_open_file_was() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "old").expect("write");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("open up");
        write(&path, "new").expect("write");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "new");
        assert_eq!(std::fs::metadata(&path).expect("look").permissions().mode() & 0o777, 0o600);
    }
}
