//! The `[identities]` table of a profile.

use super::domain::EmailDomain;
use super::login::MailboxName;
use super::persona::{LOCALES, Locale};
use crate::base::document::Section;

/// How people are invented.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Where they have their mail.
    pub email_domain: EmailDomain,
    /// The one mailbox there that gets the mail of all of them; none where each has one.
    pub mailbox: Option<MailboxName>,
    /// What they are called and where they live.
    pub locale: Locale,
}

impl Settings {
    /// Reads the table; what it does not say keeps its default. A domain that stands in a profile
    /// counts as named by the person, so it need not be a reserved one.
    pub fn read(section: &mut Section<'_>) -> Self {
        let locales: Vec<_> = LOCALES.iter().map(|locale| (locale.name(), *locale)).collect();
        Self {
            email_domain: section
                .parsed("email_domain")
                .map_or_else(EmailDomain::default, |sited| sited.value),
            mailbox: section.parsed("mailbox").map(|sited| sited.value),
            locale: section.choice("locale", &locales).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Settings, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let settings = Settings::read(&mut section);
        section.finish();
        let lines = problems
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} ({})\n", problem.what, problem.remedy.unwrap_or_default()));
        (settings, lines.collect())
    }

    #[test]
    fn an_empty_table_gives_the_defaults() {
        assert_eq!(read(""), (Settings::default(), String::new()));
        assert_eq!(Settings::default().email_domain.as_str(), "load.example.com");
        assert_eq!(Settings::default().locale.name(), "en");
    }

    #[test]
    fn a_domain_that_the_profile_names_is_taken() {
        let text = "email_domain = \"load.acme.eu\"\nmailbox = \"box\"\nlocale = \"de-de\"\n";
        let (settings, problems) = read(text);
        assert_eq!(settings.mailbox.unwrap().to_string(), "box");
        assert_eq!(problems, "");
        assert_eq!(settings.email_domain.as_str(), "load.acme.eu");
        assert_eq!(settings.locale.name(), "de-de");
    }

    #[test]
    fn mistakes_are_reported_with_a_way_out() {
        insta::assert_snapshot!(read("email_domain = \"gmail.com\"\nlocale = \"xx\"\n").1, @r"
        `email_domain`: `gmail.com` belongs to a public mail provider: invented addresses may be a stranger's (use a reserved name such as `load.example.com`, or a domain of your own whose mail you receive)
        `locale` is `xx`, which it cannot be (choose one of `en`, `ar-sa`, `cy-gb`, `de-de`, `fa-ir`, `fr-fr`, `it-it`, `ja-jp`, `nl-nl`, `pt-br`, `pt-pt`, `tr-tr`, `zh-cn`, `zh-tw`)
        ");
    }
}
