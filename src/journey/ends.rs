//! What follows a completed flow: the code exchange, userinfo, sign-off, revocation, another start.

use super::cast::Cast;
use super::outcome::{self, Verdict};
use super::perform::{Call, Iteration, Part, Progress, Stop};
use super::preflight::Cookies;
use super::rule::Expect;
use super::script::{End, Goal};
use super::witness::{Answered, Label, Witness};
use crate::davinci::node::Completion;
use crate::davinci::oidc::{BadValue, Tokens};
use crate::davinci::walk::Walk;
use crate::measure::fault::Fault;
use bytes::Bytes;
use http::{Request, Response};

impl<W: Witness + ?Sized> Iteration<'_, W> {
    /// The calls that follow a completed flow that [`Self::meets`] the goal.
    pub(super) async fn after_flow(
        &mut self,
        mut walk: Walk,
        mut completion: Completion,
        (part, cast): (Part<'_>, &mut Cast),
    ) -> Result<(), Stop> {
        // A flow for widgets hands the tokens out itself.
        let mut tokens = completion.tokens.take();
        let mut starts = 0;
        for end in &self.script.ends {
            let held = || {
                tokens.as_ref().ok_or_else(|| {
                    let what = "there is no token yet: put `do = \"token\"` first";
                    Stop::new(Fault::UnmappedField, what)
                })
            };
            let application = self.stage.application.clone();
            match end {
                End::Token if completion.code.is_none() && tokens.is_some() => {}
                End::Token => {
                    let request = walk.token(&completion).ok_or_else(no_code)?.map_err(bad)?;
                    let good = |reply: &Response<Bytes>| Tokens::read(reply).is_ok();
                    let reply = self.outside(*end, request, &walk, good).await?;
                    tokens = Tokens::read(&reply).ok();
                    self.learnt.note_tokens(tokens.as_ref());
                }
                End::Userinfo => {
                    let request = application.userinfo(held()?).map_err(bad)?;
                    self.outside(*end, request, &walk, is_userinfo).await?;
                }
                End::SignOff => {
                    let request = application.sign_off(held()?).map_err(bad)?;
                    self.outside(*end, request, &walk, is_success).await?;
                }
                End::Revoke => {
                    let request = application.revoke(held()?).map_err(bad)?;
                    self.outside(*end, request, &walk, is_success).await?;
                }
                End::StartAgain => {
                    starts += 1;
                    (walk, completion) = self.start_again(part, cast, starts).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether the end of the flow is what the journey was after.
    pub(super) fn meets(&self, completion: &Completion) -> Result<(), Stop> {
        match &self.script.goal {
            Goal::Token if completion.code.is_none() && completion.tokens.is_none() => {
                let what = "the flow succeeded with neither an authorization code nor a token";
                Err(Stop::new(Fault::NoNextStep, what))
            }
            Goal::Code if completion.code.is_none() => Err(no_code()),
            Goal::Token | Goal::Code => Ok(()),
            Goal::Form(step) => {
                let what = format!("the flow was over before the form of `{step}` was shown");
                Err(Stop::new(Fault::UnexpectedForm, what))
            }
            Goal::Refusal(step) => {
                let what = format!("the flow was over before `{step}` was turned down");
                Err(Stop::new(Fault::NotRefused, what))
            }
        }
    }

    /// Another start of the same kind with the cookies there are, the `number`th after the first. A
    /// session that holds lets the flow succeed without a form (documented for authorize requests).
    async fn start_again(
        &mut self,
        part: Part<'_>,
        cast: &mut Cast,
        number: u32,
    ) -> Result<(Walk, Completion), Stop> {
        let start = part.script.start.unwrap_or(self.stage.start);
        let label = Label { step: End::StartAgain.name().into(), ..Label::call(start.step()) };
        self.last_step = label.step.clone();
        let purpose = again(number);
        let (mut walk, request) = self.start((part, start), cast, &purpose)?;
        let call = Call { label, request, filled: Vec::new() };
        match self.send(call, &mut walk, Expect::Advance).await? {
            Progress::Complete(completion) => Ok((walk, completion)),
            Progress::Form | Progress::Refused | Progress::Stay => {
                let what = "the session did not hold: the flow asked for an answer again";
                Err(Stop::new(Fault::UnexpectedForm, what))
            }
        }
    }

    /// One exchange outside the flow, good if `good` says so.
    async fn outside(
        &mut self,
        end: End,
        mut request: Request<Bytes>,
        walk: &Walk,
        good: impl FnOnce(&Response<Bytes>) -> bool,
    ) -> Result<Response<Bytes>, Stop> {
        let label = Label::call(end.name());
        self.last_step = label.step.clone();
        let cookies = match end {
            End::SignOff | End::StartAgain => Cookies::Meant,
            End::Token | End::Userinfo | End::Revoke => Cookies::Without,
        };
        self.ask_first(&label, &mut request, cookies).await?;
        let exchange = self.exchange(&label, request, &[], walk).await;
        let fault = match &exchange.reply {
            Ok(reply) if good(reply) => None,
            Ok(reply) => {
                let status = reply.status().as_u16();
                let what = format!("{} answered with status {status}", end.name());
                Some(Stop::new(outcome::of_status(status), what))
            }
            Err(fault) => Some(Stop::new(outcome::of_transport(fault), fault.to_string())),
        };
        let verdict = fault.as_ref().map_or(Verdict::Advanced, |stop| Verdict::Fault(stop.fault));
        self.witness.answered(&Answered {
            label: &label,
            exchange: &exchange,
            verdict,
            refusal: None,
            completed: false,
            walk,
            learnt: &self.learnt,
        });
        match fault {
            Some(stop) => Err(stop),
            None => exchange.reply.map_err(|fault| outcome::of_transport(&fault).into()),
        }
    }
}

/// What the randomness of a further start is for: no two of an iteration share PKCE, state and
/// nonce.
fn again(number: u32) -> String {
    if number == 1 { "again".to_owned() } else { format!("again {number}") }
}

fn no_code() -> Stop {
    Stop::new(Fault::NoNextStep, "the flow succeeded without an authorization code")
}

fn bad(error: BadValue) -> Stop {
    Stop::new(Fault::MalformedReply, error.to_string())
}

fn is_success(reply: &Response<Bytes>) -> bool {
    reply.status().is_success()
}

/// Whether a reply says who signed on: an object with a subject (OpenID Connect Core 1.0, section
/// 5.3.2).
fn is_userinfo(reply: &Response<Bytes>) -> bool {
    let claims: Option<serde_json::Value> = serde_json::from_slice(reply.body()).ok();
    is_success(reply) && claims.is_some_and(|claims| claims["sub"].is_string())
}
