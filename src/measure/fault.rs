//! The fault table: every way an exchange or an iteration can go wrong, and whom it is charged to.

use std::fmt;
use std::str::FromStr;

/// Whom a fault is charged to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The tenant answered, and the answer was not what the journey needs.
    Tenant,
    /// Nothing usable came over the wire.
    Network,
    /// The run lacked something a person has to provide: an account, a code, a value, a permission.
    Data,
    /// gander itself was the limit. Makes a run invalid, never the tenant slow.
    Generator,
}

/// What kind of thing went wrong; groups the table for people.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// The status of the reply says it.
    Status,
    /// The flow took another turn than the journey.
    Flow,
    /// The reply itself could not be used.
    Reply,
    /// A call that gander would not make.
    Withheld,
    /// The connection could not be made or broke.
    Connection,
    /// Waited for too long.
    TimeOut,
    /// Something to send was missing.
    Supply,
    /// The generator could not keep up.
    Generator,
}

/// One row of the fault table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which fault the row is about.
    pub fault: Fault,
    /// Its name in every file and report.
    pub slug: &'static str,
    /// What kind of thing went wrong.
    pub class: Class,
    /// Whom it is charged to.
    pub side: Side,
    /// Whether a percentile that judges counts it as slower than any limit: time-outs, resets and
    /// what was cut off never showed how long they would have taken.
    pub beyond_any_limit: bool,
    /// What it means, for people.
    pub meaning: &'static str,
}

/// A classified unwanted outcome. A row number of [`FAULTS`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
#[expect(missing_docs, reason = "the meaning of each is its row in the table")]
pub enum Fault {
    Http5xx,
    Http4xx,
    RateLimited,
    Blocked,
    FlowFailed,
    FlowTimedOut,
    InteractionRejected,
    Refused,
    NotRefused,
    UnexpectedForm,
    MalformedReply,
    NoNextStep,
    OversizedReply,
    ForeignLink,
    NotAcknowledged,
    Dns,
    ConnectRefused,
    ConnectTimeout,
    Tls,
    HttpVersion,
    ProxyRefused,
    Reset,
    ReadTimeout,
    NoAccount,
    CodeNotReceived,
    UnmappedField,
    Saturated,
    OutOfSockets,
    Panicked,
    LedgerNotWritten,
    CutOff,
}

use Class::{Connection, Flow, Generator, Reply, Status, Supply, TimeOut, Withheld};
use Side::{Data, Network, Tenant};

/// The table, in the order of reports.
#[rustfmt::skip]
pub const FAULTS: &[Entry] = &[
    row(Fault::Http5xx, "http-5xx", Status, Tenant, "a server error that no author of a flow put there"),
    row(Fault::Http4xx, "http-4xx", Status, Tenant, "a client error that is none of the more exact ones"),
    row(Fault::RateLimited, "rate-limited", Status, Tenant, "429 of the platform: the licence's rate is used up"),
    row(Fault::Blocked, "blocked", Status, Tenant, "403 in front of the flow: an edge or firewall turned the call away"),
    row(Fault::FlowFailed, "flow-failed", Flow, Tenant, "the flow ended in failure and cannot be continued"),
    row(Fault::FlowTimedOut, "flow-timed-out", Flow, Tenant, "the flow's own time limit was over before the journey was"),
    row(Fault::InteractionRejected, "interaction-rejected", Flow, Tenant, "the interaction or its token was not accepted"),
    row(Fault::Refused, "refused", Flow, Tenant, "an error reply where the rule expected to advance"),
    row(Fault::NotRefused, "not-refused", Flow, Tenant, "the flow advanced where the rule expected a refusal"),
    row(Fault::UnexpectedForm, "unexpected-form", Flow, Tenant, "a form that no rule of the journey answers"),
    row(Fault::MalformedReply, "malformed-reply", Reply, Tenant, "a reply that is not what the protocol says"),
    row(Fault::NoNextStep, "no-next-step", Reply, Tenant, "a reply that asks to go on and gives no link to go to"),
    row(Fault::OversizedReply, "oversized-reply", Reply, Tenant, "a reply longer than `http.max_reply`"),
    row(Fault::ForeignLink, "foreign-link", Withheld, Tenant, "a link to a host outside `tenant.hosts`; it was not called"),
    // Found when the connector is asked for an address, so it can end an iteration, although
    // `check` should have said so before.
    row(Fault::NotAcknowledged, "not-acknowledged", Withheld, Data, "an address beyond loopback without an acknowledgement; it was not called"),
    row(Fault::Dns, "dns", Connection, Network, "the host's name could not be resolved"),
    row(Fault::ConnectRefused, "connect-refused", Connection, Network, "nobody accepted the connection"),
    beyond(Fault::ConnectTimeout, "connect-timeout", TimeOut, Network, "no connection within `http.connect_timeout`"),
    row(Fault::Tls, "tls", Connection, Network, "the TLS handshake failed"),
    row(Fault::HttpVersion, "http-version", Connection, Network, "the server did not choose the version of HTTP that `http.version` asks for"),
    row(Fault::ProxyRefused, "proxy-refused", Connection, Network, "the proxy of `http.proxy` did not let the call through"),
    beyond(Fault::Reset, "reset", Connection, Network, "the connection broke before the reply was complete"),
    beyond(Fault::ReadTimeout, "read-timeout", TimeOut, Network, "no complete reply within `http.reply_timeout`"),
    row(Fault::NoAccount, "no-account", Supply, Data, "no account in the state the journey needs was free"),
    row(Fault::CodeNotReceived, "code-not-received", Supply, Data, "the one-time code did not arrive in time"),
    row(Fault::UnmappedField, "unmapped-field", Supply, Data, "a required field for which the journey has no value"),
    row(Fault::Saturated, "saturated", Generator, Side::Generator, "the generator had no capacity left for the call"),
    row(Fault::OutOfSockets, "out-of-sockets", Generator, Side::Generator, "no file descriptor or local port was left"),
    row(Fault::Panicked, "panicked", Generator, Side::Generator, "a mistake in gander ended the iteration"),
    // No request that makes or changes an account may be sent without its line on the ledger.
    row(Fault::LedgerNotWritten, "ledger-not-written", Generator, Side::Generator, "the ledger of accounts could not be written, so the request was not sent"),
    // What the drain or an interrupt ended. At the level of a journey it has a column of its own;
    // an exchange that was still waiting needs a slug, so that percentiles that judge see it. It is
    // charged to the tenant, which had not answered when the drain was over: charged to the
    // generator it would make every run with a slow tenant invalid.
    beyond(Fault::CutOff, "cut-off", TimeOut, Tenant, "still waiting when the drain ended or the run was interrupted"),
];

const fn row(
    fault: Fault,
    slug: &'static str,
    class: Class,
    side: Side,
    meaning: &'static str,
) -> Entry {
    Entry { fault, slug, class, side, beyond_any_limit: false, meaning }
}

const fn beyond(
    fault: Fault,
    slug: &'static str,
    class: Class,
    side: Side,
    meaning: &'static str,
) -> Entry {
    Entry { fault, slug, class, side, beyond_any_limit: true, meaning }
}

impl Fault {
    /// How many there are; each is smaller than this as a number.
    pub const COUNT: usize = FAULTS.len();

    /// Its row of the table.
    pub const fn entry(self) -> &'static Entry {
        &FAULTS[self as usize]
    }

    /// Its name in every file and report.
    pub const fn slug(self) -> &'static str {
        self.entry().slug
    }

    /// Whom it is charged to.
    pub const fn side(self) -> Side {
        self.entry().side
    }

    /// Whether a percentile that judges counts it as slower than any limit.
    pub const fn is_beyond_any_limit(self) -> bool {
        self.entry().beyond_any_limit
    }

    /// All of them, in the order of the table.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        FAULTS.iter().map(|entry| entry.fault)
    }
}

/// A word that is not in the fault table.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{slug}` is not a fault")]
pub struct NoSuchFault {
    /// The word.
    pub slug: String,
}

impl FromStr for Fault {
    type Err = NoSuchFault;

    fn from_str(slug: &str) -> Result<Self, NoSuchFault> {
        let found = FAULTS.iter().find(|entry| entry.slug == slug);
        found.map(|entry| entry.fault).ok_or_else(|| NoSuchFault { slug: slug.to_owned() })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl<'de> serde::Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Slug;

        impl serde::de::Visitor<'_> for Slug {
            type Value = Fault;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: serde::de::Error>(self, slug: &str) -> Result<Fault, E> {
                slug.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_indexed_by_its_faults() {
        for (position, entry) in FAULTS.iter().enumerate() {
            assert_eq!(entry.fault as usize, position, "{}", entry.slug);
        }
        // The last variant: one more without a row would be a number beyond the table.
        assert_eq!(Fault::CutOff as usize + 1, Fault::COUNT);
    }

    #[test]
    fn slugs_are_unique_and_safe_in_tags_and_rules() {
        let slugs: BTreeSet<_> = FAULTS.iter().map(|entry| entry.slug).collect();
        assert_eq!(slugs.len(), FAULTS.len());
        for slug in slugs {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(slug.chars().all(plain), "{slug}");
        }
    }

    #[test]
    fn every_fault_is_read_back_from_its_slug() {
        for fault in Fault::all() {
            assert_eq!(fault.slug().parse(), Ok(fault));
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
        }
        assert_eq!(
            "http-6xx".parse::<Fault>().unwrap_err().to_string(),
            "`http-6xx` is not a fault"
        );
    }

    #[test]
    fn only_time_outs_resets_and_cut_offs_are_beyond_any_limit() {
        let beyond: Vec<_> = Fault::all().filter(|fault| fault.is_beyond_any_limit()).collect();
        assert_eq!(
            beyond,
            [Fault::ConnectTimeout, Fault::Reset, Fault::ReadTimeout, Fault::CutOff]
        );
    }

    #[test]
    fn faults_of_the_generator_are_charged_to_it() {
        for entry in FAULTS {
            assert_eq!(entry.class == Generator, entry.side == Side::Generator, "{}", entry.slug);
        }
    }
}
