//! What became of the mails of a run, told at its end.

use super::terminal::{Style, Terminal};
use crate::base::secret::without_user_info;
use crate::codes::Pickup;
use crate::codes::office::{OfficeStats, Trouble};
use crate::report::columns::clean;

/// Tells how many mails came and what for; and says so unasked where codes may have been missed.
pub(super) fn tell(pickup: Option<&Pickup>, terminal: &Terminal) {
    let Some(Pickup::Office(office)) = pickup else { return };
    let (stats, trouble) = (office.stats(), office.trouble());
    terminal.explain(&counts(&stats));
    if let Some(caution) = caution(&stats, &trouble) {
        terminal.say(&format!("{} {caution}", terminal.paint(Style::Bad, "caution")));
    }
}

fn counts(stats: &OfficeStats) -> String {
    let OfficeStats { received, delivered, no_waiter, no_code, stale, late, surplus } = stats;
    format!(
        "mails: {received} came, {delivered} with a code for somebody; dropped: {no_code} without a code, \
         {no_waiter} to nobody who waits, {stale} from before the wait, {late} after it, {surplus} too many"
    )
}

fn caution(stats: &OfficeStats, trouble: &Trouble) -> Option<String> {
    if let (times @ 1.., Some(last)) = (trouble.times, &trouble.last) {
        let last = clean(&without_user_info(last));
        return Some(format!("codes could not be asked for {times} times; last, {last}"));
    }
    if stats.received == 0 || stats.delivered > 0 {
        return None;
    }
    if stats.late > 0 {
        let late = stats.late;
        return Some(format!(
            "{late} codes came after the wait for them, and none within it; raise `codes.timeout`"
        ));
    }
    Some(match stats.no_code {
        0 => format!(
            "none of {} mails was for anybody who waits; see that `[identities]` is about the mailbox of `[codes]`",
            stats.received
        ),
        number => format!(
            "in none of {number} mails a code was found; say how it looks with `codes.pattern`"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_said_with_a_way_out() {
        let none = Trouble::default();
        let usual = OfficeStats { received: 9, delivered: 6, no_code: 3, ..OfficeStats::default() };
        assert_eq!(caution(&usual, &none), None);
        assert_eq!(caution(&OfficeStats::default(), &none), None);
        let blank = OfficeStats { received: 9, no_code: 9, ..OfficeStats::default() };
        assert!(caution(&blank, &none).unwrap().contains("`codes.pattern`"));
        let stray = OfficeStats { received: 9, no_waiter: 9, ..OfficeStats::default() };
        assert!(caution(&stray, &none).unwrap().contains("`[identities]`"));
        let late = OfficeStats { received: 9, no_code: 3, late: 6, ..OfficeStats::default() };
        assert!(caution(&late, &none).unwrap().contains("`codes.timeout`"));
        let trouble = Trouble { times: 2, last: Some("the mailbox answers 503".to_owned()) };
        insta::assert_snapshot!(caution(&usual, &trouble).unwrap(), @"codes could not be asked for 2 times; last, the mailbox answers 503");
        insta::assert_snapshot!(counts(&usual), @"mails: 9 came, 6 with a code for somebody; dropped: 3 without a code, 0 to nobody who waits, 0 from before the wait, 0 after it, 0 too many");
    }
}
