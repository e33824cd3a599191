//! Showing a result, pure: a summary in, text out. Nothing here prints, reads a file or judges.

pub mod about;
pub mod chart;
pub mod columns;
pub mod console;
pub mod faults;
pub mod figures;
pub mod health;
pub mod json;
pub mod page;
pub mod paint;
pub mod progress;
mod timed;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod specimen;

use crate::base::remedy::{Listing, Remedy, nearest};
use crate::result::dossier::Dossier;

/// A form in which a run directory can be rendered again.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// The usual ending of a file that holds it, without the dot.
    pub extension: &'static str,
    /// What it is for, for people.
    pub purpose: &'static str,
    /// Makes the whole text.
    pub render: fn(&Dossier) -> Result<String, RenderError>,
}

/// All of them, in the order of help texts.
pub const FORMATS: &[Format] = &[Format {
    name: "json",
    extension: "json",
    purpose: "the result as data, the same as `summary.json`",
    render: |dossier| json::render(&dossier.summary),
}];

/// Why a result cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It does not become JSON.
    #[error("the summary cannot be written as JSON: {source}")]
    Json {
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl Remedy for RenderError {
    fn remedy(&self) -> Option<String> {
        None
    }
}

/// A word that is not a format.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{name}` is not a format")]
pub struct NoSuchFormat {
    /// The word.
    pub name: String,
}

impl Remedy for NoSuchFormat {
    fn remedy(&self) -> Option<String> {
        let names = || FORMATS.iter().map(|format| format.name);
        Some(match nearest(&self.name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there is {}", names().collect::<Listing>()),
        })
    }
}

impl Format {
    /// The format of a name.
    pub fn named(name: &str) -> Result<&'static Self, NoSuchFormat> {
        let found = FORMATS.iter().find(|format| format.name == name);
        found.ok_or_else(|| NoSuchFormat { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name_and_renders_every_specimen() {
        for format in FORMATS {
            assert_eq!(Format::named(format.name).unwrap().purpose, format.purpose);
            for dossier in specimen::dossiers() {
                let text = (format.render)(&dossier).unwrap();
                assert!(text.ends_with('\n') && text.len() > 2, "{}", format.name);
            }
        }
    }

    #[test]
    fn an_unknown_format_is_answered_with_those_there_are() {
        let error = Format::named("jsn").unwrap_err();
        assert_eq!(error.to_string(), "`jsn` is not a format");
        assert_eq!(error.remedy().unwrap(), "did you mean `json`?");
        assert_eq!(Format::named("parquet").unwrap_err().remedy().unwrap(), "there is `json`");
    }
}
