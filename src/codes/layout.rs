//! What a mailbox with an HTTP interface looks like: which address lists its mails, where in the
//! list recipients and texts stand. A table of those that many people use, and a table of a profile.

use super::reply::{Pointer, PointerError};
use crate::base::document::{Section, Sited};
use crate::base::remedy::Remedy;

/// How the mails of a mailbox are found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    /// Path and query of the list, with `{skip}`, `{page}`, `{inbox}` and `{recipient}` to be filled in.
    /// With `{recipient}` it is asked for one person at a time, otherwise for all at once.
    pub list: String,
    /// Which end of the list is new.
    pub order: Order,
    /// Where in the reply the mails stand; the whole reply is one mail where it points at no list.
    pub items: Pointer,
    /// What tells a mail from all others; none where it is told by what it says.
    pub id: Option<Pointer>,
    /// Whom a mail is for.
    pub recipients: Vec<Pointer>,
    /// Path of a single mail, with `{id}`, where the list has no texts.
    pub message: Option<String>,
    /// Texts of a mail, plain or HTML, best first.
    pub texts: Vec<Pointer>,
    /// A mail as it came over the wire; the whole of what `message` answers, where it points at the whole
    /// of it.
    pub raw: Option<Pointer>,
    /// Whether a token is brought as a name without a password instead of as a bearer token.
    pub token_is_name: bool,
}

/// Which end of a list is new.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// The first is the newest.
    #[default]
    NewestFirst,
    /// The last is the newest: nothing is read twice.
    OldestFirst,
}

/// What `order` may be.
pub const ORDERS: &[(&str, Order)] =
    &[("newest-first", Order::NewestFirst), ("oldest-first", Order::OldestFirst)];

/// A mailbox that many people use, in its own words.
#[derive(Debug)]
pub struct Preset {
    /// Its name in profiles.
    pub name: &'static str,
    list: &'static str,
    order: Order,
    items: &'static str,
    id: &'static str,
    recipients: &'static [&'static str],
    message: Option<&'static str>,
    texts: &'static [&'static str],
    raw: Option<&'static str>,
    token_is_name: bool,
}

/// Every preset. Sources: Mailpit's API (`/api/v1`), MailHog's API v2, MailDev's REST API, Mailosaur's API;
/// of these MailDev alone is held against the genuine program by gander's tests.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "mailpit",
        list: "/api/v1/messages?start={skip}&limit=200",
        order: Order::NewestFirst,
        items: "/messages",
        id: "/ID",
        recipients: &["/To/*/Address", "/Cc/*/Address", "/Bcc/*/Address"],
        // Without `/raw` it would be marked as read.
        message: Some("/api/v1/message/{id}/raw"),
        texts: &[],
        raw: Some(""),
        token_is_name: false,
    },
    Preset {
        name: "mailhog",
        list: "/api/v2/messages?start={skip}&limit=200",
        order: Order::NewestFirst,
        items: "/items",
        id: "/ID",
        recipients: &["/Raw/To/*"],
        message: None,
        texts: &[],
        raw: Some("/Raw/Data"),
        token_is_name: false,
    },
    Preset {
        name: "maildev",
        list: "/email?skip={skip}",
        order: Order::OldestFirst,
        items: "",
        id: "/id",
        recipients: &["/envelope/to/*/address", "/to/*/address"],
        message: None,
        texts: &["/text", "/html", "/subject"],
        raw: None,
        token_is_name: false,
    },
    Preset {
        name: "mailosaur",
        list: "/api/messages?server={inbox}&page={page}&itemsPerPage=100",
        order: Order::NewestFirst,
        items: "/items",
        id: "/id",
        recipients: &["/to/*/email", "/cc/*/email", "/bcc/*/email"],
        message: Some("/api/messages/{id}"),
        texts: &["/text/body", "/html/body", "/subject"],
        raw: None,
        token_is_name: true,
    },
];

impl Preset {
    /// The layout that it stands for.
    pub fn layout(&self) -> Result<Layout, PointerError> {
        let several = |texts: &[&str]| {
            texts.iter().map(|text| text.parse()).collect::<Result<Vec<Pointer>, PointerError>>()
        };
        Ok(Layout {
            list: self.list.to_owned(),
            order: self.order,
            items: self.items.parse()?,
            id: Some(self.id.parse()?),
            recipients: several(self.recipients)?,
            message: self.message.map(str::to_owned),
            texts: several(self.texts)?,
            raw: self.raw.map(str::parse::<Pointer>).transpose()?,
            token_is_name: self.token_is_name,
        })
    }
}

impl Default for Layout {
    /// Nothing but an address: the whole reply is the mail.
    fn default() -> Self {
        Self {
            list: String::new(),
            order: Order::default(),
            items: Pointer::whole(),
            id: None,
            recipients: Vec::new(),
            message: None,
            texts: Vec::new(),
            raw: None,
            token_is_name: false,
        }
    }
}

impl Layout {
    /// Takes `preset`, and what `mailbox` changes about it; without a preset `mailbox` says everything.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let presets: Vec<_> = PRESETS.iter().map(|preset| (preset.name, preset)).collect();
        let preset = section.choice("preset", &presets);
        let base = preset.and_then(|preset| preset.layout().ok());
        let mut own = section.section("mailbox");
        let is_absent = section.item("preset").is_none() && !own.is_present();
        let read = Self::read_own(&mut own, base.unwrap_or_default());
        own.finish();
        if is_absent {
            let names: Vec<_> = PRESETS.iter().map(|preset| format!("`{}`", preset.name)).collect();
            let remedy = format!(
                "say which mailbox it is, {}, or describe it in `[codes.mailbox]`",
                names.join(", ")
            );
            section.missing("preset", &remedy);
            return None;
        }
        Some(read)
    }

    fn read_own(own: &mut Section<'_>, base: Self) -> Self {
        let several = |own: &mut Section<'_>, key, base| pointers(own, key).unwrap_or(base);
        let texts = several(own, "texts", base.texts);
        // Whoever says where the texts are does not mean what the preset has instead.
        let has_texts = own.item("texts").is_some();
        let layout = Self {
            list: path(own, "list").unwrap_or(base.list),
            order: own.choice("order", ORDERS).unwrap_or(base.order),
            items: own.parsed("items").map_or(base.items, |at| at.value),
            id: own.parsed("id").map(|at| at.value).or(base.id),
            recipients: several(own, "recipients", base.recipients),
            message: path(own, "message").or(base.message),
            raw: own.parsed("raw").map(|at| at.value).or(base.raw.filter(|_| !has_texts)),
            texts,
            token_is_name: base.token_is_name,
        };
        if own.is_present() && !layout.is_personal() && layout.recipients.is_empty() {
            own.missing(
                "recipients",
                "say where the list tells whom a mail is for, such as `[\"/to/*/address\"]`, or put `{recipient}` \
                 into `list` to ask for one person at a time",
            );
        }
        if own.is_present() && layout.message.is_some() && layout.id.is_none() {
            own.missing("id", "say where the list has what `{id}` in `message` stands for");
        }
        layout
    }

    /// Whether it is asked for one person at a time.
    pub fn is_personal(&self) -> bool {
        self.list.contains("{recipient}")
    }

    /// Whether a list comes in parts.
    pub fn has_parts(&self) -> bool {
        self.list.contains("{skip}") || self.list.contains("{page}")
    }
}

/// Takes a path and query. One that no address takes is a problem, and is not shown: it may hold a key.
fn path(own: &mut Section<'_>, key: &'static str) -> Option<String> {
    let Sited { place, value: path } = own.text(key)?;
    let sample = path.replace(['{', '}'], "");
    let begins_well = sample.is_empty() || sample.starts_with(['/', '?']);
    let is_taken = format!("http://localhost{sample}").parse::<http::Uri>().is_ok();
    // A reference that could not be looked up is a problem already.
    let is_fine = path.contains("${") || (begins_well && is_taken);
    if !is_fine {
        let what = format!("`{}` is no path that can be asked for", own.name(key));
        let remedy = "begin it with `/`, and write `%20` for a blank; look for a line end, too";
        own.problems().note(Some(&place), what, Some(remedy.to_owned()));
    }
    Some(path)
}

fn pointers(section: &mut Section<'_>, key: &'static str) -> Option<Vec<Pointer>> {
    let texts = section.texts(key)?;
    let read = |Sited { place, value: text }: Sited<String>| match text.parse::<Pointer>() {
        Ok(pointer) => Some(pointer),
        Err(error) => {
            let what = format!("`{}`: {error}", section.name(key));
            section.problems().note(Some(&place), what, error.remedy());
            None
        }
    };
    Some(texts.into_iter().filter_map(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Option<Layout>, String) {
        let table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        let layout = Layout::read(&mut Section::document(&table, &problems));
        let lines = problems.into_sorted().into_iter();
        (layout, lines.map(|problem| format!("{}\n", problem.what)).collect())
    }

    #[test]
    fn every_preset_says_whom_a_mail_is_for_and_what_it_says() {
        for preset in PRESETS {
            let (layout, problems) = read(&format!("preset = \"{}\"\n", preset.name));
            let layout = layout.unwrap();
            assert_eq!(problems, "", "{}", preset.name);
            assert_eq!(layout, preset.layout().unwrap());
            assert!(!layout.recipients.is_empty() && layout.has_parts(), "{}", preset.name);
            assert!(!layout.texts.is_empty() || layout.raw.is_some(), "{}", preset.name);
        }
    }

    #[test]
    fn a_preset_can_be_changed_and_a_mailbox_described_without_any() {
        let (layout, problems) =
            read("preset = \"maildev\"\n[mailbox]\nlist = \"/inbox/email?skip={skip}\"\n");
        let layout = layout.unwrap();
        assert_eq!((problems.as_str(), layout.list.as_str()), ("", "/inbox/email?skip={skip}"));
        assert_eq!(layout.order, Order::OldestFirst);
        let (layout, problems) =
            read("preset = \"mailpit\"\n[mailbox]\nmessage = \"/m/{id}\"\ntexts = [\"/Text\"]\n");
        let layout = layout.unwrap();
        assert_eq!((problems.as_str(), layout.raw, layout.texts.len()), ("", None, 1));
        let (layout, problems) = read("[mailbox]\nlist = \"/for/{recipient}\"\n");
        assert_eq!(problems, "");
        assert!(layout.unwrap().is_personal());
    }

    #[test]
    fn what_a_description_lacks_is_asked_for() {
        for (text, complaint) in [
            ("", "`preset` is missing\n"),
            ("[mailbox]\nlist = \"/mails\"\n", "`mailbox.recipients` is missing\n"),
            (
                "[mailbox]\nrecipients = [\"to\"]\nlist = \"/{recipient}\"\n",
                "`mailbox.recipients`: `to` is not a JSON pointer\n",
            ),
            (
                "[mailbox]\nlist = \"/m\"\nrecipients = [\"/to\"]\nmessage = \"/m/{id}\"\n",
                "`mailbox.id` is missing\n",
            ),
            (
                "[mailbox]\nlist = \"/for/{recipient}?key=a b\"\n",
                "`mailbox.list` is no path that can be asked for\n",
            ),
            (
                "preset = \"mailpit\"\n[mailbox]\nmessage = \"m/{id}\\n\"\n",
                "`mailbox.message` is no path that can be asked for\n",
            ),
            ("[mailbox]\nlist = \"?for={recipient}&at={skip}\"\n", ""),
        ] {
            assert_eq!(read(text).1, complaint, "{text}");
        }
    }
}
