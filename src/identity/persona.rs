//! Invented people: names, telephone and postal address as a function of seed and index alone.

use crate::base::random::Seed;
use fake::faker::address::raw::{BuildingNumber, CityName, StreetName, ZipCode};
use fake::faker::name::raw::{FirstName, LastName};
use fake::locales;
use fake::rand::Rng;
use fake::{Dummy, Fake};

/// Somebody who does not exist. The same seed, locale and index give the same person in every run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Persona {
    /// Which person of the run this is.
    pub index: u64,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Telephone number in E.164 form, from a range that is reserved for fiction.
    pub phone: String,
    /// Street and number.
    pub street: String,
    /// Town.
    pub city: String,
    /// Postal code, in the form of the locale.
    pub postal_code: String,
    /// Day of birth, `1987-04-23`; between 20 and 77 years before 2027.
    pub birth_date: String,
}

/// Language and country that people are invented for.
#[derive(Clone, Copy, Debug)]
pub struct Locale {
    name: &'static str,
    draw: fn(&mut dyn Rng) -> Drawn,
}

/// Reads an attribute of a persona.
type Attribute = fn(&Persona) -> &str;

/// What a journey may call a persona's attributes.
pub const ATTRIBUTES: &[(&str, Attribute)] = &[
    ("given_name", |persona| &persona.given_name),
    ("family_name", |persona| &persona.family_name),
    ("phone", |persona| &persona.phone),
    ("street", |persona| &persona.street),
    ("city", |persona| &persona.city),
    ("postal_code", |persona| &persona.postal_code),
    ("birth_date", |persona| &persona.birth_date),
];

/// Every locale, the default first.
pub const LOCALES: &[Locale] = &[
    Locale { name: "en", draw: |random| draw(locales::EN, random) },
    Locale { name: "ar-sa", draw: |random| draw(locales::AR_SA, random) },
    Locale { name: "cy-gb", draw: |random| draw(locales::CY_GB, random) },
    Locale { name: "de-de", draw: |random| draw(locales::DE_DE, random) },
    Locale { name: "fa-ir", draw: |random| draw(locales::FA_IR, random) },
    Locale { name: "fr-fr", draw: |random| draw(locales::FR_FR, random) },
    Locale { name: "it-it", draw: |random| draw(locales::IT_IT, random) },
    Locale { name: "ja-jp", draw: |random| draw(locales::JA_JP, random) },
    Locale { name: "nl-nl", draw: |random| draw(locales::NL_NL, random) },
    Locale { name: "pt-br", draw: |random| draw(locales::PT_BR, random) },
    Locale { name: "pt-pt", draw: |random| draw(locales::PT_PT, random) },
    Locale { name: "tr-tr", draw: |random| draw(locales::TR_TR, random) },
    Locale { name: "zh-cn", draw: |random| draw(locales::ZH_CN, random) },
    Locale { name: "zh-tw", draw: |random| draw(locales::ZH_TW, random) },
];

/// Area codes in service. In each of them 555-0100 to 555-0199 is kept free for fiction by the
/// North American Numbering Plan, so that no invented number rings anywhere.
const AREA_CODES: &[u16] = &[
    201, 202, 205, 206, 207, 208, 212, 213, 214, 215, 216, 217, 281, 302, 303, 305, 312, 313, 314,
    315, 402, 404, 405, 406, 410, 412, 415, 502, 503, 505, 512, 515, 601, 602, 603, 605, 612, 614,
    615, 617, 701, 702, 703, 713, 801, 802, 803, 808, 901, 904, 907, 914,
];

impl Persona {
    /// Invents a person.
    pub fn invent(seed: Seed, locale: Locale, index: u64) -> Self {
        let mut random = seed.stream("persona", index);
        let drawn = (locale.draw)(&mut random);
        let area = AREA_CODES[below(&mut random, AREA_CODES.len())];
        let (year, month, day) =
            (1950 + below(&mut random, 57), 1 + below(&mut random, 12), 1 + below(&mut random, 28));
        Self {
            index,
            given_name: drawn.given_name,
            family_name: drawn.family_name,
            phone: format!("+1{area}55501{:02}", below(&mut random, 100)),
            street: drawn.street,
            city: drawn.city,
            postal_code: drawn.postal_code,
            birth_date: format!("{year:04}-{month:02}-{day:02}"),
        }
    }

    /// An attribute by its name in [`ATTRIBUTES`].
    pub fn attribute(&self, name: &str) -> Option<&str> {
        ATTRIBUTES.iter().find(|(known, _)| *known == name).map(|(_, read)| read(self))
    }
}

impl Locale {
    /// The name in profiles.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl Default for Locale {
    fn default() -> Self {
        LOCALES[0]
    }
}

impl PartialEq for Locale {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Locale {}

/// The attributes that depend on the locale.
struct Drawn {
    given_name: String,
    family_name: String,
    street: String,
    city: String,
    postal_code: String,
}

fn draw<L>(locale: L, random: &mut dyn Rng) -> Drawn
where
    L: locales::Data + Copy,
    String: Dummy<CityName<L>>,
{
    let street: String = StreetName(locale).fake_with_rng(random);
    let number: String = BuildingNumber(locale).fake_with_rng(random);
    Drawn {
        given_name: FirstName(locale).fake_with_rng(random),
        family_name: LastName(locale).fake_with_rng(random),
        street: format!("{street} {number}"),
        city: without_gaps(CityName(locale).fake_with_rng(random)),
        postal_code: ZipCode(locale).fake_with_rng(random),
    }
}

/// The Dutch towns of `fake` come with an unfilled `{River}` now and then; it is left out.
fn without_gaps(text: String) -> String {
    match text.split_once('{') {
        Some((before, _)) => before.trim_end().to_owned(),
        None => text,
    }
}

/// A number below a small bound. The bias is below one in a hundred million.
fn below(random: &mut impl Rng, bound: usize) -> usize {
    (random.next_u32() as usize) % bound.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn invent(seed: u64, index: u64) -> Persona {
        Persona::invent(Seed(seed), Locale::default(), index)
    }

    #[test]
    fn the_same_seed_and_index_give_the_same_person() {
        assert_eq!(invent(7, 3), invent(7, 3));
        assert_ne!(invent(7, 3), Persona { index: 3, ..invent(7, 4) });
        assert_ne!(invent(7, 3), invent(8, 3));
    }

    #[test]
    fn people_differ() {
        let names: BTreeSet<_> =
            (0..1000).map(|i| invent(1, i)).map(|p| (p.given_name, p.family_name)).collect();
        assert!(names.len() > 990, "only {} different names in 1000", names.len());
    }

    #[test]
    fn every_locale_gives_every_attribute() {
        for locale in LOCALES {
            for index in 0..50 {
                let persona = Persona::invent(Seed(1), *locale, index);
                for (name, _) in ATTRIBUTES {
                    let value = persona.attribute(name).unwrap();
                    assert!(!value.trim().is_empty(), "{}: {name}", locale.name());
                    assert!(!value.contains(['#', '{']), "{}: {name} `{value}`", locale.name());
                }
            }
        }
        assert_eq!(invent(1, 1).attribute("shoe_size"), None);
    }

    #[test]
    fn telephone_numbers_are_fictional() {
        for index in 0..500 {
            let phone = invent(3, index).phone;
            let digits = phone.strip_prefix("+1").unwrap();
            assert_eq!(digits.len(), 10, "{phone}");
            let area: u16 = digits[..3].parse().unwrap();
            assert!(AREA_CODES.contains(&area) && &digits[3..8] == "55501", "{phone}");
        }
    }
}
