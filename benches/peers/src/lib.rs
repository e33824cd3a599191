//! The chain that every peer walks: an authorize call, then four answers to forms, each with the id,
//! the token and the link of the reply before.

use serde::{Deserialize, Serialize};

/// Path of the first call, below the server's origin.
pub const AUTHORIZE: &str = "/5a1d0c3e-7777-4a4a-8b8b-000000000001/as/authorize?client_id=bench\
&response_type=code&redirect_uri=https%3A%2F%2Fexample.com%2Fcallback&scope=openid\
&response_mode=pi.flow&state=AAAAAAAAAAAAAAAAAAAAAA&nonce=AAAAAAAAAAAAAAAAAAAAAA\
&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

/// Headers of every call.
pub const HEADERS: [(&str, &str); 3] = [
    ("accept", "application/json"),
    ("x-requested-with", "ping-sdk"),
    ("x-requested-platform", "javascript"),
];

/// What is read of a reply: only what the next request needs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    pub id: String,
    #[serde(default)]
    pub interaction_id: String,
    #[serde(default)]
    pub interaction_token: String,
    #[serde(default, rename = "_links")]
    links: Links,
}

#[derive(Default, Deserialize)]
struct Links {
    next: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

impl Reply {
    /// Where the answer goes; none at the end of the chain.
    pub fn next(&self) -> Option<&str> {
        self.links.next.as_ref().map(|link| link.href.as_str())
    }

    /// The body of the answer.
    pub fn answer(&self) -> Vec<u8> {
        let form_data = FormData { username: "ada@example.org", password: "not a secret" };
        let data = Data { action_key: "SIGNON", form_data };
        let answer = Answer {
            id: &self.id,
            event_name: "continue",
            interaction_id: &self.interaction_id,
            parameters: Parameters { event_type: "submit", data },
        };
        serde_json::to_vec(&answer).expect("a body of texts")
    }

    /// The cookies that the server has set to the pair that is in the reply, too.
    pub fn cookies(&self) -> String {
        let (id, token) = (&self.interaction_id, &self.interaction_token);
        format!("interactionId={id}; interactionToken={token}")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    id: &'a str,
    event_name: &'a str,
    interaction_id: &'a str,
    parameters: Parameters,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    event_type: &'static str,
    data: Data,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    action_key: &'static str,
    form_data: FormData,
}

#[derive(Serialize)]
struct FormData {
    username: &'static str,
    password: &'static str,
}

/// The arguments of a peer: `ORIGIN USERS ITERATIONS [WORD…]`.
pub struct Arguments {
    /// `http://127.0.0.1:8910`.
    pub origin: String,
    /// How many users at once.
    pub users: usize,
    /// How many chains in all.
    pub iterations: u64,
    words: Vec<String>,
}

impl Arguments {
    /// Those of this process; panics on anything else.
    pub fn read() -> Self {
        let mut words = std::env::args().skip(1);
        let mut next = |what: &str| words.next().unwrap_or_else(|| panic!("no {what}"));
        let origin = next("origin");
        let users = next("users").parse().expect("a number of users");
        let iterations = next("iterations").parse().expect("a number of iterations");
        Self { origin, users, iterations, words: words.collect() }
    }

    /// Whether a word is among the further arguments.
    pub fn say(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }
}
