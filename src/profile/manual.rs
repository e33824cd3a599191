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
         Every table and key that a profile can have. This page is made from the commented default,\n\
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
    if table.keys.is_empty() {
        return;
    }
    let mut rows = String::from("| key | default | for example | |\n| --- | --- | --- | --- |");
    for Key { name, value, is_default, comment } in &table.keys {
        let value = format!("`{}`", value.replace('|', "\\|"));
        let (default, example) =
            if *is_default { (value.as_str(), "") } else { ("", value.as_str()) };
        let comment = comment.replace('|', "\\|");
        rows.push_str(&format_row([&format!("`{name}`"), default, example, &comment]));
    }
    paragraph(&rows);
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
    fn every_table_of_the_schema_is_on_the_page() {
        let page = page();
        let schema = schema();
        let names = schema["properties"].as_object().unwrap();
        for name in names.keys() {
            let as_table = page.contains(&format!("[{name}]"));
            assert!(as_table || page.contains(&format!("| `{name}` |")), "no {name} on the page");
        }
    }
}
