//! Reads a file page by page and keeps it open for no longer than a page takes: a thousand files can be read side by
//! side whatever the limit of open files is.

use crate::result::run_dir::{RunDir, RunDirError};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// How much is read at a time, in bytes: that of a thousand parts fits into memory.
const PAGE: usize = 64 << 10;

/// A file and how far it was read.
#[derive(Debug)]
pub(super) struct Paged {
    path: PathBuf,
    at: u64,
}

impl Paged {
    /// A file of a run, from its beginning; none if there is none of this name.
    pub(super) fn open(dir: &RunDir, name: &str) -> Result<Option<BufReader<Self>>, RunDirError> {
        let is_there = dir.has_file(name)?;
        let paged = || Self { path: dir.file(name), at: 0 };
        Ok(is_there.then(|| BufReader::with_capacity(PAGE, paged())))
    }
}

impl Read for Paged {
    fn read(&mut self, page: &mut [u8]) -> io::Result<usize> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.at))?;
        let mut length = 0;
        // A short page would cost another opening.
        while length < page.len() {
            match file.read(&mut page[length..])? {
                0 => break,
                read => length += read,
            }
        }
        self.at += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufRead;

    #[test]
    fn a_file_is_read_from_its_beginning_to_its_end() {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(home.path()).unwrap();
        assert!(Paged::open(&dir, "f").unwrap().is_none());
        let text: String = (0..40_000).map(|n| format!("{n}\n")).collect();
        std::fs::write(dir.file("f"), &text).unwrap();
        assert!(text.len() > 3 * PAGE);
        let lines = Paged::open(&dir, "f").unwrap().unwrap().lines().map(Result::unwrap);
        assert!(lines.eq((0..40_000).map(|n| n.to_string())));
    }
}
