//! `gander check`: problems all at once, and the walk.

use crate::lab::{Lab, steady};
use crate::tenant::Tenant;
use std::io::{Read, Write};
use std::net::TcpListener;

#[test]
fn every_mistake_of_a_profile_is_reported_at_once() {
    let lab = Lab::new();
    let profile = lab.file(
        "wrong.toml",
        r#"
[tenant]
auth_url = "http://auth.example.com"
client_id = "app"
redirect_uri = "https://app.example.com/callback"
client_secret = "in the open"

[http]
reply_timeout = 30
max_repyl = "4MiB"

[journeys]
sing-on = 1
"#,
    );
    let ended = lab.run(&["check", &profile]);
    assert_eq!(ended.code, 2);
    assert_eq!(ended.stdout, "");
    insta::assert_snapshot!("five_mistakes", ended.stderr);
    assert_eq!(ended.stderr.matches("error:").count(), 5, "{}", ended.stderr);
}

#[test]
fn each_journey_walks_to_its_goal_against_the_stand_in() {
    let lab = Lab::new();
    let ended = lab.run(&["check", "--walk", "--seed", "1", "--set", "stand_in.delay=[]"]);
    assert_eq!(ended.code, 0, "{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.stdout.matches("goal reached").count(), 3, "{}", ended.stdout);
    insta::assert_snapshot!("walk", steady(&ended.stdout));
    insta::assert_snapshot!("walk_stderr", steady(&ended.stderr));
}

#[test]
fn a_journey_of_the_person_runs_like_a_built_in_one() {
    let lab = Lab::new();
    lab.file(
        "look.toml",
        r#"
name = "look"
goal = "form:registration"

[[rule]]
name = "open registration"
when = { actions = ["SIGNON", "REGISTER"] }
action = ["REGISTER"]

[[rule]]
name = "registration"
when = { fields = ["email", "password"] }
"#,
    );
    let profile = lab.file("own.toml", "journey_files = [\"look.toml\"]\n[journeys]\nlook = 1\n");
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("goal reached"), "{}", ended.stdout);
}

#[test]
fn a_form_that_no_rule_answers_is_named_with_what_it_offers() {
    let lab = Lab::new();
    lab.file(
        "lost.toml",
        "name = \"lost\"\ngoal = \"token\"\n[[rule]]\nname = \"never\"\nwhen = { fields = [\"badge\"] }\n",
    );
    let profile = lab.file("own.toml", "journey_files = [\"lost.toml\"]\n[journeys]\nlost = 1\n");
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 3);
    insta::assert_snapshot!("no_rule_for_a_form", ended.stderr);
}

#[test]
fn a_refusal_that_was_wanted_reaches_the_goal_and_spoils_only_victims() {
    let lab = Lab::new();
    lab.file(
        "wrong.toml",
        r#"
name = "sign-on-wrong-password"
goal = "refusal:credentials"
account = "victim"

[[rule]]
name = "credentials"
when = { fields = ["username", "password"], actions = ["SIGNON"] }
answer = { username = "{account.username}", password = "{persona.wrong_password}" }
expect = "refusal"
"#,
    );
    let profile = lab.file(
        "own.toml",
        "journey_files = [\"wrong.toml\"]\n[accounts]\ncount = 3\n\
         [journeys]\nsign-on-wrong-password = 1\nsign-on = 1\n",
    );
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("refused, as expected"), "{}", ended.stdout);
    assert!(ended.stdout.contains("by checkPassword  password: INVALID_VALUE"), "{}", ended.stdout);
    // Every wrong password locks an account: fifteen last for thirty only if they are put right as
    // the run goes. Thinking gives the management client its time.
    let mut arguments = vec!["run", &profile, "-u", "1", "-n", "60"];
    arguments.extend(["--set", "accounts.count=15"]);
    arguments.extend(["--set", "think_time.between_steps=100ms"]);
    arguments.extend(["--set", "stand_in.lockout_failures=1"]);
    let ended = lab.run(&arguments);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn a_flow_policy_that_the_stand_in_lacks_is_wrong_input() {
    let lab = Lab::new();
    let text = "[[variant]]\nname = \"v\"\nflow_policy = \"stok\"\n[journeys]\nsign-on = 1\n";
    let profile = lab.file("p.toml", text);
    // In the same words, whoever finds it, and both without a walk.
    for command in ["check", "run"] {
        let ended = lab.run(&[command, &profile]);
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        for part in
            ["the stand-in has no flow policy `stok`", "p.toml:3:15", "did you mean `stock`?"]
        {
            assert!(ended.stderr.contains(part), "{command}, {part}: {}", ended.stderr);
        }
        assert!(!ended.stdout.contains("sound"), "{}", ended.stdout);
    }
    // Of a single journey, and of a stand-in with policies of its own.
    let text = "[[variant]]\nname = \"v\"\npolicies = { sign-on = \"stok\" }\n[journeys]\nsign-on = 1\n\
                [[stand_in.flow_policy]]\nname = \"mine\"\nid = \"0123\"\nflow = \"stock\"\n";
    let profile = lab.file("p.toml", text);
    let ended = lab.run(&["check", &profile]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("it has `mine`"), "{}", ended.stderr);
    for known in ["mine", "0123"] {
        let profile = lab.file("p.toml", &text.replace("stok", known));
        let ended = lab.run(&["check", &profile]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
    }
}

#[test]
fn a_walk_tells_which_flow_versions_a_policy_distributes() {
    let tenant = Tenant::start("signing = \"ES256\"\n");
    let lab = Lab::new();
    let stock = &tenant.ready().policies["stock"];
    let profile = lab.file(
        "p.toml",
        &format!(
            "{}count = 2\n[[variant]]\nname = \"v\"\nflow_policy = \"{stock}\"\n\
             [journeys]\nsign-on = 1\n",
            tenant.profile()
        ),
    );
    let ended = tenant.gander(&lab, &["check", &profile, "--walk"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let line =
        ended.stdout.lines().find(|line| line.contains(stock)).expect("a line about the policy");
    assert!(line.starts_with("  sign-on  ") && line.contains("enabled: 100 % flow "), "{line}");
}

/// A mailbox that has nothing when it is first asked and is broken ever after.
fn mailbox_that_breaks() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 16 * 1024]);
            let status = if number == 0 { "200 OK" } else { "500 Broken" };
            let head = "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n[]");
        }
    });
    address
}

#[test]
fn a_walk_without_a_code_tells_why_none_came() {
    let lab = Lab::new();
    let profile = lab.file(
        "p.toml",
        &format!(
            "[codes]\nsource = \"http-mailbox\"\npreset = \"maildev\"\nurl = \"http://{}\"\npoll = \"100ms\"\n\
             timeout = \"1s\"\n[journeys]\nregister = 1\n[stand_in.mail]\nsmtp = \"127.0.0.1:1\"\n",
            mailbox_that_breaks()
        ),
    );
    let ended = lab.run(&["check", &profile, "--walk"]);
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("ended as code-not-received"), "{}", ended.stderr);
    assert!(ended.stderr.contains("codes could not be asked for"), "{}", ended.stderr);
}
