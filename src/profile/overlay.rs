//! `[variant.tenant]`: what a variant changes about `[tenant]`, laid over it before anything is read, so
//! that every mistake is told in its place.

use super::tenant::Tenant;
use crate::base::document::{Item, Problem, Problems, Section, Table, Value};
use std::fmt;

/// What a variant changes, as written.
#[derive(Clone)]
pub struct Overlay(Table);

/// Its keys; values may be secrets.
impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.entries.iter().map(|(key, ..)| key)).finish()
    }
}

/// Names of the tables in messages.
const BELOW: &str = "tenant";
const ABOVE: &str = "variant.tenant";

/// The embedded stand-in decides about these itself.
const OF_THE_STAND_IN: &[&str] = &[
    "auth_url",
    "api_url",
    "orchestrate_url",
    "environment_id",
    "custom_domain",
    "hosts",
    "acknowledge",
    "worker",
];

/// A stand-in that is not started yet, for reading what is laid over it.
const TO_COME: &str = "auth_url = \"http://127.0.0.1\"\norchestrate_url = \"http://127.0.0.1\"\n\
                       environment_id = \"-\"\nclient_id = \"-\"\nredirect_uri = \"https://app.example.com\"\n";

impl Overlay {
    /// The tenant that this makes of the one below.
    pub fn over(&self, below: &Table, problems: &Problems) -> Option<Tenant> {
        let mut table = below.clone();
        self.make_room(&mut table);
        table.overlay(self.0.clone());
        table.place = self.0.place.clone();
        Tenant::read(Section::at(ABOVE, &table, problems))
    }

    /// Takes away what is replaced without being named: one way to a token by the other, and a header by
    /// the same in other letters.
    fn make_room(&self, below: &mut Table) {
        if self.0.get("sdk_token").is_some() {
            below.entries.retain(|(key, ..)| key != "sdk_token");
        }
        let Some(Value::Table(above)) = self.0.get("headers").map(|item| &item.value) else {
            return;
        };
        let headers = below.entries.iter_mut().find(|(key, ..)| key == "headers");
        if let Some((.., Item { value: Value::Table(headers), .. })) = headers {
            let is_named =
                |name: &str| above.entries.iter().any(|(own, ..)| own.eq_ignore_ascii_case(name));
            headers.entries.retain(|(name, ..)| !is_named(name));
        }
    }

    /// The same where there is no `[tenant]`: as far as that can be known before the stand-in is there.
    fn over_one_to_come(&self, problems: &Problems) -> Option<Tenant> {
        for (key, place, _) in &self.0.entries {
            if OF_THE_STAND_IN.contains(&key.as_str()) {
                let what =
                    format!("`{ABOVE}.{key}` says where a tenant is, and there is no `[tenant]`");
                let remedy = "write `[tenant]` with what the variants share; without it all of them \
                              meet the embedded stand-in";
                problems.note(Some(place), what, Some(remedy.to_owned()));
            }
        }
        let mut table = Table::parse("stand-in", TO_COME).ok()?;
        // Nobody wrote it, so no rule about what may stand in a document is for it.
        table.fill_in(problems, &|text| Ok(Some(text.to_owned())));
        self.over(&table, problems)
    }
}

/// The tenant of each overlay: `[tenant]` as it is for those without one. None where there is no
/// `[tenant]` and no overlay. What is wrong with the table below is told once.
pub(super) fn read_all(
    section: &mut Section<'_>,
    overlays: &[Option<Overlay>],
) -> Vec<Option<Tenant>> {
    let below = section.section(BELOW);
    let problems = section.problems();
    let Some(table) = below.table() else {
        let to_come = |overlay: &Overlay| overlay.over_one_to_come(problems);
        return overlays.iter().map(|overlay| overlay.as_ref().and_then(to_come)).collect();
    };
    let own = Problems::default();
    // Where every variant completes it, it need not be complete by itself.
    let as_it_is = match overlays.iter().all(Option::is_some) {
        true => None,
        false => Tenant::read(Section::at(BELOW, table, &own)),
    };
    let own = own.into_sorted();
    let tenant = |overlay: &Option<Overlay>| match overlay {
        None => as_it_is.clone(),
        Some(overlay) => {
            let above = Problems::default();
            let tenant = overlay.over(table, &above);
            let found = above.into_sorted().into_iter();
            problems.extend(found.filter(|problem| !overlay.repeats(problem, &own)));
            tenant
        }
    };
    let tenants = overlays.iter().map(tenant).collect();
    problems.extend(own);
    tenants
}

impl Overlay {
    /// Takes what a variant changes.
    pub(super) fn read(variant: &mut Section<'_>) -> Option<Self> {
        variant.section(BELOW).table().cloned().map(Self)
    }

    /// Whether a problem was told about the table below already: what stands there, or is missing there.
    fn repeats(&self, problem: &Problem, told: &[Problem]) -> bool {
        let as_below = problem.what.replace(&format!("`{ABOVE}."), &format!("`{BELOW}."));
        let is_of_whole = problem.place.as_ref() == Some(&self.0.place);
        told.iter().any(|own| own.what == as_below && (is_of_whole || own.place == problem.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::document::Profile;

    const BASE: &str = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\nclient_id = \"base\"\n\
                        redirect_uri = \"https://a.example\"\nheaders = { a = \"1\", b = \"1\" }\n";
    const SECRET: &str = "${S}";

    fn read(text: &str) -> (Profile, String) {
        let mut table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|text| Ok((text == SECRET).then(|| "TOPSECRET".to_owned())));
        let profile = Profile::read(Section::document(&table, &problems));
        let line = |problem: Problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{place} {}\n", problem.what)
        };
        (profile, problems.into_sorted().into_iter().map(line).collect())
    }

    #[test]
    fn a_variant_changes_what_it_names_and_keeps_the_rest() {
        let (profile, problems) = read(&format!(
            "{BASE}[[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n[variant.tenant]\n\
             client_id = \"two\"\nclient_secret = \"{SECRET}\"\nheaders = {{ B = \"2\" }}\nstart = \"policy\"\n"
        ));
        assert_eq!(problems, "");
        let tenants: Vec<_> = profile.tenants().map(|(_, tenant)| tenant).collect();
        let [one, two] = tenants.as_slice() else { panic!("{tenants:?}") };
        assert_eq!((one.client_id.as_str(), two.client_id.as_str()), ("base", "two"));
        assert_eq!(one.auth_url, two.auth_url);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(two.headers, [pair("a", "1"), pair("B", "2")]);
        assert_eq!(one.headers, [pair("a", "1"), pair("b", "1")]);
        assert!(one.client_secret.is_none() && two.client_secret.is_some());
        assert!(!format!("{profile:?}").contains("TOPSECRET"), "{profile:?}");
    }

    #[test]
    fn mistakes_are_told_once_and_where_they_stand() {
        let (_, problems) = read(
            "[tenant]\nauth_url = \"nowhere\"\nclient_id = \"base\"\nfoo = 1\n\
             [[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n[variant.tenant]\n\
             client_secret = \"open\"\nstart = \"later\"\nbar = 1\n\
             [[variant]]\nname = \"v3\"\ntenant = 7\n",
        );
        insta::assert_snapshot!(problems, @r"
        p.toml:1:1 `tenant.redirect_uri` is missing
        p.toml:2:12 `tenant.auth_url` is no address
        p.toml:4:1 unknown key `tenant.foo`
        p.toml:10:17 `variant.tenant.client_secret` is a secret and may not stand in the document
        p.toml:11:9 `variant.tenant.start` is `later`, which it cannot be
        p.toml:12:1 unknown key `variant.tenant.bar`
        p.toml:15:10 `variant.tenant` is a number, not a table
        ");
    }

    #[test]
    fn the_table_below_need_not_be_complete_where_every_variant_completes_it() {
        let text = "[tenant]\nauth_url = \"http://127.0.0.1:1\"\nredirect_uri = \"https://a.example\"\n\
                    [[variant]]\nname = \"v1\"\ntenant = { client_id = \"one\" }\n[[variant]]\nname = \"v2\"\n";
        let (profile, problems) = read(&format!("{text}tenant = {{ client_id = \"two\" }}\n"));
        assert_eq!((profile.tenants().count(), problems.as_str()), (2, ""));
        assert_eq!(read(text).1, "p.toml:1:1 `tenant.client_id` is missing\n");
    }

    #[test]
    fn one_way_to_a_token_replaces_the_other() {
        let (profile, problems) = read(&format!(
            "{BASE}sdk_token = {{ api_key = \"{SECRET}\" }}\n[[variant]]\nname = \"v1\"\n\
             tenant = {{ sdk_token = {{ bearer = \"{SECRET}\" }} }}\n"
        ));
        assert_eq!((profile.tenants().count(), problems.as_str()), (1, ""));
    }

    #[test]
    fn without_a_tenant_the_application_can_be_changed_and_the_place_cannot() {
        let text = "[[variant]]\nname = \"v1\"\n[[variant]]\nname = \"v2\"\n[variant.tenant]\n\
                    headers = { a = \"1\" }\nstart = \"policy\"\n";
        let (profile, problems) = read(text);
        assert_eq!((profile.tenants().count(), problems.as_str()), (0, ""));
        assert!(profile.variants[0].overlay.is_none());
        let overlay = profile.variants[1].overlay.as_ref().unwrap();
        assert!(overlay.0.get("headers").is_some());
        assert_eq!(
            read(&format!("{text}auth_url = \"https://auth.example.com\"\nfoo = 1\n")).1,
            "p.toml:8:1 `variant.tenant.auth_url` says where a tenant is, and there is no `[tenant]`\n\
             p.toml:9:1 unknown key `variant.tenant.foo`\n"
        );
    }
}
