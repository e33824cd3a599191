//! Showing a result, pure: a summary in, text out. Nothing here prints, reads a file or judges.

pub use crate::base::figures;

pub mod about;
pub mod announce;
pub mod budget;
pub mod capacity;
pub mod chart;
pub mod columns;
pub mod comparison;
pub mod console;
pub mod csv;
pub mod drift;
pub mod faults;
pub mod health;
pub mod hgrm;
pub mod json;
pub mod junit;
pub mod markdown;
mod markup;
pub mod page;
pub mod paint;
mod parts;
pub mod progress;
mod timed;
pub mod timeline;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod specimen;
#[cfg(test)]
mod specimen_drift;

use crate::analysis::rule::Scope;
use crate::base::remedy::{Listing, Remedy, nearest};
use crate::measure::timeline::Line;
use crate::result::dossier::Dossier;
use crate::result::run_dir::{JUNIT, REPORT, RunRecord, STEPS};
use crate::result::summary::Summary;

/// A form in which a run directory can be rendered again.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// The usual ending of a file that holds it, without the dot.
    pub extension: &'static str,
    /// What it is for, for people.
    pub purpose: &'static str,
    /// The file in the run directory that every run leaves in this form at its end, if it does.
    pub file: Option<&'static str>,
    /// How it is made.
    pub render: Render,
}

/// How a text is made.
#[derive(Clone, Copy, Debug)]
pub enum Render {
    /// Whole, from the result alone: nothing else of a long run has to be read.
    Result(fn(&RunRecord, &Summary) -> Result<String, RenderError>),
    /// Whole, from everything that is known of a run.
    Whole(fn(&Dossier) -> Result<String, RenderError>),
    /// Whole, and about a part of the run that the person chooses.
    Scoped(fn(&Dossier, &Scope) -> Result<String, RenderError>),
    /// Interval by interval, so that a long run is never in memory: a heading, then what each line
    /// of the timeline adds.
    Stream {
        /// The text before the first interval.
        head: fn() -> Result<String, RenderError>,
        /// The text of one interval; each of its lines is ended.
        line: fn(&RunRecord, &Line) -> Result<String, RenderError>,
    },
}

/// All of them, in the order of help texts.
#[rustfmt::skip]
pub const FORMATS: &[Format] = &[
    Format {
        name: "json",
        extension: "json",
        purpose: "the result as data, the same as `summary.json`",
        file: None,
        render: Render::Result(|_, summary| json::render(summary)),
    },
    Format {
        name: "csv",
        extension: "csv",
        purpose: "a row for each journey, capability and step, for spreadsheets",
        file: Some(STEPS),
        render: Render::Result(|_, summary| csv::render(summary)),
    },
    Format {
        name: "csv-timeline",
        extension: "csv",
        purpose: "a row for each second and journey, for notebooks",
        file: None,
        render: Render::Stream { head: timeline::head, line: timeline::rows },
    },
    Format {
        name: "markdown",
        extension: "md",
        purpose: "for a pull request",
        file: None,
        render: Render::Result(|record, summary| Ok(markdown::render(record, summary))),
    },
    Format {
        name: "junit",
        extension: "xml",
        purpose: "a test case for each threshold and journey, for CI systems",
        file: Some(JUNIT),
        render: Render::Result(junit::render),
    },
    Format {
        name: "hgrm",
        extension: "hgrm",
        purpose: "a percentile distribution, for HdrHistogram's plotter",
        file: None,
        render: Render::Scoped(hgrm::render),
    },
    Format {
        name: "html",
        extension: "html",
        purpose: "the report page, one file that needs no network",
        file: Some(REPORT),
        render: Render::Whole(|dossier| Ok(page::document(dossier))),
    },
];

/// Why a result cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It does not become JSON.
    #[error("the summary cannot be written as JSON: {source}")]
    Json {
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It does not become CSV.
    #[error("the rows cannot be written as CSV: {source}")]
    Csv {
        /// What is wrong.
        source: ::csv::Error,
    },
    /// It does not become XML.
    #[error("the cases cannot be written as XML: {source}")]
    Xml {
        /// What is wrong.
        source: quick_junit::SerializeError,
    },
    /// The part of the run that was asked for has no sample that ended well.
    #[error("{} has no time to show", asked(scope))]
    NoTimes {
        /// What was asked for.
        scope: Box<Scope>,
        /// What the run has.
        known: Vec<String>,
    },
}

fn asked(scope: &Scope) -> String {
    if *scope == Scope::Run { "the run".to_owned() } else { format!("`{scope}`") }
}

impl RenderError {
    /// Whether the person asked for something that is not there; anything else is a defect.
    pub const fn is_of_input(&self) -> bool {
        matches!(self, Self::NoTimes { .. })
    }
}

impl Remedy for RenderError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::NoTimes { scope, known } if !known.is_empty() => {
                let (asked, names) = (scope.to_string(), || known.iter().map(String::as_str));
                Some(match nearest(&asked, names()) {
                    Some(near) if near != asked => format!("did you mean `{near}`?"),
                    _ => format!("there is {}", names().collect::<Listing>()),
                })
            }
            _ => None,
        }
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

    /// The text for all of a run in hand; of a stream only the head, its lines are in no dossier.
    pub fn rendered(&self, dossier: &Dossier) -> Result<String, RenderError> {
        match self.render {
            Render::Result(render) => render(&dossier.record, &dossier.summary),
            Render::Whole(render) => render(dossier),
            Render::Scoped(render) => render(dossier, &Scope::Run),
            Render::Stream { head, .. } => head(),
        }
    }

    /// Whether it can be about a part of the run.
    pub const fn has_scope(&self) -> bool {
        matches!(self.render, Render::Scoped(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_format_is_found_by_its_name_and_renders_every_specimen() {
        for format in FORMATS {
            assert_eq!(Format::named(format.name).unwrap().purpose, format.purpose);
            for dossier in specimen::dossiers() {
                match format.rendered(&dossier) {
                    Ok(text) => {
                        assert!(text.ends_with('\n') && text.len() > 2, "{}", format.name);
                    }
                    Err(error) => assert!(error.is_of_input(), "{}: {error}", format.name),
                }
            }
        }
    }

    #[test]
    fn no_two_formats_have_the_same_name_or_leave_the_same_file() {
        let names: BTreeSet<_> = FORMATS.iter().map(|format| format.name).collect();
        assert_eq!(names.len(), FORMATS.len());
        let files: Vec<_> = FORMATS.iter().filter_map(|format| format.file).collect();
        assert_eq!(files.len(), files.iter().collect::<BTreeSet<_>>().len());
    }

    #[test]
    fn an_unknown_format_is_answered_with_those_there_are() {
        let error = Format::named("jsn").unwrap_err();
        assert_eq!(error.to_string(), "`jsn` is not a format");
        assert_eq!(error.remedy().unwrap(), "did you mean `json`?");
        let remedy = Format::named("parquet").unwrap_err().remedy().unwrap();
        assert!(remedy.starts_with("there is `json`, `csv`"), "{remedy}");
    }
}
