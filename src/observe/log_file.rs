//! A file of lines that grows to a size, becomes `.1`, and begins anew.
//!
//! It is opened to append and made for its owner alone. Before each write it is looked for under its name: who has moved it
//! away (logrotate) or removed it finds a new one there, without a signal to send. Two processes may share it: each
//! appends whole lines, and each notices what the other has moved.

use super::queue::{Sink, Written, write_all};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where the file is and how it grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// The file that is written.
    pub path: PathBuf,
    /// Octets at which a new one is begun.
    pub max_size: u64,
    /// How many old ones stay: `.1`, the newest, to this number.
    pub keep: u32,
}

/// The file, and what is open of it.
pub(super) struct LogFile {
    settings: FileSettings,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// By which it is known again.
    device: u64,
    inode: u64,
    /// Only these grow, and can be moved away.
    is_regular: bool,
    /// A line is unfinished: the next one must not continue it.
    in_line: bool,
}

impl LogFile {
    /// Opens the file, so that what is wrong with it is known at once.
    ///
    /// # Errors
    /// It cannot be opened or made, or is a pipe or a folder.
    pub(super) fn open(settings: FileSettings) -> io::Result<Self> {
        let open = Some(Open::at(&settings.path)?);
        Ok(Self { settings, open })
    }

    /// The file as it is under its name now, with room for something, and how much.
    fn ready(&mut self, trouble: &mut Option<io::Error>) -> io::Result<(&mut Open, u64)> {
        let there = fs::metadata(&self.settings.path).ok();
        let current = self.open.as_ref().zip(there.as_ref()).filter(|(open, there)| open.is(there));
        let mut is_current = current.is_some();
        if current.is_some_and(|(open, there)| open.is_regular && there.len() >= self.settings.max_size) {
            match self.rotate() {
                Ok(()) => is_current = false,
                // Better a file that is too large than events that are lost.
                Err(error) => *trouble = Some(error),
            }
        }
        let open = match self.open.take() {
            Some(open) if is_current => open,
            before => match (Open::at(&self.settings.path), before) {
                (Ok(open), _) => open,
                // A file that was moved away is still one: better lines in there than nowhere.
                (Err(error), Some(before)) if before.has_a_name() => {
                    *trouble = Some(error);
                    before
                }
                (Err(error), _) => return Err(error),
            },
        };
        let room = if open.is_regular {
            self.settings.max_size.saturating_sub(open.file.metadata()?.len())
        } else {
            u64::MAX
        };
        Ok((self.open.insert(open), room))
    }

    /// `.1` becomes `.2`, and so on; the file itself `.1`. The last one is replaced.
    fn rotate(&self) -> io::Result<()> {
        for number in (1..self.settings.keep).rev() {
            moved(&numbered(&self.settings.path, number), &numbered(&self.settings.path, number + 1))?;
        }
        moved(&self.settings.path, &numbered(&self.settings.path, 1))
    }
}

impl Sink for LogFile {
    fn write(&mut self, lines: &[u8]) -> Written {
        let mut written = Written::default();
        while let Some(rest) = lines.get(written.octets..).filter(|rest| !rest.is_empty()) {
            let (open, room) = match self.ready(&mut written.trouble) {
                Ok(ready) => ready,
                Err(error) => return Written { trouble: Some(error), ..written },
            };
            let part = open.write(whole_lines(rest, room));
            written.octets += part.octets;
            if part.trouble.is_some() {
                return Written { trouble: part.trouble, ..written };
            }
        }
        written
    }

    fn name(&self) -> String {
        self.settings.path.display().to_string()
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // A pipe would be waited for, until somebody reads it.
        if fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe"));
        }
        // Read only to see how it ends.
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let metadata = file.metadata()?;
        let is_regular = metadata.is_file();
        let mut last = [b'\n'];
        if let Some(before) = metadata.len().checked_sub(1).filter(|_| is_regular) {
            file.read_at(&mut last, before)?;
        }
        Ok(Self { device: metadata.dev(), inode: metadata.ino(), is_regular, in_line: last != *b"\n", file })
    }

    /// Whether anybody can still find it. What is written into one that was removed is gone.
    fn has_a_name(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() > 0)
    }

    fn is(&self, there: &Metadata) -> bool {
        (self.device, self.inode) == (there.dev(), there.ino())
    }

    fn write(&mut self, lines: &[u8]) -> Written {
        if self.in_line {
            let end = write_all(&mut self.file, b"\n");
            if end.trouble.is_some() {
                return end;
            }
        }
        let written = write_all(&mut self.file, lines);
        let last = written.octets.checked_sub(1).and_then(|last| lines.get(last));
        self.in_line = last.is_some_and(|last| *last != b'\n');
        written
    }
}

/// As many lines as there is room for, and at least one.
fn whole_lines(lines: &[u8], room: u64) -> &[u8] {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return lines;
    }
    let fits = lines.get(..room).and_then(|head| head.iter().rposition(|octet| *octet == b'\n'));
    let first = || lines.iter().position(|octet| *octet == b'\n');
    let end = fits.or_else(first).map_or(lines.len(), |at| at + 1);
    lines.get(..end).unwrap_or(lines)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// That there is nothing to move is well.
fn moved(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
#[path = "log_file_tests.rs"]
mod tests;
