//! Files that somebody names, read to an end that they surely have: a pipe would let gander wait for ever, and a
//! device may have no end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Take};
use std::path::Path;

/// Refuses what is no regular file, before anything is opened, and what has more bytes than that.
pub fn check(path: &Path, longest: u64) -> io::Result<()> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    if found.len() > longest { Err(too_long(longest)) } else { Ok(()) }
}

/// Opens a regular file, to be read to its end: that of one that grows meanwhile, or does not say how long it is, is
/// after so many bytes.
pub fn open(path: &Path, longest: u64) -> io::Result<Take<File>> {
    check(path, longest)?;
    Ok(File::open(path)?.take(longest))
}

/// Reads a regular file as a whole. One that has more bytes than that is an error.
pub fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, longest.saturating_add(1))?.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest { Err(too_long(longest)) } else { Ok(bytes) }
}

fn too_long(longest: u64) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, format!("it is longer than {longest} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
            let error = read(path, 9).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{}", path.display());
        }
        let missing = folder.path().join("missing");
        assert_eq!(read(&missing, 9).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_read_up_to_the_bytes_that_it_may_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "123").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"123");
        assert_eq!(read(&path, 2).unwrap_err().to_string(), "it is longer than 2 bytes");
        assert!(check(&path, 2).is_err() && check(&path, 3).is_ok());
        // The system's own files say that they have no bytes.
        if cfg!(target_os = "linux") {
            assert!(read(Path::new("/proc/self/status"), 9).is_err());
        }
    }
}
