//! `gander mail`: by which way an environment sends its mails, led elsewhere for a test and back.

use super::accounts::{connect, read};
use super::exit::{Exit, Failure};
use super::prepare::Selection;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::codes::settings::Source;
use crate::management::mail_copy::{MailCopy, undo};
use crate::management::mail_detour::{self, DetourError, Done};
use crate::management::mail_settings::Smtp;
use crate::profile::check::Checked;
use crate::report::columns::clean;
use crate::run::stage::run_id;
use std::path::PathBuf;

/// By which way the profile's tenant sends its mails, through its management API.
#[derive(Debug, clap::Subcommand)]
pub(super) enum MailCommand {
    /// Say by which way the environment sends its mails, and whether gander could put that back
    Show(Box<ShowArgs>),
    /// Have the environment send its mails to a server; what was there is saved first
    Point(Box<PointArgs>),
    /// Put back what `point` saved, and read it again
    Restore(Box<RestoreArgs>),
}

/// Say by which way the environment sends its mails. Secrets are never shown.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    selection: Selection,
}

/// Have the environment send all its mails to a server: those of everybody in it, not of a test alone. What was there
/// is in the file, and on the disk, before anything is set; what could not be put back is not replaced.
#[derive(Debug, clap::Args)]
pub(super) struct PointArgs {
    #[command(flatten)]
    selection: Selection,
    /// The server, as the tenant reaches it; user name and password are those of `[codes]`, if it is an smtp-sink
    #[arg(long, value_name = "HOST:PORT", value_parser = server)]
    to: (String, u16),
    /// New file for what was there
    #[arg(long, value_name = "FILE")]
    save: PathBuf,
    /// Whom mails come from; default: `no-reply` at the profile's `identities.email_domain`
    #[arg(long, value_name = "ADDRESS", value_parser = sender)]
    from: Option<String>,
}

/// Put back what `gander mail point` saved.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// What was there, as `point --save` wrote it
    file: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Put it back although somebody else has changed the setting since
    #[arg(long)]
    force: bool,
}

pub(super) fn mail(command: &MailCommand, terminal: &Terminal) -> Result<Exit, Failure> {
    let runtime = super::runtime()?;
    match command {
        MailCommand::Show(args) => runtime.block_on(show(args, terminal)),
        MailCommand::Point(args) => runtime.block_on(point(args, terminal)),
        MailCommand::Restore(args) => runtime.block_on(restore(args, terminal)),
    }
}

async fn show(args: &ShowArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let (checked, clock) = (read(&args.selection)?, Clock::system());
    let api = connect(&checked, &run_id(&clock), &clock).await?;
    let setting = api.mail_settings().await.map_err(|error| {
        let unread = DetourError::Unread(error);
        failed(&unread, &args.selection)
    })?;
    let back = match setting.obstacle() {
        None => "gander could put it back".to_owned(),
        Some(obstacle) => format!("gander could not put it back: {obstacle}"),
    };
    let environment = api.environment_id();
    let way = format!("mails of environment {environment} go by {}", setting.way());
    terminal.data(&clean(&way));
    terminal.say(&clean(&back));
    Ok(Exit::Passed)
}

async fn point(args: &PointArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let (checked, clock) = (read(&args.selection)?, Clock::system());
    let api = connect(&checked, &run_id(&clock), &clock).await?;
    let domain = &checked.profile.identities.email_domain;
    let (host, port) = args.to.clone();
    let to = Smtp {
        host,
        port,
        credentials: credentials(&checked),
        from: args.from.clone().unwrap_or_else(|| format!("no-reply@{domain}")),
    };
    if to.credentials.is_none() {
        terminal.say(&format!(
            "{} PingOne wants a user name and a password of a mail server: set `codes.user` and `codes.password`, with \
             `codes.source = \"smtp-sink\"`",
            terminal.paint(Style::Bad, "caution")
        ));
    }
    let pointed = mail_detour::point(&api, &to, &args.save, &clock).await;
    let (save, good) = (args.save.display(), terminal.paint(Style::Good, "done"));
    match pointed.map_err(|error| failed(&error, &args.selection))? {
        Done::WasSo => terminal.say(
            "mails go to the same server already: nothing was changed, and nothing saved; user, password and sender were \
             not compared",
        ),
        Done::Changed => terminal.say(&format!(
            "{good} mails of environment {} go to {}:{}; what was there is in {save}: `{}` puts it back",
            api.environment_id(),
            to.host,
            to.port,
            undo(&args.save, &args.selection.typed())
        )),
    }
    Ok(Exit::Passed)
}

async fn restore(args: &RestoreArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    if let Some(path) = args.selection.path().filter(|path| MailCopy::read(path).is_ok()) {
        let what = format!("`{}` is what was saved, and no profile", path.display());
        let remedy = "name it first: `gander mail restore FILE PROFILE`";
        return Err(Failure::new(Exit::WrongInput, what, Some(remedy)));
    }
    let (checked, clock) = (read(&args.selection)?, Clock::system());
    let api = connect(&checked, &run_id(&clock), &clock).await?;
    let restored = mail_detour::restore(&api, &args.file, args.force).await;
    let (file, good) = (args.file.display(), terminal.paint(Style::Good, "done"));
    let said = match restored.map_err(|error| failed(&error, &args.selection))? {
        Done::WasSo => "the mail setting is what it was before: nothing was changed".to_owned(),
        Done::Changed => format!("{good} the mail setting is what it was before, as {file} has it"),
    };
    terminal.say(&said);
    Ok(Exit::Passed)
}

/// What the tenant has to bring to deliver to the sink.
fn credentials(checked: &Checked) -> Option<(String, Secret)> {
    let Source::SmtpSink(sink) = &checked.profile.codes.source else { return None };
    let credentials = sink.credentials.as_ref()?;
    Some((credentials.user.clone(), credentials.password.clone()))
}

/// A failure whose way out can be typed as it stands.
fn failed(error: &DetourError, selection: &Selection) -> Failure {
    let exit = match error {
        DetourError::Copy(_) | DetourError::Foreign { .. } => Exit::WrongInput,
        _ => Exit::TenantNotUsable,
    };
    let mut failure = Failure::of(exit, error);
    let remedy = error.remedy_with(&selection.typed());
    failure.complaints.iter_mut().for_each(|complaint| complaint.remedy.clone_from(&remedy));
    failure
}

/// Whom mails come from: one address, without a name.
fn sender(text: &str) -> Result<String, String> {
    let wrong = || "write it as `NAME@DOMAIN`, such as `no-reply@example.com`".to_owned();
    let (name, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let is_plain = |c: char| c.is_ascii_graphic() && !"@<>()[],;:\\\"".contains(c);
    let is_name = !name.is_empty() && name.chars().all(is_plain);
    let is_domain = domain.split('.').all(|label| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_plain)
    });
    if is_name && is_domain { Ok(text.to_owned()) } else { Err(wrong()) }
}

/// A server and its port; an address of IPv6 in brackets.
fn server(text: &str) -> Result<(String, u16), String> {
    let wrong = || "write it as `HOST:PORT`, such as `mail.example.com:2525`".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let fits = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(is_plain),
    };
    let port: u16 = port.parse().map_err(|_| wrong())?;
    // What the tenant shows is compared with it.
    if fits && port > 0 { Ok((host.to_ascii_lowercase(), port)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address() {
        for text in ["no-reply@load.example.com", "a+b@x.test", "root@localhost"] {
            assert_eq!(sender(text).as_deref(), Ok(text));
        }
        for text in ["nope", "a@", "@b", "a b@x.test", "A <a@x.test>", "a@@x.test", "a@x..test"] {
            assert!(sender(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_has_a_name_and_a_port() {
        let read = |text| server(text).ok();
        assert_eq!(read("Mail.X.test:25"), Some(("mail.x.test".into(), 25)));
        assert_eq!(read("[::1]:2525"), Some(("::1".into(), 2525)));
        for text in ["mail.x.test", "mail.x.test:0", ":25", "a b:25", "::1:25", "x:70000", "u@h:1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
