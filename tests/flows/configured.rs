//! A world made from a configuration file, as its owner would write it.

use crate::idp::FakeIdp;
use crate::world::{Plan, START, World};
use std::path::PathBuf;
use vestibule::config::load;

/// A gate before one site, with these identity providers.
pub struct Configured {
    pub world: World,
    pub idps: Vec<FakeIdp>,
    pub folder: tempfile::TempDir,
}

/// `ids` in order; `more` is the rest of the file, where `{id}` lines of identity providers are after a `#id:`.
pub fn configured(ids: &[&str], more: &str) -> Configured {
    configured_with(&ids.iter().map(|&id| (id, "")).collect::<Vec<_>>(), more, &[])
}

/// Each identity provider with further keys in YAML's flow form; and files, by name and content.
pub fn configured_with(idps: &[(&str, &str)], more: &str, files: &[(&str, &str)]) -> Configured {
    let folder = tempfile::tempdir().unwrap();
    let mut text =
        "public_url: https://app.example.com\nforward_auth: true\nidentity_providers:\n".to_owned();
    let made: Vec<FakeIdp> =
        idps.iter().map(|(id, _)| FakeIdp::new(&format!("https://{id}.test/metadata"))).collect();
    for ((id, keys), idp) in idps.iter().zip(&made) {
        std::fs::write(folder.path().join(format!("{id}.xml")), idp.metadata()).unwrap();
        let any =
            if idps.len() > 1 && !keys.contains("email_domains") { ", speaks_for_any: true" } else { "" };
        let comma = if keys.is_empty() { "" } else { ", " };
        text += &format!("  - {{id: {id}, metadata_file: {id}.xml{any}{comma}{keys}}}\n");
    }
    text += more;
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, &text).unwrap();
    let config = load(&file, &[], START).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Configured { world: Plan::new(config.sites).build(), idps: made, folder }
}

impl Configured {
    /// A file changes, and somebody looks.
    pub fn changed(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
        self.world.site().admission.lists().for_each(|list| list.look_again());
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
