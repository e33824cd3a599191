//! What a field of a form is for, told by its key and kind: the words that flow authors use. From
//! it follows which template belongs there.

use super::template::{Template, Variable};
use crate::davinci::form::{Field, FieldKind, Form};

/// What a field is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// A one-time code.
    Code,
    /// The password that goes with a login, or the first one of a new account.
    Password,
    /// The password as it was, next to a new one.
    CurrentPassword,
    /// The password from now on.
    NewPassword,
    /// A password once more.
    RepeatedPassword,
    /// An e-mail address.
    Email,
    /// What somebody signs on with.
    Username,
    /// An attribute of a person, by its name in `identity::persona::ATTRIBUTES`.
    Attribute(&'static str),
}

/// Keys without their punctuation and in lower case: the whole key, its last part, or its last two
/// parts (`user.name.given` is known by `given`).
const KEYS: &[(&str, Role)] = &[
    ("code", Role::Code),
    ("otp", Role::Code),
    ("totp", Role::Code),
    ("pin", Role::Code),
    ("email", Role::Email),
    ("emailaddress", Role::Email),
    ("mail", Role::Email),
    ("username", Role::Username),
    ("user", Role::Username),
    ("userid", Role::Username),
    ("login", Role::Username),
    ("loginid", Role::Username),
    ("identifier", Role::Username),
    ("usernameoremail", Role::Username),
    ("emailorusername", Role::Username),
    ("given", Role::Attribute("given_name")),
    ("givenname", Role::Attribute("given_name")),
    ("firstname", Role::Attribute("given_name")),
    ("forename", Role::Attribute("given_name")),
    ("family", Role::Attribute("family_name")),
    ("familyname", Role::Attribute("family_name")),
    ("lastname", Role::Attribute("family_name")),
    ("surname", Role::Attribute("family_name")),
    ("phone", Role::Attribute("phone")),
    ("phonenumber", Role::Attribute("phone")),
    ("primaryphone", Role::Attribute("phone")),
    ("mobile", Role::Attribute("phone")),
    ("mobilephone", Role::Attribute("phone")),
    ("telephone", Role::Attribute("phone")),
    ("street", Role::Attribute("street")),
    ("streetaddress", Role::Attribute("street")),
    ("addressline1", Role::Attribute("street")),
    ("city", Role::Attribute("city")),
    ("town", Role::Attribute("city")),
    ("locality", Role::Attribute("city")),
    ("zip", Role::Attribute("postal_code")),
    ("zipcode", Role::Attribute("postal_code")),
    ("postcode", Role::Attribute("postal_code")),
    ("postalcode", Role::Attribute("postal_code")),
    ("birthdate", Role::Attribute("birth_date")),
    ("birthday", Role::Attribute("birth_date")),
    ("dateofbirth", Role::Attribute("birth_date")),
    ("dob", Role::Attribute("birth_date")),
];

/// What a key that holds one of the first words has to hold besides; the first line decides.
const PASSWORDS: &[(&[&str], Role)] = &[
    (&["onetime"], Role::Code),
    (&["verify", "confirm", "repeat", "retype", "reenter", "again"], Role::RepeatedPassword),
    (&["current", "old", "existing"], Role::CurrentPassword),
    (&["new"], Role::NewPassword),
    (&[""], Role::Password),
];

/// Words of which one makes a key a password's.
const PASSWORD_WORDS: &[&str] = &["password", "passwd", "passphrase", "pwd"];

/// Words anywhere in a key, however it is written, that make what is typed there a secret no role
/// speaks of.
const SECRET_WORDS: &[&str] = &[
    "answer",
    "secret",
    "memorable",
    "maiden",
    "passport",
    "socialsecurity",
    "creditcard",
    "debitcard",
    "cardnumber",
    "cvv",
    "cvc",
];

/// Short words that do the same where they stand alone: `businessName` holds one by chance.
const SECRET_WORDS_ALONE: &[&str] = &["ssn", "sin", "pin", "card", "iban"];

/// Keys that end in `code` and mean something that anybody may know.
const OPEN_CODES: &[&str] = &[
    "countrycode",
    "areacode",
    "regioncode",
    "languagecode",
    "currencycode",
    "dialcode",
    "dialingcode",
    "promocode",
    "couponcode",
    "vouchercode",
    "referralcode",
    "statecode",
];

impl Role {
    /// What a field is for; none where its key says nothing.
    pub fn of(field: &Field) -> Option<Self> {
        // Hidden while it is typed: a password, whatever it is called.
        let hidden = (field.kind == FieldKind::Password).then_some(Self::Password);
        Self::of_key(&field.key).or(hidden)
    }

    /// What a key says.
    pub fn of_key(key: &str) -> Option<Self> {
        let parts: Vec<_> = key.split('.').map(folded).collect();
        let last = |count: usize| parts[parts.len().saturating_sub(count)..].concat();
        let names = [last(parts.len()), last(2), last(1)];
        let whole = &names[0];
        if PASSWORD_WORDS.iter().any(|word| whole.contains(word)) {
            let has = |words: &[&str]| words.iter().any(|word| whole.contains(word));
            return PASSWORDS.iter().find(|(words, _)| has(words)).map(|(_, role)| *role);
        }
        let known = names
            .iter()
            .find_map(|name| KEYS.iter().find(|(key, _)| key == name).map(|(_, role)| *role));
        let is_code = |name: &String| {
            (name.ends_with("code") || name.ends_with("otp"))
                && !OPEN_CODES.contains(&name.as_str())
        };
        known.or_else(|| names.iter().all(is_code).then_some(Self::Code))
    }

    /// Whether nobody may see what is typed there.
    pub const fn is_secret(self) -> bool {
        !matches!(self, Self::Email | Self::Username | Self::Attribute(_))
    }

    const fn is_password(self) -> bool {
        matches!(
            self,
            Self::Password | Self::CurrentPassword | Self::NewPassword | Self::RepeatedPassword
        )
    }
}

/// Whether a key says that nobody may see what is typed there, though it has no role.
pub fn is_secret_key(key: &str) -> bool {
    let whole = folded(key);
    let alone = words(key);
    SECRET_WORDS.iter().any(|word| whole.contains(word))
        || SECRET_WORDS_ALONE.iter().any(|word| whole == *word || alone.iter().any(|w| w == word))
}

/// What a form asks for, by the roles of its fields.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asks {
    /// A one-time code.
    pub code: bool,
    /// A password of any kind.
    pub password: bool,
    /// The password as it was.
    pub current_password: bool,
    /// A password that is called new.
    pub new_password: bool,
    /// A password twice.
    pub repeated_password: bool,
    /// An e-mail address.
    pub email: bool,
    /// An e-mail address or user name.
    pub identifier: bool,
    /// Something about a person.
    pub attributes: bool,
}

impl Asks {
    /// What a form asks for.
    pub fn of(form: &Form) -> Self {
        Self::of_roles(form.fields.iter().filter_map(Role::of))
    }

    /// What fields of these roles ask for.
    pub fn of_roles(roles: impl Iterator<Item = Role>) -> Self {
        let mut asks = Self::default();
        for role in roles {
            asks.code |= role == Role::Code;
            asks.password |= role.is_password();
            asks.current_password |= role == Role::CurrentPassword;
            asks.new_password |= role == Role::NewPassword;
            asks.repeated_password |= role == Role::RepeatedPassword;
            asks.email |= role == Role::Email;
            asks.identifier |= matches!(role, Role::Email | Role::Username);
            asks.attributes |= matches!(role, Role::Attribute(_));
        }
        asks
    }

    /// Whether answering it makes an account: a first password together with what belongs to a new
    /// person, with an address to which a code goes at once, or after a button that says so.
    pub const fn registers(&self, leads_to_code: bool, invited: bool) -> bool {
        let is_first = self.password && !self.current_password && !self.new_password && !self.code;
        is_first
            && (self.attributes
                || (self.repeated_password && (self.identifier || invited))
                || (self.email && (leads_to_code || invited)))
    }

    /// Whether it sets another password for an account that exists.
    pub const fn sets_password(&self) -> bool {
        self.new_password || self.repeated_password
    }
}

/// Whose values go into a form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Whose {
    /// The invented person's, who has no account before.
    Persona,
    /// The leased account's.
    Account,
}

/// The template for a field of this role on a form that asks for `asks`.
pub fn template(role: Role, asks: &Asks, whose: Whose) -> Template {
    let variable = match (role, whose) {
        (Role::Code, _) => Variable::Code,
        (Role::Attribute(name), _) => Variable::PersonaAttribute(name),
        (Role::Email | Role::Username, Whose::Persona) => Variable::PersonaEmail,
        (Role::Email, Whose::Account) => Variable::AccountEmail,
        (Role::Username, Whose::Account) => Variable::AccountUsername,
        (_, Whose::Persona) => Variable::PersonaPassword,
        (Role::NewPassword | Role::RepeatedPassword, Whose::Account) => {
            Variable::AccountNewPassword
        }
        // `password` and `verifyPassword` alone: the pair is the new one.
        (Role::Password, Whose::Account) if asks.sets_password() && !asks.new_password => {
            Variable::AccountNewPassword
        }
        (Role::Password | Role::CurrentPassword, Whose::Account) => Variable::AccountPassword,
    };
    variable.into()
}

/// Words in the key of a button that leads to making an account.
const INVITATIONS: &[&str] = &["register", "registration", "signup", "createaccount", "newaccount"];

/// Whether a button leads to making an account.
pub fn invites(action: &str) -> bool {
    let key = folded(action);
    INVITATIONS.iter().any(|word| key.contains(word))
}

/// The words of a key in lower case: parted by punctuation, digits, and capitals after small letters.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in key.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        was_small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Letters and digits in lower case.
fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_without_a_role_are_known_and_others_are_not_taken_for_them() {
        let secret = [
            "securityAnswer",
            "security_answer_1",
            "user.memorableWord",
            "mothersMaidenName",
            "ssn",
            "SSN",
            "ssnLast4",
            "user.ssn",
            "cvv",
            "cvc2",
            "cardNumber",
            "card.number",
            "CARD_NUMBER",
            "pinEntry",
            "sharedSecret",
        ];
        for key in secret {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["businessName", "shippingCity", "opinion", "discardable", "colour", "", "42"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }
}
