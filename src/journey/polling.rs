//! Waiting with a flow for something that happens elsewhere, as genuine clients do: asking again in
//! the rhythm that the form gives, and never longer than it says.
//!
//! In *continue* polling the flow itself is asked; it stays where it is until it can go on. In
//! *challenge* polling the state of a challenge is asked, and the flow told what became of it.

use super::outcome;
use super::perform::{Call, Iteration, Judged, Progress, Stop};
use super::rule::Expect;
use super::witness::{Answered, Label, Wait, Witness};
use crate::base::names::{Capability, Step};
use crate::davinci::form::{Event, Polling};
use crate::davinci::walk::{ChallengeState, Round, Rounds, Walk, read_challenge};
use crate::measure::fault::Fault;
use std::time::Duration;

/// Capability under which the calls for the state of a challenge are counted.
const CHALLENGE_STATUS: &str = "challenge-status";

impl<W: Witness + ?Sized> Iteration<'_, W> {
    /// Polls the form at hand until it goes on. Bounded by what the form allows, and by the walk's
    /// own patience.
    pub(super) async fn poll(
        &mut self,
        step: Step,
        polling: &Polling,
        walk: &mut Walk,
    ) -> Result<Progress, Stop> {
        self.last_step = step.clone();
        let mut rounds = Rounds::of(polling);
        while let Some((pause, round)) = walk.next_round(&mut rounds) {
            self.pause(pause).await;
            match round {
                Round::Ask => rounds.decide(self.ask(&step, walk).await?),
                Round::Tell(value) => match self.tell(&step, &value, walk).await? {
                    Progress::Stay => {}
                    progress => return Ok(progress),
                },
            }
        }
        let what = "the flow still waits after it was polled as often as it allows";
        Err(Stop::new(Fault::NoNextStep, what))
    }

    /// One call for the state of a challenge.
    async fn ask(&mut self, step: &Step, walk: &Walk) -> Result<ChallengeState, Stop> {
        let request = walk.challenge_status().ok_or(Fault::NoNextStep)?;
        let mut request =
            request.map_err(|error| Stop::new(outcome::of_walk(&error), error.to_string()))?;
        let label = Label { step: step.clone(), ..Label::call(CHALLENGE_STATUS) };
        self.preflight(&mut request).await?;
        let exchange = self.exchange(&label, request, &[], walk).await;
        let judged = match &exchange.reply {
            Ok(reply) => match reply.status().as_u16() {
                // What a genuine client tells the flow about; the rest did not come from it.
                status @ (200..=299 | 400) => match read_challenge(reply) {
                    Some(state) => Judged::advanced(state),
                    None => {
                        let what = format!("status {status} without the state of the challenge");
                        Judged::fault(outcome::of_status(status), what)
                    }
                },
                status => {
                    let what = format!("the state of the challenge came with status {status}");
                    Judged::fault(outcome::of_status(status), what)
                }
            },
            Err(fault) => Judged::fault(outcome::of_transport(fault), fault.to_string()),
        };
        self.witness.answered(&Answered {
            label: &label,
            exchange: &exchange,
            verdict: judged.verdict,
            refusal: None,
            completed: false,
            walk,
            learnt: &self.learnt,
        });
        judged.progress
    }

    /// Tells the flow the value of its polling field.
    async fn tell(&mut self, step: &Step, value: &str, walk: &mut Walk) -> Result<Progress, Stop> {
        let request = walk
            .poll(value)
            .map_err(|error| Stop::new(outcome::of_walk(&error), error.to_string()))?;
        let capability = walk.form().and_then(|form| form.capability.clone());
        let label = Label {
            step: step.clone(),
            capability: capability.unwrap_or_else(|| Capability::from("unnamed")),
            event: Some(Event::Polling),
            action: String::new(),
        };
        let label = self.struck_label(label);
        self.send(Call { label, request, filled: Vec::new() }, walk, Expect::Advance).await
    }

    async fn pause(&mut self, interval: Duration) {
        if interval.is_zero() {
            return;
        }
        let began = self.stage.clock.now();
        tokio::time::sleep(interval).await;
        let waited = self.stage.clock.now().saturating_duration_since(began);
        self.note_wait(Wait::Poll, waited);
    }
}
