//! The limits of a tenant's licence, asked before accounts are made and load is put on.

use super::exit::Failure;
use super::prepare::Weigh;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use crate::profile::check::Checked;
use crate::profile::tenant::Tenant;
use crate::run::licence;
use crate::transport::Transport;
use std::error::Error;

/// Asks for them where somebody should know what the load costs and the profile gives access to the management API,
/// and weighs the load once more where they say something new. A tenant that does not tell is told of.
pub(super) async fn ask(
    checked: &mut Checked,
    tenants: &[Tenant],
    (transport, clock): (&Transport, &Clock),
    (weigh, terminal): (Weigh, &Terminal),
) -> Result<(), Failure> {
    if !checked.asks_licence() {
        return Ok(());
    }
    let limits = &checked.profile.limits;
    let why = match licence::ask(limits, tenants, transport, clock).await {
        Ok(asked) if asked != *limits => {
            checked.profile.limits = asked;
            return weigh(checked, terminal);
        }
        Ok(_) if limits.is_known() => return Ok(()),
        Ok(_) => "the tenant tells its worker none".to_owned(),
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            let remedy = error.remedy().map(|remedy| format!(" ({remedy})")).unwrap_or_default();
            format!("they cannot be asked: {error}{cause}{remedy}")
        }
    };
    terminal.say(&format!(
        "{} the limits of the licence stay as `[limits]` has them: {why}",
        terminal.paint(Style::Bad, "caution")
    ));
    Ok(())
}
