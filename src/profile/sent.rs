//! A profile as it goes to another machine: the texts that a person wrote, and where they stand to each other.
//!
//! Nothing is resolved: a `${…}` is a secret of the machine that looks it up. Accounts that a profile brings along are
//! secrets, too; they are not sent, and their files have to be where the profile says on every machine.

use super::check::own_files;
use super::load::with_extended;
use crate::base::document::{Problem, Problems, Sited};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// A profile and what it is made of, in no folder yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// Which of the files is the profile.
    pub profile: String,
    /// Names relative to one folder, and texts.
    pub files: Vec<(String, String)>,
}

/// Gathers a profile, everything it extends, and the journeys that it brings along.
pub fn gather(path: &Path, journeys: &[Sited<String>]) -> Result<Sent, Vec<Problem>> {
    let problem = |what: String, remedy: &str| {
        vec![Problem { place: None, what, remedy: Some(remedy.to_owned()) }]
    };
    if let Some(absolute) = journeys.iter().find(|pattern| Path::new(&pattern.value).is_absolute())
    {
        return Err(vec![Problem {
            place: Some(absolute.place.clone()),
            what: format!("`{}` is not sent to agents", absolute.value),
            remedy: Some(
                "name journeys by a path that starts at the folder of the profile".to_owned(),
            ),
        }]);
    }
    let mut texts: BTreeMap<PathBuf, String> = BTreeMap::new();
    for layer in with_extended(path)? {
        texts.insert(
            whole(&layer.path).map_err(|error| unreadable(&layer.path, &error))?,
            layer.text,
        );
    }
    let problems = Problems::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    for (name, text) in own_files(journeys, folder, &problems) {
        let file = Path::new(&name);
        texts.insert(whole(file).map_err(|error| unreadable(file, &error))?, text);
    }
    let found = problems.into_sorted();
    if !found.is_empty() {
        return Err(found);
    }
    let profile = whole(path).map_err(|error| unreadable(path, &error))?;
    let folders = texts.keys().filter_map(|file| file.parent());
    let common = folders.fold(None, |common: Option<PathBuf>, folder| {
        Some(match common {
            None => folder.to_owned(),
            Some(common) => shared(&common, folder),
        })
    });
    let common: PathBuf = common.unwrap_or_default();
    let name = |file: &Path| {
        let name = file.strip_prefix(&common).ok().and_then(Path::to_str);
        name.map(str::to_owned).ok_or_else(|| {
            problem(
                format!("`{}` cannot be sent", file.display()),
                "give it a name of plain letters",
            )
        })
    };
    let files = texts.iter().map(|(file, text)| Ok((name(file)?, text.clone())));
    let files = files.collect::<Result<_, Vec<Problem>>>()?;
    Ok(Sent { profile: name(&profile)?, files })
}

fn unreadable(path: &Path, error: &io::Error) -> Vec<Problem> {
    let what = format!("`{}` cannot be read: {error}", path.display());
    vec![Problem { place: None, what, remedy: None }]
}

/// A path from the root on, without steps up: where it leads if no link stands in its way.
fn whole(path: &Path) -> io::Result<PathBuf> {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part => whole.push(part),
        }
    }
    Ok(whole)
}

/// The folder that two have in common.
fn shared(a: &Path, b: &Path) -> PathBuf {
    a.components().zip(b.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

/// Lays the files out in a folder, and says where the profile is. Names that lead out of it are refused: they come from
/// elsewhere.
pub fn lay_out(sent: &Sent, folder: &Path) -> io::Result<PathBuf> {
    let place = |name: &str| {
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let path = Path::new(name);
        if name.is_empty() || !path.components().all(is_plain) {
            let what = format!("`{name}` leads out of its folder");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(folder.join(path))
    };
    let profile = place(&sent.profile)?;
    for (name, text) in &sent.files {
        let file = place(name)?;
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        fs::write(file, text)?;
    }
    Ok(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::Place;

    fn pattern(value: &str) -> Sited<String> {
        let place = Place { document: "p.toml".into(), line: 1, column: 1 };
        Sited { place, value: value.to_owned() }
    }

    fn write(folder: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }

    #[test]
    fn files_stand_to_each_other_as_they_did_and_secrets_stay_references() {
        let home = tempfile::tempdir().unwrap();
        write(
            home.path(),
            &[
                ("work/profiles/p.toml", "extends = \"../base/low.toml\"\n"),
                ("work/base/low.toml", "[tenant]\nclient_secret = \"${TENANT_SECRET}\"\n"),
                ("work/journeys/one.toml", "name = \"one\"\n"),
                ("work/journeys/notes.txt", "not sent\n"),
            ],
        );
        let path = home.path().join("work/profiles/p.toml");
        let sent = gather(&path, &[pattern("../journeys/*.toml")]).unwrap();
        assert_eq!(sent.profile, "profiles/p.toml");
        let names: Vec<_> = sent.files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["base/low.toml", "journeys/one.toml", "profiles/p.toml"]);
        assert!(sent.files[0].1.contains("${TENANT_SECRET}"));
        let other = tempfile::tempdir().unwrap();
        let there = lay_out(&sent, other.path()).unwrap();
        assert_eq!(gather(&there, &[pattern("../journeys/*.toml")]).unwrap(), sent);
    }

    #[test]
    fn a_lonely_profile_is_sent_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), &[("p.toml", "")]);
        let sent = gather(&home.path().join("p.toml"), &[]).unwrap();
        assert_eq!((sent.profile.as_str(), sent.files.len()), ("p.toml", 1));
        let absolute = gather(&home.path().join("p.toml"), &[pattern("/etc/j/*.toml")]);
        assert!(absolute.unwrap_err()[0].what.contains("is not sent"));
        assert!(gather(&home.path().join("p.toml"), &[pattern("gone/*.toml")]).is_err());
    }

    #[test]
    fn nothing_is_laid_out_elsewhere() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("own");
        for name in ["../p.toml", "/tmp/gander-p.toml", "", "a/../../p.toml", "."] {
            let sent = Sent {
                profile: "p.toml".to_owned(),
                files: vec![(name.to_owned(), "x".to_owned())],
            };
            assert!(lay_out(&sent, &folder).is_err(), "{name}");
            let sent = Sent { profile: name.to_owned(), files: Vec::new() };
            assert!(lay_out(&sent, &folder).is_err(), "{name}");
        }
        assert!(!home.path().join("p.toml").exists());
    }
}
