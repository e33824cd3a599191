//! A text as it reads with its escapes undone: those of JSON, addresses, forms and HTML, in any order and up
//! to three deep.

/// How many escapes of one text are undone, one in the other.
const DEEPEST: usize = 3;

/// The bytes of a text after some escapes were undone, and where in the text each of them comes from.
pub(super) struct Reading {
    pub(super) bytes: Vec<u8>,
    /// Beginning and end in the text, by byte; none while nothing was undone.
    places: Option<Vec<(usize, usize)>>,
}

/// The bytes that an escape at the beginning stands for, and its length; none if there is none.
type Escape = fn(&[u8]) -> Option<(Bytes, usize)>;

/// Few bytes.
struct Bytes([u8; 4], usize);

/// The ways to write one character by others.
const ESCAPES: &[Escape] = &[json, percent, form, html];

impl Reading {
    /// Every way to read a text: as it is, and with escapes undone as far as it has any.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let mut all = vec![Self { bytes: text.as_bytes().to_vec(), places: None }];
        let mut from = 0;
        for _ in 0..DEEPEST {
            let deeper: Vec<_> = all.iter().skip(from).flat_map(Self::undone).collect();
            from = all.len();
            all.extend(deeper);
        }
        all
    }

    /// Where in the text a byte comes from: beginning and end.
    pub(super) fn place_of(&self, at: usize) -> (usize, usize) {
        match &self.places {
            Some(places) => places.get(at).copied().unwrap_or_default(),
            None => (at, at + 1),
        }
    }

    fn undone(&self) -> Vec<Self> {
        ESCAPES.iter().filter_map(|escape| self.undo(*escape)).collect()
    }

    /// The same with one kind of escape undone; none if there is none of that kind.
    fn undo(&self, escape: Escape) -> Option<Self> {
        let mut rest = &self.bytes[..];
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let mut has_any = false;
        while let Some((first, behind)) = rest.split_first() {
            let at = self.bytes.len() - rest.len();
            let (from, mut to) = self.place_of(at);
            match escape(rest) {
                Some((Bytes(stands_for, count), length)) => {
                    has_any = true;
                    to = self.place_of(at + length - 1).1;
                    bytes.extend_from_slice(stands_for.get(..count).unwrap_or_default());
                    rest = rest.get(length..).unwrap_or_default();
                }
                None => {
                    bytes.push(*first);
                    rest = behind;
                }
            }
            places.resize(bytes.len(), (from, to));
        }
        has_any.then_some(Self { bytes, places: Some(places) })
    }
}

fn of_char(c: char) -> Bytes {
    let mut bytes = [0; 4];
    let length = c.encode_utf8(&mut bytes).len();
    Bytes(bytes, length)
}

fn of_byte(byte: u8) -> Bytes {
    Bytes([byte, 0, 0, 0], 1)
}

/// So many hexadecimal digits from a place on, as a number.
fn digits(text: &[u8], places: std::ops::Range<usize>) -> Option<u32> {
    let digits = std::str::from_utf8(text.get(places)?).ok()?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// `\"`, `\/`, `\n`, `\u00e9` (RFC 8259, section 7).
fn json(text: &[u8]) -> Option<(Bytes, usize)> {
    let [b'\\', kind, ..] = text else { return None };
    let plain = match kind {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'"' | b'\\' | b'/' | b'\'' => *kind,
        b'u' => return json_unit(text),
        _ => return None,
    };
    Some((of_byte(plain), 2))
}

fn json_unit(text: &[u8]) -> Option<(Bytes, usize)> {
    let first = digits(text, 2..6)?;
    if let Some(c) = char::from_u32(first) {
        return Some((of_char(c), 6));
    }
    // The first of a pair of surrogates.
    let [b'\\', b'u', ..] = text.get(6..)? else { return None };
    let units = [u16::try_from(first).ok()?, u16::try_from(digits(text, 8..12)?).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((of_char(c), 12))
}

/// `%2F`, one byte at a time.
fn percent(text: &[u8]) -> Option<(Bytes, usize)> {
    let (b'%', byte) = (*text.first()?, digits(text, 1..3)?) else { return None };
    Some((of_byte(u8::try_from(byte).ok()?), 3))
}

/// As forms have it: `+` is a blank, too.
fn form(text: &[u8]) -> Option<(Bytes, usize)> {
    if text.first() == Some(&b'+') { Some((of_byte(b' '), 1)) } else { percent(text) }
}

/// Names of characters in HTML that are escaped where they would mean something.
const NAMED: &[(&[u8], u8)] =
    &[(b"&quot;", b'"'), (b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&apos;", b'\'')];

/// `&quot;`, `&#39;`, `&#x27;`.
fn html(text: &[u8]) -> Option<(Bytes, usize)> {
    let (b'&', second) = (*text.first()?, *text.get(1)?) else { return None };
    if second != b'#' {
        let (name, stands_for) = NAMED.iter().find(|(name, _)| text.starts_with(name))?;
        return Some((of_byte(*stands_for), name.len()));
    }
    let end = text.iter().take(10).position(|byte| *byte == b';')?;
    let number = match text.get(2)? {
        b'x' | b'X' => digits(text, 3..end)?,
        _ => std::str::from_utf8(text.get(2..end)?).ok()?.parse().ok()?,
    };
    Some((of_char(char::from_u32(number)?), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        let readings = Reading::all(text).into_iter().skip(1);
        readings.map(|reading| String::from_utf8_lossy(&reading.bytes).into_owned()).collect()
    }

    #[test]
    fn every_kind_of_escape_is_undone() {
        for (text, reads) in [
            (r#"\"\/\n\u00e9\u00E9\ud83d\ude00"#, "\"/\néé😀"),
            ("%2F%c3%A9", "/é"),
            ("&quot;&amp;&#39;&#x27;&lt;", "\"&''<"),
            (r#"\\\""#, r#"\""#),
            ("%252F", "%2F"),
        ] {
            assert_eq!(read(text)[0], reads, "{text}");
        }
        assert!(read("%252F").contains(&"/".to_owned()));
        assert_eq!(read("a+b"), ["a b"]);
        for text in [r"\x \u12 \ud83d \", "% %2 %zz %-1", "& &# &#; &#xzz; &none; &#x110000;", ""] {
            assert_eq!(read(text).len(), 0, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_of_every_reading_comes_from_the_text(
            text in "([ab%+&;#x\\\\\"u0-9é]|&quot;|%41|\\\\u00e9){0,30}",
        ) {
            for reading in Reading::all(&text) {
                let mut last = 0;
                for at in 0..reading.bytes.len() {
                    let (from, to) = reading.place_of(at);
                    prop_assert!(from < to && to <= text.len() && from >= last);
                    last = from;
                }
            }
        }
    }
}
