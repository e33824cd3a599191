//! Iterations that are counted by flow, played by hand: whatever becomes of one, its account balances
//! where it is counted, and nowhere else is anything of it.

use super::tests::application;
use super::*;
use crate::base::random::Seed;
use crate::base::secret::Secret;
use crate::davinci::walk::Walk;
use crate::identity::domain::EmailDomain;
use crate::identity::ledger::Ledger;
use crate::identity::login::Logins;
use crate::identity::password::PasswordKey;
use crate::identity::persona::Locale;
use crate::identity::pool::Pool;
use crate::journey::catalog;
use crate::journey::script::Start;
use crate::journey::struck::Learnt;
use crate::measure::collector::Collector;
use crate::measure::series::{Phase, Phases};
use crate::measure::timeline::{Interval, JourneyLine, Readings};
use crate::transport::{Guard, Resolver, Settings, Timing};
use http::Response;
use std::collections::BTreeMap;

/// Users on a schedule, and the clock that is moved by hand.
struct Play {
    players: Players,
    clock: Clock,
    next: u64,
}

fn label() -> Label {
    let name = "authorize";
    Label { step: name.into(), capability: name.into(), event: None, action: String::new() }
}

/// Nothing of it is used: the iterations are played by hand.
fn stage(clock: &Clock) -> Stage {
    Stage {
        run: "r1".into(),
        application: application(),
        clock: clock.clone(),
        seed: Seed(1),
        locale: Locale::default(),
        logins: Logins::new(&"r1".into(), 0, EmailDomain::default()),
        key: PasswordKey::new(&Secret::new("0123456789abcdef".repeat(2))).unwrap(),
        pool: Pool::default(),
        ledger: Arc::new(Ledger::new(tempfile::tempfile().unwrap())),
        codes: None,
        code_timeout: Duration::ZERO,
        is_scheduled: false,
        think: None,
        call_ids: false,
        start: Start::default(),
        bearer: None,
        page: None,
        hidden: crate::journey::struck::Hidden::default(),
    }
}

impl Play {
    fn new() -> Self {
        let clock = Clock::by_hand(std::time::SystemTime::UNIX_EPOCH);
        let recorder = Recorder::new(1, Seed(1));
        let transport =
            Transport::new(Guard::new([]), &Settings::default(), Resolver::System, clock.clone());
        let script = Arc::new(catalog::built_in("sign-on").unwrap().unwrap());
        let (policy, stage) = (None, Arc::new(stage(&clock)));
        let choices = vec![Choice { script, variant: "default".into(), policy, stage }];
        let (transport, numbering) = (transport.unwrap(), (0, None));
        let players = Players::new(clock.clone(), transport, recorder, choices, numbering);
        Self { players: players.on_a_schedule().by_flow(4), clock, next: 0 }
    }

    fn ticket(&mut self, user: usize) -> Ticket {
        let (now, after, phase) = (self.clock.now(), Duration::from_secs(1), Phase::Measured);
        let (dispatched, handed, late, choice) = (now, now, false, 0);
        self.next += 1;
        let number = self.next;
        let ticket =
            Ticket { number, due: now, dispatched, handed, late, after, phase, user, choice };
        self.players.due(&ticket);
        ticket
    }

    /// An iteration that has begun 2 ms late and sends its first request.
    fn begin(&mut self, user: usize) -> (Ticket, Trace) {
        let ticket = self.ticket(user);
        self.clock.advance(Duration::from_millis(2));
        let mut trace = Trace::default();
        trace.begin(self.clock.now());
        self.players.by_flow.as_ref().unwrap().begin(&ticket);
        let mut witness = self.witness(ticket, &mut trace);
        witness.lag(self.clock.now());
        let (walk, request) = self.walk();
        let (label, filled) = (&label(), &[][..]);
        witness.sending(&Sending {
            label,
            request: &request,
            filled,
            call: None,
            walk: &walk,
            learnt: &Learnt::default(),
        });
        (ticket, trace)
    }

    /// As an iteration that has just begun or goes on has it.
    fn witness<'a>(&'a self, ticket: Ticket, trace: &'a mut Trace) -> Recording<'a> {
        let by_flow = self.players.by_flow.as_ref().unwrap();
        let unmet = by_flow.standing(&ticket).is_none().then_some(by_flow);
        let journey = by_flow.standing(&ticket).unwrap_or_else(|| by_flow.begin(&ticket));
        Recording { players: &self.players, ticket, journey, unmet, trace }
    }

    fn walk(&self) -> (Walk, Request<Bytes>) {
        Walk::authorize(application(), None, &[0; 64]).unwrap()
    }

    /// The tenant answers with the first form of a flow, or with no form.
    fn answer(&self, ticket: Ticket, trace: &mut Trace, flow: Option<&str>) {
        let body = flow.map_or_else(
            || serde_json::json!({}),
            |flow| {
                serde_json::json!({
                    "id": "n1", "interactionId": "i", "interactionToken": "t", "flowId": flow,
                    "capabilityName": "customHTMLTemplate",
                    "_links": { "next": { "href": "http://127.0.0.1:1/next" } },
                    "form": { "components": { "fields": [{ "type": "SUBMIT_BUTTON", "key": "OK" }] } },
                })
            },
        );
        let status = if flow.is_some() { 200 } else { 500 };
        let reply = Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap();
        let (mut walk, _) = self.walk();
        walk.receive(&reply);
        assert_eq!(walk.fingerprint().is_some(), flow.is_some());
        let now = self.clock.now();
        let timing = Timing {
            began: now,
            connect: Some(ConnectTime::default()),
            sent: Some(now),
            first_byte: Some(Duration::from_millis(3)),
            service: Some(Duration::from_millis(4)),
            ended: now,
        };
        let exchange = Exchange { reply: Ok(reply), timing, reconnected: false };
        let verdict = match flow {
            Some(_) => Verdict::Advanced,
            None => Verdict::Fault(Fault::Http5xx),
        };
        self.witness(ticket, trace).answered(&Answered {
            label: &label(),
            exchange: &exchange,
            verdict,
            refusal: None,
            completed: false,
            walk: &walk,
            learnt: &Learnt::default(),
        });
    }

    /// The iteration ends by itself.
    fn end(&self, ticket: Ticket, mut trace: Trace, ending: Ending) {
        let mut witness = self.witness(ticket, &mut trace);
        witness.meet(None);
        let journey = witness.journey;
        self.players.record(ticket, journey, &trace, ending);
    }

    /// Somebody else books the end of it.
    fn give_up(&self, ticket: Ticket, trace: Option<Trace>, ending: Ending) {
        let session = || self.players.transport.session();
        let user = trace.map(|trace| User { session: session(), trace });
        self.players.unfinished(ticket, user, ending);
    }

    /// What is on record, by variant; the account of each balances.
    fn recorded(self) -> (BTreeMap<String, JourneyLine>, Interval) {
        let second = Duration::from_secs(60);
        let phases = Phases { warm_up_ends: Duration::ZERO, measured_ends: Some(second) };
        let mut collector = Collector::new(self.players.recorder.clone(), phases);
        let interval = collector.close(second, Readings::default());
        for row in &interval.line.journeys {
            let ended = row.completed + row.faults.total() + row.dropped + row.cut_off;
            assert_eq!(row.due, ended, "{row:?}");
        }
        let rows = interval.line.journeys.iter().map(|row| (row.variant.to_string(), row.clone()));
        (rows.collect(), interval)
    }
}

/// Samples of a kind by variant, those of exchanges by outcome.
fn samples(interval: &Interval, kind: Kind) -> BTreeMap<String, u64> {
    let mut samples = BTreeMap::new();
    for (key, times) in interval.series.iter().filter(|(key, _)| key.kind == kind) {
        let outcome = key.outcome.map_or_else(String::new, |it| format!(" {}", it.slug()));
        *samples.entry(format!("{}{outcome}", key.variant)).or_default() += times.count();
    }
    samples
}

fn of(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

type Do = fn(&mut Play);

/// What happens; the variant that has it; late, exchanges that were sent, samples of lag, steps. Of
/// one that is stuck the steps are where it is.
const CASES: &[(&str, Do, &str, [u64; 4])] = &[
    (
        "a start that fails",
        |play| {
            let (ticket, mut trace) = play.begin(1);
            play.answer(ticket, &mut trace, None);
            play.end(ticket, trace, Ending::Failed(Fault::Http5xx));
        },
        "unknown",
        [0, 1, 1, 1],
    ),
    (
        "no account, so nothing is sent",
        |play| {
            let (ticket, mut trace) = (play.ticket(1), Trace::default());
            trace.begin(play.clock.now());
            play.witness(ticket, &mut trace).lag(play.clock.now());
            play.end(ticket, trace, Ending::Failed(Fault::NoAccount));
        },
        "unknown",
        [0, 0, 1, 0],
    ),
    (
        "dropped while all users were busy",
        |play| {
            let ticket = Ticket { late: true, ..play.ticket(0) };
            play.players.late(&ticket);
            play.give_up(ticket, None, Ending::Dropped);
        },
        "unknown",
        [1, 0, 0, 0],
    ),
    (
        "cut off before the first reply",
        |play| {
            let (ticket, trace) = play.begin(1);
            play.give_up(ticket, Some(trace), Ending::CutOff);
        },
        "unknown",
        [0, 1, 1, 1],
    ),
    (
        "cut off later",
        |play| {
            let (ticket, mut trace) = play.begin(1);
            play.answer(ticket, &mut trace, Some("f1"));
            play.give_up(ticket, Some(trace), Ending::CutOff);
        },
        "f1/n1",
        [0, 1, 1, 1],
    ),
    (
        "stuck, so that its user never comes back",
        |play| {
            let (ticket, mut trace) = play.begin(1);
            play.answer(ticket, &mut trace, Some("f1"));
            play.give_up(ticket, None, Ending::CutOff);
        },
        "f1/n1",
        [0, 1, 1, 0],
    ),
    (
        "completed",
        |play| {
            let (ticket, mut trace) = play.begin(1);
            play.answer(ticket, &mut trace, Some("f1"));
            play.end(ticket, trace, Ending::Completed);
        },
        "f1/n1",
        [0, 1, 1, 1],
    ),
];

#[test]
fn whatever_becomes_of_an_iteration_it_is_counted_once_and_where_it_belongs() {
    for (what, happens, variant, [late, exchanges, lags, steps]) in CASES {
        let mut play = Play::new();
        happens(&mut play);
        let (rows, interval) = play.recorded();
        assert_eq!(rows.keys().collect::<Vec<_>>(), [variant], "{what}");
        let row = &rows[*variant];
        assert_eq!((row.due, row.late, row.exchanges), (1, *late, *exchanges), "{what}");
        assert_eq!(row.funnel.len() as u64, *steps, "{what}: {:?}", row.funnel);
        let expected = if *lags > 0 { of(&[(variant, *lags)]) } else { of(&[]) };
        for kind in [Kind::Lag, Kind::DispatchLag] {
            assert_eq!(samples(&interval, kind), expected, "{what}");
        }
        assert!(interval.series.keys().all(|key| key.variant.as_str() == *variant), "{what}");
    }
}

#[test]
fn two_flows_in_turn_have_half_of_everything_each() {
    let mut play = Play::new();
    for number in 0..100 {
        let (ticket, mut trace) = play.begin(number % 4);
        let flow = if number % 2 == 0 { "f1" } else { "f2" };
        play.answer(ticket, &mut trace, Some(flow));
        // Another one is turned away meanwhile, whose ticket names no user of its own.
        if number == 40 {
            let turned_away = play.ticket(0);
            play.give_up(turned_away, None, Ending::CutOff);
        }
        play.end(ticket, trace, Ending::Completed);
    }
    let (rows, interval) = play.recorded();
    let due = |row: &JourneyLine| (row.due, row.completed, row.exchanges);
    let expected = [("f1/n1", (50, 50, 50)), ("f2/n1", (50, 50, 50)), ("unknown", (1, 0, 0))];
    assert_eq!(
        rows.iter().map(|(name, row)| (name.as_str(), due(row))).collect::<Vec<_>>(),
        expected
    );
    let halves = of(&[("f1/n1", 50), ("f2/n1", 50)]);
    for kind in [Kind::Lag, Kind::Connect, Kind::FirstByte, Kind::Response] {
        assert_eq!(samples(&interval, kind), halves, "{kind:?}");
    }
    let advanced = of(&[("f1/n1 advanced", 50), ("f2/n1 advanced", 50)]);
    assert_eq!(samples(&interval, Kind::Exchange), advanced);
}

#[test]
fn what_goes_before_a_start_is_counted_with_it() {
    let mut play = Play::new();
    let (ticket, mut trace) = play.begin(1);
    trace.in_flight = None;
    trace.steps.clear();
    let mut witness = play.witness(ticket, &mut trace);
    witness.preflighting(&label());
    let now = play.clock.now();
    let timing = Timing {
        began: now,
        connect: Some(ConnectTime::default()),
        sent: Some(now),
        first_byte: None,
        service: Some(Duration::from_millis(1)),
        ended: now,
    };
    let reply = Ok(Response::new(Bytes::new()));
    let exchange = Exchange { reply, timing, reconnected: false };
    witness.preflighted(&Request::new(Bytes::new()), &exchange);
    let (walk, request) = play.walk();
    let (label, filled) = (&label(), &[][..]);
    witness.sending(&Sending {
        label,
        request: &request,
        filled,
        call: None,
        walk: &walk,
        learnt: &Learnt::default(),
    });
    play.answer(ticket, &mut trace, Some("f1"));
    play.end(ticket, trace, Ending::Completed);
    let (rows, interval) = play.recorded();
    assert_eq!(rows.keys().collect::<Vec<_>>(), ["f1/n1"]);
    assert_eq!(rows["f1/n1"].funnel.len(), 1, "one step, with its preflight");
    assert_eq!(samples(&interval, Kind::Preflight), of(&[("f1/n1", 1)]));
    assert_eq!(samples(&interval, Kind::Connect), of(&[("f1/n1", 2)]));
}

#[test]
fn flows_beyond_the_most_that_are_told_apart_are_one() {
    let mut play = Play::new();
    for flow in 0..20 {
        let (ticket, mut trace) = play.begin(flow % 4);
        play.answer(ticket, &mut trace, Some(&format!("f{flow:02}")));
        play.end(ticket, trace, Ending::Completed);
    }
    let (rows, _) = play.recorded();
    assert_eq!(rows.len(), 17);
    assert!(rows.contains_key("f15/n1") && !rows.contains_key("f16/n1"));
    assert_eq!((rows["other"].due, rows["other"].completed), (4, 4));
}
