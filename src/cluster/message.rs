//! What conductor and agents say to each other: versioned messages in JSON.
//!
//! A plan goes from the conductor to one agent, by a request that nothing stores. Reports go from an agent to the
//! conductor through the group's stream. Neither holds a secret: the texts of a plan are those that a person wrote,
//! their references unresolved, and a report has what a run directory has.

use super::name::Name;
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use crate::base::schema::identified;
use crate::measure::Exemplar;
use crate::measure::failing::FaultSample;
use crate::measure::timeline::{JourneyLine, Line};
use crate::result::run_dir::RunRecord;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The format of all messages.
pub const SCHEMA_VERSION: u32 = 1;

/// The most bytes of a message that is stored: servers take a megabyte unless they are told otherwise.
pub const LARGEST: usize = 512 << 10;

/// What an agent is to do: the whole plan, and which share of it is its own.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Plan {
    /// The format of the message.
    pub schema_version: u32,
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// The version of gander that conducts it. Agents are of the same.
    pub gander_version: String,
    /// The number that all randomness comes from, as text.
    pub seed: String,
    /// Which of the files is the profile; none for the embedded quick start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The profile, what it extends and its journeys, as they were written: references are resolved by the agent.
    pub files: Vec<PlanFile>,
    /// TOML made from flags, laid over the profile.
    pub document: String,
    /// `--set`, laid over that.
    pub sets: Vec<String>,
    /// `--threshold`.
    pub thresholds: Vec<String>,
    /// The support case that the person typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<String>,
    /// The environment that the person typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether each journey is performed once before the load, by the first agent.
    pub walks_first: bool,
    /// All agents of the run, in the order of their shares.
    pub agents: Vec<Name>,
    /// The agent's own place among them, from 0.
    pub index: usize,
}

/// A file of a plan.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct PlanFile {
    /// Where it stands, relative to a folder of the agent's own.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// One message of an agent about its run.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Report {
    /// The format of the message.
    pub schema_version: u32,
    /// The run.
    #[schemars(with = "String")]
    pub run: RunId,
    /// Who tells.
    pub agent: Name,
    /// Which process of that name, as its signs of life say.
    #[serde(default)]
    pub instance: u64,
    /// The number of the message among those of the agent about this run, from 0, without gaps.
    pub sequence: u64,
    /// What it tells.
    pub news: News,
}

/// What an agent has to tell.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// Its run began. Always the first.
    Begun(#[schemars(with = "Map<String, Value>")] Box<RunRecord>),
    /// A piece of an interval.
    Interval(Box<Piece>),
    /// The exemplars so far, a part of them after the other.
    Exemplars(Exemplars),
    /// More of its ledger of accounts.
    Ledger(LedgerPart),
    /// Its run ended, and this is what it was. Always the last.
    Ended(#[schemars(with = "Map<String, Value>")] Box<RunRecord>),
}

/// A part of an interval. All pieces of one follow each other.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Piece {
    /// The number of the interval.
    pub interval: u64,
    /// The number of the piece, from 0.
    pub piece: u32,
    /// How many pieces there are.
    pub pieces: u32,
    /// Counters and readings, as in a line of `timeline.jsonl`; in the first piece, with no journeys in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Map<String, Value>>")]
    pub line: Option<Line>,
    /// Counters by phase, variant and journey, as in the line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub journeys: Vec<JourneyLine>,
    /// Histograms: lines of an interval log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub histograms: String,
    /// Samples of what failed, as in lines of `faults.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub failing: Vec<FaultSample>,
}

/// A part of the exemplars.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Exemplars {
    /// The number of the part, from 0.
    pub piece: u32,
    /// How many parts there are.
    pub pieces: u32,
    /// Iterations, as in lines of `exemplars.jsonl`.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub lines: Vec<Exemplar>,
}

/// Lines of a ledger.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct LedgerPart {
    /// How many lines stand before these.
    pub after: u64,
    /// Whole lines of `ledger.jsonl`.
    pub lines: Vec<String>,
}

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is not what it should be.
    #[error("a message that should be {what} is none")]
    NotOne {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It was written by a gander that knows more.
    #[error(
        "{what} came in version {version} of its format, and this gander knows {SCHEMA_VERSION} and older ones"
    )]
    Newer {
        /// What it is.
        what: &'static str,
        /// Its version.
        version: u64,
    },
}

impl Remedy for MessageError {
    fn remedy(&self) -> Option<String> {
        let remedy = "let the conductor and all agents of a group be of the same version of gander";
        Some(remedy.to_owned())
    }
}

/// Reads a message. `what` it is supposed to be is for people: `a plan`.
pub fn read<T: DeserializeOwned>(what: &'static str, text: &[u8]) -> Result<T, MessageError> {
    #[derive(Deserialize)]
    struct Versioned {
        #[serde(default)]
        schema_version: u64,
    }
    let not_one = |source| MessageError::NotOne { what, source };
    // What a newer one means may not even have the same members.
    let version = serde_json::from_slice::<Versioned>(text).map_err(not_one)?.schema_version;
    if version > u64::from(SCHEMA_VERSION) {
        return Err(MessageError::Newer { what, version });
    }
    serde_json::from_slice(text).map_err(not_one)
}

/// Writes a message.
pub fn write<T: Serialize>(message: &T) -> Vec<u8> {
    // None of them has a map with keys other than text, and nothing else can fail in memory.
    serde_json::to_vec(message).unwrap_or_default()
}

impl Plan {
    /// What it is called where it cannot be read.
    pub const WHAT: &str = "a plan";

    /// Its JSON Schema.
    pub fn schema() -> Value {
        schema_of::<Self>("plan")
    }
}

impl Report {
    /// What it is called where it cannot be read.
    pub const WHAT: &str = "a result of an agent";

    /// Its JSON Schema.
    pub fn schema() -> Value {
        schema_of::<Self>("result")
    }

    /// Under which id the stream takes it no more than once.
    pub fn id(&self) -> String {
        format!("{}/{}/{}/{}", self.run, self.agent, self.instance, self.sequence)
    }
}

fn schema_of<T: JsonSchema>(name: &str) -> Value {
    identified(schemars::schema_for!(T).to_value(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan() -> Plan {
        Plan {
            schema_version: SCHEMA_VERSION,
            run: "r1".into(),
            gander_version: "0.1.0".to_owned(),
            seed: u64::MAX.to_string(),
            profile: Some("p.toml".to_owned()),
            files: vec![PlanFile { name: "p.toml".to_owned(), text: "[journeys]\n".to_owned() }],
            document: "[workload]\nusers = 3".to_owned(),
            sets: vec!["accounts.count=4".to_owned()],
            thresholds: vec!["p95 < 1s".to_owned()],
            acknowledge: None,
            environment: None,
            walks_first: false,
            agents: vec!["a".parse().unwrap(), "b".parse().unwrap()],
            index: 1,
        }
    }

    fn report(sequence: u64, news: News) -> Report {
        let agent = "a".parse().unwrap();
        let schema_version = SCHEMA_VERSION;
        Report { schema_version, run: "r1".into(), agent, instance: 7, sequence, news }
    }

    #[test]
    fn a_plan_that_is_written_is_the_one_that_is_read() {
        let text = write(&plan());
        assert_eq!(read::<Plan>(Plan::WHAT, &text).unwrap(), plan());
    }

    #[test]
    fn what_a_newer_gander_says_is_refused_with_its_version() {
        let mut newer = serde_json::to_value(plan()).unwrap();
        newer["schema_version"] = 2.into();
        newer["files"] = "in another way".into();
        let text = serde_json::to_vec(&newer).unwrap();
        let error = read::<Plan>(Plan::WHAT, &text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a plan came in version 2 of its format, and this gander knows 1 and older ones"
        );
        assert!(error.remedy().unwrap().contains("same version"));
    }

    #[test]
    fn every_message_that_is_written_fits_its_schema() {
        let fits = |schema: Value, message: Value| {
            let mut schemas = boon::Schemas::new();
            let mut compiler = boon::Compiler::new();
            compiler.add_resource("schema.json", schema).unwrap();
            let index = compiler.compile("schema.json", &mut schemas).unwrap();
            schemas.validate(&message, index).map_err(|error| error.to_string())
        };
        fits(Plan::schema(), serde_json::to_value(plan()).unwrap()).unwrap();
        let piece = Piece {
            interval: 3,
            pieces: 1,
            line: Some(Line::default()),
            histograms: "x".to_owned(),
            ..Piece::default()
        };
        for (sequence, news) in (0..).zip([
            News::Interval(Box::new(piece)),
            News::Exemplars(Exemplars::default()),
            News::Ledger(LedgerPart { after: 3, lines: vec!["{}".to_owned()] }),
        ]) {
            fits(Report::schema(), serde_json::to_value(report(sequence, news)).unwrap()).unwrap();
        }
        assert!(fits(Report::schema(), serde_json::json!({ "sequence": -1 })).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Plan>(Plan::WHAT, &bytes);
            let _ = read::<Report>(Report::WHAT, &bytes);
        }

        /// Like ours but for one place.
        #[test]
        fn any_damage_is_read_without_panic(at in 0usize..400, byte in any::<u8>()) {
            let ledger = LedgerPart { after: 3, lines: vec!["{\"a\":1}".to_owned()] };
            for mut text in [write(&plan()), write(&report(9, News::Ledger(ledger)))] {
                let at = at % text.len();
                text[at] = byte;
                let _ = read::<Plan>(Plan::WHAT, &text);
                let _ = read::<Report>(Report::WHAT, &text);
            }
        }
    }
}
