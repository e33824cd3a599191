//! `gander completions` and `gander man`: what shells and readers of manuals want to know, made from
//! the same description of the command line that reads it.

use super::Arguments;
use super::exit::{Exit, Failure};
use super::terminal::Terminal;
use crate::analysis::verdict::EXITS;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Print a script that completes commands and flags in a shell.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write one page for each command.
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Folder to write gander.1, gander-run.1 and so on into, instead of printing the first
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "gander", &mut script);
    terminal.data(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Passed)
}

pub(super) fn man(args: &ManArgs, terminal: &Terminal) -> Result<Exit, Failure> {
    let pages = pages().map_err(|error| {
        Failure::new(Exit::Bug, format!("the manual cannot be made: {error}"), None)
    })?;
    match &args.to {
        None => {
            let first = pages.first().map(|(_, text)| text.trim_end());
            terminal.data(first.unwrap_or_default());
        }
        Some(folder) => write(folder, &pages)?,
    }
    Ok(Exit::Passed)
}

/// File name and text of every page, that of gander itself first.
fn pages() -> std::io::Result<Vec<(String, String)>> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    // Gives the commands their names: `gander-journeys-record`.
    command.build();
    let mut pages = Vec::new();
    add(command, &mut pages)?;
    Ok(pages)
}

fn add(command: clap::Command, pages: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let below: Vec<_> = command.get_subcommands().filter(|of| !of.is_hide_set()).cloned().collect();
    let mut page = Vec::new();
    let source = concat!("gander ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command).source(source);
    man.render(&mut page)?;
    page.extend(exits().as_bytes());
    pages.push((man.get_filename(), String::from_utf8_lossy(&page).into_owned()));
    below.into_iter().try_for_each(|command| add(command, pages))
}

/// What the exit codes mean, as a section of a page.
fn exits() -> String {
    let rows = EXITS.iter().map(|(_, code, meaning)| format!(".TP\n\\fB{code}\\fR\n{meaning}\n"));
    format!(".SH \"EXIT STATUS\"\n{}", rows.collect::<String>())
}

fn write(folder: &Path, pages: &[(String, String)]) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        let what = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(Exit::WrongInput, what, Some("name a folder that you may write to"))
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for (name, text) in pages {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::account::AccountState;
    use clap::ValueEnum;

    #[test]
    fn every_command_has_a_page_that_names_its_flags() {
        let pages = pages().unwrap();
        let page = |name: &str| {
            let found = pages.iter().find(|(file, _)| file == name);
            &found.unwrap_or_else(|| panic!("no {name}")).1
        };
        assert_eq!(pages[0].0, "gander.1");
        for command in Arguments::command().get_subcommands() {
            let text = page(&format!("gander-{}.1", command.get_name()));
            let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
            for flag in shown.filter_map(clap::Arg::get_long) {
                let spelled = flag.replace('-', "\\-");
                assert!(text.contains(&spelled), "{}: --{flag}", command.get_name());
            }
        }
        for (_, text) in &pages {
            assert!(
                text.contains("EXIT STATUS") && text.contains("fB130\\fR\ninterrupted"),
                "{text}"
            );
        }
        assert!(page("gander-journeys-record.1").contains("gander\\-journeys\\-record"));
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "gander", &mut script);
            let script = String::from_utf8(script).unwrap();
            for command in Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            let state = AccountState::MustChange.name();
            assert!(*shell == Shell::Elvish || script.contains(state), "{shell}: {state}");
        }
    }
}
