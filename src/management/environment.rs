//! What the management client asks about an environment as a whole: rate limits, flow policies, the way of its
//! mails.

use super::api::Api;
use super::call::Call;
use super::error::ManagementError;
use super::limits::{self, Limits};
use super::mail_settings::{MailSettings, Way};
use super::policies::{self, FlowPolicy};
use std::collections::BTreeSet;

impl Api {
    /// The rate limits of the licence: those that the environment carries, else those of the licence that it
    /// names. Without groups where neither tells any, and where the worker may not read the licence.
    pub async fn limits(&self) -> Result<Limits, ManagementError> {
        let call = Call::environment(self.settings())?;
        let told = limits::told(call.name, &self.reply(&call).await?)?;
        let (Some(licence), Some(organization), true) =
            (&told.limits.licence, &told.organization, told.limits.groups.is_empty())
        else {
            return Ok(told.limits);
        };
        let call = Call::licence(self.settings(), organization, licence)?;
        match self.reply(&call).await {
            Ok(body) => Ok(limits::told(call.name, &body)?.limits),
            Err(error) if error.is_forbidden() || error.is_not_found() => Ok(told.limits),
            Err(error) => Err(error),
        }
    }

    /// The flow policies of the environment, each with the flow versions that it distributes as far as the
    /// worker may see them (the role DaVinci Admin).
    pub async fn flow_policies(&self) -> Result<Vec<FlowPolicy>, ManagementError> {
        let mut found =
            self.listing(Call::flow_policies(self.settings())?, policies::policies).await?;
        let applications: BTreeSet<String> = found
            .iter()
            .map(|policy| policy.application.clone())
            .filter(|application| !application.is_empty())
            .collect();
        for application in applications {
            let call = Call::distributions(self.settings(), &application)?;
            let detailed = match self.listing(call, policies::policies).await {
                Ok(detailed) => detailed,
                Err(error) if error.is_forbidden() || error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            for policy in &mut found {
                if let Some(same) = detailed.iter().find(|detail| detail.id == policy.id) {
                    policy.distribution.clone_from(&same.distribution);
                }
            }
        }
        Ok(found)
    }

    /// By which way the environment sends its mails. One that was never set may not be found: then it is the
    /// platform's own.
    pub async fn mail_settings(&self) -> Result<MailSettings, ManagementError> {
        let call = Call::mail_settings(self.settings())?;
        match self.reply(&call).await {
            Ok(body) => MailSettings::read(call.name, &body),
            Err(error) if error.is_not_found() => MailSettings::read(call.name, b"{}"),
            Err(error) => Err(error),
        }
    }

    /// Has the environment send its mails by this way; by the platform's own if that is what it says. It
    /// counts for everybody in the environment, so the setting before it ought to be saved first and put back
    /// afterwards: see [`mail_detour`](super::mail_detour). One that is not understood, or lacks its password, is
    /// refused before anything is called.
    pub async fn set_mail_settings(&self, setting: &MailSettings) -> Result<(), ManagementError> {
        let set = Call::set_mail_settings(self.settings(), setting)?;
        let call = match setting.way() {
            _ if !setting.is_whole() => {
                return Err(ManagementError::NotUnderstood { call: set.name });
            }
            Way::Platform => Call::remove_mail_settings(self.settings())?,
            _ => set,
        };
        self.reply(&call).await.map(drop)
    }
}
