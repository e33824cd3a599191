//! A page with every type of field, and a page that shows what was received.
//!
//! Polling is not among the fields, since clients begin to poll at once; metadata is on a page of
//! its own, since it changes how clients submit all the others.

use super::parts::{TO_END, aside, field, form, link, nodes, primary, to};
use crate::standin::flow::{Button, ButtonKind, Field, Flow, Form, Leads, Node, Role, Task};

/// Every field once; nobody has to sign on.
pub(super) static COVERAGE: Flow = Flow {
    name: "coverage",
    id: "3bdc696259cdeda90c023d6fa2834439",
    opening: (Task::Nothing, TO_FIELDS),
    checks_session: false,
    input: &[],
    keys: &[],
    forms: FORMS,
    nodes: &NODES,
};

const TO_FIELDS: Leads = &to("0jjt6pdwrl");
const TO_ECHO: Leads = &to("cz6x8nkw5z");

const EMPTY: &str = r#""""#;

static FIELDS: &[Field] = &[
    field(("LABEL", "", ""), r#""content":"A label without a key""#, ""),
    field(
        ("LABEL", "rich-label", ""),
        r#""content":"Read the terms","richContent":{"content":"Read the {{terms}}","replacements":{"terms":{"type":"link","value":"terms","href":"https://stand-in.example/terms","target":"_blank"}}}"#,
        "",
    ),
    field(("ERROR_DISPLAY", "", ""), "", ""),
    field(
        ("TEXT", "text", "Text"),
        r#""required":true,"validation":{"regex":"^.{0,200}$","errorMessage":"At most 200 characters"}"#,
        r#""prefilled""#,
    ),
    field(("TEXT", "plain-text", "Plain text"), "", EMPTY),
    field(("PASSWORD", "password", "Password"), r#""required":false"#, EMPTY),
    field(
        ("PASSWORD_VERIFY", "new-password", "New password"),
        r#""verify":true,"passwordPolicy":{"name":"Basic","length":{"min":8,"max":255},"minCharacters":{"0123456789":1},"default":false}"#,
        EMPTY,
    ),
    field(
        ("RADIO", "radio", "Radio"),
        r#""inputType":"SINGLE_SELECT","options":[{"label":"One","value":"1"},{"label":"Two","value":"2"}]"#,
        EMPTY,
    ),
    field(
        ("DROPDOWN", "dropdown", "Dropdown"),
        r#""inputType":"SINGLE_SELECT","options":[{"label":"Red","value":"red"},{"label":"Blue","value":"blue"}]"#,
        EMPTY,
    ),
    field(
        ("CHECKBOX", "checkbox", "Checkbox"),
        r#""inputType":"MULTI_SELECT","options":[{"label":"News","value":"news"},{"label":"Offers","value":"offers"}]"#,
        "[]",
    ),
    field(
        ("COMBOBOX", "combobox", "Combobox"),
        r#""inputType":"MULTI_SELECT","options":[{"label":"Rust","value":"rust"},{"label":"Java","value":"java"}]"#,
        r#"["rust"]"#,
    ),
    field(
        ("SINGLE_CHECKBOX", "single-checkbox", "I agree"),
        r#""inputType":"BOOLEAN","appearance":"CHECKBOX","required":false,"errorMessage":"Please agree""#,
        "false",
    ),
    field(
        ("PHONE_NUMBER", "phone", "Phone"),
        r#""defaultCountryCode":"GB","validatePhoneNumber":false,"showExtension":false"#,
        r#"{"countryCode":"GB","phoneNumber":""}"#,
    ),
    field(
        ("PHONE_NUMBER", "phone-extension", "Phone with extension"),
        r#""defaultCountryCode":null,"validatePhoneNumber":true,"showExtension":true,"extensionLabel":"Extension""#,
        r#"{"countryCode":"","phoneNumber":"","extension":""}"#,
    ),
    field(
        ("DEVICE_REGISTRATION", "device-registration", "New device"),
        r#""options":[{"type":"EMAIL","title":"Email","description":"Codes by mail","iconSrc":"https://stand-in.example/mail.svg"},{"type":"SMS","title":"Text message","description":"Codes by phone","iconSrc":"https://stand-in.example/sms.svg"}]"#,
        EMPTY,
    ),
    field(
        ("DEVICE_AUTHENTICATION", "device-authentication", "Known device"),
        r#""options":[{"type":"EMAIL","id":"4c9d2f16-8b3e-4a7d-9f05-1e6b7c8d9a02","title":"Email","description":"a***@example.com","default":true,"iconSrc":"https://stand-in.example/mail.svg"},{"type":"SMS","id":"5d0e3a27-9c4f-4b8e-8a16-2f7c8d9e0b13","title":"Text message","description":"+44***123","default":false,"iconSrc":"https://stand-in.example/sms.svg"}]"#,
        r#"{"type":"EMAIL","id":"4c9d2f16-8b3e-4a7d-9f05-1e6b7c8d9a02","value":"a***@example.com"}"#,
    ),
    field(
        ("FIDO2", "fido-register", "Register a passkey"),
        r#""action":"REGISTER","trigger":"BUTTON","required":false,"publicKeyCredentialCreationOptions":{"rp":{"id":"localhost","name":"Stand-in"},"user":{"id":[1,2,3,4],"name":"demo","displayName":"Demo"},"challenge":[5,6,7,8],"pubKeyCredParams":[{"type":"public-key","alg":-7}],"timeout":60000,"attestation":"none"}"#,
        "{}",
    ),
    field(
        ("FIDO2", "fido-authenticate", "Use a passkey"),
        r#""action":"AUTHENTICATE","trigger":"BUTTON","required":false,"publicKeyCredentialRequestOptions":{"challenge":[9,10,11,12],"timeout":60000,"rpId":"localhost","allowCredentials":[{"type":"public-key","id":[13,14,15,16]}],"userVerification":"preferred"}"#,
        "{}",
    ),
    field(
        ("PROTECT", "protect", ""),
        r#""behavioralDataCollection":false,"universalDeviceIdentification":false"#,
        EMPTY,
    ),
    field(("TEXT", "protectsdk", "Protect signals"), "", EMPTY),
    field(
        ("AGREEMENT", "", ""),
        r#""content":"You may use this tenant for tests.","title":"Terms","titleEnabled":true,"enabled":true,"agreement":{"id":"9c1d6f0b-2e84-4b7a-a35c-5d2f8e7b1c90","useDynamicAgreement":false}"#,
        "",
    ),
    field(
        ("QR_CODE", "qr", ""),
        r#""content":"https://stand-in.example/qr","fallbackText":"1234-5678""#,
        "",
    ),
    field(
        ("IMAGE", "", ""),
        r#""imageUrl":"https://stand-in.example/logo.png","description":"Logo","hyperlinkUrl":"https://stand-in.example/""#,
        "",
    ),
    field(("HOLOGRAM", "hologram", "A type that no client knows"), r#""depth":3"#, EMPTY),
];

const fn social() -> Button {
    let (key, label) = ("google-login", "Sign on with a social account");
    Button { kind: ButtonKind::Social, key, label, task: Task::Echo, leads: TO_ECHO }
}

const fn unseen(key: &'static str) -> Button {
    Button { kind: ButtonKind::Hidden, key, label: "", task: Task::Echo, leads: TO_ECHO }
}

static FORMS: &[Form] = &[
    form(
        "0jjt6pdwrl",
        ("Every Field", "One field of every type"),
        FIELDS,
        &[
            primary("SUBMIT", "Submit", Task::Echo, TO_ECHO),
            aside("ASIDE", "Lead aside", Task::Echo, TO_ECHO),
            link("LINK", "Link aside", Task::Echo, TO_ECHO),
            social(),
            // What clients send when a passkey is refused or cannot be made.
            unseen("NotAllowedError"),
            unseen("AbortError"),
            unseen("InvalidStateError"),
            unseen("NotSupportedError"),
            unseen("SecurityError"),
            unseen("TimeoutError"),
            unseen("UnknownError"),
        ],
    ),
    form(
        "cz6x8nkw5z",
        ("What Was Received", "{{echo}}"),
        &[field(("LABEL", "echo", ""), r#""content":"{{echo}}""#, "")],
        &[
            primary("NEXT", "Continue", Task::Nothing, TO_END),
            aside("AGAIN", "Again", Task::Nothing, TO_FIELDS),
            aside("METADATA", "A page with metadata", Task::Nothing, &to("i0hdt142f7")),
        ],
    ),
    form(
        "i0hdt142f7",
        ("Metadata", "A field that the page's code fills"),
        &[field(
            ("METADATA", "metadata", ""),
            r#""payload":{"transaction":"4711","steps":["one","two"]}"#,
            "{}",
        )],
        &[primary("SUBMIT", "Submit", Task::Echo, TO_ECHO), unseen("metadata")],
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "qir4e3lp8y",
    "rcneq7cbt5",
    "qilegrupud",
    "mphgihz2c4",
    "yop0vq779r",
    "dw3rs6czbm",
    "y955mwe557",
    "vl70y509gw",
    "i8jl11oqq1",
    "9g4lhjz3bg",
    "3y3go4lu9g",
    "7u8jnaxb6z",
    "f2cgzn9ryt",
    "oi1srm3413",
]);
