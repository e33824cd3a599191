//! Reads a browser's HAR (version 1.2): the exchanges that can belong to a flow, nothing else of
//! it kept in memory.

use crate::base::remedy::Remedy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::io::Read;

/// Largest file that is read, in bytes.
pub const LARGEST: u64 = 256 << 20;

/// What part of a URL's path shows that an exchange can belong to a flow.
const PATHS: &[&str] = &["/davinci/", "/as/"];

/// One exchange as the browser saw it.
pub struct Exchange {
    /// Which entry of the file it is, from 1.
    pub number: usize,
    /// HTTP method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Header names in lower case, with their values.
    pub request_headers: Vec<(String, String)>,
    /// What was sent; none where nothing was or the browser did not keep it.
    pub request_body: Option<String>,
    /// HTTP status; 0 where there was no reply.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub reply_headers: Vec<(String, String)>,
    /// What came back; none where the browser did not keep it.
    pub reply_body: Option<Vec<u8>>,
}

/// Which one it is and what became of it; everything else may hold a secret.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("number", &self.number)
            .field("method", &self.method)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HarError {
    /// Reading itself failed.
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    /// It is larger than [`LARGEST`].
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    /// It ends in the middle.
    #[error("it ends in the middle, at line {line}")]
    CutOff {
        /// Where, from 1.
        line: usize,
    },
    /// It is no JSON.
    #[error("it is no JSON: line {line}, column {column}")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// It is JSON of another kind.
    #[error("it is JSON but no HAR: line {line}, column {column} is not what a HAR has there")]
    NotHar {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
}

impl Remedy for HarError {
    fn remedy(&self) -> Option<String> {
        Some(
            match self {
                Self::Read(_) => "name a file that can be read",
                Self::TooLarge => {
                    "record only the flow: clear the network panel before it, and save right after"
                }
                Self::CutOff { .. } => "save the recording again; this file was not written to its end",
                Self::NotJson { .. } | Self::NotHar { .. } => {
                    "save it from the network panel of Chrome or Firefox: `Save all as HAR with content`"
                }
            }
            .to_owned(),
        )
    }
}

/// Reads a HAR from its beginning. At most [`LARGEST`] bytes are taken, and only what can belong to
/// a flow is kept.
pub fn read(source: impl Read) -> Result<Vec<Exchange>, HarError> {
    read_up_to(source, LARGEST)
}

fn read_up_to(source: impl Read, largest: u64) -> Result<Vec<Exchange>, HarError> {
    let mut source = std::io::BufReader::new(source.take(largest.saturating_add(1)));
    skip_mark(&mut source).map_err(HarError::Read)?;
    let read: Result<File, _> = serde_json::from_reader(&mut source);
    if source.get_ref().limit() == 0 {
        return Err(HarError::TooLarge);
    }
    let file = read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Io => HarError::Read(error.into()),
            serde_json::error::Category::Eof if line <= 1 && column <= 1 => {
                HarError::NotJson { line: 1, column: 1 }
            }
            serde_json::error::Category::Eof => HarError::CutOff { line },
            serde_json::error::Category::Syntax => HarError::NotJson { line, column },
            serde_json::error::Category::Data => HarError::NotHar { line, column },
        }
    })?;
    Ok(file.log.entries.0)
}

/// Some programs open a text with a byte order mark.
fn skip_mark(source: &mut impl std::io::BufRead) -> std::io::Result<()> {
    if source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        source.consume(3);
    }
    Ok(())
}

#[derive(Deserialize)]
struct File {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Entries,
}

/// Entries that can belong to a flow; the others are dropped as soon as they are read.
struct Entries(Vec<Exchange>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<Exchange>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut kept = Vec::new();
                let mut number = 0;
                while let Some(entry) = entries.next_element::<Entry>()? {
                    number += 1;
                    kept.extend(entry.into_exchange(number));
                }
                Ok(kept)
            }
        }
        deserializer.deserialize_seq(Each).map(Self)
    }
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    #[serde(default)]
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default)]
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Response {
    status: i64,
    headers: Vec<Header>,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content {
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

impl Entry {
    fn into_exchange(self, number: usize) -> Option<Exchange> {
        let Self { request, response } = self;
        let path = request.url.split(['?', '#']).next().unwrap_or_default();
        if !PATHS.iter().any(|part| path.contains(part)) {
            return None;
        }
        let Content { text, encoding } = response.content;
        let reply_body = text.and_then(|text| match encoding.as_deref() {
            Some("base64") => STANDARD.decode(text.trim()).ok(),
            _ => Some(text.into_bytes()),
        });
        let headers = |headers: Vec<Header>| {
            let pairs = headers.into_iter();
            pairs.map(|header| (header.name.to_ascii_lowercase(), header.value)).collect()
        };
        Some(Exchange {
            number,
            method: request.method,
            url: request.url,
            request_headers: headers(request.headers),
            request_body: request.post_data.and_then(|data| data.text),
            status: u16::try_from(response.status).unwrap_or(0),
            reply_headers: headers(response.headers),
            reply_body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_read_beyond_the_limit() {
        let endless = || std::io::repeat(b' ');
        assert!(matches!(read_up_to(endless(), 1000), Err(HarError::TooLarge)));
        let small = &br#"{"log":{"entries":[]}}"#[..];
        assert!(read_up_to(small, small.len() as u64).is_ok());
        assert!(matches!(read_up_to(small, small.len() as u64 - 1), Err(HarError::TooLarge)));
    }

    #[test]
    fn only_what_can_belong_to_a_flow_is_kept_and_bodies_are_decoded() {
        let text = "\u{feff}{\"log\":{\"entries\":[
            {\"request\":{\"method\":\"GET\",\"url\":\"https://a.example/logo?x=/as/\"}},
            {\"request\":{\"method\":\"POST\",\"url\":\"https://a.example/env/as/token\",\"postData\":null},
             \"response\":{\"status\":200,\"headers\":[{\"name\":\"X-Y\",\"value\":\"z\"}],
               \"content\":{\"text\":\"e30=\",\"encoding\":\"base64\"}}},
            {\"request\":{\"method\":\"GET\",\"url\":\"https://a.example/as/authorize\"}}]}}";
        let exchanges = read(text.as_bytes()).unwrap();
        let seen: Vec<_> = exchanges.iter().map(|e| (e.number, e.status)).collect();
        assert_eq!(seen, [(2, 200), (3, 0)]);
        assert_eq!(exchanges[0].reply_body.as_deref(), Some(&b"{}"[..]));
        assert_eq!(exchanges[0].reply_headers, [("x-y".to_owned(), "z".to_owned())]);
        assert!(exchanges[1].reply_body.is_none());
        assert_eq!(
            format!("{:?}", exchanges[0]),
            "Exchange { number: 2, method: \"POST\", status: 200, .. }"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            entry in "\\PC{0,60}",
        ) {
            let _ = read(&bytes[..]);
            let _ = read(format!("{{\"log\":{{\"entries\":[{entry}]}}}}").as_bytes());
        }
    }
}
