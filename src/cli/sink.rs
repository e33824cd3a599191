//! Where a report that was asked for goes: standard output, or a file that is there whole or stays
//! as it was.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::result::aside::Aside;
use crate::result::run_dir::{OWN, RunDir};
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How much is gathered for standard output, in bytes: a line at a time is slow.
const GATHERED: usize = 64 << 10;

/// Where a text goes. What was not closed is not there.
pub(super) enum Sink<'t> {
    /// Standard output, and what it has not got yet.
    Output(&'t Terminal, String),
    /// A regular file, which takes its place when it is whole.
    Aside(BufWriter<Aside>, &'t Path),
    /// What cannot be replaced: a pipe, a device.
    Direct(BufWriter<File>, &'t Path),
}

impl<'t> Sink<'t> {
    /// Standard output, or the file that was named unless it is one that the run consists of.
    pub(super) fn open(
        to: Option<&'t Path>,
        dir: &RunDir,
        terminal: &'t Terminal,
    ) -> Result<Self, Failure> {
        Self::open_beside(to, std::slice::from_ref(dir), terminal)
    }

    /// The same for a text about several runs: none of their files may be written over.
    pub(super) fn open_beside(
        to: Option<&'t Path>,
        dirs: &[RunDir],
        terminal: &'t Terminal,
    ) -> Result<Self, Failure> {
        let Some(path) = to else { return Ok(Self::Output(terminal, String::new())) };
        if let Some(name) = dirs.iter().find_map(|dir| own_file(path, dir)) {
            let what = format!("`{}` is the `{name}` of the run itself", path.display());
            let remedy = "write elsewhere; the run cannot be shown again without it";
            return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
        }
        let opened = match real_place(path) {
            Ok(Some(place)) => Aside::of(&place)
                .and_then(Aside::with_permissions)
                .map(|aside| Self::Aside(BufWriter::new(aside), path)),
            Ok(None) => File::create(path).map(|file| Self::Direct(BufWriter::new(file), path)),
            Err(error) => Err(error),
        };
        opened.map_err(|error| unwritten(path, &error))
    }

    /// Takes more of the text; lines are whole.
    pub(super) fn take(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Output(terminal, gathered) => {
                gathered.push_str(text);
                if gathered.len() >= GATHERED {
                    pass_on(terminal, gathered);
                }
                Ok(())
            }
            Self::Aside(file, path) => {
                file.write_all(text.as_bytes()).map_err(|error| unwritten(path, &error))
            }
            Self::Direct(file, path) => written(file.write_all(text.as_bytes()), path),
        }
    }

    /// Takes a whole text, which ends here.
    pub(super) fn take_all(mut self, text: &str) -> Result<(), Failure> {
        self.take(text)?;
        self.close()
    }

    /// Ends a text that did not become whole: what was taken is shown, and kept in no file.
    pub(super) fn abandon(self) {
        if let Self::Output(terminal, mut gathered) = self {
            pass_on(terminal, &mut gathered);
        }
    }

    /// Ends the text.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Output(terminal, mut gathered) => {
                pass_on(terminal, &mut gathered);
                Ok(())
            }
            Self::Aside(file, path) => {
                let aside = file.into_inner().map_err(io::IntoInnerError::into_error);
                aside.and_then(Aside::settle).map_err(|error| unwritten(path, &error))
            }
            Self::Direct(mut file, path) => written(file.flush(), path),
        }
    }
}

/// Standard output gets what was gathered; the terminal ends the last line.
fn pass_on(terminal: &Terminal, gathered: &mut String) {
    if !gathered.is_empty() {
        terminal.data(gathered.trim_end_matches('\n'));
        gathered.clear();
    }
}

/// The name of the run's own file that a path leads to, by whatever name or link; also where the
/// run has no such file yet.
fn own_file(path: &Path, dir: &RunDir) -> Option<&'static str> {
    let place = canonical(path)?;
    OWN.iter().copied().find(|name| {
        let own = dir.file(name);
        place == own || canonical(&own).is_some_and(|own| own == place) || is_same(&place, &own)
    })
}

/// The path without links, of which the last part need not exist.
fn canonical(path: &Path) -> Option<PathBuf> {
    path.canonicalize()
        .ok()
        .or_else(|| Some(folder(path).canonicalize().ok()?.join(path.file_name()?)))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether both are names of one file.
#[cfg(unix)]
fn is_same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| path.metadata().map(|found| (found.dev(), found.ino())).ok();
    id(a).is_some_and(|a| id(b) == Some(a))
}

#[cfg(not(unix))]
fn is_same(_: &Path, _: &Path) -> bool {
    false
}

/// Where the regular file is, or will be, that a path leads to; none for what is no such file.
fn real_place(path: &Path) -> io::Result<Option<PathBuf>> {
    // `/dev/stdout` may lead to a regular file, which somebody has open.
    let is_of_system = || {
        let folder = folder(path).canonicalize();
        folder.is_ok_and(|folder| folder.starts_with("/dev") || folder.starts_with("/proc"))
    };
    if path.is_symlink() && is_of_system() {
        return Ok(None);
    }
    match path.metadata() {
        Ok(found) if found.is_file() => path.canonicalize().map(Some),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // A link to a file that is yet to be made keeps being one.
            Ok((!path.is_symlink()).then(|| path.to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// A reader that has gone away wants no more.
fn written(outcome: io::Result<()>, path: &Path) -> Result<(), Failure> {
    match outcome {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(unwritten(path, &error)),
        _ => Ok(()),
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::WrongInput, format!("`{}` cannot be written: {error}", path.display()), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn run() -> (tempfile::TempDir, RunDir) {
        let home = tempfile::tempdir().unwrap();
        let dir = RunDir::create_at(&home.path().canonicalize().unwrap().join("r1")).unwrap();
        (home, dir)
    }

    fn terminal() -> Terminal {
        let color = crate::cli::Colour::Never;
        Terminal::new(crate::cli::Manner { quiet: true, verbose: false, color })
    }

    #[test]
    fn a_file_of_the_run_is_refused_by_every_name_that_it_has() {
        let (home, dir) = run();
        fs::write(dir.file("run.json"), "{}").unwrap();
        for name in OWN {
            assert_eq!(own_file(&dir.file(name), &dir), Some(*name));
            assert_eq!(own_file(&dir.path().join("../r1").join(name), &dir), Some(*name));
        }
        #[cfg(unix)]
        for (name, link) in
            [("hard", fs::hard_link as fn(_, _) -> _), ("soft", std::os::unix::fs::symlink)]
        {
            let path: PathBuf = home.path().join(name);
            link(dir.file("run.json"), path.clone()).unwrap();
            assert_eq!(own_file(&path, &dir), Some("run.json"), "{name}");
        }
        for other in [dir.file("report.html"), home.path().join("run.json")] {
            assert_eq!(own_file(&other, &dir), None, "{}", other.display());
        }
        let path = dir.file("summary.json");
        let failure = Sink::open(Some(&path), &dir, &terminal()).err().unwrap();
        assert_eq!(failure.exit, Exit::WrongInput);
        assert!(failure.complaints[0].remedy.is_some());
        assert!(!path.exists());
    }

    #[test]
    fn a_report_that_did_not_become_whole_leaves_the_older_one() {
        let (home, dir) = run();
        let (path, terminal) = (home.path().join("a.csv"), terminal());
        for (begun, whole) in [(false, "one\n"), (true, "two\n")] {
            let before = fs::read_to_string(&path).ok();
            assert_eq!(before.is_some(), begun);
            let mut sink = Sink::open(Some(&path), &dir, &terminal).ok().unwrap();
            sink.take("half\n").ok().unwrap();
            drop(sink);
            assert_eq!(fs::read_to_string(&path).ok(), before);
            Sink::open(Some(&path), &dir, &terminal).ok().unwrap().take_all(whole).ok().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), whole);
        }
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2, "a.csv and the run");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_written_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path().join("aim"), &link).unwrap();
        for path in [Path::new("/dev/null"), Path::new("/dev/stdout"), home.path(), &link] {
            assert_eq!(real_place(path).unwrap(), None, "{}", path.display());
        }
        fs::write(home.path().join("aim"), "").unwrap();
        let aim = home.path().canonicalize().unwrap().join("aim");
        assert_eq!(real_place(&link).unwrap(), Some(aim), "a link stays a link");
    }
}
