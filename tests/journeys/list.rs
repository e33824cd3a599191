//! What journeys there are.

use crate::lab::Lab;
use serde_json::Value;

const OWN: &str = "# Looks at the first page.\nname = \"look\"\ngoal = \"form:first\"\n[[rule]]\nname = \"first\"\nwhen = { actions = [\"SIGNON\"] }\n";

fn with_own() -> (Lab, String) {
    let lab = Lab::new();
    lab.file("look.toml", OWN);
    let profile = lab.file(
        "own.toml",
        "journey_files = [\"look.toml\"]\n[tenant]\nauth_url = \"${NOT_SET}\"\n[journeys]\nlook = 1\n",
    );
    (lab, profile)
}

#[test]
fn every_journey_is_listed_with_goal_account_and_purpose() {
    let (lab, profile) = with_own();
    let ended = lab.run(&["journeys", "list", "--json", "--profile", &profile]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let list: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let list = list.as_array().expect("a list");
    assert_eq!(list[0]["name"], "look");
    assert_eq!(list[0]["file"], "look.toml");
    assert_eq!(list[0]["built_in"], false);
    assert_eq!(list[0]["about"], "Looks at the first page.");
    assert_eq!(list.len(), 1 + gander::journey::catalog::BUILT_IN.len());
    for entry in list {
        assert!(!entry["about"].as_str().expect("a text").is_empty(), "{entry}");
        assert!(entry["goal"].is_string() && entry["account"].is_string(), "{entry}");
    }
    let people = lab.run(&["journeys", "list", "--profile", &profile]);
    for entry in list {
        let name = entry["name"].as_str().expect("a name");
        assert_eq!(
            people.stdout.lines().filter(|line| line.starts_with(&format!("{name} "))).count(),
            1
        );
    }
}

#[test]
fn a_journey_is_shown_as_its_file_and_a_mistyped_name_is_helped() {
    let (lab, profile) = with_own();
    let shown = lab.run(&["journeys", "show", "look", "--profile", &profile]);
    assert_eq!((shown.code, shown.stdout.as_str()), (0, OWN));
    let built_in = lab.run(&["journeys", "show", "register"]);
    assert!(built_in.stdout.starts_with("# Register"), "{}", built_in.stdout);
    let unknown = lab.run(&["journeys", "show", "sing-on"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (2, ""));
    insta::assert_snapshot!(unknown.stderr, @"
    error: there is no journey `sing-on`
     help: did you mean `sign-on`?
    ");
}
