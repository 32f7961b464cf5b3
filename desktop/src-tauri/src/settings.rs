//! Which gateways this window knows, and which one it speaks to. Nothing secret: a JSON file among the person's settings.

use std::path::PathBuf;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::gateway::Address;
use crate::gateway::address::LOCAL;

/// More are forgotten, the oldest first.
const MAX_GATEWAYS: usize = 10;

/// What is remembered.
#[derive(Debug)]
pub struct Settings {
    file: PathBuf,
    /// The one spoken to comes first.
    gateways: Vec<Address>,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    gateways: Vec<String>,
}

impl Settings {
    /// Reads the file. One that is missing or damaged counts as empty: this machine's own gateway is always known.
    pub fn read(file: PathBuf) -> Self {
        let stored: Stored = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Stored::default(),
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "cannot read the settings");
                Stored::default()
            }
        };
        let mut gateways: Vec<Address> =
            stored.gateways.iter().filter_map(|text| Address::parse(text).ok()).collect();
        if gateways.is_empty() {
            gateways.push(Address::parse(LOCAL).expect("an address"));
        }
        Self { file, gateways }
    }

    /// The gateway that is spoken to.
    pub fn gateway(&self) -> &Address {
        &self.gateways[0]
    }

    /// All that are known, the latest first.
    pub fn gateways(&self) -> &[Address] {
        &self.gateways
    }

    /// Speaks to another one from now on.
    pub fn choose(&mut self, gateway: Address) -> Result<(), Error> {
        self.gateways.retain(|known| *known != gateway);
        self.gateways.insert(0, gateway);
        self.gateways.truncate(MAX_GATEWAYS);
        self.write().map_err(|error| {
            Error::System(format!("the gateway could not be noted in {}: {error}", self.file.display()))
        })
    }

    /// Whole or not at all: into a file beside it, which then takes its place.
    fn write(&self) -> io::Result<()> {
        let stored = Stored { gateways: self.gateways.iter().map(ToString::to_string).collect() };
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)?;
        }
        let draft = self.file.with_extension("new");
        fs::write(&draft, serde_json::to_vec_pretty(&stored)?)?;
        fs::rename(draft, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).expect("address")
    }

    #[test]
    fn last_choice_comes_first_and_is_there_after_a_restart() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("deep/settings.json");
        let mut settings = Settings::read(file.clone());
        assert_eq!(settings.gateway().as_str(), LOCAL);
        settings.choose(address("https://a.example")).expect("choose");
        settings.choose(address(LOCAL)).expect("choose");
        settings.choose(address("https://a.example")).expect("choose");
        let again = Settings::read(file);
        assert_eq!(again.gateways(), [address("https://a.example"), address(LOCAL)]);
    }

    #[test]
    fn list_stays_short() {
        let folder = tempfile::tempdir().expect("folder");
        let mut settings = Settings::read(folder.path().join("settings.json"));
        for n in 0..=MAX_GATEWAYS {
            settings.choose(address(&format!("https://{n}.example"))).expect("choose");
        }
        assert_eq!(settings.gateways().len(), MAX_GATEWAYS);
        assert_eq!(settings.gateway().as_str(), "https://10.example");
    }

    #[test]
    fn damaged_file_and_unsafe_addresses_count_as_nothing() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("settings.json");
        for text in ["{", r#"{"gateways":["http://evil.example"]}"#] {
            fs::write(&file, text).expect("write");
            assert_eq!(Settings::read(file.clone()).gateways(), [address(LOCAL)]);
        }
    }
}
