//! A file that is made aside and then takes its place whole, or leaves nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// A file being written beside the one that it will replace. Dropped before [`Aside::settle`], it
/// is gone and the other is as it was.
#[derive(Debug)]
pub struct Aside {
    /// None once there is nothing to be taken away.
    new: Option<PathBuf>,
    file: File,
    path: PathBuf,
}

impl Aside {
    /// Begins `.NAME.new` beside the file. What an earlier process left there is removed, and never
    /// followed if it is a link.
    pub fn of(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
        let new = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&new)?;
        Ok(Self { new: Some(new), file, path: path.to_owned() })
    }

    /// Gives it the permissions of the file that it replaces, if there is one.
    pub fn with_permissions(self) -> io::Result<Self> {
        match fs::metadata(&self.path) {
            Ok(old) => self.file.set_permissions(old.permissions())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Puts it in its place.
    pub fn settle(mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if let Some(new) = &self.new {
            fs::rename(new, &self.path)?;
        }
        self.new = None;
        Ok(())
    }
}

impl Write for Aside {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.file.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(new) = &self.new {
            // What cannot be removed is removed by whoever writes next.
            let _ = fs::remove_file(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_is_not_settled_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "old").unwrap();
        let mut aside = Aside::of(&path).unwrap();
        aside.write_all(b"new").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(aside);
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let mut aside = Aside::of(&path).unwrap();
        aside.write_all(b"new").unwrap();
        aside.settle().unwrap();
        assert_eq!(names(folder.path()), ["a.csv"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_way_is_removed_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("a"), folder.path().join("victim"));
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(".a.new")).unwrap();
        let mut aside = Aside::of(&path).unwrap();
        aside.write_all(b"new").unwrap();
        aside.settle().unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(!path.is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        Aside::of(&path).unwrap().with_permissions().unwrap().settle().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
