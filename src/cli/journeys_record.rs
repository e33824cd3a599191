//! `gander journeys record`: a flow walked form by form in the terminal becomes a journey file.

use super::dialogue::Dialogue;
use super::exit::{Exit, Failure};
use super::journeys_import::{Target, about};
use super::prepare::{self, Ground, Order, Selection};
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::remedy::Listing;
use crate::davinci::form::{FieldKind, Form};
use crate::identity::account::{AccountState, NEEDS};
use crate::journey::draft::Draft;
use crate::journey::interview::{Interview, LEFT_ALONE, Question, Reply};
use crate::journey::rehearsal::{Met, Rehearsal, needs};
use crate::journey::script::End;
use crate::journey::template::Template;
use crate::profile::check::Checked;
use crate::profile::load::Flags;
use crate::report::columns::clean;
use crate::run::stage::run_id;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Walk a flow form by form in the terminal and make a journey of it.
#[derive(Debug, clap::Args)]
pub(super) struct RecordArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    target: Target,
    /// State of the account at hand: `ok`, `victim`, `must-change`, `locked`, or `none`
    #[arg(long, value_name = "STATE", default_value = "ok")]
    account: String,
    /// Variant of the profile whose flow is walked; without it, the first
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Flow policy to walk instead of the profile's; with the stand-in also by its name
    #[arg(long, value_name = "POLICY", conflicts_with = "variant")]
    policy: Option<String>,
    /// Folder for the ledger of the accounts that are made
    #[arg(short, long, default_value = "reports")]
    out: PathBuf,
}

/// Word that ends a recording at any question.
const QUIT: &str = "q";

pub(super) fn record(args: &RecordArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    args.target.check()?;
    let runtime = super::runtime()?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = rehearse(args, terminal) => outcome,
            _ = tokio::signal::ctrl_c() => {
                terminal.end_line();
                terminal.say("stopped; nothing was written");
                Ok(Exit::Interrupted)
            }
        }
    });
    // The thread that waits for a line must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// The state of the account that was asked for.
fn state_of(args: &RecordArgs) -> Result<Option<AccountState>, Failure> {
    let known = NEEDS.iter().find(|(name, _)| *name == args.account);
    known.map(|(_, state)| *state).ok_or_else(|| {
        let choices: Listing = NEEDS.iter().map(|(name, _)| *name).collect();
        let what = format!("`--account {}` is no state of an account", args.account);
        Failure::new(Exit::WrongInput, what, Some(&format!("choose one of {choices}")))
    })
}

/// Leaves one variant in the profile, the one whose flow is walked, with the policy that was asked
/// for.
fn choose(args: &RecordArgs, checked: &mut Checked) -> Result<(), Failure> {
    let variants = &mut checked.profile.variants;
    if let Some(name) = &args.variant {
        let names: Listing = variants.iter().map(|variant| variant.name.as_str()).collect();
        variants.retain(|variant| variant.name.as_str() == name);
        if variants.is_empty() {
            let what = format!("there is no variant `{name}`");
            return Err(Failure::new(Exit::WrongInput, what, Some(&format!("there are {names}"))));
        }
    }
    variants.truncate(1);
    if let (Some(policy), Some(variant)) = (&args.policy, variants.first_mut()) {
        variant.policies.clear();
        variant.flow_policy = Some(policy.clone());
    }
    Ok(())
}

async fn rehearse(args: &RecordArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let state = state_of(args)?;
    let mut checked = prepare::read(&args.selection, Flags::default())?;
    choose(args, &mut checked)?;
    let name = args.target.name_or(args.target.to.as_deref().unwrap_or(Path::new("recorded")));
    checked.journeys = vec![(Arc::new(needs(state).map_err(Failure::of_problems)?), 1.0)];
    let run = run_id(&Clock::system());
    let folder = args.out.join(run.as_str());
    let order = Order {
        run,
        folder,
        accounts: Some(u64::from(state.is_some())),
        call_ids: false,
        continued: None,
        weigh: None,
    };
    let ground = prepare::ground(&args.selection, checked, order, terminal).await?;
    terminal.say(&format!(
        "recording `{}` on {}; Enter takes what stands in brackets, `{LEFT_ALONE}` leaves a field alone, `{QUIT}` ends",
        clean(&name),
        ground.embedded.as_ref().map_or(ground.addresses(), |_| "the embedded stand-in".to_owned()),
    ));
    let variant = ground.checked.profile.variants.first().zip(ground.opened.stages.first());
    let Some((variant, stage)) = variant else {
        return Err(Failure::new(Exit::Bug, "there is no variant", None));
    };
    let policy = variant.policy(&name.as_str().into());
    let mut session = ground.opened.transport.session();
    let start = (policy, ground.opened.next_index);
    let started = Rehearsal::start(stage, &mut session, start, state).await;
    let (rehearsal, met) =
        started.map_err(|what| Failure::new(Exit::TenantNotUsable, what, None))?;
    if let Met::Broken(what) = met {
        let what = format!("the flow does not start: {}", clean(&what));
        return Err(Failure::new(
            Exit::TenantNotUsable,
            what,
            Some("try `gander check --walk` first"),
        ));
    }
    let draft =
        Prompter { dialogue: Dialogue::open(terminal), terminal }.walk(rehearsal, met).await;
    keep(args, &name, &draft, &ground, terminal)
}

/// Writes what was recorded.
fn keep(
    args: &RecordArgs,
    name: &str,
    draft: &Draft,
    ground: &Ground,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if ground.embedded.is_none() {
        terminal.say(&format!("accounts made are on {}", ground.opened.ledger_path.display()));
    }
    let script = draft.build(name).map_err(|error| Failure::of(Exit::WrongInput, &error))?;
    let about = vec![format!("Recorded in the terminal: {}.", about(&script))];
    args.target.write(&script, &about, terminal)
}

/// Puts forms to a person.
struct Prompter<'t> {
    dialogue: Dialogue<'t>,
    terminal: &'t Terminal,
}

impl Prompter<'_> {
    async fn walk(mut self, mut rehearsal: Rehearsal<'_>, met: Met) -> Draft {
        let mut met = Some(met);
        while let Some(form) = rehearsal.form().cloned().filter(|_| matches!(met, Some(Met::Form)))
        {
            self.show(&form);
            let Some(reply) = self.interview(&rehearsal, form).await else { break };
            match rehearsal.answer(reply).await {
                Err(what) => {
                    self.note(Style::Bad, "not sent", &what);
                    continue;
                }
                Ok(Met::Refused(refusal)) => {
                    let by = refusal.capability.as_deref().unwrap_or("the flow");
                    let fields: Vec<_> = refusal
                        .targets
                        .iter()
                        .map(|(field, code)| format!("{field}: {code}"))
                        .collect();
                    let what =
                        format!("by {by} with status {} {}", refusal.status, fields.join(", "));
                    self.note(Style::Bad, "refused", what.trim_end());
                    let Some(meant) = self.is_meant().await else { break };
                    rehearsal.keep_refusal(meant);
                    met = Some(Met::Form);
                }
                Ok(other) => met = Some(other),
            }
        }
        match met {
            Some(Met::Complete) => {
                self.note(Style::Good, "success", "the flow is over");
                self.after(&mut rehearsal).await;
            }
            Some(Met::Broken(what)) => self.note(Style::Bad, "broken off", &what),
            _ => {}
        }
        rehearsal.into_draft()
    }

    async fn interview(&mut self, rehearsal: &Rehearsal<'_>, form: Form) -> Option<Reply> {
        let mut interview = Interview::new(form, rehearsal.whose(), rehearsal.has_account());
        while let Some(question) = interview.question() {
            let (text, is_secret) = self.wording(&question);
            let line = self.dialogue.ask(&text, is_secret).await?;
            if line.trim() == QUIT {
                return None;
            }
            if let Err(what) = interview.reply(&line) {
                self.note(Style::Bad, "again", &what);
            }
        }
        interview.into_reply()
    }

    fn wording(&self, question: &Question) -> (String, bool) {
        let paint = |text: &str| self.terminal.paint(Style::Hint, text);
        match question {
            Question::Action { default: Some(key) } => {
                (format!("  action [{}]:", paint(&clean(key))), false)
            }
            Question::Action { default: None } => ("  action:".to_owned(), false),
            Question::Field { key, suggestion, is_missing, is_secret } => {
                let hint =
                    suggestion.as_ref().map_or_else(String::new, |template| match is_missing {
                        true => format!(" (becomes {})", paint(&template.to_string())),
                        false => format!(" [{}]", paint(&template.to_string())),
                    });
                (format!("  {}{hint}:", clean(key)), *is_secret)
            }
        }
    }

    async fn is_meant(&mut self) -> Option<bool> {
        loop {
            let line =
                self.dialogue.ask("  is that what the journey expects? [y/N]:", false).await?;
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return Some(true),
                "" | "n" | "no" => return Some(false),
                QUIT => return None,
                _ => self.note(Style::Bad, "again", "type `y` or `n`"),
            }
        }
    }

    /// Makes the calls that follow a flow, as long as somebody names one.
    async fn after(&mut self, rehearsal: &mut Rehearsal<'_>) {
        let mut ends = vec![End::Token];
        loop {
            let names: Vec<_> = ends.iter().map(|end| end.name()).collect();
            let default = names.first().filter(|name| **name == "token").copied();
            let hint = default.map_or_else(|| "nothing".to_owned(), str::to_owned);
            let question = format!("  and then ({}) [{hint}]:", names.join(", "));
            let line = match self.dialogue.ask(&question, false).await {
                Some(line) if line.trim() != QUIT => line,
                _ => return,
            };
            let typed = line.trim();
            let wanted = if typed.is_empty() { default } else { Some(typed) };
            let Some(wanted) = wanted else { return };
            let Some(end) = ends.iter().copied().find(|end| end.name() == wanted) else {
                self.note(Style::Bad, "again", &format!("choose one of {}", names.join(", ")));
                continue;
            };
            match rehearsal.after(end).await {
                Ok(status) => self.note(Style::Good, end.name(), &format!("status {status}")),
                Err(what) => {
                    self.note(Style::Bad, end.name(), &what);
                    return;
                }
            }
            ends = match end {
                End::Token => vec![End::Userinfo, End::StartAgain, End::SignOff, End::Revoke],
                _ => ends.into_iter().filter(|other| *other != end).collect(),
            };
            if ends.is_empty() {
                return;
            }
        }
    }

    fn show(&self, form: &Form) {
        let name = form.name.as_deref().unwrap_or("a form without a name");
        self.terminal.say(&format!("\n{}", self.terminal.paint(Style::Strong, &clean(name))));
        let fields: Vec<_> = form
            .fields
            .iter()
            .map(|field| {
                let required = if field.required { ", required" } else { "" };
                format!("{} ({}{required})", clean(&field.key), kind(&field.kind))
            })
            .collect();
        if !fields.is_empty() {
            self.terminal.say(&format!("  fields   {}", fields.join(", ")));
        }
        let actions = form.actions.iter().enumerate().map(|(position, action)| {
            format!("{} {} ({})", position + 1, clean(&action.key), action.event.as_str())
        });
        self.terminal.say(&format!("  actions  {}", actions.collect::<Vec<_>>().join(", ")));
        let known: Vec<_> =
            Template::known().map(|variable| format!("{{{}}}", variable.name())).collect();
        self.terminal.explain(&format!("  templates {}", known.join(" ")));
    }

    fn note(&self, style: Style, word: &str, text: &str) {
        self.terminal.say(&format!("  {}  {}", self.terminal.paint(style, word), clean(text)));
    }
}

/// A kind of field in a word.
fn kind(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text => "text",
        FieldKind::Password => "secret",
        FieldKind::Options => "options, with commas between",
        FieldKind::Check => "true or false",
        FieldKind::Phone { .. } => "phone number",
        FieldKind::DeviceType(_) | FieldKind::Device(_) => "device",
        FieldKind::SecurityKey | FieldKind::Signals | FieldKind::Poll | FieldKind::Metadata => {
            "left alone"
        }
    }
}
