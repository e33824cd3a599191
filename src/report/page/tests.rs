//! What holds for the page as a whole.

use super::*;
use crate::report::specimen;
use std::collections::BTreeSet;

fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!(" {name}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

fn pages() -> Vec<String> {
    let mut dossiers = specimen::dossiers();
    dossiers.push(specimen::hostile());
    let drawn: Vec<_> = dossiers.iter().cloned().map(specimen::with_course).collect();
    dossiers.extend(drawn);
    let live = LiveChrome { events_path: "/e".to_owned(), stop_path: "/s".to_owned() };
    let mut pages: Vec<_> = dossiers.iter().map(document).collect();
    pages.extend(dossiers.iter().map(|dossier| live_document(dossier, &live)));
    pages
}

#[test]
fn every_id_is_unique_and_every_reference_leads_somewhere() {
    for page in pages() {
        let body = page.split("<body>").nth(1).unwrap().split("<script>").next().unwrap();
        let ids = attributes(body, "id");
        let known: BTreeSet<_> = ids.iter().collect();
        assert_eq!(known.len(), ids.len(), "{ids:?}");
        let links = attributes(body, "href").into_iter().map(|link| &link[1..]);
        for reference in links.chain(attributes(body, "aria-labelledby")) {
            assert!(known.contains(&reference), "{reference}");
        }
    }
}

#[test]
fn sections_have_ids_of_their_own_and_stand_in_the_order_of_the_table() {
    let made = sections(&specimen::dossier(specimen::failing()));
    let ids: BTreeSet<_> = made.iter().map(|section| section.id).collect();
    assert_eq!(ids.len(), PARTS.len());
    assert!(made.iter().zip(PARTS).all(|(section, part)| section.id == part.id));
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    for page in specimen::dossiers().iter().map(document) {
        for loading in ["http://", "https://", "//cdn", " src=", "@import", "url("] {
            let page = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!page.contains(loading), "{loading}");
        }
    }
}

#[test]
fn there_is_one_first_heading_and_none_is_skipped() {
    for page in pages() {
        assert_eq!(page.matches("<h1").count(), 1);
        let mut level = 0;
        for (at, _) in page.match_indices("<h") {
            let Some(found) = page.as_bytes().get(at + 2).filter(|c| c.is_ascii_digit()) else {
                continue;
            };
            let found = found - b'0';
            assert!(found <= level + 1, "h{found} after h{level}");
            level = found;
        }
    }
}

#[test]
fn the_verdict_is_in_the_first_heading_and_in_the_title() {
    for dossier in specimen::dossiers() {
        let page = document(&dossier);
        let (word, _) = verdict::word(dossier.summary.verdict);
        let heading = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
        assert!(heading.contains(word));
        assert!(page.contains(&format!("<title>{word} · ")));
    }
}

#[test]
fn names_from_outside_are_text_and_never_markup() {
    let dossier = specimen::with_course(specimen::hostile());
    let page = document(&dossier);
    assert!(page.matches("<figure").count() > 5);
    assert_eq!(page.matches("<script>").count(), 1, "that of the page itself");
    assert!(page.contains("&lt;script&gt;"));
    assert!(!page.contains("onerror=\"") && !page.contains("\u{202e}"));
}

#[test]
fn the_page_stays_small_however_much_was_measured() {
    for page in pages() {
        assert!(page.len() < 1_000_000, "{}", page.len());
    }
}

#[test]
fn only_a_page_of_a_run_in_progress_may_talk_to_anyone() {
    let dossier = specimen::dossier(specimen::passing());
    let live = LiveChrome { events_path: "/e?t=1&u=2".to_owned(), stop_path: "/s".to_owned() };
    let live = live_document(&dossier, &live);
    assert!(live.contains("connect-src 'self'") && live.contains("data-events=\"/e?t=1&amp;u=2\""));
    assert!(live.contains("action=\"/s\""));
    let page = document(&dossier);
    assert!(!page.contains("connect-src") && !page.contains("id=\"live\""));
}
