//! `gander journeys import-har`: a browser's recording in, a journey file out.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::base::remedy::Remedy;
use crate::journey::author;
use crate::journey::har::{self, HarError};
use crate::journey::import::{self, Imported};
use crate::journey::script::Script;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make a journey out of what a browser recorded.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The recording, saved with content (HAR 1.2)
    file: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Where a journey is written and what it is called.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Where the journey is written; without it, to standard output
    #[arg(long, value_name = "FILE")]
    pub(super) to: Option<PathBuf>,
    /// Name of the journey; without it, that of the file
    #[arg(long, value_name = "NAME")]
    pub(super) name: Option<String>,
}

pub(super) fn import(args: &ImportArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    args.target.check()?;
    let name = args.target.name_or(args.target.to.as_deref().unwrap_or(&args.file));
    let shown = args.file.display();
    let of = |error: &dyn Remedy| {
        let mut failure = Failure::of(Exit::WrongInput, error);
        for complaint in &mut failure.complaints {
            complaint.what = format!("`{shown}` does not become a journey: {}", complaint.what);
        }
        failure
    };
    let file = std::fs::File::open(&args.file).map_err(|error| of(&HarError::Read(error)))?;
    if file.metadata().is_ok_and(|about| about.len() > har::LARGEST) {
        return Err(of(&HarError::TooLarge));
    }
    let exchanges = har::read(file).map_err(|error| of(&error))?;
    let Imported { script, remarks } =
        import::import(&exchanges, &name).map_err(|error| of(&error))?;
    let from = args.file.file_name().unwrap_or_default().to_string_lossy();
    let mut about = vec![format!("From the recording {from}: {}.", about(&script))];
    about.extend(remarks);
    args.target.write(&script, &about, terminal)
}

/// What a journey does, in the words of its steps.
pub(super) fn about(script: &Script) -> String {
    let steps: Vec<_> = script.rules.iter().map(|rule| rule.name.as_str()).collect();
    if steps.is_empty() { "start".to_owned() } else { steps.join(", ") }
}

impl Target {
    /// Finds what would stop the writing before any work is done.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Some(path) = &self.to else { return Ok(()) };
        if path.exists() {
            let what = format!("`{}` is there already", path.display());
            let remedy = "name another file with `--to`, or remove it first";
            return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder {
            Some(folder) if !folder.is_dir() => {
                let what = format!("there is no folder `{}`", folder.display());
                Err(Failure::new(Exit::WrongInput, what, Some("make it first")))
            }
            _ => Ok(()),
        }
    }

    /// The name that was given, or one made of a file's.
    pub(super) fn name_or(&self, file: &Path) -> String {
        let given = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        given.map_or_else(|| name_of(file), str::to_owned)
    }

    /// Writes a journey and says how to run it.
    pub(super) fn write(
        &self,
        script: &Script,
        about: &[String],
        terminal: &Terminal,
    ) -> Result<Exit, Failure> {
        let text = author::write(script, about);
        // What is written must run; if it would not even be read, that is our fault.
        if let Err(problems) = Script::parse("the journey", &text) {
            let found = problems.into_iter().next().map(|problem| problem.what).unwrap_or_default();
            let what = format!("the journey that was made is not sound: {found}");
            return Err(Failure::new(Exit::Bug, what, None));
        }
        let Some(path) = &self.to else {
            terminal.data(text.trim_end());
            return Ok(Exit::Passed);
        };
        let file = std::fs::File::options().write(true).create_new(true).open(path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            let what = format!("`{}` cannot be written: {error}", path.display());
            Failure::new(Exit::WrongInput, what, Some("name another file with `--to`"))
        })?;
        for remark in about {
            terminal.say(&crate::report::columns::clean(remark));
        }
        terminal.say(&format!("written to {}", path.display()));
        let pattern = serde_json::Value::from(path.display().to_string());
        terminal.say(&format!(
            "to run it, put `journey_files = [{pattern}]` (from the profile's folder) and `{} = 1` below `[journeys]` into a profile, then `gander check PROFILE --walk`",
            key(script.name.as_str())
        ));
        Ok(Exit::Passed)
    }
}

/// A name as a TOML key.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.chars().all(is_bare) {
        name.to_owned()
    } else {
        serde_json::Value::from(name).to_string()
    }
}

/// A journey's name out of a file's: lower case, with `-` for everything that is neither letter nor
/// digit.
fn name_of(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<_> =
        stem.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "journey".to_owned() } else { words.join("-") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_a_name_without_odd_characters() {
        for (file, name) in [
            ("a/Sign On (2).har", "sign-on-2"),
            ("login.example.com.har", "login-example-com"),
            ("...", "journey"),
        ] {
            assert_eq!(name_of(Path::new(file)), name);
        }
    }
}
