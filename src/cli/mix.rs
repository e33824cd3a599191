//! Flags that say what is performed: journeys, variants, rules. The same for every command that puts load on.

use super::exit::{Exit, Failure};

/// Which journeys of which variants, instead of those of the profile.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct MixArgs {
    /// Journeys and weights instead of the profile's: `sign-on=7,register=2`
    #[arg(short, long = "journey", value_name = "NAME=WEIGHT", value_delimiter = ',')]
    journeys: Vec<String>,
    /// A flow policy under a name, instead of the profile's variants (repeatable)
    #[arg(long = "variant", value_name = "NAME=POLICY")]
    variants: Vec<String>,
}

impl MixArgs {
    /// Lines of a profile that say the same.
    pub(super) fn lines(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        if !self.journeys.is_empty() {
            lines.push("[journeys]".to_owned());
        }
        for journey in &self.journeys {
            let (name, weight) = journey.split_once('=').unwrap_or((journey, "1"));
            let weight: f64 =
                weight.trim().parse().map_err(|_| bad("--journey", journey, "sign-on=7"))?;
            lines.push(format!("{} = {weight:?}", quoted(name.trim())));
        }
        for variant in &self.variants {
            let (name, policy) = variant
                .split_once('=')
                .ok_or_else(|| bad("--variant", variant, "v2=FLOW_POLICY_ID"))?;
            let (name, policy) = (quoted(name), quoted(policy));
            lines.push(format!("[[variant]]\nname = {name}\nflow_policy = {policy}"));
        }
        Ok(lines)
    }
}

/// A table of a profile from flags: the keys that somebody gave, with their values as TOML has them. Nothing
/// where nobody gave any.
pub(super) fn table(name: &str, given: &[(&str, Option<String>)]) -> Vec<String> {
    let key = |(key, value): &(&str, Option<String>)| Some(format!("{key} = {}", value.as_ref()?));
    let keys: Vec<String> = given.iter().filter_map(key).collect();
    match keys.is_empty() {
        true => keys,
        false => std::iter::once(format!("[{name}]")).chain(keys).collect(),
    }
}

/// A text as TOML has it: every text of JSON is one.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn bad(flag: &str, value: &str, example: &str) -> Failure {
    let remedy = format!("write it like `{flag} {example}`");
    Failure::new(Exit::WrongInput, format!("`{flag} {value}` cannot be read"), Some(&remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_gave_is_no_table() {
        let some = |text: &str| Some(quoted(text));
        assert_eq!(table("capacity", &[("plan", None), ("from", None)]), Vec::<String>::new());
        let lines =
            table("capacity", &[("from", some("2/s")), ("to", None), ("plan", some("9/s"))]);
        assert_eq!(lines, ["[capacity]", "from = \"2/s\"", "plan = \"9/s\""]);
    }

    #[test]
    fn journeys_and_variants_become_lines_of_a_profile() {
        let mix = |journeys: &[&str], variants: &[&str]| MixArgs {
            journeys: journeys.iter().map(|text| (*text).to_owned()).collect(),
            variants: variants.iter().map(|text| (*text).to_owned()).collect(),
        };
        assert_eq!(mix(&[], &[]).lines().unwrap(), Vec::<String>::new());
        assert_eq!(
            mix(&["sign-on=7", "register"], &["v2=x"]).lines().unwrap(),
            [
                "[journeys]",
                "\"sign-on\" = 7.0",
                "\"register\" = 1.0",
                "[[variant]]\nname = \"v2\"\nflow_policy = \"x\""
            ]
        );
        assert!(mix(&["sign-on=often"], &[]).lines().is_err());
        assert!(mix(&[], &["v2"]).lines().is_err());
    }
}
