//! `gander schema`: the JSON Schema of each file format.

use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::analysis::capacity::found::Capacity;
use crate::analysis::compare::found::Comparison;
use crate::base::schema::identified;
use crate::cluster::message::{Plan, Report};
use crate::journey;
use crate::profile;
use crate::result::summary::Summary;
use clap::builder::{PossibleValue, PossibleValuesParser};
use serde_json::Value;
use std::path::PathBuf;

/// A file format.
struct Document {
    name: &'static str,
    purpose: &'static str,
    schema: fn() -> Value,
    /// The same for people, in Markdown, where there is such a page.
    page: Option<fn() -> String>,
}

const DOCUMENTS: &[Document] = &[
    Document {
        name: "profile",
        purpose: "what to run where, as people write it",
        schema: profile::schema::schema,
        page: Some(profile::manual::page),
    },
    Document {
        name: "journey",
        purpose: "what a user does, as people write it",
        schema: journey::schema::schema,
        page: None,
    },
    Document {
        name: "summary",
        purpose: "what a run found, `summary.json`",
        schema: || identified(Summary::schema(), "summary"),
        page: None,
    },
    Document {
        name: "comparison",
        purpose: "what a comparison found, `gander compare --json`",
        schema: || identified(Comparison::schema(), "comparison"),
        page: None,
    },
    Document {
        name: "capacity",
        purpose: "what a search for capacity found, `capacity.json`",
        schema: || identified(Capacity::schema(), "capacity"),
        page: None,
    },
    Document {
        name: "plan",
        purpose: "what an agent is to do, as a conductor sends it",
        schema: Plan::schema,
        page: None,
    },
    Document {
        name: "result",
        purpose: "what an agent tells of its run, message by message",
        schema: Report::schema,
        page: None,
    },
];

/// Print the JSON Schema of a file format.
#[derive(Debug, clap::Args)]
pub(super) struct SchemaArgs {
    /// The format
    #[arg(value_parser = names())]
    document: String,
    /// File to write to instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The reference for people instead, in Markdown; of profiles only
    #[arg(long)]
    markdown: bool,
}

fn names() -> PossibleValuesParser {
    let values = DOCUMENTS.iter().map(|of| PossibleValue::new(of.name).help(of.purpose));
    values.collect::<Vec<_>>().into()
}

pub(super) fn schema(args: &SchemaArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let document = DOCUMENTS.iter().find(|document| document.name == args.document);
    let Some(document) = document else {
        // The parser of arguments lets no other word through.
        return Err(Failure::new(Exit::Bug, format!("no schema `{}`", args.document), None));
    };
    let text = text(document, args.markdown)?;
    match &args.to {
        None => terminal.data(&text),
        Some(path) => std::fs::write(path, text + "\n").map_err(|error| {
            let what = format!("`{}` cannot be written: {error}", path.display());
            Failure::new(Exit::WrongInput, what, None)
        })?,
    }
    Ok(Exit::Passed)
}

fn text(document: &Document, markdown: bool) -> Result<String, Failure> {
    match document.page {
        Some(page) if markdown => return Ok(page().trim_end().to_owned()),
        None if markdown => {
            let what = format!("there is no page about `{}`, only its schema", document.name);
            let remedy = Some("leave `--markdown` out, or ask for `profile`");
            return Err(Failure::new(Exit::WrongInput, what, remedy));
        }
        _ => {}
    }
    serde_json::to_string_pretty(&(document.schema)()).map_err(|error| {
        Failure::new(Exit::Bug, format!("the schema cannot be written: {error}"), None)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_schemas_that_are_shipped_are_those_of_this_version() {
        for Document { name, schema, .. } in DOCUMENTS {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{name}.json"));
            let shipped: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert!(
                shipped == schema(),
                "{} is out of date: gander schema {name} --to docs/schemas/{name}.json",
                path.display()
            );
        }
    }

    #[test]
    fn names_of_schemas_are_for_ever() {
        let ids: Vec<_> = DOCUMENTS.iter().map(|of| (of.schema)()["$id"].clone()).collect();
        assert_eq!(
            ids,
            [
                "urn:gander:schema:profile",
                "urn:gander:schema:journey",
                "urn:gander:schema:summary",
                "urn:gander:schema:comparison",
                "urn:gander:schema:capacity",
                "urn:gander:schema:plan",
                "urn:gander:schema:result",
            ]
        );
    }
}
