//! Reading the table of faults, `[[fault]]`.

use super::document::chosen_policy;
use super::fault::{FaultRule, KINDS, Kind, LONGEST};
use super::settings::FlowPolicy;
use crate::base::document::Section;
use crate::base::remedy::Listing;
use crate::base::units::{Share, Size, Span};
use std::time::Duration;

/// Statuses that an author may choose (documented).
const AUTHORS: &[u64] = &[400, 403, 404, 405, 429, 500];

/// Takes every `[[fault]]`: `kind`, the selectors `capability`, `event`, `action` and `policy`,
/// `share`, `count`, and the keys that the kind has of its own.
///
/// ```toml
/// [[fault]]
/// kind = "rate-limited"
/// action = "SIGNON"
/// share = "5%"
/// retry_after = "2s"
/// ```
pub(super) fn read(outer: &mut Section<'_>, policies: &[FlowPolicy]) -> Vec<FaultRule> {
    outer.sections("fault").into_iter().filter_map(|section| rule(section, policies)).collect()
}

fn rule(mut section: Section<'_>, policies: &[FlowPolicy]) -> Option<FaultRule> {
    let kinds: Vec<(&'static str, Kind)> = KINDS.iter().map(|row| (row.slug, row.kind)).collect();
    if section.item("kind").is_none() {
        section.missing("kind", "write `kind = \"http-500\"`");
    }
    let kind = section.choice("kind", &kinds);
    let usual = FaultRule::everywhere(kind.unwrap_or(Kind::Http500));
    let mut selector = |key| section.text(key).map(|text| text.value);
    let (capability, event, action) =
        (selector("capability"), selector("event"), selector("action"));
    let rule = FaultRule {
        capability,
        event,
        action,
        policy: chosen_policy(&mut section, policies),
        share: section.parsed::<Share>("share").map_or(usual.share, |share| share.value),
        count: section.count("count"),
        burst: section.count("burst").unwrap_or(usual.burst),
        status: status(&mut section, usual.kind).unwrap_or(usual.status),
        retry_after: span(&mut section, "retry_after").unwrap_or(usual.retry_after),
        time: span(&mut section, "for").unwrap_or(usual.time),
        size: section.parsed::<Size>("size").map_or(usual.size, |size| size.value.0),
        kind: usual.kind,
    };
    for key in ["burst", "status", "retry_after", "for", "size"] {
        let Some(item) = section.item(key).filter(|_| kind.is_some()) else { continue };
        let row = rule.kind.row();
        if !row.keys.contains(&key) {
            let what = format!("`{}` means nothing for `{}`", section.name(key), row.slug);
            section.problems().note(Some(&item.place), what, Some("leave it out".to_owned()));
        }
    }
    section.finish();
    kind.map(|_| rule)
}

fn span(section: &mut Section<'_>, key: &'static str) -> Option<Duration> {
    let span = section.parsed::<Span>(key)?.value.0;
    if span > LONGEST {
        let place = section.item(key).map(|item| &item.place);
        let what = format!("`{}` is {}, longer than any call lasts", section.name(key), Span(span));
        let remedy = format!("at most `{}`", Span(LONGEST));
        section.problems().note(place, what, Some(remedy));
        return None;
    }
    Some(span)
}

/// The status, if the kind can have it.
fn status(section: &mut Section<'_>, kind: Kind) -> Option<u16> {
    let status = section.count("status")?;
    let fits = match kind {
        Kind::Http500 => (500..=599).contains(&status),
        Kind::AuthorError => AUTHORS.contains(&status),
        // It has no status to choose, which is told elsewhere.
        _ => return None,
    };
    if fits {
        return u16::try_from(status).ok();
    }
    let remedy = match kind {
        Kind::AuthorError => {
            let words = AUTHORS.iter().map(u64::to_string);
            format!("choose one of {}", words.collect::<Listing>())
        }
        _ => "from 500 to 599".to_owned(),
    };
    let place = section.item("status").map(|item| &item.place);
    let what = format!("`{}` {status} is not for `{}`", section.name("status"), kind.row().slug);
    section.problems().note(place, what, Some(remedy));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read_text(text: &str) -> (Vec<FaultRule>, String) {
        let table = Table::parse("s.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let rules = read(&mut section, &[FlowPolicy::of("two", "0123", "stock")]);
        section.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let (place, remedy) = (problem.place.unwrap(), problem.remedy.unwrap_or_default());
            format!("{place}: {} ({remedy})\n", problem.what)
        });
        (rules, lines.collect())
    }

    #[test]
    fn every_kind_is_read_by_its_name_with_every_key_it_has() {
        for row in KINDS {
            let keys = row.keys.iter().map(|key| match *key {
                "for" => "for = \"2s\"\n",
                "status" => "status = 500\n",
                "retry_after" => "retry_after = \"9s\"\n",
                "burst" => "burst = 4\n",
                "size" => "size = \"1KiB\"\n",
                other => panic!("{other} is read nowhere"),
            });
            let keys: String = keys.collect();
            let text = format!(
                "[[fault]]\nkind = \"{}\"\ncapability = \"c\"\nevent = \"e\"\naction = \"A\"\n\
                 policy = \"two\"\nshare = \"5%\"\ncount = 7\n{keys}",
                row.slug
            );
            let (rules, problems) = read_text(&text);
            assert_eq!(problems, "", "{}", row.slug);
            let usual = FaultRule::everywhere(row.kind);
            let has = |key| row.keys.contains(&key);
            let seconds = Duration::from_secs;
            let expected = FaultRule {
                capability: Some("c".to_owned()),
                event: Some("e".to_owned()),
                action: Some("A".to_owned()),
                policy: Some("0123".to_owned()),
                share: Share(0.05),
                count: Some(7),
                burst: if has("burst") { 4 } else { usual.burst },
                status: if has("status") { 500 } else { usual.status },
                retry_after: if has("retry_after") { seconds(9) } else { usual.retry_after },
                time: if has("for") { seconds(2) } else { usual.time },
                size: if has("size") { 1024 } else { usual.size },
                kind: row.kind,
            };
            assert_eq!(rules, [expected]);
        }
    }

    #[test]
    fn what_means_nothing_is_said() {
        let (_, problems) = read_text(
            "[[fault]]\nshare = \"5%\"\n[[fault]]\nkind = \"stal\"\n\
             [[fault]]\nkind = \"reset\"\nstatus = 500\n[[fault]]\nkind = \"author-error\"\nstatus = 418\n\
             [[fault]]\nkind = \"stall\"\nfor = \"1h\"\nsise = \"1KiB\"\n\
             [[fault]]\nkind = \"reset\"\npolicy = \"tow\"\n",
        );
        insta::assert_snapshot!(problems, @r#"
        s.toml:1:1: `fault.kind` is missing (write `kind = "http-500"`)
        s.toml:4:8: `fault.kind` is `stal`, which it cannot be (choose one of `stall`, `http-500`, `http-503-html`, `rate-limited`, `blocked`, `reset`, `reset-mid-body`, `slow-body`, `truncated`, `interaction-rejected`, `timed-out`, `failed-flow`, `oversized`, `author-error`, `not-json`, `foreign-link`, `repeating`, `repeating-names`)
        s.toml:7:10: `fault.status` means nothing for `reset` (leave it out)
        s.toml:10:10: `fault.status` 418 is not for `author-error` (choose one of `400`, `403`, `404`, `405`, `429`, `500`)
        s.toml:13:7: `fault.for` is 1h, longer than any call lasts (at most `10m`)
        s.toml:14:1: unknown key `fault.sise` (did you mean `size`?)
        s.toml:17:10: there is no flow policy `tow` (known: `two`)
        "#);
    }
}
