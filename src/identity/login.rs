//! Logins and e-mail addresses that tell where they come from and never collide with an earlier
//! run's.

use super::domain::EmailDomain;
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use std::fmt;
use std::str::FromStr;

/// How every login that gander makes begins; clean-up recognises them by it.
pub const PREFIX: &str = "gander-";

/// Longest part of a run id that goes into a login as it stands, so that with the prefix, the
/// largest segment and the largest index a local part has at most 63 of the 64 characters allowed.
const LONGEST_TAG: usize = 24;

/// Makes the logins of one run: `gander-<run id>-<segment>-<index>@<domain>`, or with the name of one
/// mailbox in front of them, `<mailbox>+gander-…`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Logins {
    tag: String,
    segment: u32,
    domain: EmailDomain,
    mailbox: Option<MailboxName>,
}

/// The name of a mailbox that gets the mail of all invented people by plus-addressing: what follows a
/// `+` in a local part is of no concern to the server (RFC 5233 calls it the detail).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MailboxName(String);

/// Where the people of a profile have their mail: what is anywhere else is nobody of its.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Home {
    /// What follows the `@`.
    pub domain: EmailDomain,
    /// The mailbox there that they may be in, beside those that are in none.
    pub mailbox: Option<MailboxName>,
}

impl Home {
    /// Whether gander made this login in exactly this run, and here.
    pub fn has(&self, run: &RunId, login: &str) -> bool {
        self.made_here(login).is_some_and(|made| made.tag == tag(run.as_str()))
    }

    /// The tag in a login that gander made here: the id of its run, or what stands for it.
    pub fn tag_of<'l>(&self, login: &'l str) -> Option<&'l str> {
        self.made_here(login).map(|made| made.tag)
    }

    fn made_here<'l>(&self, login: &'l str) -> Option<Parts<'l>> {
        let own = self.mailbox.as_ref().map(|name| name.0.as_str());
        let is_here = |made: &Parts<'_>| {
            made.domain == self.domain.as_str() && (made.mailbox.is_none() || made.mailbox == own)
        };
        Parts::of(login).filter(is_here)
    }
}

/// A login that gander made, taken apart. What has only some of its marks is a stranger's.
struct Parts<'l> {
    mailbox: Option<&'l str>,
    tag: &'l str,
    segment: u32,
    domain: &'l str,
}

impl<'l> Parts<'l> {
    fn of(login: &'l str) -> Option<Self> {
        let (local, domain) = login.split_once('@')?;
        if domain.parse::<EmailDomain>().ok()?.as_str() != domain {
            return None;
        }
        let (mailbox, own) = match local.split_once('+') {
            Some((mailbox, own)) => (Some(mailbox), own),
            None => (None, local),
        };
        if mailbox.is_some_and(|name| name.parse::<MailboxName>().is_err()) {
            return None;
        }
        let mut parts = own.strip_prefix(PREFIX)?.rsplitn(3, '-');
        let (index, segment, tag) = (parts.next()?, parts.next()?, parts.next()?);
        number::<u64>(index)?;
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let is_tag = !tag.is_empty() && tag.len() <= LONGEST_TAG && tag.bytes().all(fits);
        is_tag.then_some(Self { mailbox, tag, segment: number(segment)?, domain })
    }
}

/// A number as gander writes it: digits only, none too many.
fn number<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|number| number.to_string() == text)
}

/// Why a text is no such name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` cannot stand before a `+` in an address")]
pub struct MailboxNameError {
    text: String,
}

impl Remedy for MailboxNameError {
    fn remedy(&self) -> Option<String> {
        Some(format!(
            "write what stands before the `@` of a mailbox of your own: at most {LONGEST_NAME} lower-case \
             letters, digits, `-`, `_` and `.`"
        ))
    }
}

/// Longest name of a mailbox: with a `+` and a login of a run id as gander makes them, segments up to 999
/// and indices up to ten digits it stays within the 64 characters that a local part may have.
const LONGEST_NAME: usize = 16;

impl FromStr for MailboxName {
    type Err = MailboxNameError;

    fn from_str(text: &str) -> Result<Self, MailboxNameError> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let dots = text.starts_with('.') || text.ends_with('.') || text.contains("..");
        if !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(fits) && !dots {
            return Ok(Self(text.to_owned()));
        }
        Err(MailboxNameError { text: text.to_owned() })
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Logins {
    /// Logins of a run. The segment grows with each continuation of an interrupted run.
    pub fn new(run: &RunId, segment: u32, domain: EmailDomain) -> Self {
        Self { tag: tag(run.as_str()), segment, domain, mailbox: None }
    }

    /// The same in one mailbox, by plus-addressing.
    #[must_use]
    pub fn in_mailbox(self, mailbox: Option<MailboxName>) -> Self {
        Self { mailbox, ..self }
    }

    /// The address of a persona, which is also its login: the stock flow stores the e-mail as user
    /// name. All lower case.
    pub fn address(&self, index: u64) -> String {
        let mailbox = self.mailbox.as_ref().map(|name| format!("{name}+")).unwrap_or_default();
        format!("{mailbox}{}{index}@{}", self.local_prefix(), self.domain)
    }

    /// How all logins of this run and segment begin, behind the name of a mailbox.
    pub fn local_prefix(&self) -> String {
        format!("{}{}-", run_prefix(&self.tag), self.segment)
    }

    /// How all logins of a run begin, whatever the segment, outside of any mailbox. What begins so may
    /// belong to a run whose id merely begins alike: see [`Logins::is_of`].
    pub fn prefix_of(run: &RunId) -> String {
        run_prefix(&tag(run.as_str()))
    }

    /// How logins begin that were made in this mailbox or in none: those of a run, or all that gander makes. To
    /// search by; what is found may be another run's.
    pub fn prefixes(run: Option<&RunId>, mailbox: Option<&MailboxName>) -> Vec<String> {
        let bare = run.map_or_else(|| PREFIX.to_owned(), Self::prefix_of);
        let behind = mailbox.map(|name| format!("{name}+{bare}"));
        [bare].into_iter().chain(behind).collect()
    }

    /// How a login that gander made begins, its mailbox and its tag included: what it is found by, together with
    /// all others of its run.
    pub fn prefix_in(login: &str) -> Option<&str> {
        let made = Parts::of(login)?;
        let mailbox = made.mailbox.map_or(0, |name| name.len() + 1);
        login.get(..mailbox + PREFIX.len() + made.tag.len() + 1)
    }

    /// Whether a login is, as a whole, one that gander makes in exactly this run, at whichever domain.
    pub fn is_of(run: &RunId, login: &str) -> bool {
        Self::segment_of(run, login).is_some()
    }

    /// The segment of a login of exactly this run; none for logins of others.
    pub fn segment_of(run: &RunId, login: &str) -> Option<u32> {
        Parts::of(login).filter(|made| made.tag == tag(run.as_str())).map(|made| made.segment)
    }

    /// Whether a text can be a tag as it stands, so that it can be read in every login.
    pub fn is_tag(text: &str) -> bool {
        tag(text) == text && !text.starts_with('-') && !text.ends_with('-')
    }
}

fn run_prefix(tag: &str) -> String {
    format!("{PREFIX}{tag}-")
}

/// A run id as it may stand in a local part. An id that would have to be changed or cut gets a
/// digest of the original, so that two ids never share a tag.
fn tag(run: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !run.is_empty() && run.len() <= LONGEST_TAG && run.chars().all(fits) {
        return run.to_owned();
    }
    let kept = run.chars().map(|c| c.to_ascii_lowercase()).filter(|c| fits(*c)).take(11);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, run.as_bytes());
    let digest = digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}"));
    // No id that fits holds a `.`, so none can equal a digested one.
    let kept = kept.collect::<String>();
    let kept = Some(kept.trim_matches('-')).filter(|kept| !kept.is_empty()).unwrap_or("run");
    format!("{kept}.{}", digest.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn logins(run: &str, segment: u32) -> Logins {
        Logins::new(&run.into(), segment, EmailDomain::default())
    }

    #[test]
    fn a_login_tells_run_segment_and_index() {
        assert_eq!(
            logins("20261121-183441-k3x9", 2).address(17),
            "gander-20261121-183441-k3x9-2-17@load.example.com"
        );
    }

    #[test]
    fn one_mailbox_gets_the_mail_of_all() {
        let run = RunId::from("20261121-183441-k3x9zz");
        let logins = Logins::new(&run, 999, EmailDomain::default());
        let logins = logins.in_mailbox(Some("load".parse().unwrap()));
        let address = logins.address(17);
        assert_eq!(address, "load+gander-20261121-183441-k3x9zz-999-17@load.example.com");
        assert!(Logins::is_of(&run, &address) && !Logins::is_of(&"r".into(), &address));
        let longest = logins.in_mailbox(Some("a".repeat(16).parse().unwrap()));
        assert!(longest.address(9_999_999_999).split('@').next().unwrap().len() <= 64);
        for text in ["", "a+b", "a b", "Load", ".a", "a@b", "abcdefghijklmnopq"] {
            let error = text.parse::<MailboxName>().unwrap_err();
            assert!(error.remedy().is_some(), "{text}");
        }
    }

    #[test]
    fn a_login_says_what_to_search_for_to_find_it_in_its_mailbox() {
        let run = RunId::from("20261121-183441-k3x9zz");
        let load: MailboxName = "load".parse().unwrap();
        for (mailbox, expected) in [(None, ""), (Some(load.clone()), "load+")] {
            let login = Logins::new(&run, 2, EmailDomain::default()).in_mailbox(mailbox.clone());
            let prefix = format!("{expected}gander-{run}-");
            assert_eq!(Logins::prefix_in(&login.address(17)), Some(&*prefix));
            assert!(Logins::prefixes(Some(&run), mailbox.as_ref()).contains(&prefix));
        }
        assert_eq!(Logins::prefixes(None, Some(&load)), ["gander-", "load+gander-"]);
        assert_eq!(Logins::prefix_in("jane+gander@example.com"), None);
        // Also where the tag is a digest.
        let login = logins("R 1", 0).address(3);
        assert_eq!(Logins::prefix_in(&login), Some(&*Logins::prefix_of(&"R 1".into())));
    }

    #[test]
    fn a_login_is_told_from_that_of_a_run_with_a_similar_id() {
        let run = |id: &str| RunId::from(id);
        let (login, other) = (logins("r", 1).address(5), logins("r-1", 5).address(0));
        assert!(login.starts_with(&Logins::prefix_of(&run("r"))));
        assert!(other.starts_with(&Logins::prefix_of(&run("r"))));
        assert!(Logins::is_of(&run("r"), &login) && Logins::is_of(&run("r-1"), &other));
        assert!(!Logins::is_of(&run("r"), &other) && !Logins::is_of(&run("r-1"), &login));
        assert!(!Logins::is_of(&run("r"), "gander-r-@x.test"));
    }

    #[test]
    fn a_login_tells_its_tag_and_segment() {
        let run = |id: &str| RunId::from(id);
        let login = logins("load-spring", 3).address(17);
        let home = Home::default();
        assert_eq!(home.tag_of(&login), Some("load-spring"));
        assert_eq!(Logins::segment_of(&run("load-spring"), &login), Some(3));
        assert_eq!(Logins::segment_of(&run("load"), &login), None);
        for other in
            ["jane@example.com", "gander-@x.test", "gander-1-2@x.test", "gander-a-b-2@x.test"]
        {
            let home = Home { domain: "x.test".parse().unwrap(), mailbox: None };
            assert_eq!(home.tag_of(other), None, "{other}");
        }
    }

    /// Clean-up deletes what is taken for gander's own.
    #[test]
    fn only_what_gander_makes_as_a_whole_is_its_own() {
        let run = RunId::from("spring");
        let home = Home { domain: "load.example.com".parse().unwrap(), mailbox: None };
        let boxed = Home { mailbox: Some("load".parse().unwrap()), ..home.clone() };
        for (login, [at_home, in_box, of_run]) in [
            ("gander-spring-0-1@load.example.com", [true, true, true]),
            ("load+gander-spring-0-1@load.example.com", [false, true, true]),
            ("jane+gander-spring-0-1@load.example.com", [false, false, true]),
            ("jane+gander-spring-0-1@realcompany.com", [false, false, true]),
            ("gander-spring-0-902@realcompany.com", [false, false, true]),
            ("gander-spring-0-901", [false, false, false]),
            ("gander-spring-holiday", [false, false, false]),
            ("gander-spring-0-1@load.example.com@x.test", [false, false, false]),
            ("gander-spring-0-1@mail.load.example.com", [false, false, true]),
            ("gander-spring-0-01@load.example.com", [false, false, false]),
            ("gander-spring-0-+1@load.example.com", [false, false, false]),
            ("gander-spring-00-1@load.example.com", [false, false, false]),
            ("Gander-spring-0-1@load.example.com", [false, false, false]),
            ("a+b+gander-spring-0-1@load.example.com", [false, false, false]),
            ("+gander-spring-0-1@load.example.com", [false, false, false]),
            ("gander-spring-0-99999999999999999999@load.example.com", [false, false, false]),
            ("gander-spring-x-0-1@load.example.com", [false, false, false]),
        ] {
            assert_eq!(home.has(&run, login), at_home, "{login}");
            assert_eq!(boxed.has(&run, login), in_box, "{login} in a mailbox");
            assert_eq!(Logins::is_of(&run, login), of_run, "{login} at any domain");
        }
    }

    #[test]
    fn a_tag_can_be_read_in_every_login() {
        for (text, is_tag) in [
            ("load-spring", true),
            ("20261121-183441-k3x9aa", true),
            ("", false),
            ("-a", false),
            ("Load", false),
            ("a.b", false),
            ("a@b", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(Logins::is_tag(text), is_tag, "{text}");
        }
    }

    #[test]
    fn runs_segments_and_indices_never_share_a_login() {
        let long = "a".repeat(40);
        let longer = "a".repeat(41);
        let runs = ["r", "R", "r-1", "r 1", "r_1", "", "ß", "é", &long, &longer];
        let mut seen = BTreeSet::new();
        for run in runs {
            for segment in [0, 1, 11] {
                for index in [0, 1, 11] {
                    let address = logins(run, segment).address(index);
                    assert!(seen.insert(address.clone()), "{address} twice, again for `{run}`");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn every_login_is_a_valid_address(run in "\\PC{0,60}", segment: u32, index: u64) {
            let address = logins(&run, segment).address(index);
            let (local, domain) = address.split_once('@').unwrap();
            prop_assert!(local.len() <= 64, "{}", local);
            prop_assert_eq!(domain, EmailDomain::DEFAULT);
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            prop_assert!(local.chars().all(fits), "{}", local);
            prop_assert!(!local.contains("..") && !local.ends_with('.'), "{}", local);
            prop_assert!(Home::default().has(&run.as_str().into(), &address), "{}", address);
            prop_assert_eq!(Logins::segment_of(&run.as_str().into(), &address), Some(segment));
        }
    }
}
