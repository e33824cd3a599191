//! The sections of a profile, composed of the settings that each module defines for itself.

use super::accounts::{self, Accounts};
use super::load::DEFAULT_NAME;
use super::overlay::{self, Overlay};
use super::tenant::Tenant;
use crate::analysis::budget::limits::Limits;
use crate::analysis::capacity;
use crate::analysis::guard::Guard;
use crate::analysis::rule::{Metric, Rule};
use crate::analysis::threshold::Threshold;
use crate::base::document::{Section, Sited, Table};
use crate::base::names::{Journey, Variant as VariantName};
use crate::base::remedy::Remedy;
use crate::base::units::Span;
use crate::codes;
use crate::identity;
use crate::journey::script::{Script, Start};
use crate::transport;
use crate::workload;
use crate::workload::mix::{MOST_WEIGHT, read_weights};
use crate::workload::pacing::ThinkTime;

/// A profile as read: every section understood, nothing cross-checked yet.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Patterns of journey files, relative to the profile.
    pub journey_files: Vec<Sited<String>>,
    /// Whether there is a `[tenant]`; without it the embedded stand-in is meant.
    pub names_tenant: bool,
    /// Settings of the stand-in, which it reads itself.
    pub stand_in: Option<Table>,
    /// Connections and time-outs.
    pub http: transport::Settings,
    /// What is compared; at least one.
    pub variants: Vec<Variant>,
    /// What iterations are counted under.
    pub variant_by: VariantBy,
    /// How much load, and until when.
    pub workload: workload::settings::Settings,
    /// How the most is searched that the tenant takes.
    pub capacity: capacity::settings::Settings,
    /// Pauses before each answer; none without.
    pub think: Option<ThinkTime>,
    /// What the result is judged by.
    pub thresholds: Vec<Sited<Threshold>>,
    /// What stops a run.
    pub guards: Vec<Guard>,
    /// Whether those are gander's, and not the person's.
    pub guards_are_usual: bool,
    /// Whether a 429 pauses the load for as long as the tenant asks.
    pub pauses_when_limited: bool,
    /// Journeys and their weights.
    pub journeys: Vec<Sited<(String, f64)>>,
    /// Where accounts come from.
    pub accounts: Accounts,
    /// Who is invented.
    pub identities: identity::settings::Settings,
    /// Where codes come from.
    pub codes: codes::settings::Settings,
    /// What the licence allows.
    pub limits: Limits,
    /// What becomes of a run of several machines when one of them is lost.
    pub agents: workload::agents::Settings,
}

/// What makes a variant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VariantBy {
    /// The profile: iterations are dealt out among its variants.
    #[default]
    Profile,
    /// The tenant: an iteration belongs to the flow that answers its start.
    Flow,
}

/// The words for what makes a variant.
pub const VARIANT_BY: &[(&str, VariantBy)] =
    &[("profile", VariantBy::Profile), ("flow", VariantBy::Flow)];

/// One flow version or configuration.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name in every report.
    pub name: VariantName,
    /// Flow policy of every journey; absent: the application's first.
    pub flow_policy: Option<String>,
    /// Flow policies of single journeys.
    pub policies: Vec<(Journey, String)>,
    /// How many iterations it gets, compared with the others; above 0.
    pub weight: f64,
    /// Where its calls go: `[tenant]` with what the variant changes about it. Without a `[tenant]`
    /// there is one only where the variant changes something, and its addresses are nobody's.
    pub tenant: Option<Tenant>,
    /// What it changes.
    pub overlay: Option<Overlay>,
}

impl Variant {
    /// The policy that a journey starts.
    pub fn policy(&self, journey: &Journey) -> Option<&str> {
        let own = self.policies.iter().find(|(name, _)| name == journey).map(|(_, policy)| policy);
        own.or(self.flow_policy.as_ref()).map(String::as_str)
    }

    /// How a journey starts its flow.
    pub fn start_of(&self, script: &Script) -> Start {
        let of_tenant = || self.tenant.as_ref().map(|tenant| tenant.start);
        script.start.or_else(of_tenant).unwrap_or_default()
    }
}

impl Profile {
    /// Reads a whole document. Problems go to the section's list; what could be read is returned.
    pub fn read(mut section: Section<'_>) -> Self {
        let stand_in = section.section("stand_in");
        let profile = Self {
            journey_files: section.texts("journey_files").unwrap_or_default(),
            names_tenant: section.section("tenant").is_present(),
            stand_in: stand_in.table().cloned(),
            http: whole(section.section("http"), transport::Settings::read),
            variants: read_variants(&mut section),
            variant_by: section.choice("variant_by", VARIANT_BY).unwrap_or_default(),
            workload: whole(section.section("workload"), workload::settings::Settings::read),
            capacity: whole(section.section("capacity"), capacity::settings::Settings::read),
            think: read_think_time(section.section("think_time")),
            journeys: read_weights(section.section("journeys")),
            thresholds: read_thresholds(&mut section),
            guards: Vec::new(),
            guards_are_usual: false,
            pauses_when_limited: false,
            accounts: accounts::read(section.section("accounts")),
            identities: whole(section.section("identities"), identity::settings::Settings::read),
            codes: whole(section.section("codes"), codes::settings::Settings::read),
            limits: whole(section.section("limits"), Limits::read),
            agents: whole(section.section("agents"), workload::agents::Settings::read),
        };
        let guards = section.section("guards");
        let Guards { guards, usual: guards_are_usual, pauses: pauses_when_limited } =
            read_guards(guards);
        section.finish();
        Self { guards, guards_are_usual, pauses_when_limited, ..profile }
    }

    /// The guards of a load that a 429 pauses, or does not: whoever wants it to pause the load does not want the
    /// same 429 to stop it, unless the profile has guards of its own.
    pub fn guards_if(&self, pauses: bool) -> Vec<Guard> {
        let leaves_out = pauses && self.guards_are_usual;
        let mut guards = self.guards.clone();
        guards.retain(|guard| !(leaves_out && guard.is_about_rate_limits()));
        guards
    }

    /// The tenants that are called, one for each variant; none for the embedded stand-in.
    pub fn tenants(&self) -> impl Iterator<Item = (&Variant, &Tenant)> {
        let variants = self.variants.iter().filter(|_| self.names_tenant);
        variants.filter_map(|variant| Some((variant, variant.tenant.as_ref()?)))
    }
}

/// Reads a section with its module's own reader and complains about what that did not know.
fn whole<'t, T>(mut section: Section<'t>, read: impl FnOnce(&mut Section<'t>) -> T) -> T {
    let settings = read(&mut section);
    section.finish();
    settings
}

fn read_variants(section: &mut Section<'_>) -> Vec<Variant> {
    let mut variants = Vec::new();
    for mut variant in section.sections("variant") {
        let name = variant.required_text("name", "variants are told apart by their names");
        let policies = variant.text_map("policies");
        variants.push(Variant {
            name: name.map_or_else(|| "".into(), |name| name.value.as_str().into()),
            flow_policy: variant.text("flow_policy").map(|policy| policy.value),
            policies: policies
                .into_iter()
                .map(|(journey, policy)| (journey.into(), policy.value))
                .collect(),
            weight: read_weight(&mut variant),
            tenant: None,
            overlay: Overlay::read(&mut variant),
        });
        refuse_variant_by(&mut variant);
        variant.finish();
    }
    if variants.is_empty() {
        variants.push(Variant {
            name: "default".into(),
            flow_policy: None,
            policies: Vec::new(),
            weight: 1.0,
            tenant: None,
            overlay: None,
        });
    }
    let overlays: Vec<_> = variants.iter().map(|variant| variant.overlay.clone()).collect();
    let tenants = overlay::read_all(section, &overlays);
    for (variant, tenant) in variants.iter_mut().zip(tenants) {
        variant.tenant = tenant;
    }
    variants
}

/// What makes a variant is a key of the whole profile, and easily written below the variants.
fn refuse_variant_by(variant: &mut Section<'_>) {
    let mut entries = variant.table().into_iter().flat_map(|table| &table.entries);
    let Some((_, place, _)) = entries.find(|(key, ..)| key == "variant_by") else { return };
    variant.item("variant_by");
    let remedy = "write it at the top of the profile, before the first `[table]`: what stands below one \
                  belongs to it";
    let what = "`variant_by` stands below `[[variant]]`";
    variant.problems().note(Some(place), what, Some(remedy.to_owned()));
}

/// How many iterations a variant gets, compared with the others.
fn read_weight(variant: &mut Section<'_>) -> f64 {
    let Some(weight) = variant.number("weight") else { return 1.0 };
    if weight > 0.0 && weight <= MOST_WEIGHT {
        return weight;
    }
    let place = variant.item("weight").map(|item| &item.place);
    let remedy = "write a number above 0; 9 and 1 give one variant nine of ten iterations, and a \
                  variant that gets none is left out";
    variant.problems().note(place, "`variant.weight` is not a weight", Some(remedy.to_owned()));
    1.0
}

fn read_think_time(mut section: Section<'_>) -> Option<ThinkTime> {
    let is_given = section.item("between_steps").is_some();
    let think = ThinkTime::read(&mut section);
    section.finish();
    is_given.then_some(think)
}

fn read_thresholds(section: &mut Section<'_>) -> Vec<Sited<Threshold>> {
    let mut thresholds = Vec::new();
    for mut threshold in section.sections("threshold") {
        if threshold.item("rule").is_none() {
            threshold.missing("rule", "such as `rule = \"sign-on.p95 < 800ms\"`");
        }
        let rule = threshold.parsed::<Rule>("rule");
        let abort_on_fail = threshold.flag("abort_on_fail").unwrap_or(false);
        let delay = threshold.parsed::<Span>("abort_delay");
        if let Some(Sited { place, value: rule }) = rule {
            if abort_on_fail && matches!(rule.metric, Metric::Drift(_)) {
                let what = format!("`{rule}` cannot stop a run: a drift is known at its end");
                let remedy = "leave `abort_on_fail` out".to_owned();
                threshold.problems().note(Some(&place), what, Some(remedy));
            }
            let abort_delay = delay.map(|delay| delay.value.0).unwrap_or_default();
            let value = Threshold { rule, abort_on_fail, abort_delay };
            thresholds.push(Sited { place, value });
        }
        threshold.finish();
    }
    thresholds
}

/// What `rate_limited` may be: whether a 429 pauses the load.
pub const RATE_LIMITED: &[(&str, bool)] = &[("count", false), ("pause", true)];

fn read_guards(mut section: Section<'_>) -> Guards {
    let pauses = section.choice("rate_limited", RATE_LIMITED).unwrap_or(false);
    let is_usual = |text: &Sited<String>| *text.place.document == *DEFAULT_NAME;
    let mut usual = false;
    let mut guards = Vec::new();
    for text in section.texts("stop_when").unwrap_or_default() {
        usual |= is_usual(&text);
        let guard = text.value.parse::<Rule>().and_then(Guard::new);
        match guard {
            Ok(guard) => guards.push(guard),
            Err(error) => {
                section.problems().note(Some(&text.place), error.to_string(), error.remedy())
            }
        }
    }
    section.finish();
    Guards { guards, usual, pauses }
}

/// `[guards]` as read.
struct Guards {
    guards: Vec<Guard>,
    usual: bool,
    pauses: bool,
}
