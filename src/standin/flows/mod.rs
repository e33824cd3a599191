//! The built-in flows. Each has node ids of its own, so that a reply tells which flow it is from.
//!
//! Only the stock flow's ids, names and keys are documented; the other flows are invented in its
//! manner, to vary what varies among tenants: keys, buttons, order and number of pages.

mod agreement;
mod coverage;
mod forms;
mod parts;
mod polling;
mod start_with_input;
mod stock;
mod verify_first;
mod without_pages;

pub use stock::STOCK;

use super::flow::Flow;

/// All flows that settings can name, the stock flow first.
pub const FLOWS: &[&Flow] = &[
    &STOCK,
    &forms::FORMS_FLOW,
    &verify_first::VERIFY_FIRST,
    &agreement::AGREEMENT,
    &coverage::COVERAGE,
    &polling::POLLING,
    &polling::CHALLENGE,
    &start_with_input::START_WITH_INPUT,
    &without_pages::WITHOUT_PAGES,
];

/// The flow of a name.
pub fn named(name: &str) -> Option<&'static Flow> {
    FLOWS.iter().copied().find(|flow| flow.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::flow::{Lead, Outcome, lead_of};
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn leads_to_a_form(flow: &Flow, lead: Lead) {
        if let Lead::Form(id) = lead {
            assert!(flow.form(id).is_some(), "{}: {id} is no form", flow.name);
        }
    }

    #[test]
    fn every_lead_leads_somewhere_and_every_task_has_somewhere_to_go() {
        for flow in FLOWS {
            assert!(lead_of(flow.opening.1, Outcome::Done).is_some(), "{} never starts", flow.name);
            for form in flow.forms {
                assert!(!form.buttons.is_empty(), "{} is a dead end", form.id);
                for button in form.buttons {
                    let done = lead_of(button.leads, Outcome::Done);
                    assert!(done.is_some(), "{} {} has no way on", form.id, button.key);
                    button.leads.iter().for_each(|(_, lead)| leads_to_a_form(flow, *lead));
                }
                if let Some(polling) = form.polling {
                    assert!(form.fields.iter().any(|field| field.key == polling.key));
                    polling.leads.iter().for_each(|(_, lead)| leads_to_a_form(flow, *lead));
                }
            }
        }
    }

    #[test]
    fn every_form_can_be_reached() {
        for flow in FLOWS {
            let buttons = flow.forms.iter().flat_map(|form| form.buttons);
            let polled = flow.forms.iter().filter_map(|form| form.polling).flat_map(|p| p.leads);
            let leads = buttons.flat_map(|b| b.leads).chain(flow.opening.1).map(|(_, lead)| lead);
            let reached: BTreeSet<&str> = leads
                .chain(polled.map(|(_, lead)| lead))
                .filter_map(|lead| match lead {
                    Lead::Form(id) => Some(*id),
                    Lead::Success => None,
                })
                .collect();
            for form in flow.forms {
                assert!(reached.contains(form.id), "{} is out of reach", form.id);
            }
        }
    }

    #[test]
    fn every_id_is_used_once_in_all_flows_together() {
        let mut known = BTreeSet::new();
        for flow in FLOWS {
            assert!(known.insert(flow.id) && flow.id.len() == 32, "{}", flow.id);
            let nodes = flow.nodes.iter().map(|(_, node)| node.id);
            for id in flow.forms.iter().map(|form| form.id).chain(nodes) {
                assert_eq!(id.len(), 10, "{id}");
                assert!(known.insert(id), "{id} is used twice");
            }
        }
    }

    #[test]
    fn every_piece_of_json_in_the_tables_is_json() {
        for form in FLOWS.iter().flat_map(|flow| flow.forms) {
            let pieces = form.fields.iter().map(|field| field.more).chain([form.style.more]);
            for more in pieces {
                let read = serde_json::from_str::<Value>(&format!("{{{more}}}"));
                assert!(read.is_ok(), "{}: {more}", form.id);
            }
            for field in form.fields.iter().filter(|field| !field.initial.is_empty()) {
                let read = serde_json::from_str::<Value>(field.initial);
                assert!(read.is_ok(), "{}: {}", form.id, field.initial);
            }
        }
    }

    #[test]
    fn mapped_keys_are_keys_of_a_form() {
        for flow in FLOWS {
            let fields = flow.forms.iter().flat_map(|form| form.fields).map(|field| field.key);
            let known: BTreeSet<&str> = fields.collect();
            for (name, key) in flow.keys {
                let of_input = key.split('.').next().unwrap_or_default();
                let input = flow.input.iter().any(|property| property.name == of_input);
                assert!(known.contains(key) || input, "{}: {name} → {key}", flow.name);
            }
        }
    }
}
