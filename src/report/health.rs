//! How the generator itself fared, in words.

use super::figures::{bytes, cores, count, share, time};
use crate::result::summary::{GeneratorSummary, TimeUs};

/// One thing that was read off.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// What it is.
    pub name: &'static str,
    /// What was read, with its unit.
    pub value: String,
}

impl Reading {
    /// Both together, as a part of a sentence: `peak memory 84.2 MiB`, `at most 42 sockets`.
    pub fn phrase(&self) -> String {
        if self.value.starts_with("at most") {
            format!("{} {}", self.value, self.name)
        } else {
            format!("{} {}", self.name, self.value)
        }
    }
}

/// The few that a person wants to see of every run. What the system does not tell is left out.
pub fn readings(generator: &GeneratorSummary) -> Vec<Reading> {
    let p99_and_max = |lag: &TimeUs| format!("p99 {}, max {}", time(lag.p99), time(lag.max));
    let parts = [
        ("CPU", cpu(generator)),
        ("peak memory", generator.peak_rss_bytes.map(bytes)),
        ("sockets", generator.max_open_sockets.map(|most| format!("at most {}", count(most)))),
        ("timers late", generator.scheduler_lag_us.as_ref().map(p99_and_max)),
        ("own lag", generator.lag_us.map(|lag| format!("p99 {}", time(lag.p99)))),
    ];
    named(parts)
}

/// What of the system's limits was used up.
pub fn limits(generator: &GeneratorSummary) -> Vec<Reading> {
    let of = |part: Option<u64>, whole: Option<u64>| {
        let whole = whole.map(|whole| format!(" of {}", count(whole))).unwrap_or_default();
        part.map(|part| format!("at most {}{whole}", count(part)))
    };
    named([
        ("open files", of(generator.max_open_files, generator.file_limit)),
        ("local ports", of(generator.max_ports_in_use, generator.ports)),
    ])
}

fn cpu(generator: &GeneratorSummary) -> Option<String> {
    let worst = generator.worst_cpu_share.map(|worst| format!(", at worst {}", share(worst)));
    let cores = generator.cores.map_or_else(|| "the cores".to_owned(), cores);
    let part = generator.part.as_ref().map(|part| format!(" (part {part}, the busiest)"));
    generator.cpu_share.map(|mean| {
        format!(
            "{} of {cores}{}{}",
            share(mean),
            worst.unwrap_or_default(),
            part.unwrap_or_default()
        )
    })
}

fn named<const N: usize>(parts: [(&'static str, Option<String>); N]) -> Vec<Reading> {
    let known = parts.into_iter().filter_map(|(name, value)| Some(Reading { name, value: value? }));
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut generator = specimen::passing().generator;
        assert_eq!(readings(&generator)[2].phrase(), "at most 42 sockets");
        assert_eq!(limits(&generator)[0].value, "at most 61 of 20000");
        (generator.max_open_sockets, generator.file_limit) = (None, None);
        assert!(readings(&generator).iter().all(|reading| reading.name != "sockets"));
        assert_eq!(limits(&generator)[0].value, "at most 61");
    }
}
