//! What conductor and agents ask of each other, and what an agent says of itself each second. Nothing of it is stored.

use super::message::{Plan, SCHEMA_VERSION};
use super::name::Name;
use crate::base::names::RunId;
use serde::{Deserialize, Serialize};

/// A question or an order of a conductor.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// The format of the message.
    pub schema_version: u32,
    /// What is wanted.
    pub order: Order,
}

/// What is wanted of an agent. Each may be said again; what was done already is not done twice.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Who is there?
    Present,
    /// What time is it?
    Time,
    /// Get ready for this plan.
    Prepare(Box<Plan>),
    /// Begin the load at this moment of your own clock.
    Start {
        /// The run.
        run: RunId,
        /// In microseconds since 1970.
        at_unix_us: u64,
    },
    /// From a moment of the plan on others have the load.
    Share {
        /// The run.
        run: RunId,
        /// Who has it from when on, in order; the first is from the beginning.
        epochs: Vec<Epoch>,
    },
    /// End the load: let what is under way end, or cut it off.
    Stop {
        /// The run.
        run: RunId,
        /// Whether it is cut off.
        now: bool,
        /// Who wants it.
        who: String,
    },
    /// Nothing comes of it: forget the plan, or end its load at once.
    StandDown {
        /// The run.
        run: RunId,
        /// Why, for the person there.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// The stream has lost something: tell again what comes from this message on.
    Tell {
        /// The run.
        run: RunId,
        /// The number of the message.
        from: u64,
    },
    /// Everything that was told is safe.
    Confirm {
        /// The run.
        run: RunId,
    },
}

/// From a moment on these agents have the load.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Epoch {
    /// The moment of the plan, in milliseconds.
    pub from_ms: u64,
    /// Places of the agents among those of the plan.
    pub agents: Vec<usize>,
    /// Of a count of the closed model: how many iterations whoever hears it has more.
    #[serde(default)]
    pub more: u64,
}

/// What an agent answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reply {
    /// The format of the message.
    pub schema_version: u32,
    /// The answer.
    pub answer: Answer,
}

/// An answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// This is who is there.
    Present(Box<Presence>),
    /// The time in microseconds since 1970.
    Time(u64),
    /// It is done, or under way.
    Taken,
    /// It is not done, for another run has the agent.
    Busy {
        /// That run.
        run: RunId,
    },
    /// It is not done.
    Refused {
        /// Why.
        why: String,
    },
}

/// An agent, as it is now: the answer to a roll call, and what it says each second.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Presence {
    /// The format of the message.
    pub schema_version: u32,
    /// What it is called.
    pub agent: Name,
    /// A number of this process, to tell two of the same name apart.
    pub instance: u64,
    /// Its version of gander.
    pub gander_version: String,
    /// The machine's name.
    pub host: String,
    /// Cores that it may use.
    pub cores: u64,
    /// Memory of the machine, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Files that it may have open, connections among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_limit: Option<u64>,
    /// Users that it has room for by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// The run that it is at; none while it is idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// How far it is with it.
    pub stage: Stage,
}

/// How far an agent is with a run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is at none.
    #[default]
    Idle,
    /// It makes what the load needs.
    Preparing,
    /// It could start.
    Ready,
    /// It cannot.
    Failed {
        /// The exit code that its failure would have.
        exit: u8,
        /// Everything that is wrong.
        complaints: Vec<Complaint>,
    },
    /// It has the moment of the start, or is past it.
    Running {
        /// Intervals that are over.
        intervals: u64,
        /// Messages about the run so far.
        told: u64,
        /// Those of them that the stream has.
        delivered: u64,
    },
}

/// One thing that is wrong: what, where, and the way out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Complaint {
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Request {
    /// What it is called where it cannot be read.
    pub const WHAT: &str = "an order";

    /// As this gander says it.
    pub const fn of(order: Order) -> Self {
        Self { schema_version: SCHEMA_VERSION, order }
    }
}

impl Reply {
    /// What it is called where it cannot be read.
    pub const WHAT: &str = "an answer of an agent";

    /// As this gander says it.
    pub const fn of(answer: Answer) -> Self {
        Self { schema_version: SCHEMA_VERSION, answer }
    }
}

impl Presence {
    /// What it is called where it cannot be read.
    pub const WHAT: &str = "a sign of life";
}

#[cfg(test)]
mod tests {
    use super::super::message::{read, write};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_asked_is_what_is_heard() {
        let run = RunId::from("r1");
        for order in [
            Order::Present,
            Order::Time,
            Order::Start { run: run.clone(), at_unix_us: 1_795_286_081_000_000 },
            Order::Share {
                run: run.clone(),
                epochs: vec![Epoch { from_ms: 0, agents: vec![0, 2], more: 7 }],
            },
            Order::Stop { run: run.clone(), now: true, who: "Ctrl-C".to_owned() },
            Order::StandDown { run: run.clone(), why: "no".to_owned() },
            Order::Tell { run: run.clone(), from: 9 },
            Order::Confirm { run },
        ] {
            let request = Request::of(order);
            assert_eq!(read::<Request>(Request::WHAT, &write(&request)).unwrap(), request);
        }
        let complaint =
            Complaint { what: "no".to_owned(), place: None, remedy: Some("yes".to_owned()) };
        let failed = Stage::Failed { exit: 3, complaints: vec![complaint] };
        for stage in [Stage::Idle, failed, Stage::Running { intervals: 3, told: 9, delivered: 8 }] {
            let presence = Presence {
                schema_version: 1,
                agent: "a".parse().unwrap(),
                instance: u64::MAX,
                gander_version: "0.1.0".to_owned(),
                host: "h".to_owned(),
                cores: 2,
                memory_bytes: None,
                file_limit: Some(1024),
                users: Some(900),
                run: None,
                stage,
            };
            let reply = Reply::of(Answer::Present(Box::new(presence)));
            assert_eq!(read::<Reply>(Reply::WHAT, &write(&reply)).unwrap(), reply);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Request>(Request::WHAT, &bytes);
            let _ = read::<Reply>(Reply::WHAT, &bytes);
            let _ = read::<Presence>(Presence::WHAT, &bytes);
        }
    }
}
