//! The `[agents]` table of a profile: what becomes of a run of several machines when one of them is lost.

use crate::base::document::Section;
use crate::base::units::Span;
use std::time::Duration;

/// After so long without a sign of life an agent is lost, unless the profile says otherwise.
pub const LOST_AFTER: Duration = Duration::from_secs(15);

/// Agents give a sign of life each second: less than a few of them proves nothing.
const SHORTEST: Duration = Duration::from_secs(3);

/// What becomes of the load of an agent that is lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum WhenLost {
    /// The others take over, from a moment a few seconds later on.
    #[default]
    ShareOut,
    /// Nobody performs it, and the run is marked.
    Mark,
}

/// The words for that.
pub const WHEN_LOST: &[(&str, WhenLost)] =
    &[("share-out", WhenLost::ShareOut), ("mark", WhenLost::Mark)];

/// What is said of the agents of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// What becomes of the load of one that is lost.
    pub when_lost: WhenLost,
    /// After so long without a sign of life one is lost.
    pub lost_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { when_lost: WhenLost::default(), lost_after: LOST_AFTER }
    }
}

impl Settings {
    /// Reads the table.
    pub fn read(section: &mut Section<'_>) -> Self {
        let when_lost = section.choice("when_lost", WHEN_LOST).unwrap_or_default();
        let mut settings = Self { when_lost, ..Self::default() };
        if let Some(after) = section.parsed::<Span>("lost_after") {
            if after.value.0 < SHORTEST {
                let what = format!("`agents.lost_after` is shorter than {}", Span(SHORTEST));
                let remedy = "agents give a sign of life each second: give them a few of them";
                section.problems().note(Some(&after.place), what, Some(remedy.to_owned()));
            }
            settings.lost_after = after.value.0;
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, Vec<String>) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let settings = Settings::read(&mut section);
        section.finish();
        (settings, problems.into_sorted().into_iter().map(|problem| problem.what).collect())
    }

    #[test]
    fn others_take_over_unless_the_profile_says_otherwise() {
        assert_eq!(read("").0, Settings::default());
        let (settings, problems) = read("when_lost = \"mark\"\nlost_after = \"8s\"\n");
        let wanted = Settings { when_lost: WhenLost::Mark, lost_after: Duration::from_secs(8) };
        assert_eq!((settings, problems), (wanted, vec![]));
        let (_, problems) = read("lost_after = \"1s\"\nwhen_lost = \"weep\"\n");
        assert_eq!(
            problems,
            ["`agents.lost_after` is shorter than 3s", "`when_lost` is `weep`, which it cannot be"]
        );
    }
}
