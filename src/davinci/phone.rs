//! A telephone number as a form takes it: the country in two letters, the national number, an
//! extension.

use serde_json::Value;

/// A number in its parts. Nothing is checked: whether a number exists is the tenant's business.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct PhoneNumber {
    pub(super) country: String,
    pub(super) number: String,
    pub(super) extension: String,
}

/// Reads an answer: `+44 7700900123`, a national number (then the country is `country`), either
/// with an extension behind `x`, `ext` or `;ext=`, or the JSON value itself.
pub(super) fn read(text: &str, country: &str) -> PhoneNumber {
    if let Some(given) = object(text, country) {
        return given;
    }
    let lower = text.to_ascii_lowercase();
    let at = lower.find(['x', 'e', ';']).unwrap_or(text.len());
    // Cutting is safe: the marks and everything lower case changes are single bytes.
    let (number, extension) = text.split_at(at);
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let extension = digits(extension);
    match number.trim_start().strip_prefix('+') {
        Some(number) => {
            let number = digits(number);
            let (country, national) = split(&number, country);
            PhoneNumber { country: country.to_owned(), number: national.to_owned(), extension }
        }
        None => PhoneNumber { country: country.to_owned(), number: digits(number), extension },
    }
}

fn object(text: &str, country: &str) -> Option<PhoneNumber> {
    let value: Value = serde_json::from_str(text).ok().filter(Value::is_object)?;
    let of = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(PhoneNumber {
        country: of("countryCode").unwrap_or_else(|| country.to_owned()),
        number: of("phoneNumber").unwrap_or_default(),
        extension: of("extension").unwrap_or_default(),
    })
}

/// Country and national number of an international one. Where several countries share a calling
/// code, the form's own country goes first.
fn split<'n>(number: &'n str, country: &'n str) -> (&'n str, &'n str) {
    let matches = |(code, countries): &&(&str, &str)| {
        number.starts_with(code) && countries.split(' ').any(|listed| listed == country)
    };
    if let Some((code, _)) = CALLING_CODES.iter().find(matches) {
        return (country, &number[code.len()..]);
    }
    // No calling code is the beginning of another one.
    CALLING_CODES
        .iter()
        .find(|(code, _)| number.starts_with(code))
        .map_or((country, number), |(code, countries)| {
            (countries.split(' ').next().unwrap_or(country), &number[code.len()..])
        })
}

/// Calling codes of ITU-T E.164 and their countries in the letters of ISO 3166-1, the largest first.
#[rustfmt::skip]
const CALLING_CODES: &[(&str, &str)] = &[
    ("1", "US CA PR DO JM TT BS BB AG AI BM DM GD GU KN KY LC MP MS SX TC VC VG VI AS"),
    ("7", "RU KZ"), ("20", "EG"), ("27", "ZA"), ("30", "GR"), ("31", "NL"), ("32", "BE"), ("33", "FR"),
    ("34", "ES"), ("36", "HU"), ("39", "IT VA"), ("40", "RO"), ("41", "CH"), ("43", "AT"),
    ("44", "GB GG IM JE"), ("45", "DK"), ("46", "SE"), ("47", "NO SJ"), ("48", "PL"), ("49", "DE"),
    ("51", "PE"), ("52", "MX"), ("53", "CU"), ("54", "AR"), ("55", "BR"), ("56", "CL"), ("57", "CO"),
    ("58", "VE"), ("60", "MY"), ("61", "AU CC CX"), ("62", "ID"), ("63", "PH"), ("64", "NZ"), ("65", "SG"),
    ("66", "TH"), ("81", "JP"), ("82", "KR"), ("84", "VN"), ("86", "CN"), ("90", "TR"), ("91", "IN"),
    ("92", "PK"), ("93", "AF"), ("94", "LK"), ("95", "MM"), ("98", "IR"), ("211", "SS"), ("212", "MA EH"),
    ("213", "DZ"), ("216", "TN"), ("218", "LY"), ("220", "GM"), ("221", "SN"), ("222", "MR"), ("223", "ML"),
    ("224", "GN"), ("225", "CI"), ("226", "BF"), ("227", "NE"), ("228", "TG"), ("229", "BJ"), ("230", "MU"),
    ("231", "LR"), ("232", "SL"), ("233", "GH"), ("234", "NG"), ("235", "TD"), ("236", "CF"), ("237", "CM"),
    ("238", "CV"), ("239", "ST"), ("240", "GQ"), ("241", "GA"), ("242", "CG"), ("243", "CD"), ("244", "AO"),
    ("245", "GW"), ("246", "IO"), ("248", "SC"), ("249", "SD"), ("250", "RW"), ("251", "ET"), ("252", "SO"),
    ("253", "DJ"), ("254", "KE"), ("255", "TZ"), ("256", "UG"), ("257", "BI"), ("258", "MZ"), ("260", "ZM"),
    ("261", "MG"), ("262", "RE YT"), ("263", "ZW"), ("264", "NA"), ("265", "MW"), ("266", "LS"),
    ("267", "BW"), ("268", "SZ"), ("269", "KM"), ("290", "SH"), ("291", "ER"), ("297", "AW"), ("298", "FO"),
    ("299", "GL"), ("350", "GI"), ("351", "PT"), ("352", "LU"), ("353", "IE"), ("354", "IS"), ("355", "AL"),
    ("356", "MT"), ("357", "CY"), ("358", "FI AX"), ("359", "BG"), ("370", "LT"), ("371", "LV"),
    ("372", "EE"), ("373", "MD"), ("374", "AM"), ("375", "BY"), ("376", "AD"), ("377", "MC"), ("378", "SM"),
    ("380", "UA"), ("381", "RS"), ("382", "ME"), ("383", "XK"), ("385", "HR"), ("386", "SI"), ("387", "BA"),
    ("389", "MK"), ("420", "CZ"), ("421", "SK"), ("423", "LI"), ("500", "FK"), ("501", "BZ"), ("502", "GT"),
    ("503", "SV"), ("504", "HN"), ("505", "NI"), ("506", "CR"), ("507", "PA"), ("508", "PM"), ("509", "HT"),
    ("590", "GP BL MF"), ("591", "BO"), ("592", "GY"), ("593", "EC"), ("594", "GF"), ("595", "PY"),
    ("596", "MQ"), ("597", "SR"), ("598", "UY"), ("599", "CW BQ"), ("670", "TL"), ("672", "NF"),
    ("673", "BN"), ("674", "NR"), ("675", "PG"), ("676", "TO"), ("677", "SB"), ("678", "VU"), ("679", "FJ"),
    ("680", "PW"), ("681", "WF"), ("682", "CK"), ("683", "NU"), ("685", "WS"), ("686", "KI"), ("687", "NC"),
    ("688", "TV"), ("689", "PF"), ("690", "TK"), ("691", "FM"), ("692", "MH"), ("850", "KP"), ("852", "HK"),
    ("853", "MO"), ("855", "KH"), ("856", "LA"), ("880", "BD"), ("886", "TW"), ("960", "MV"), ("961", "LB"),
    ("962", "JO"), ("963", "SY"), ("964", "IQ"), ("965", "KW"), ("966", "SA"), ("967", "YE"), ("968", "OM"),
    ("970", "PS"), ("971", "AE"), ("972", "IL"), ("973", "BH"), ("974", "QA"), ("975", "BT"), ("976", "MN"),
    ("977", "NP"), ("992", "TJ"), ("993", "TM"), ("994", "AZ"), ("995", "GE"), ("996", "KG"), ("998", "UZ"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_it_is_written() {
        let cases = [
            ("+44 7700 900123", "", ("GB", "7700900123", "")),
            ("+1 (415) 555-2672", "CA", ("CA", "4155552672", "")),
            ("+1 (415) 555-2672", "DE", ("US", "4155552672", "")),
            ("07700 900123", "GB", ("GB", "07700900123", "")),
            ("+49 30 901820 ext. 12", "GB", ("DE", "30901820", "12")),
            ("030 901820x7", "DE", ("DE", "030901820", "7")),
            (r#"{"countryCode":"FR","phoneNumber":"1 23"}"#, "DE", ("FR", "1 23", "")),
            ("+999 1", "GB", ("GB", "9991", "")),
            ("", "GB", ("GB", "", "")),
            ("é+ü", "", ("", "", "")),
        ];
        for (text, country, (expected, number, extension)) in cases {
            let read = read(text, country);
            assert_eq!(
                (read.country.as_str(), read.number.as_str(), read.extension.as_str()),
                (expected, number, extension),
                "{text}"
            );
        }
    }

    #[test]
    fn no_calling_code_is_the_beginning_of_another() {
        for (code, _) in CALLING_CODES {
            let beginnings = CALLING_CODES.iter().filter(|(other, _)| other.starts_with(code));
            assert_eq!(beginnings.count(), 1, "{code}");
        }
    }
}
