//! The reference of profiles as a page: what the commented default says, by table and key.

use super::load::DEFAULT;

/// A table of the default profile, as its comments describe it.
#[derive(Debug, Default)]
struct Described {
    /// As it is written, with its brackets; empty for what stands before the first table.
    header: String,
    /// Whether it is there unless a profile says so.
    is_present: bool,
    prose: Vec<String>,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: String,
    /// What stands behind the `=`.
    value: String,
    /// Whether that is the default; otherwise an example.
    is_default: bool,
    comment: String,
}

/// Comments stand at least so far to the right where they go on from the line before.
const INDENT: usize = 8;

/// The page, in Markdown.
pub fn page() -> String {
    let mut page = String::from(
        "# The profile\n\n\
         Every table and key that a profile can have; of `[stand_in]` those that matter most, all others are in\n\
         [stand-in.md](stand-in.md). This page is made from the commented default,\n\
         [`src/profile/default.toml`](../src/profile/default.toml), by `gander schema profile --markdown`.\n",
    );
    for table in read(DEFAULT) {
        write(&table, &mut page);
    }
    page
}

fn write(table: &Described, page: &mut String) {
    let mut paragraph = |text: &str| {
        page.push('\n');
        page.push_str(text);
        page.push('\n');
    };
    if !table.header.is_empty() {
        paragraph(&format!("## `{}`", table.header));
    }
    for prose in &table.prose {
        paragraph(prose);
    }
    if !table.is_present && !table.header.is_empty() {
        paragraph("Not there unless the profile has it.");
    }
    for (number, kind) in kinds(&table.keys).into_iter().enumerate() {
        if let Some(first) = kind.first().filter(|_| number > 0) {
            paragraph(&format!("With `{} = {}`:", first.name, first.value));
        }
        paragraph(&rows(kind));
    }
}

/// The keys of each kind that a table can be of: every kind begins with the key that the table begins with.
/// Several in a row are values of one key.
fn kinds(keys: &[Key]) -> Vec<&[Key]> {
    let Some(first) = keys.first() else { return Vec::new() };
    keys.chunk_by(|before, key| before.name == first.name || key.name != first.name).collect()
}

fn rows(keys: &[Key]) -> String {
    let mut rows = String::from("| key | default | for example | |\n| --- | --- | --- | --- |");
    let mut before = "";
    for Key { name, value, is_default, comment } in keys {
        let value = format!("`{}`", value.replace('|', "\\|"));
        let (default, example) =
            if *is_default { (value.as_str(), "") } else { ("", value.as_str()) };
        let comment = comment.replace('|', "\\|");
        // Another value of the same key.
        let key = if name == before { "or".to_owned() } else { format!("`{name}`") };
        rows.push_str(&format_row([&key, default, example, &comment]));
        before = name;
    }
    rows
}

fn format_row(cells: [&str; 4]) -> String {
    let mut row = String::from("\n|");
    for cell in cells {
        if !cell.is_empty() {
            row.push(' ');
            row.push_str(cell);
        }
        row.push_str(" |");
    }
    row
}

/// What a line of the default adds to.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Last {
    Table,
    Key,
    Nothing,
}

/// Reads the default as its authors lay it out: a key or table, live or behind a `# `, with a comment
/// that may go on below; prose on lines of its own, in front of the table that it is about.
fn read(text: &str) -> Vec<Described> {
    let mut tables = vec![Described { is_present: true, ..Described::default() }];
    let mut prose: Vec<String> = Vec::new();
    let (mut last, mut is_open) = (Last::Nothing, false);
    for line in text.lines().filter(|line| !line.starts_with("#:")) {
        let (is_live, said) = match line.strip_prefix('#') {
            Some(rest) => (false, rest.strip_prefix(' ').unwrap_or(rest)),
            None => (true, line),
        };
        let (code, comment) = split(said);
        let Some(table) = tables.last_mut() else { break };
        if is_open {
            // Items of a list that takes several lines.
            if let Some(key) = table.keys.last_mut() {
                is_open = code != "]";
                if !is_open && key.value.ends_with(',') {
                    key.value.pop();
                }
                key.value.push_str(if is_open { " " } else { "" });
                key.value.push_str(if is_open { code } else { " ]" });
                append(&mut key.comment, comment);
            }
        } else if let Some(header) = header_of(code) {
            let mut described = std::mem::take(&mut prose);
            described.extend((!comment.is_empty()).then(|| comment.to_owned()));
            let header = header.to_owned();
            tables.push(Described {
                header,
                is_present: is_live,
                prose: described,
                keys: Vec::new(),
            });
            last = Last::Table;
        } else if let Some((name, value)) = key_of(code) {
            table.prose.append(&mut prose);
            let (name, value) = (name.to_owned(), value.to_owned());
            is_open = value == "[";
            table.keys.push(Key { name, value, is_default: is_live, comment: comment.to_owned() });
            last = Last::Key;
        } else if code.is_empty() && said.len() - said.trim_start().len() >= INDENT {
            match last {
                Last::Key => {
                    if let Some(key) = table.keys.last_mut() {
                        append(&mut key.comment, comment);
                    }
                }
                Last::Table => match table.prose.last_mut() {
                    Some(prose) => append(prose, comment),
                    None => table.prose.push(comment.to_owned()),
                },
                Last::Nothing => {}
            }
        } else if !is_live && !said.trim().is_empty() {
            match prose.last_mut() {
                Some(before) => append(before, said),
                None => prose.push(said.to_owned()),
            }
        } else if is_live && tables.len() == 1 {
            tables[0].prose.append(&mut prose);
        }
    }
    tables
}

fn append(text: &mut String, more: &str) {
    let more = more.trim();
    if !text.is_empty() && !more.is_empty() {
        text.push(' ');
    }
    text.push_str(more);
}

/// A line's code and its comment: the first `#` outside quotation marks parts them.
fn split(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('#', None) => return (line[..at].trim(), line[at + 1..].trim()),
            _ => {}
        }
    }
    (line.trim(), "")
}

/// `[table]` or `[[table]]`.
fn header_of(code: &str) -> Option<&str> {
    let name = code.strip_prefix('[')?.strip_suffix(']')?;
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    (!name.is_empty() && name.chars().all(is_name)).then_some(code)
}

/// Key and value of `key = value`.
fn key_of(code: &str) -> Option<(&str, &str)> {
    let (key, value) = code.split_once(" = ")?;
    let is_key = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    (!key.is_empty() && key.chars().all(is_key)).then_some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::schema::schema;
    use serde_json::Value;
    use std::path::Path;

    #[test]
    fn the_page_that_is_shipped_is_that_of_this_version() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/profile.md");
        let shipped = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            shipped == page(),
            "{} is out of date: gander schema profile --markdown --to docs/profile.md",
            path.display()
        );
    }

    #[test]
    fn tables_keys_and_comments_are_told_apart() {
        let text = "# About all.\n\nfirst = 1   # one\n\n# Of the second\n# table.\n#\n# [second]   # so\n\
                    #              # on\n# key = \"a # b\"   # said\n#                # twice\n[third]\nlist = [\n  \"x\",\n  \"y\",\n]\n";
        let mut page = String::new();
        read(text).iter().for_each(|table| write(table, &mut page));
        insta::assert_snapshot!(page, @r##"

        About all.

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `first` | `1` | | one |

        ## `[second]`

        Of the second table.

        so on

        Not there unless the profile has it.

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `key` | | `"a # b"` | said twice |

        ## `[third]`

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `list` | `[ "x", "y" ]` | | |
        "##);
    }

    #[test]
    fn kinds_of_a_table_are_told_apart_and_values_of_one_key_are_not() {
        let text = "[a]\n# kind = \"x\"   # one\n# kind = \"y\"   # as well\n# [b]\nkind = 1\nkey = 2\n#\n# kind = 3\n# key = 4\n";
        let mut page = String::new();
        read(text).iter().for_each(|table| write(table, &mut page));
        insta::assert_snapshot!(page, @r##"

        ## `[a]`

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `kind` | | `"x"` | one |
        | or | | `"y"` | as well |

        ## `[b]`

        Not there unless the profile has it.

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `kind` | `1` | | |
        | `key` | `2` | | |

        With `kind = 3`:

        | key | default | for example | |
        | --- | --- | --- | --- |
        | `kind` | | `3` | |
        | `key` | | `4` | |
        "##);
    }

    /// The objects that a schema allows, by its references, alternatives and items.
    fn objects<'s>(schema: &'s Value, whole: &'s Value) -> Vec<&'s Value> {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return objects(&whole["definitions"][name], whole);
        }
        let several = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema[key].as_array());
        let mut all: Vec<_> = several.flatten().flat_map(|of| objects(of, whole)).collect();
        all.extend(schema.get("items").into_iter().flat_map(|of| objects(of, whole)));
        all.extend(schema["properties"].is_object().then_some(schema));
        all
    }

    /// The part of the page about a table.
    fn about<'p>(page: &'p str, table: &str) -> Option<&'p str> {
        let start =
            page.find(&format!("## `[{table}]`")).or(page.find(&format!("## `[[{table}]]`")))?;
        page[start..].split("\n## ").next()
    }

    /// Keys below a schema that the page does not name where they belong.
    fn missing(
        schema: &Value,
        whole: &Value,
        (path, part, page): (&str, &str, &str),
    ) -> Vec<String> {
        let mut missing = Vec::new();
        for (key, below) in
            objects(schema, whole).iter().flat_map(|o| o["properties"].as_object().unwrap())
        {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            // Those of the stand-in have a page of their own; those of a variant are those of the tenant.
            if path.starts_with("stand_in.") || path.starts_with("variant.tenant.") {
                continue;
            }
            let is_word = |text: &str| {
                text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
                    .any(|word| word == key)
            };
            match about(page, &path) {
                Some(part) => missing.extend(self::missing(below, whole, (&path, part, page))),
                None if is_word(part) => {
                    missing.extend(self::missing(below, whole, (&path, part, page)));
                }
                None => missing.push(path),
            }
        }
        missing
    }

    #[test]
    fn every_key_of_the_schema_is_on_the_page_where_it_belongs() {
        let (page, schema) = (page(), schema());
        let top = page.split("\n## ").next().unwrap();
        assert_eq!(missing(&schema, &schema, ("", top, &page)), Vec::<String>::new());
        // Which would be found.
        let poor = page.replace("`pointer`", "").replace("a JSON pointer", "");
        let missing = missing(&schema, &schema, ("", top, &poor));
        assert!(missing.contains(&"codes.pointer".to_owned()), "{missing:?}");
    }
}
