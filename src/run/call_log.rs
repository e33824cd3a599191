//! Service times by call id, for checking the instrument against a tenant's own record of the same
//! calls. Only on request: it is one line for every exchange.

use crate::measure::sample::micros;
use crate::measure::series::Phase;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A file of lines `{"call":"17-2","phase":"measured","service_us":1234}`.
#[derive(Debug)]
pub struct CallLog(Mutex<BufWriter<File>>);

impl CallLog {
    /// Creates the file.
    pub fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(|file| Self(Mutex::new(BufWriter::new(file))))
    }

    /// Notes one exchange. What cannot be written is missing from the log and from nothing else.
    pub fn note(&self, call: &str, phase: Phase, service: Duration) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (phase, service_us) = (phase.slug(), micros(service));
        let _ =
            writeln!(file, r#"{{"call":"{call}","phase":"{phase}","service_us":{service_us}}}"#);
    }
}
