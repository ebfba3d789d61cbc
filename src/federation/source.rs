//! Where metadata comes from: an address, or a file that somebody keeps up to date.

use super::http::HttpSource;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// The largest document that is read. Federations' aggregates have some 100 MB.
pub const LARGEST_DOCUMENT: usize = 128 << 20;

/// Somewhere to read metadata from.
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// The address or the file, for words and to tell one source from another.
    fn name(&self) -> &str;

    /// What it says now; [`Reading::Unchanged`] when that is still `known`.
    ///
    /// # Errors
    /// It cannot be read now. What it says may be wrong all the same: nothing of it is believed here.
    async fn read(&self, known: Option<&Version>) -> Result<Reading, SourceProblem>;
}

/// What a source said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The same as in the version that was asked for.
    Unchanged,
    /// A document, whole as far as the source says how long it is.
    Document {
        /// What was sent, without any encoding for transport.
        octets: Vec<u8>,
        /// Its version.
        version: Version,
    },
}

/// By which a source can say that nothing has changed. All empty: it cannot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Version {
    /// `ETag`, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent; of a file its time and size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

/// Why a source could not be read, in a sentence for the owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem(pub String);

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SourceProblem {}

/// As the configuration names it.
#[derive(Debug)]
pub enum Origin {
    /// `metadata_url`, or the address that `metadata_query` makes of the entity ID.
    Url(HttpSource),
    /// `metadata_file`.
    File(FileSource),
}

#[async_trait]
impl Source for Origin {
    fn name(&self) -> &str {
        match self {
            Self::Url(source) => source.name(),
            Self::File(source) => source.name(),
        }
    }

    async fn read(&self, known: Option<&Version>) -> Result<Reading, SourceProblem> {
        match self {
            Self::Url(source) => source.read(known).await,
            Self::File(source) => source.read(known).await,
        }
    }
}

/// A file that is looked at again and again.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    name: String,
}

impl FileSource {
    /// The file at this path.
    pub fn new(path: PathBuf) -> Self {
        Self { name: path.display().to_string(), path }
    }

    /// The version of the file as it is now.
    pub fn version(&self) -> Option<Version> {
        version_of(&self.path).ok()
    }
}

#[async_trait]
impl Source for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&self, known: Option<&Version>) -> Result<Reading, SourceProblem> {
        let (path, known) = (self.path.clone(), known.cloned());
        // Files on a network volume may block.
        let read = tokio::task::spawn_blocking(move || read_file(&path, known.as_ref())).await;
        let read = read.unwrap_or_else(|_| Err("the reading ended early".to_owned()));
        read.map_err(|problem| SourceProblem(format!("{}: {problem}", self.name)))
    }
}

fn read_file(path: &Path, known: Option<&Version>) -> Result<Reading, String> {
    use std::io::Read as _;
    let cannot = |problem: std::io::Error| format!("cannot be read: {problem}");
    let version = version_of(path).map_err(cannot)?;
    if known == Some(&version) {
        return Ok(Reading::Unchanged);
    }
    let mut octets = Vec::new();
    let limit = LARGEST_DOCUMENT as u64 + 1;
    std::fs::File::open(path).map_err(cannot)?.take(limit).read_to_end(&mut octets).map_err(cannot)?;
    match octets.len() {
        0 => Err("is empty".to_owned()),
        length if length > LARGEST_DOCUMENT => Err(too_large(LARGEST_DOCUMENT)),
        _ => Ok(Reading::Document { octets, version }),
    }
}

/// A copy that is put in a file's place changes one of these, whatever the clock of the volume shows.
fn version_of(path: &Path) -> std::io::Result<Version> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("is not a file"));
    }
    let seen =
        format!("{}.{:09} {} {}", metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino());
    Ok(Version { etag: None, last_modified: Some(seen) })
}

pub(super) fn too_large(limit: usize) -> String {
    format!("is larger than {} MiB", limit >> 20)
}
