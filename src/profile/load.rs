//! From files and flags to one document: the embedded default, what the profile extends, the
//! profile, and `--set`, each laid over the one before.

use super::reference::{Surroundings, fill};
use crate::base::document::{Item, Place, Problem, Problems, Table, Value};
use crate::workload::settings::KEYS_OF_MODELS;
use std::path::{Path, PathBuf};

/// The commented default profile: the reference of every key, and the only place of its default.
pub const DEFAULT: &str = include_str!("default.toml");

/// What it is called where a place is told.
pub const DEFAULT_NAME: &str = "default.toml (embedded)";

/// Tables whose keys the person chooses: a profile that gives one replaces it instead of adding.
const REPLACED: &[&str] = &["journeys"];

/// How deep `extends` may go.
const DEEPEST: usize = 8;

/// A profile to be loaded.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A file of the person.
    File(&'a Path),
    /// A text inside the program, with the name it has in messages.
    Embedded(&'a str, &'a str),
}

/// What the command line lays over a profile.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// TOML made from flags such as `--users`.
    pub document: String,
    /// `--set key.path=value`, laid over that.
    pub sets: Vec<String>,
    /// `--threshold RULE`, added to those of the profile.
    pub thresholds: Vec<String>,
}

/// A loaded document, and where relative paths in it start. What came from outside it is overwritten
/// when it goes.
#[derive(Debug)]
pub struct Loaded {
    /// Everything laid over each other, references filled in.
    pub table: Table,
    /// Folder of the profile.
    pub folder: PathBuf,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.table.wipe();
    }
}

/// Loads a profile with flags laid over it. Problems of references are noted in `problems`; a
/// document that cannot be read at all is an `Err`.
pub fn load(
    origin: Origin<'_>,
    flags: &Flags,
    surroundings: Surroundings<'_>,
    problems: &Problems,
) -> Result<Loaded, Vec<Problem>> {
    let mut table = Table::parse(DEFAULT_NAME, DEFAULT)?;
    let folder = match origin {
        Origin::Embedded(name, text) => {
            overlay(&mut table, Table::parse(name, text)?);
            PathBuf::new()
        }
        Origin::File(path) => {
            for layer in with_extended(path)? {
                overlay(&mut table, layer.table);
            }
            path.parent().unwrap_or(Path::new("")).to_path_buf()
        }
    };
    overlay(&mut table, Table::parse("command line", &flags.document)?);
    for set in &flags.sets {
        let set = parse_set(set)?;
        overlay_set(&mut table, set);
    }
    for rule in &flags.thresholds {
        let text = format!("[[threshold]]\nrule = {}\n", serde_json::Value::from(rule.as_str()));
        append(&mut table, Table::parse("--threshold", &text)?);
    }
    table.fill_in(problems, &|text| fill(text, surroundings));
    Ok(Loaded { table, folder })
}

/// One key of the person, laid over everything. It replaces no table as a whole.
fn overlay_set(table: &mut Table, set: Table) {
    make_room(table, &set);
    make_room_for_need(table, &set);
    table.overlay(set);
}

/// Two ways to say what is needed: a layer above that uses one replaces the other.
const NEEDS: &[(&str, &str)] = &[("plan", "forecast"), ("forecast", "plan")];

fn overlay(below: &mut Table, above: Table) {
    below.entries.retain(|(key, ..)| !REPLACED.contains(&key.as_str()) || above.get(key).is_none());
    make_room(below, &above);
    make_room_for_need(below, &above);
    below.overlay(above);
}

/// The entries of a table of the document, if it has that.
fn entries_of<'t>(
    document: &'t mut Table,
    name: &str,
) -> Option<&'t mut Vec<(String, Place, Item)>> {
    let table = document.entries.iter_mut().find(|(key, ..)| key == name);
    match table {
        Some((.., Item { value: Value::Table(table), .. })) => Some(&mut table.entries),
        _ => None,
    }
}

fn make_room_for_need(below: &mut Table, above: &Table) {
    let Some(Value::Table(above)) = above.get("capacity").map(|item| &item.value) else { return };
    let Some(entries) = entries_of(below, "capacity") else { return };
    for (said, other) in NEEDS {
        if above.get(said).is_some() {
            entries.retain(|(key, ..)| key != other);
        }
    }
}

/// Takes away what a layer above replaces without naming it: who says `users` over a profile with a
/// rate wants the closed model, and who says a rate wants no stages.
fn make_room(below: &mut Table, above: &Table) {
    let Some(Value::Table(above)) = above.get("workload").map(|item| &item.value) else { return };
    let Some(entries) = entries_of(below, "workload") else { return };
    let has = |key: &str| above.get(key).is_some();
    let stages = match above.get("stages").map(|item| &item.value) {
        Some(Value::List(stages)) => &stages[..],
        _ => &[],
    };
    let in_stages = |key: &str| {
        stages
            .iter()
            .any(|stage| matches!(&stage.value, Value::Table(stage) if stage.get(key).is_some()))
    };
    let mut gone: Vec<&str> = Vec::new();
    if has("rate") || has("users") {
        gone.push("stages");
    }
    if has("stages") {
        gone.extend(["rate", "users", "duration"]);
    }
    for (model, keys) in KEYS_OF_MODELS {
        let said = above
            .get("model")
            .is_some_and(|item| matches!(&item.value, Value::Text { text, .. } if text == model));
        // The first of its keys is the level; the others may be said in advance.
        if said || keys.first().is_some_and(|level| has(level) || in_stages(level)) {
            gone.push("model");
            let others = KEYS_OF_MODELS.iter().filter(|(other, _)| other != model);
            gone.extend(others.flat_map(|(_, keys)| *keys));
        }
    }
    entries.retain(|(key, ..)| !gone.contains(&key.as_str()));
}

/// Adds the items of lists to those below, and everything else as an overlay does.
fn append(below: &mut Table, above: Table) {
    for (key, place, item) in above.entries {
        let slot = below.entries.iter_mut().find(|(name, ..)| *name == key);
        match (slot.map(|(.., item)| &mut item.value), item.value) {
            (Some(Value::List(items)), Value::List(more)) => items.extend(more),
            (_, value) => {
                let entries = vec![(key, place.clone(), Item { place: item.place, value })];
                below.overlay(Table { place, entries });
            }
        }
    }
}

/// One file of a profile.
pub(super) struct Layer {
    /// Where it is.
    pub(super) path: PathBuf,
    /// What it says.
    pub(super) text: String,
    /// The same as a document, without what it extends.
    pub(super) table: Table,
}

/// A profile and everything it extends, lowest layer first.
pub(super) fn with_extended(path: &Path) -> Result<Vec<Layer>, Vec<Problem>> {
    extended(path, DEEPEST)
}

fn extended(path: &Path, depth: usize) -> Result<Vec<Layer>, Vec<Problem>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let remedy = "name a profile such as `profiles/quickstart.toml`".to_owned();
        vec![Problem {
            place: None,
            what: format!("`{name}` cannot be read: {error}"),
            remedy: Some(remedy),
        }]
    })?;
    let mut table = Table::parse(&name, &text)?;
    let Some(position) = table.entries.iter().position(|(key, ..)| key == "extends") else {
        return Ok(vec![Layer { path: path.to_owned(), text, table }]);
    };
    let (_, place, item) = table.entries.remove(position);
    let problem = |what: &str| {
        vec![Problem { place: Some(place.clone()), what: what.to_owned(), remedy: None }]
    };
    let Item { value: Value::Text { text: base, .. }, .. } = item else {
        return Err(problem("`extends` is not a text: name one profile"));
    };
    if depth == 0 {
        return Err(problem("`extends` goes too deep, perhaps in a circle"));
    }
    let base = path.parent().unwrap_or(Path::new("")).join(base);
    let mut layers = extended(&base, depth - 1)?;
    layers.push(Layer { path: path.to_owned(), text, table });
    Ok(layers)
}

/// `tenant.client_id=abc`: the value is TOML if it can be read as TOML, else a text.
fn parse_set(set: &str) -> Result<Table, Vec<Problem>> {
    let Some((key, value)) = set.split_once('=') else {
        let remedy = Some("write `--set key.path=value`".to_owned());
        return Err(vec![Problem {
            place: None,
            what: format!("`--set {set}` has no `=`"),
            remedy,
        }]);
    };
    let name = format!("--set {key}");
    let as_toml = Table::parse(&name, &format!("{key} = {value}"));
    as_toml.or_else(|_| {
        let quoted = serde_json::Value::from(value).to_string();
        Table::parse(&name, &format!("{key} = {quoted}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(files: &[(&str, &str)], sets: &[&str]) -> Result<Table, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let sets = sets.iter().map(|set| (*set).to_owned()).collect();
        let flags = Flags { sets, thresholds: vec!["p95 < 1s".to_owned()], ..Flags::default() };
        let problems = Problems::default();
        let path = folder.path().join(files[0].0);
        let loaded =
            load(Origin::File(&path), &flags, Surroundings { variable: &|_| None }, &problems);
        loaded
            .map(|loaded| loaded.table.clone())
            .map_err(|problems| problems.into_iter().map(|problem| problem.what).collect())
    }

    fn section<'t>(table: &'t Table, key: &str) -> &'t Table {
        let Some(Item { value: Value::Table(table), .. }) = table.get(key) else {
            panic!("no [{key}]")
        };
        table
    }

    #[test]
    fn later_layers_win_and_journeys_are_replaced_whole() {
        let table = loaded(
            &[
                ("top.toml", "extends = \"low.toml\"\n[[threshold]]\nrule = \"faults < 1%\"\n[journeys]\nsign-on = 1\n[identities]\nlocale = \"de\"\n"),
                ("low.toml", "[identities]\nlocale = \"fr\"\nemail_domain = \"a.example\"\n"),
            ],
            &["identities.email_domain=b.example", "accounts.count=7"],
        )
        .unwrap();
        let text = |table: &Table, key: &str| match &table.get(key).unwrap().value {
            Value::Text { text, .. } => text.clone(),
            other => panic!("{other:?}"),
        };
        let identities = section(&table, "identities");
        assert_eq!(
            (text(identities, "locale").as_str(), text(identities, "email_domain").as_str()),
            ("de", "b.example")
        );
        assert_eq!(section(&table, "accounts").get("count").unwrap().value, Value::Integer(7));
        let journeys: Vec<_> =
            section(&table, "journeys").entries.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(journeys, ["sign-on"]);
    }

    #[test]
    fn whoever_says_another_load_replaces_the_shape_of_it_and_keeps_the_rest() {
        let closed =
            "[workload]\nmodel = \"closed\"\nusers = 20\npacing = \"1s\"\ndrain = \"9s\"\n";
        let open = "[workload]\nrate = \"5/s\"\nmax_users = 9\nduration = \"7s\"\n";
        let staged = "[workload]\nstages = [{ rate = \"5/s\", for = \"7s\" }]\nmax_users = 9\n";
        for (profile, set, left) in [
            (closed, "workload.rate=\"5/s\"", "drain rate warm_up"),
            (closed, "workload.stages=[{rate=\"5/s\",for=\"1s\"}]", "drain stages warm_up"),
            (closed, "workload.stages=[{users=5,for=\"1s\"}]", "drain pacing stages warm_up"),
            (closed, "workload.users=3", "drain pacing users warm_up"),
            (closed, "workload.drain=\"1s\"", "drain model pacing users warm_up"),
            (open, "workload.users=3", "duration users warm_up"),
            (open, "workload.rate=\"6/s\"", "duration max_users rate warm_up"),
            (open, "workload.stages=[{rate=\"5/s\",for=\"1s\"}]", "max_users stages warm_up"),
            (staged, "workload.rate=\"6/s\"", "max_users rate warm_up"),
            (staged, "workload.max_users=3", "max_users stages warm_up"),
        ] {
            let table = loaded(&[("p.toml", profile)], &[set]).unwrap();
            let mut keys: Vec<_> =
                section(&table, "workload").entries.iter().map(|(key, ..)| key.as_str()).collect();
            keys.sort_unstable();
            assert_eq!(keys.join(" "), left, "{profile} {set}");
        }
    }

    #[test]
    fn whoever_says_what_is_needed_one_way_takes_back_the_other() {
        for (profile, set, left) in [
            ("plan = \"20/s\"", "capacity.forecast=\"9/h peak 2\"", "forecast"),
            ("forecast = \"9/h peak 2\"", "capacity.plan=\"20/s\"", "plan"),
            ("plan = \"20/s\"", "capacity.from=\"2/s\"", "from plan"),
        ] {
            let profile = format!("[capacity]\n{profile}\n");
            let table = loaded(&[("p.toml", &profile)], &[set]).unwrap();
            let entries = &section(&table, "capacity").entries;
            let mut keys: Vec<_> = entries.iter().map(|(key, ..)| key.as_str()).collect();
            keys.retain(|key| ["plan", "forecast", "from"].contains(key));
            keys.sort_unstable();
            assert_eq!(keys.join(" "), left, "{profile} {set}");
        }
    }

    #[test]
    fn a_circle_of_extends_ends() {
        let error = loaded(&[("a.toml", "extends = \"a.toml\"\n")], &[]).unwrap_err();
        assert_eq!(error, ["`extends` goes too deep, perhaps in a circle"]);
    }

    #[test]
    fn a_set_without_a_value_is_named() {
        assert_eq!(
            loaded(&[("a.toml", "")], &["accounts.count"]).unwrap_err(),
            ["`--set accounts.count` has no `=`"]
        );
    }
}
