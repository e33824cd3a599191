//! What became of the mails of a run, told at its end.

use super::terminal::{Style, Terminal};
use crate::base::secret::without_user_info;
use crate::base::units::Span;
use crate::codes::Pickup;
use crate::codes::office::{Office, OfficeStats, Trouble};
use crate::codes::reception::Reception;
use crate::codes::settings::{Settings, Source};
use crate::report::columns::clean;

/// Tells how many mails came and what for; and says so unasked where codes may have been missed. `missing`:
/// iterations that are known to have failed for want of a code.
pub(super) fn tell(
    pickup: Option<&Pickup>,
    settings: &Settings,
    missing: u64,
    terminal: &Terminal,
) {
    let caution = match pickup {
        Some(Pickup::Office(office)) => {
            terminal.explain(&counts(&office.stats()));
            Told::of(office, settings).cautions()
        }
        Some(Pickup::Reply(_)) if missing > 0 => {
            vec![format!("in no reply a code was found, {missing} times; {POINTER}")]
        }
        _ => Vec::new(),
    };
    for caution in caution {
        terminal.say(&format!("{} {caution}", terminal.paint(Style::Bad, "caution")));
    }
}

/// What to look at where codes of this source do not come.
pub(super) const fn advice(source: &Source) -> &'static str {
    match source {
        Source::SmtpSink(_) => {
            "check that the environment's mail server is gander's sink, with the sink's user and password, and the pattern \
             of the code"
        }
        Source::HttpProvider(_) => {
            "check that the environment's notification provider posts to gander, and that `codes.recipient` and \
             `codes.text` point at what it posts"
        }
        Source::HttpMailbox(_) | Source::Imap(_) => {
            "check that the environment's mail reaches the mailbox of `[codes]`, and the pattern of the code"
        }
        Source::Reply(_) => POINTER,
        Source::Fixed(_) => "check `codes.code`",
    }
}

const POINTER: &str = "let `codes.pointer` point at the code in the flow's reply";

/// What there is to be told of.
struct Told<'a> {
    stats: OfficeStats,
    trouble: Trouble,
    reception: Reception,
    settings: &'a Settings,
}

fn counts(stats: &OfficeStats) -> String {
    let OfficeStats { received, delivered, no_waiter, no_code, stale, late, surplus } = stats;
    format!(
        "mails: {received} came, {delivered} with a code for somebody; dropped: {no_code} without a code, \
         {no_waiter} to nobody who waits, {stale} from before the wait, {late} after it, {surplus} too many"
    )
}

impl<'a> Told<'a> {
    fn of(office: &Office, settings: &'a Settings) -> Self {
        let (stats, trouble, reception) = (office.stats(), office.trouble(), office.reception());
        Self { stats, trouble, reception, settings }
    }

    fn cautions(&self) -> Vec<String> {
        self.mails().into_iter().chain(self.cut_short()).collect()
    }

    /// Waits that were ended with the load, before their own time was over.
    fn cut_short(&self) -> Option<String> {
        let number = self.reception.cut_short();
        let timeout = Span(self.settings.timeout);
        (number > 0).then(|| {
            format!(
                "{number} iterations were cut off while they waited for a code, which may take {timeout} \
                 (`codes.timeout`); where codes do come, make `workload.drain` longer than that"
            )
        })
    }

    fn mails(&self) -> Option<String> {
        let Self { stats, trouble, reception, .. } = self;
        if let (times @ 1.., Some(last)) = (trouble.times, &trouble.last) {
            let last = clean(&without_user_info(last));
            return Some(format!("codes could not be asked for {times} times; last, {last}"));
        }
        if stats.delivered > 0 || reception.awaited == 0 {
            return None;
        }
        if stats.received == 0 {
            return Some(self.silence());
        }
        if stats.late > 0 {
            let late = stats.late;
            return Some(format!(
                "{late} codes came after the wait for them, and none within it; raise `codes.timeout`"
            ));
        }
        let is_posted = matches!(self.settings.source, Source::HttpProvider(_));
        Some(match (stats.no_code, is_posted) {
            (0, _) => format!(
                "none of {} mails was for anybody who waits; see that `[identities]` is about the mailbox of `[codes]`",
                stats.received
            ),
            (number, true) => format!(
                "in none of {number} notifications a code was found; see that `codes.text` points at the text, and say \
                 how the code looks with `codes.pattern`"
            ),
            (number, false) => format!(
                "in none of {number} mails a code was found; say how it looks with `codes.pattern`"
            ),
        })
    }

    /// Why nothing came, as far as that can be seen from here.
    fn silence(&self) -> String {
        let Reception { at, connections, refused, misread, .. } = self.reception;
        let help = advice(&self.settings.source);
        let Some(at) = at else { return format!("no mail came for anybody; {help}") };
        if refused > 0 {
            let what = match &self.settings.source {
                Source::HttpProvider(own) if own.token.is_some() => "`codes.token`",
                _ => "`codes.user` and `codes.password`",
            };
            return format!(
                "{refused} deliveries to {at} were refused: wrong {}; let the environment bring {what}",
                if what.contains("token") { "token" } else { "user or password" }
            );
        }
        if misread > 0 {
            return format!(
                "{misread} notifications came to {at} and named nobody; let `codes.recipient` point at whom they are for"
            );
        }
        match connections {
            0 => format!("nobody connected to {at}, so no code could come; {help}"),
            _ => format!(
                "{connections} connections came to {at}, and none brought a mail; see that the environment speaks TLS as \
                 `codes.tls` says"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::http_provider::ProviderSettings;

    /// What is said of these mails where one code was waited for in vain.
    fn said(stats: OfficeStats) -> Option<String> {
        let reception = Reception { awaited: 1, missed: 1, ..Reception::default() };
        told(stats, reception, &Settings::default())
    }

    fn told(stats: OfficeStats, reception: Reception, settings: &Settings) -> Option<String> {
        let told = Told { stats, trouble: Trouble::default(), reception, settings };
        let said = told.cautions().join("\n");
        (!said.is_empty()).then_some(said)
    }

    #[test]
    fn what_was_missed_is_said_with_a_way_out() {
        let usual = OfficeStats { received: 9, delivered: 6, no_code: 3, ..OfficeStats::default() };
        assert_eq!(said(usual), None);
        let blank = OfficeStats { received: 9, no_code: 9, ..OfficeStats::default() };
        assert!(said(blank).unwrap().contains("`codes.pattern`"));
        let stray = OfficeStats { received: 9, no_waiter: 9, ..OfficeStats::default() };
        assert!(said(stray).unwrap().contains("`[identities]`"));
        let late = OfficeStats { received: 9, no_code: 3, late: 6, ..OfficeStats::default() };
        assert!(said(late).unwrap().contains("`codes.timeout`"));
        let settings = Settings::default();
        let trouble = Trouble { times: 2, last: Some("the mailbox answers 503".to_owned()) };
        let reception = Reception::default();
        let told = Told { stats: usual, trouble, reception, settings: &settings };
        insta::assert_snapshot!(told.cautions().join("\n"), @"codes could not be asked for 2 times; last, the mailbox answers 503");
        insta::assert_snapshot!(counts(&usual), @"mails: 9 came, 6 with a code for somebody; dropped: 3 without a code, 0 to nobody who waits, 0 from before the wait, 0 after it, 0 too many");
    }

    #[test]
    fn where_no_mail_came_it_is_said_who_knocked() {
        let posted = |token: Option<&str>| Settings {
            source: Source::HttpProvider(Box::new(ProviderSettings {
                token: token.map(|token| token.to_owned().into()),
                ..ProviderSettings::default()
            })),
            ..Settings::default()
        };
        let mailed = Settings::default();
        let at = "127.0.0.1:2953".parse().ok();
        let none = Reception { at, awaited: 4, missed: 4, ..Reception::default() };
        let come = Reception { connections: 13, ..none };
        let refused = Reception { refused: 13, ..come };
        let of = |reception, settings: &Settings| {
            told(OfficeStats::default(), reception, settings).unwrap()
        };
        let all = [
            of(none, &mailed),
            of(none, &posted(None)),
            of(refused, &mailed),
            of(refused, &posted(Some("t"))),
            of(Reception { misread: 2, ..come }, &posted(None)),
            of(come, &mailed),
            of(Reception { at: None, ..none }, &mailed),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        nobody connected to 127.0.0.1:2953, so no code could come; check that the environment's mail server is gander's sink, with the sink's user and password, and the pattern of the code
        nobody connected to 127.0.0.1:2953, so no code could come; check that the environment's notification provider posts to gander, and that `codes.recipient` and `codes.text` point at what it posts
        13 deliveries to 127.0.0.1:2953 were refused: wrong user or password; let the environment bring `codes.user` and `codes.password`
        13 deliveries to 127.0.0.1:2953 were refused: wrong token; let the environment bring `codes.token`
        2 notifications came to 127.0.0.1:2953 and named nobody; let `codes.recipient` point at whom they are for
        13 connections came to 127.0.0.1:2953, and none brought a mail; see that the environment speaks TLS as `codes.tls` says
        no mail came for anybody; check that the environment's mail server is gander's sink, with the sink's user and password, and the pattern of the code
        ");
        let nobody_waited = Reception { awaited: 0, missed: 0, ..none };
        assert_eq!(told(OfficeStats::default(), nobody_waited, &mailed), None);
    }

    #[test]
    fn iterations_that_were_ended_while_they_waited_are_said_apart() {
        let stats = OfficeStats { received: 2, delivered: 2, ..OfficeStats::default() };
        let reception = Reception { awaited: 6, met: 2, ..Reception::default() };
        insta::assert_snapshot!(told(stats, reception, &Settings::default()).unwrap(), @"4 iterations were cut off while they waited for a code, which may take 30s (`codes.timeout`); where codes do come, make `workload.drain` longer than that");
    }

    #[test]
    fn a_way_out_is_about_the_source_that_the_profile_names() {
        assert!(advice(&Source::Reply("/a".parse().unwrap())).contains("`codes.pointer`"));
        let provider = Source::HttpProvider(Box::default());
        assert!(advice(&provider).contains("`codes.text`"));
        assert!(advice(&Settings::default().source).contains("password"));
    }
}
