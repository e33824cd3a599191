//! Two flows that wait after the sign-on: one polls to go on, one asks for the state of a challenge.

use super::parts::{aside, field, form, nodes, password, primary, text, to, waiting};
use crate::standin::flow::{Field, Flow, Form, Lead, Node, Outcome, Polling, Role, Task};

/// Sign-on, then a page that asks again and again whether it may go on.
pub(super) static POLLING: Flow = Flow {
    name: "polling",
    id: "6e0f8aa3cb3938672eaa0c626a9a57ea",
    opening: (Task::Nothing, &to("iez2ib5hme")),
    checks_session: false,
    input: &[],
    keys: &[],
    forms: CONTINUE_FORMS,
    nodes: &CONTINUE_NODES,
};

/// Sign-on, then a page that waits for the approval of a challenge.
pub(super) static CHALLENGE: Flow = Flow {
    name: "challenge",
    id: "4638b805787eabf6c9177a91c19b52cd",
    opening: (Task::Nothing, &to("hd4qzhx035")),
    checks_session: false,
    input: &[],
    keys: &[],
    forms: CHALLENGE_FORMS,
    nodes: &CHALLENGE_NODES,
};

const CREDENTIALS: &[Field] = &[text("username", "Username"), password("password", "Password")];

/// Key of both flows' polling fields (observed in client fixtures).
const KEY: &str = "pollingField";

static CONTINUE_FORMS: &[Form] = &[
    form(
        "iez2ib5hme",
        ("Sign On", "Enter credentials"),
        CREDENTIALS,
        &[primary(
            "SIGNON",
            "Sign On",
            Task::CheckPassword,
            &[(Outcome::Done, Lead::Form("xiazfisuh9"))],
        )],
    ),
    waiting(
        &Polling {
            key: KEY,
            challenge: false,
            leads: &[("continue", Lead::Success), ("timedOut", Lead::Form("82472nbfae"))],
        },
        form(
            "xiazfisuh9",
            ("Please Wait", "Waiting for somebody to agree"),
            &[field(
                ("POLLING", KEY, ""),
                r#""pollInterval":"{{interval}}","pollRetries":"{{retries}}","pollChallengeStatus":false"#,
                r#""""#,
            )],
            &[aside("CANCEL", "Cancel", Task::Nothing, &to("iez2ib5hme"))],
        ),
    ),
    form(
        "82472nbfae",
        ("Too Late", "Nobody agreed in time"),
        &[],
        &[aside("BACK", "Back", Task::Nothing, &to("iez2ib5hme"))],
    ),
];

static CHALLENGE_FORMS: &[Form] = &[
    form(
        "hd4qzhx035",
        ("Sign On", "Enter credentials"),
        CREDENTIALS,
        &[primary(
            "SIGNON",
            "Sign On",
            Task::CheckPassword,
            &[(Outcome::Done, Lead::Form("49uw588vj5"))],
        )],
    ),
    waiting(
        &Polling {
            key: KEY,
            challenge: true,
            leads: &[
                ("approved", Lead::Success),
                ("denied", Lead::Form("het2cgkslf")),
                ("expired", Lead::Form("het2cgkslf")),
                ("timedOut", Lead::Form("het2cgkslf")),
                ("error", Lead::Form("het2cgkslf")),
            ],
        },
        form(
            "49uw588vj5",
            ("Approve the Sign-On", "Scan the code with your other device"),
            &[
                field(
                    ("QR_CODE", "qr", ""),
                    r#""content":"https://stand-in.example/approve/{{challenge}}","fallbackText":"{{challenge}}""#,
                    "",
                ),
                field(
                    ("POLLING", KEY, ""),
                    r#""pollInterval":"{{interval}}","pollRetries":"{{retries}}","pollChallengeStatus":true,"challenge":"{{challenge}}""#,
                    r#""""#,
                ),
            ],
            &[aside("CANCEL", "Cancel", Task::Nothing, &to("hd4qzhx035"))],
        ),
    ),
    form(
        "het2cgkslf",
        ("Not Approved", "The sign-on was not approved"),
        &[],
        &[primary("CONTINUE", "Try again", Task::Nothing, &to("hd4qzhx035"))],
    ),
];

static CONTINUE_NODES: [(Role, Node); 14] = nodes([
    "hx9l0v8r5f",
    "pf2jui7vp1",
    "q2fzgaadz8",
    "6t872qtgki",
    "88oqz3ldtx",
    "1rz9kabf8x",
    "eeg47u4kft",
    "0qtbg7tqah",
    "3dkiinhioj",
    "yqu1wtlqu5",
    "n7b7p72o6o",
    "k8rk1xoa7x",
    "85123u9osn",
    "4bvifg0m9g",
]);

static CHALLENGE_NODES: [(Role, Node); 14] = nodes([
    "9icyn7pbqf",
    "danrbao66j",
    "7p50mnvig9",
    "24dq43g372",
    "578fqv0686",
    "iie1xrm54j",
    "haj3i5aidw",
    "cq15vbe2x7",
    "bi1as2io0b",
    "1tdpqxmr98",
    "y1cbm21grx",
    "ylapngjdod",
    "d356zxfa5n",
    "losmf5snj6",
]);
