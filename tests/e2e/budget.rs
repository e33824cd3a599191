//! What a load costs is said before it is on, and what is said comes true.

use crate::lab::{Ended, Lab};
use crate::tenant::Tenant;
use crate::{guard, one_call};
use serde_json::Value;
use std::collections::BTreeMap;

/// A load, the licence of the stand-in, and when the first call is turned down by it.
struct Row {
    journey: &'static str,
    workload: &'static str,
    /// A group of `[limits]`, that of the stand-in, calls a second, and the share of one address.
    limit: (&'static str, &'static str, u32, &'static str),
    first_s: f64,
}

const ROWS: &[Row] = &[
    // 5/s more each second cross 10/s after 2 s, and have spent the second's worth above it after 4.
    Row {
        journey: "sign-on",
        workload: "stages = [{ rate = \"40/s\", over = \"8s\" }]",
        limit: ("davinci-start", "davinci_start", 20, "50%"),
        first_s: 4.0,
    },
    // 40 answers a second against 30.
    Row {
        journey: "register",
        workload: "rate = \"10/s\"\nduration = \"6s\"",
        limit: ("davinci-execution", "davinci_execution", 30, "100%"),
        first_s: 3.0,
    },
];

impl Row {
    fn profile(&self, exceed: bool) -> String {
        let (group, of_stand_in, rate, share) = self.limit;
        format!(
            "[workload]\nmodel = \"open\"\narrivals = \"constant\"\nmax_users = 200\n{}\n[journeys]\n{} = 1\n\
             [accounts]\nsource = \"provision\"\ncount = 200\n[guards]\nstop_when = []\n\
             [limits]\n{group} = \"{rate}/s\"\nper_address_share = \"{share}\"\nexceed = {exceed}\n\
             [stand_in]\nsigning = \"ES256\"\n\
             [stand_in.rate_limits]\n{of_stand_in} = \"{rate}/s\"\nper_address_share = \"{share}\"\n",
            self.workload, self.journey
        )
    }
}

/// On a machine that has other things to do the generator may have been late as well, which is not what is asked
/// here.
fn ended_as(ended: &Ended, code: i32) -> bool {
    ended.code == code || ended.code == 5
}

#[test]
fn the_first_429_comes_when_the_budget_says() {
    for row in ROWS {
        let lab = Lab::new();
        let profile = lab.file("p.toml", &row.profile(true));
        // A generator that was late did not put the load on that was forecast.
        let mut runs = (1..=3).map(|seed| lab.run(&["run", &profile, "--seed", &seed.to_string()]));
        let ended = runs.find(|ended| ended.code != 5).expect("a generator in time");
        // It was run to see the limit, and the limit was there: more than 1 % of faults.
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        let said = format!("the first 429 is to be expected {:.2} s after the start", row.first_s);
        assert!(ended.stderr.contains(&said), "{said}: {}", ended.stderr);
        let faults =
            std::fs::read_to_string(lab.path("reports/latest/faults.jsonl")).expect("faults");
        let faults = faults.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let limited = faults.filter(|fault| fault["fault"] == "rate-limited");
        let first =
            limited.filter_map(|fault| fault["at_us"].as_f64()).fold(f64::MAX, f64::min) / 1e6;
        assert!((first - row.first_s).abs() < 0.7, "{}: {first}, not {}", row.journey, row.first_s);
    }
}

#[test]
fn a_load_beyond_the_licence_is_refused_before_anything_is_begun() {
    let lab = Lab::new();
    let profile = lab.file("p.toml", &ROWS[1].profile(false));
    for command in ["run", "check"] {
        let ended = lab.run(&[command, &profile]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains("up to 5.62/s of iterations fit"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("sound"), "what is refused is not sound: {}", ended.stderr);
        assert!(!lab.path("reports").exists(), "something was begun");
    }
}

/// What a journey says of itself.
struct Said {
    answers: f64,
    mails: f64,
    /// The rules whose requests have mails sent.
    senders: Vec<String>,
}

impl Said {
    fn read(file: &str) -> Self {
        let number = |key| file.lines().find_map(|line| line.strip_prefix(key));
        let is_sender = |rule: &&str| {
            let says = |line| rule.lines().any(|it| it == line);
            says("sends_code = true")
                || says("creates_account = true") && !says("sends_code = false")
        };
        let name = |rule: &str| {
            let name = rule.lines().find_map(|line| line.strip_prefix("name = "));
            name.expect("a name").trim_matches('"').to_owned()
        };
        let senders: Vec<_> = file.split("[[rule]]").skip(1).filter(is_sender).map(name).collect();
        let mails = number("mails = ");
        assert!(senders.is_empty() || mails.is_some(), "no number of mails: {file}");
        Self {
            answers: number("answers = ").expect("a number of answers").parse().expect("a number"),
            mails: mails.map_or(0.0, |mails| mails.parse().expect("a number")),
            senders,
        }
    }
}

#[test]
fn every_built_in_journey_answers_as_many_forms_and_has_as_many_mails_sent_as_it_says() {
    let lab = Lab::new();
    let listed = lab.run(&["journeys", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let names = listed.as_array().expect("a list").iter().filter_map(|of| of["name"].as_str());
    let names: Vec<_> = names.collect();
    let said: BTreeMap<_, Said> = names
        .iter()
        .map(|name| (*name, Said::read(&lab.run(&["journeys", "show", name]).stdout)))
        .collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let profile = root.join("profiles/every-journey.toml");
    let profile = profile.to_str().expect("a path in UTF-8");
    let set = [
        "think_time.between_steps=\"none\"",
        "workload.warm_up=\"0s\"",
        "stand_in.delay=[]",
        "stand_in.signing=\"ES256\"",
    ];
    let mut arguments = vec!["run", profile, "-u", "2", "-n", "150", "--seed", "1", "-q"];
    set.iter().for_each(|set| arguments.extend(["--set", set]));
    let ended = lab.run(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let summary =
        std::fs::read_to_string(lab.path("reports/latest/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    for (name, said) in said {
        let of = |rows: &Value| -> Vec<Value> {
            rows.as_array()
                .expect("rows")
                .iter()
                .filter(|row| row["journey"] == name)
                .cloned()
                .collect()
        };
        let iterations: f64 =
            of(&summary["journeys"]).iter().map(|row| number(&row["completed"])).sum();
        let answers = || of(&summary["steps"]).into_iter().filter(|row| row["event"] != "");
        let mails =
            answers().filter(|row| said.senders.iter().any(|rule| row["step"] == rule.as_str()));
        let answers: f64 = answers().map(|row| number(&row["samples"])).sum();
        let mails: f64 = mails.map(|row| number(&row["samples"])).sum();
        assert!(iterations > 0.0, "`{name}` was not met");
        assert!(
            (answers / iterations - said.answers).abs() < 1e-9,
            "`{name}`: {} answers, not {}",
            answers / iterations,
            said.answers
        );
        assert!(
            (mails / iterations - said.mails).abs() < 1e-9,
            "`{name}`: {} mails, not {}",
            mails / iterations,
            said.mails
        );
    }
}

#[test]
fn an_announcement_is_written_before_there_is_a_case_and_says_what_is_missing() {
    let lab = Lab::new();
    let profile = lab.file("p.toml", &guard::profile("https://auth.example.com", ""));
    let ended = lab.run(&["announce", &profile]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for said in [
        "ANNOUNCEMENT OF A LOAD TEST",
        "auth.example.com",
        "TO FILL IN",
        "none yet",
        "davinci-start",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    let still = "source addresses (`--source`), window (`--at`), contacts (`--contact`)";
    assert!(ended.stderr.contains(still), "{}", ended.stderr);
    let whole = [
        "announce",
        &profile,
        "--at",
        "2099-12-01T23:59:30Z",
        "--source",
        "192.0.2.7",
        "--contact",
        "A <a@b.example>",
        "--format",
        "markdown",
        "--to",
        "sheet.md",
    ];
    let ended = lab.run(&whole);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let sheet = std::fs::read_to_string(lab.path("sheet.md")).expect("a sheet");
    for said in [
        "# Announcement of a load test",
        "2099-12-01 23:59 to 2099-12-02 00:01 UTC",
        "192.0.2.7",
        "| `davinci-start` | 1.00 |",
    ] {
        assert!(sheet.contains(said), "{said}: {sheet}");
    }
    assert!(!sheet.contains("TO FILL IN"));
    for wrong in [
        ["--at", "tomorrow"],
        ["--at", "2020-01-01T10:00Z"],
        ["--source", "foo"],
        ["--contact", ""],
    ] {
        let ended = lab.run(&[&["announce", &profile][..], &wrong].concat());
        assert_eq!(ended.code, 2, "{wrong:?}: {}", ended.stderr);
    }
}

/// From the first call that the tenant turns down on, by its own record: a guard that is breached by it lets
/// nothing go out for longer than a second.
#[test]
fn a_guard_stops_a_thousand_calls_a_second_within_one() {
    let lab = Lab::new();
    // 300/s too many spend the second's worth of 700 in 2.3 s.
    let tenant = Tenant::start(
        "signing = \"ES256\"\n[rate_limits]\ndavinci_start = \"700/s\"\nper_address_share = \"100%\"\n",
    );
    let workload = "arrivals = \"constant\"\nrate = \"1000/s\"\nduration = \"30s\"\nmax_users = 500\n\
        [guards]\nstop_when = [\"rate-limited > 0% over 10s\"]\n";
    let profile = one_call::profile(&lab, &tenant, workload);
    let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1"]);
    assert!(ended_as(&ended, 4), "{}", ended.stderr);
    assert!(ended.stderr.contains("guard `fault:rate-limited > 0% over 10s`"), "{}", ended.stderr);
    let calls = tenant.calls();
    let at = |call: &Value| call["received_us"].as_u64().expect("a moment");
    let first = calls.iter().filter(|call| call["status"] == 429).map(at).min().expect("a 429");
    let last = calls.iter().map(at).max().expect("a call");
    assert!(last <= first + 1_000_000, "stopped after {} us", last - first);
    let before = calls.iter().filter(|call| (first - 1_000_000..first).contains(&at(call))).count();
    assert!(before > 900, "no more than {before} calls in a second");
    // The first of them is told, and with it when the licence was the limit.
    assert!(ended.stderr.contains("limited by the licence from"), "{}", ended.stderr);
}

/// The lines of a run's timeline.
fn timeline(lab: &Lab) -> Vec<Value> {
    let text =
        std::fs::read_to_string(lab.path("reports/latest/timeline.jsonl")).expect("a timeline");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_tenant_that_asks_for_a_pause_gets_it_and_the_plan_comes_as_much_later() {
    for (workload, due) in [
        ("model = \"open\"\nrate = \"50/s\"\narrivals = \"constant\"", Some(200)),
        ("model = \"closed\"\nusers = 5\npacing = \"100ms\"", None),
    ] {
        let lab = Lab::new();
        let profile = lab.file(
            "p.toml",
            &format!(
                "[workload]\n{workload}\nduration = \"4s\"\nwarm_up = \"0s\"\n[journeys]\nsign-on = 1\n\
                 [accounts]\ncount = 100\n[guards]\nrate_limited = \"pause\"\n\
                 [[threshold]]\nrule = \"faults < 5%\"\n[stand_in]\nsigning = \"ES256\"\n\
                 [[stand_in.fault]]\nkind = \"rate-limited\"\ncapability = \"authorize\"\nshare = \"3%\"\ncount = 1\n\
                 retry_after = \"2s\"\n"
            ),
        );
        let ended = lab.run(&["run", &profile, "--seed", "1"]);
        assert!(ended_as(&ended, 0), "{workload}: {}", ended.stderr);
        let lines = timeline(&lab);
        let sum = |key: &str| lines.iter().filter_map(|line| line[key].as_u64()).sum::<u64>();
        assert!((1990..=2010).contains(&sum("paused_ms")), "{workload}: {}", sum("paused_ms"));
        assert!((3990..=4010).contains(&sum("measured_ms")), "{workload}: {}", sum("measured_ms"));
        let of = |line: &Value| -> u64 {
            let rows = line["journeys"].as_array().expect("rows");
            rows.iter().filter_map(|row| row["due"].as_u64()).sum()
        };
        let whole = lines.iter().filter(|line| line["paused_ms"].as_u64() >= Some(950));
        let whole: Vec<_> = whole.map(of).collect();
        // In what is left of such a second, of 50 a second.
        assert!(!whole.is_empty() && whole.iter().all(|due| *due <= 5), "{workload}: {whole:?}");
        if let Some(due) = due {
            assert_eq!(lines.iter().map(of).sum::<u64>(), due, "every arrival of the plan came");
        }
        let events = lines.iter().filter_map(|line| line["events"].as_array()).flatten();
        assert!(events.into_iter().any(|event| event["slug"] == "paused"), "{workload}");
        assert!(ended.stderr.contains("nothing new began for 2s in all"), "{}", ended.stderr);
    }
}

/// What waits for a user has not begun, and does not in a pause.
#[test]
fn in_a_pause_nothing_begins_that_waited_for_a_user() {
    let lab = Lab::new();
    let tenant = Tenant::start(
        "signing = \"ES256\"\n[[delay]]\ndelay = \"constant 100ms\"\n[[fault]]\nkind = \"rate-limited\"\n\
         capability = \"authorize\"\nshare = \"10%\"\ncount = 1\nretry_after = \"2s\"\n",
    );
    // Two users take 20 a second, so that half of the arrivals wait.
    let workload = "arrivals = \"constant\"\nrate = \"40/s\"\nduration = \"3s\"\nmax_users = 2\n\
        [guards]\nrate_limited = \"pause\"\n[[threshold]]\nrule = \"faults < 50%\"\n";
    let profile = one_call::profile(&lab, &tenant, workload);
    let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1"]);
    let calls = tenant.calls();
    let at = |call: &Value| call["received_us"].as_u64().expect("a moment");
    let limited = calls.iter().find(|call| call["status"] == 429);
    let first = limited.map(at).unwrap_or_else(|| panic!("a 429: {}", ended.stderr));
    let calls: Vec<u64> = calls.iter().map(at).collect();
    // The other user may have begun in the moment in which the 429 was on its way.
    let within: Vec<_> =
        calls.iter().filter(|at| (first + 300_000..first + 1_900_000).contains(at)).collect();
    assert!(within.is_empty(), "{} calls went out: {}", within.len(), ended.stderr);
    let after = calls.iter().filter(|at| **at > first + 1_900_000).count();
    assert!(after > 10, "{after} calls after it: {}", ended.stderr);
    assert!(ended.stderr.contains("nothing new began for 2s in all"), "{}", ended.stderr);
}

/// A tenant that really limits turns down one call of six between two pauses: gander's usual guards do not stop such a
/// run, and a person's own do.
#[test]
fn a_run_that_pauses_is_not_stopped_for_what_it_pauses_for() {
    for (guards, is_stopped) in
        [("", false), ("stop_when = [\"rate-limited > 5% over 10s\"]\n", true)]
    {
        let lab = Lab::new();
        let tenant = Tenant::start(
            "signing = \"ES256\"\n[rate_limits]\ndavinci_start = \"5/s\"\nper_address_share = \"100%\"\n",
        );
        // Each pause gives room for five more, and the next one is turned down again.
        let workload = format!(
            "arrivals = \"constant\"\nrate = \"40/s\"\nduration = \"1s\"\n[guards]\nrate_limited = \"pause\"\n{guards}\
             [[threshold]]\nrule = \"faults <= 100%\"\n"
        );
        let profile = one_call::profile(&lab, &tenant, &workload);
        let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1"]);
        assert_eq!(ended.stderr.contains("guard `"), is_stopped, "{}", ended.stderr);
        assert!(ended_as(&ended, if is_stopped { 4 } else { 0 }), "{}", ended.stderr);
        assert!(is_stopped || ended.stderr.contains("nothing new began for"), "{}", ended.stderr);
    }
}

#[test]
fn the_licence_is_asked_before_a_load_and_refuses_what_it_has_no_room_for() {
    let lab = Lab::new();
    let tenant = Tenant::start("signing = \"ES256\"\n[rate_limits]\ndavinci_start = \"50/s\"\n");
    for (limits, is_refused) in [("", true), ("davinci-start = \"400/s\"\n", false)] {
        // A tenant on this machine is asked only where somebody wrote a limit down.
        let workload = format!(
            "arrivals = \"constant\"\nrate = \"40/s\"\nduration = \"1s\"\n[guards]\nstop_when = []\n\
             [[threshold]]\nrule = \"faults <= 100%\"\n[limits]\ndirectory-read = \"9000/s\"\n{limits}"
        );
        let profile = one_call::profile(&lab, &tenant, &workload);
        let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1"]);
        assert!(ended_as(&ended, if is_refused { 2 } else { 0 }), "{limits}: {}", ended.stderr);
        let asked = ended.stderr.contains("asked of the tenant's licence: `davinci-start`");
        assert_eq!(asked, is_refused, "what the profile says stays: {}", ended.stderr);
        let said = "17.5/s of the licence's 50/s";
        assert_eq!(ended.stderr.contains(said), is_refused, "{}", ended.stderr);
        let is_start = |call: &&Value| call["capability"] == "authorize";
        let begun = tenant.calls().iter().filter(is_start).count();
        assert_eq!(begun == 0, is_refused, "{begun} flows were started: {}", ended.stderr);
    }
}

#[test]
fn a_search_says_what_it_costs_and_is_refused_where_users_would_get_too_many_mails() {
    let lab = Lab::new();
    let profile = lab.file(
        "p.toml",
        "[journeys]\nrecovery = 1\n[accounts]\ncount = 20\n[capacity]\nto = \"50/s\"\n\
         [limits]\ndavinci-start = \"20/s\"\n",
    );
    let ended = lab.run(&["capacity", &profile]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    for said in ["Cost\n", "the longest search", "mails in a day", "has room for 5.25/s"] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    assert!(!lab.path("reports").exists(), "something was begun");
}

#[test]
fn an_announcement_says_what_the_tenant_will_see_and_when() {
    let lab = Lab::new();
    let text = guard::profile(
        "https://auth.example.com",
        "api_url = \"https://api.example.com\"\n[tenant.worker]\nclient_id = \"w\"\nclient_secret = \"${S}\"\n\
         rate = \"5/s\"\n[http]\nlocal_addresses = [\"10.0.0.5\"]\n[workload]\nrate = \"1/s\"\nduration = \"10m\"\n\
         [guards]\nrate_limited = \"pause\"\n[accounts]\nsource = \"register-first\"\ncount = 3600\nrate = \"1/s\"\n",
    );
    let profile = lab.file("p.toml", &format!("{text}sign-on = 1\n"));
    let announce = |more: &[&str]| {
        let mut command = lab.command(&[&["announce", &profile][..], more].concat());
        command.env("S", "secret");
        Ended::of(command.output().expect("a binary that starts"))
    };
    let ended = announce(&["--at", "2099-12-01T10:00Z", "--repeat", "2"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let stdout = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "TO FILL IN: as the tenant sees them; to this machine they are 10.0.0.5",
        "2099-12-01 10:00 to 2099-12-01 12:21 UTC",
        "1h in which accounts are made, then 10m",
        "2 times, one after another",
        "each 429 makes the load pause",
        "accounts register before the load as users do, by journey register",
        "one-time codes are taken from where their messages go: smtp-sink",
    ] {
        assert!(stdout.contains(said), "{said}: {stdout}");
    }
    assert!(!stdout.contains("rate-limited >"), "no guard stops what a pause is for: {stdout}");
    assert!(ended.stderr.contains("source addresses"), "{}", ended.stderr);
    assert!(announce(&["--source", "192.0.2.7"]).stdout.contains("192.0.2.7"));
}

/// Kills a run once so much of it is measured and it was paused for so long.
fn killed_after_a_pause(lab: &Lab, tenant: &Tenant, arguments: &[&str], measured_ms: u64) {
    let mut command = lab.command(arguments);
    command.env("WORKER_SECRET", tenant.worker_secret());
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("a binary that starts");
    loop {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        let [measured, paused] = sums(lab, "run");
        if measured >= measured_ms && paused >= 1990 {
            break;
        }
        let ended = child.try_wait().expect("a process");
        assert!(ended.is_none(), "it ended by itself after {measured} and {paused} ms: {ended:?}");
    }
    child.kill().expect("a kill");
    child.wait().expect("an end");
}

/// How long a run was measured and paused by its whole lines, in milliseconds.
fn sums(lab: &Lab, run: &str) -> [u64; 2] {
    let text = std::fs::read_to_string(lab.path(&format!("{run}/timeline.jsonl")));
    let text = text.unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines: Vec<Value> =
        whole.map(|line| serde_json::from_str(line).expect("a line in JSON")).collect();
    ["measured_ms", "paused_ms"]
        .map(|key| lines.iter().filter_map(|line| line[key].as_u64()).sum::<u64>())
}

#[test]
fn a_run_that_was_paused_and_killed_goes_on_where_its_plan_stood() {
    let lab = Lab::new();
    let tenant = Tenant::start(
        "signing = \"ES256\"\n[[fault]]\nkind = \"rate-limited\"\ncapability = \"authorize\"\nshare = \"10%\"\n\
         count = 1\nretry_after = \"2s\"\n",
    );
    let workload = "arrivals = \"constant\"\nrate = \"20/s\"\nduration = \"8s\"\n[guards]\n\
        rate_limited = \"pause\"\n[[threshold]]\nrule = \"faults < 50%\"\n";
    let profile = one_call::profile(&lab, &tenant, workload);
    killed_after_a_pause(&lab, &tenant, &["run", &profile, "--seed", "1", "-o", "run"], 3000);
    let [before, paused] = sums(&lab, "run");
    let ended = tenant.gander(&lab, &["run", &profile, "--resume", "run"]);
    assert!(ended_as(&ended, 0), "{}", ended.stderr);
    let [measured, still] = sums(&lab, "run");
    assert!((7950..=8050).contains(&measured), "{measured} ms, {before} of them before the kill");
    assert_eq!(still, paused, "no other pause");
}

#[test]
fn a_comparison_says_that_it_leaves_out_when_the_licence_was_the_limit() {
    let lab = Lab::new();
    for (run, limits) in [("free", ""), ("limited", "[rate_limits]\ndavinci_start = \"60/s\"\n")] {
        let tenant = Tenant::start(&format!("signing = \"ES256\"\n{limits}"));
        // 21 a second may be used, and 30 come.
        let workload = "arrivals = \"constant\"\nrate = \"30/s\"\nduration = \"6s\"\n[guards]\nstop_when = []\n\
            [[threshold]]\nrule = \"faults <= 100%\"\n";
        let profile = one_call::profile(&lab, &tenant, workload);
        let ended = tenant.gander(&lab, &["run", &profile, "--seed", "1", "-o", run]);
        assert!(ended_as(&ended, 0), "{}", ended.stderr);
        let said = ended.stderr.contains("limited by the licence from");
        assert_eq!(said, run == "limited", "{}", ended.stderr);
    }
    let ended = lab.run(&["compare", "free", "limited"]);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(told.contains("limited by the licence"), "{told}");
}
