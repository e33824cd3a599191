//! What is told of an iteration, without anything that it knows to be secret: a tenant may have repeated what
//! it was sent in a name or a code.

use super::cast::{Cast, Stage};
use super::perform::Iteration;
use super::witness::{Label, Witness};
use crate::base::secret::Secret;
use crate::base::strike::Strikes;
use crate::davinci::oidc::Tokens;
use crate::davinci::walk::{Fingerprint, Turn, Walk};
use bytes::Bytes;
use http::Response;
use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

/// Longer details are cut: a tenant makes names as long as it likes.
const LONGEST: usize = 8 * 1024;

/// Longest secret that the cut may have left a part of.
const LONGEST_SECRET: usize = 1024;

/// Names that are remembered as clean; further ones are looked at each time.
const MOST_NAMES: usize = 4096;

/// Secrets of one iteration that are remembered; of more, the last.
const MOST_LEARNT: usize = 512;

/// What the profile says of a stage's application and nobody may see; and which names of the tenant have been
/// looked at already, so that each costs it once and not in every step.
#[derive(Debug, Default)]
pub struct Hidden {
    secrets: Vec<Secret>,
    clean: RwLock<HashSet<Box<str>>>,
}

impl Hidden {
    /// Hides these.
    pub fn new(secrets: Vec<Secret>) -> Self {
        Self { secrets, clean: RwLock::default() }
    }

    /// The name without what `strikes` knows; none if it may stay as it is.
    fn struck(&self, name: &str, strikes: impl FnOnce() -> Strikes) -> Option<String> {
        let is_clean = |clean: &HashSet<Box<str>>| clean.contains(name);
        if is_clean(&self.clean.read().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        let struck = strikes().strike(name);
        if struck != name {
            return Some(struck);
        }
        let mut clean = self.clean.write().unwrap_or_else(PoisonError::into_inner);
        if clean.len() < MOST_NAMES {
            clean.insert(name.into());
        }
        None
    }
}

impl Stage {
    /// Everything that any iteration on this stage may have sent and nobody may see.
    pub fn strikes(&self) -> Strikes {
        let mut strikes = Strikes::default();
        strikes.extend(&self.hidden.secrets);
        strikes.extend(&self.application.client_secret);
        if let Some(bearer) = &self.bearer {
            strikes.add(&bearer.borrow());
        }
        strikes
    }
}

/// What an iteration has sent, was told or has made up so far and nobody may see: values of forms, codes,
/// proofs, tokens. Cookies are in the session's jar.
#[derive(Debug, Default)]
pub struct Learnt(Vec<Secret>);

impl Learnt {
    /// Everything so far.
    pub fn secrets(&self) -> &[Secret] {
        &self.0
    }

    pub(super) fn note(&mut self, secret: &Secret) {
        if self.0.contains(secret) {
            return;
        }
        if self.0.len() >= MOST_LEARNT {
            self.0.remove(0);
        }
        self.0.push(secret.clone());
    }

    pub(super) fn note_tokens(&mut self, tokens: Option<&Tokens>) {
        if let Some(Tokens { access_token, id_token }) = tokens {
            self.note(access_token);
            id_token.iter().for_each(|token| self.note(token));
        }
    }
}

impl<W: Witness + ?Sized> Iteration<'_, W> {
    fn strikes(&self) -> Strikes {
        let mut strikes = self.stage.strikes();
        strikes.extend(self.learnt.secrets());
        self.session.jar().tell(&mut strikes);
        strikes
    }

    /// Takes a reply to the walk, and notes what came with it that nobody may see. What a flow is called is
    /// shown in every report, so it is struck here.
    pub(super) fn receive(&mut self, walk: &mut Walk, reply: &Response<Bytes>) -> Turn {
        let is_first = walk.fingerprint().is_none();
        let turn = walk.receive(reply);
        walk.secrets().for_each(|secret| self.learnt.note(secret));
        if let Turn::Complete(completion) = &turn {
            let codes = completion.code.iter().chain(&completion.dv_response);
            codes.for_each(|secret| self.learnt.note(secret));
            self.learnt.note_tokens(completion.tokens.as_ref());
        }
        if let Some(print) = walk.fingerprint().filter(|_| is_first) {
            let struck = |name: &str| self.stage.hidden.struck(name, || self.strikes());
            if let (flow, first_node) = (struck(&print.flow), struck(&print.first_node))
                && (flow.is_some() || first_node.is_some())
            {
                let print = print.clone();
                walk.call_it(Fingerprint {
                    flow: flow.unwrap_or(print.flow),
                    first_node: first_node.unwrap_or(print.first_node),
                });
            }
        }
        turn
    }

    /// A label whose names the tenant chose, as it may be counted under.
    pub(super) fn struck_label(&self, mut label: Label) -> Label {
        let struck = |name: &str| self.stage.hidden.struck(name, || self.strikes());
        if let Some(name) = struck(label.capability.as_str()) {
            label.capability = name.as_str().into();
        }
        if let Some(name) = struck(&label.action) {
            label.action = name;
        }
        label
    }

    /// The detail of a failure without passwords, codes, tokens and cookies of the iteration, and without what
    /// the profile says of the application that may be secret.
    pub(super) fn struck_detail(&self, detail: &str, cast: &Cast) -> String {
        let mut strikes = self.strikes();
        strikes.extend(&cast.secrets(self.stage));
        cut_and_strike(detail, &strikes)
    }
}

fn cut_and_strike(detail: &str, strikes: &Strikes) -> String {
    let end = detail.floor_char_boundary(LONGEST);
    let mut struck = strikes.strike(&detail[..end]);
    if end < detail.len() {
        let end = struck.floor_char_boundary(struck.len().saturating_sub(LONGEST_SECRET));
        struck.truncate(end);
    }
    struck
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn strikes(secret: &str) -> Strikes {
        let mut strikes = Strikes::default();
        strikes.add(&Secret::new(secret.to_owned()));
        strikes
    }

    #[test]
    fn a_clean_name_is_looked_at_once_and_one_with_a_secret_each_time() {
        let hidden = Hidden::default();
        let looks = Cell::new(0);
        let struck = |name: &str| {
            hidden.struck(name, || {
                looks.set(looks.get() + 1);
                strikes("hunter2-hunter2")
            })
        };
        for _ in 0..3 {
            assert_eq!(struck("customHTMLTemplate"), None);
        }
        assert_eq!(looks.get(), 1);
        for _ in 0..2 {
            assert_eq!(struck("form of hunter2-hunter2"), Some("form of ***".to_owned()));
        }
        assert_eq!(looks.get(), 3);
        // Names without end do not fill the memory.
        (0..MOST_NAMES * 2).for_each(|number| assert_eq!(struck(&format!("form {number}")), None));
        assert_eq!(hidden.clean.read().unwrap().len(), MOST_NAMES);
    }

    #[test]
    fn what_was_learnt_is_kept_once_and_the_last_of_it() {
        let mut learnt = Learnt::default();
        for number in 0..=MOST_LEARNT {
            (0..2).for_each(|_| learnt.note(&Secret::new(number.to_string())));
        }
        assert_eq!(learnt.secrets().len(), MOST_LEARNT);
        assert_eq!(learnt.secrets()[0].expose(), "1");
    }

    #[test]
    fn a_cut_leaves_no_beginning_of_a_secret() {
        let secret = "s".repeat(30);
        let detail = format!("{}{secret}", "x".repeat(LONGEST - 4));
        assert!(!cut_and_strike(&detail, &strikes(&secret)).contains('s'));
    }
}
