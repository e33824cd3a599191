//! Words as a shell takes them: for commands that are shown to be typed.

/// A text as a shell takes it for one word.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./+:@%=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_stands_in_quotes() {
        let quoted = ["p.toml", "a b", "it's", "$HOME", ""].map(word);
        assert_eq!(quoted, ["p.toml", "'a b'", r"'it'\''s'", "'$HOME'", "''"]);
    }
}
