//! A configuration file: understood, or refused with every problem named.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use vestibule::clock::Moment;
use vestibule::config::load;

/// 2026-01-15T12:00:00Z.
const NOW: Moment = Moment::from_seconds(1_768_478_400);

/// A folder in memory, with the metadata that the example names.
static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let files = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/files");
    std::fs::copy(files.join("idp-metadata.xml"), folder.path().join("idp-metadata.xml")).expect("metadata");
    folder
});

fuzz_target!(|data: &[u8]| {
    // What it names is opened; it must not name what never ends.
    if data.windows(4).any(|w| w == b"/dev" || w == b"/pro" || w == b"/sys") {
        return;
    }
    let file = FOLDER.path().join("config.yaml");
    std::fs::write(&file, data).expect("the file");
    match load(&file, &[], NOW) {
        Ok(config) => assert!(!config.sites.is_empty()),
        Err(problems) => {
            assert!(!problems.0.is_empty());
            assert!(!problems.to_string().is_empty());
        }
    }
});
