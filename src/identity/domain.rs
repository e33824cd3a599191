//! Domains that invented people may have their mail at: never one whose mailboxes belong to
//! strangers.

use crate::base::remedy::Remedy;
use std::fmt;
use std::str::FromStr;

/// A domain for the e-mail addresses of a run: lower case, well formed, no public mail provider's.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EmailDomain(String);

/// Why a text cannot be the domain of invented people.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DomainError {
    /// Not a domain name at all.
    #[error("`{domain}` is not a domain name: {reason}")]
    Malformed { domain: String, reason: &'static str },
    /// Everybody can have a mailbox there, so invented addresses may be somebody's.
    #[error("`{domain}` belongs to a public mail provider: invented addresses may be a stranger's")]
    Public { domain: String },
}

impl Remedy for DomainError {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Malformed { .. } => {
                format!("write only what follows the `@`, such as `{}`", EmailDomain::DEFAULT)
            }
            Self::Public { .. } => format!(
                "use a reserved name such as `{}`, or a domain of your own whose mail you receive",
                EmailDomain::DEFAULT
            ),
        })
    }
}

/// Names and top-level domains that RFC 2606 and RFC 6761 reserve: no mail ever leaves for them.
const RESERVED: &[&str] =
    &["example.com", "example.net", "example.org", "example", "test", "invalid", "localhost"];

/// Providers where everybody can have a mailbox. `name.*` stands for the provider's national
/// domains (`yahoo.fr`, `yahoo.co.uk`). Subdomains belong to them too.
const PUBLIC: &[&str] = &[
    "126.com",
    "163.com",
    "aim.com",
    "aol.*",
    "att.net",
    "bigpond.com",
    "bluewin.ch",
    "bol.com.br",
    "bt.com",
    "btinternet.com",
    "comcast.net",
    "cox.net",
    "daum.net",
    "duck.com",
    "fastmail.*",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.*",
    "googlemail.com",
    "guerrillamail.*",
    "hanmail.net",
    "hey.com",
    "hotmail.*",
    "hushmail.com",
    "icloud.com",
    "inbox.lv",
    "interia.pl",
    "laposte.net",
    "libero.it",
    "live.*",
    "mac.com",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "mailinator.com",
    "me.com",
    "msn.com",
    "naver.com",
    "o2.pl",
    "onet.pl",
    "orange.fr",
    "outlook.*",
    "passport.com",
    "pm.me",
    "posteo.*",
    "proton.me",
    "protonmail.*",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sina.com",
    "sky.com",
    "sohu.com",
    "t-online.de",
    "tiscali.it",
    "tuta.io",
    "tutanota.*",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "ya.ru",
    "yahoo.*",
    "yandex.*",
    "yeah.net",
    "ymail.com",
    "yopmail.com",
    "ziggo.nl",
    "zoho.*",
    "zohomail.*",
];

impl EmailDomain {
    /// Where invented people have their mail when the profile does not say.
    pub const DEFAULT: &str = "load.example.com";

    /// The domain as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is reserved, so that nobody can ever receive the mail.
    pub fn is_reserved(&self) -> bool {
        RESERVED.iter().any(|reserved| is_at_or_below(&self.0, reserved))
    }
}

impl Default for EmailDomain {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for EmailDomain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let domain = text.to_ascii_lowercase();
        if let Some(reason) = fault_of(&domain) {
            return Err(DomainError::Malformed { domain, reason });
        }
        if PUBLIC.iter().any(|pattern| is_of_provider(&domain, pattern)) {
            return Err(DomainError::Public { domain });
        }
        Ok(Self(domain))
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a name as a domain of mail (RFC 1035 and 1123). Names of other scripts are
/// written in their ASCII form (`xn--…`).
fn fault_of(domain: &str) -> Option<&'static str> {
    let labels: Vec<&str> = domain.split('.').collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if domain.is_empty() {
        Some("it is empty")
    } else if domain.len() > 190 {
        // An address holds 254 characters at most, and its local part may take 64 of them.
        Some("it is longer than 190 characters")
    } else if labels.iter().any(|label| label.is_empty()) {
        Some("nothing stands before, between or after dots")
    } else if domain.contains('@') {
        Some("it holds an `@`")
    } else if !labels.iter().all(|label| label.chars().all(allowed)) {
        Some("only letters, digits, hyphens and dots may stand in it")
    } else if labels.iter().any(|label| label.len() > 63) {
        Some("a part of it is longer than 63 characters")
    } else if labels.iter().any(|label| label.starts_with('-') || label.ends_with('-')) {
        Some("a part of it begins or ends with a hyphen")
    } else if labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        Some("it ends with a number")
    } else if labels.len() < 2 && domain != "localhost" {
        Some("it has no dot")
    } else {
        None
    }
}

fn is_at_or_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_of_provider(domain: &str, pattern: &str) -> bool {
    let Some(name) = pattern.strip_suffix(".*") else { return is_at_or_below(domain, pattern) };
    let labels: Vec<&str> = domain.split('.').collect();
    let country = |label: &str| label.len() == 2;
    match labels.as_slice() {
        [.., found, second, top] if *found == name && second.len() <= 3 && country(top) => true,
        [.., found, _] => *found == name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reserved_names_are_known() {
        for domain in [
            EmailDomain::DEFAULT,
            "example.com",
            "a.b.example.org",
            "Load.EXAMPLE.net",
            "gander.test",
            "x.example",
            "x.invalid",
            "localhost",
            "mail.localhost",
        ] {
            assert!(domain.parse::<EmailDomain>().unwrap().is_reserved(), "{domain}");
        }
        for domain in ["load.acme.eu", "notexample.com", "example.com.acme.eu", "contest.eu"] {
            assert!(!domain.parse::<EmailDomain>().unwrap().is_reserved(), "{domain}");
        }
    }

    #[test]
    fn public_mail_providers_are_refused_with_their_subdomains() {
        for domain in [
            "gmail.com",
            "GMail.com",
            "x.gmail.com",
            "yahoo.fr",
            "yahoo.co.uk",
            "yahoo.com.br",
            "a.yahoo.co.jp",
            "hotmail.com",
            "gmx.net",
            "live.co.uk",
            "outlook.com",
            "yandex.ru",
            "proton.me",
            "qq.com",
        ] {
            let refused = domain.parse::<EmailDomain>();
            assert!(matches!(refused, Err(DomainError::Public { .. })), "{domain}: {refused:?}");
        }
        for domain in ["yahoo.acme.eu", "live.acme.com", "mygmail.com", "outlook.acme.co.uk"] {
            assert!(domain.parse::<EmailDomain>().is_ok(), "{domain}");
        }
    }

    #[test]
    fn every_public_name_in_the_table_is_well_formed_and_refused() {
        for pattern in PUBLIC {
            let domain = pattern.replace('*', "com");
            assert_eq!(fault_of(&domain), None, "{domain}");
            assert!(domain.parse::<EmailDomain>().is_err(), "{domain}");
        }
        assert!(PUBLIC.is_sorted_by_key(|pattern| pattern.split('.').next()), "not in order");
    }

    #[test]
    fn what_is_no_domain_is_refused_with_its_reason() {
        let messages: Vec<String> = ["", "acme", "a..b", "a@b.c", "ä.de", "-a.de", "10.0.0.1"]
            .iter()
            .map(|text| text.parse::<EmailDomain>().unwrap_err().to_string())
            .collect();
        insta::assert_snapshot!(messages.join("\n"), @r"
        `` is not a domain name: it is empty
        `acme` is not a domain name: it has no dot
        `a..b` is not a domain name: nothing stands before, between or after dots
        `a@b.c` is not a domain name: it holds an `@`
        `ä.de` is not a domain name: only letters, digits, hyphens and dots may stand in it
        `-a.de` is not a domain name: a part of it begins or ends with a hyphen
        `10.0.0.1` is not a domain name: it ends with a number
        ");
        assert!(format!("{}.de", "a".repeat(64)).parse::<EmailDomain>().is_err());
    }

    #[test]
    fn the_message_names_the_way_out() {
        let error = "gmail.com".parse::<EmailDomain>().unwrap_err();
        insta::assert_snapshot!(format!("{error}\n{}", error.remedy().unwrap()), @r"
        `gmail.com` belongs to a public mail provider: invented addresses may be a stranger's
        use a reserved name such as `load.example.com`, or a domain of your own whose mail you receive
        ");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
            if let Ok(domain) = text.parse::<EmailDomain>() {
                prop_assert_eq!(domain.as_str().parse(), Ok(domain.clone()));
            }
        }
    }
}
