//! Mails of an environment led elsewhere for a test, and back: what was there is on the disk before anything is set,
//! and what could not be put back is not touched.

use super::api::Api;
use super::error::ManagementError;
use super::mail_copy::{MailCopy, MailCopyError, undo};
use super::mail_settings::{MailSettings, Obstacle, Smtp, Way};
use crate::base::clock::{Clock, Utc};
use crate::base::remedy::Remedy;
use std::path::{Path, PathBuf};

/// Whether anything had to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// The setting was changed, and reads as it should.
    Changed,
    /// It was as it should be.
    WasSo,
}

/// Why mails are not led elsewhere, or not back.
#[derive(Debug, thiserror::Error)]
pub enum DetourError {
    /// The tenant did not answer with a setting.
    #[error("the environment's mail setting cannot be read")]
    Unread(#[source] ManagementError),
    /// The copy cannot be written or read.
    #[error(transparent)]
    Copy(#[from] MailCopyError),
    /// What is there could not be put back.
    #[error("mails go by {way}, and that could not be put back: {obstacle}")]
    NotRestorable { way: Way, obstacle: Obstacle },
    /// The tenant did not take the setting.
    #[error("nothing was changed: the tenant did not take the setting")]
    NotTaken {
        #[source]
        source: ManagementError,
    },
    /// Setting failed, and what there is now is not what was there before, or nobody knows.
    #[error("the environment's mail setting may be another now")]
    Unsure {
        /// The copy.
        copy: PathBuf,
        #[source]
        source: ManagementError,
    },
    /// It was set, and something else is read.
    #[error("the tenant took the setting, and mails go by {way} now")]
    NotKept { way: Way, copy: PathBuf },
    /// The copy is of another environment.
    #[error("the copy is of environment `{of}`, not of `{here}`")]
    Foreign { of: String, here: String },
    /// Somebody else changed the setting.
    #[error("mails go by {way}, which is neither what was there nor what gander set")]
    Changed { way: Way },
}

impl DetourError {
    /// What to do, where the profile is typed so.
    pub fn remedy_with(&self, profile: &str) -> Option<String> {
        Some(match self {
            Self::Unread(source) => return source.remedy(),
            Self::Copy(error) => error.remedy_with(profile),
            Self::NotRestorable { .. } => {
                "change it in the console, where whoever knows its secrets can change it back; or use an \
                 environment that sends by the platform's own service"
                    .to_owned()
            }
            Self::NotTaken { source } => {
                let remedy = "the platform asks for a user name and a password: set `user` and `password` of \
                              `[codes]` `source = \"smtp-sink\"`";
                return source.remedy().or_else(|| Some(remedy.to_owned()));
            }
            Self::Unsure { copy, .. } | Self::NotKept { copy, .. } => {
                format!("`{}` puts back what was there", undo(copy, profile))
            }
            Self::Foreign { of, .. } => {
                format!("use a profile whose `tenant.environment_id` is `{of}`")
            }
            Self::Changed { .. } => {
                "ask whoever set it; `--force` puts back all the same what was there before".to_owned()
            }
        })
    }
}

impl Remedy for DetourError {
    fn remedy(&self) -> Option<String> {
        self.remedy_with("PROFILE")
    }
}

/// Has the environment send its mails to a server. What was there is in the new file `save` and on the disk before
/// anything is set; if nothing came of it, the file is gone again.
pub async fn point(api: &Api, to: &Smtp, save: &Path, clock: &Clock) -> Result<Done, DetourError> {
    let before = api.mail_settings().await.map_err(DetourError::Unread)?;
    let there = Way::Smtp { host: to.host.clone(), port: to.port };
    if before.way() == there {
        return Ok(Done::WasSo);
    }
    let of = (api.environment_id(), Utc::of(clock.wall()).stamp());
    let copy = MailCopy::of(of, &before, to)
        .map_err(|obstacle| DetourError::NotRestorable { way: before.way(), obstacle })?;
    copy.write(save)?;
    let set = api.set_mail_settings(&MailSettings::smtp(to)).await;
    let now = api.mail_settings().await;
    let copy = save.to_owned();
    match (set, now) {
        (Ok(()), Ok(now)) if now.way() == there => Ok(Done::Changed),
        (Ok(()), Ok(now)) => Err(DetourError::NotKept { way: now.way(), copy }),
        (Err(source), Ok(now)) if now.is_same(&before) => {
            // It would only be in the way of the next attempt.
            let _ = std::fs::remove_file(save);
            Err(DetourError::NotTaken { source })
        }
        (Err(source), _) | (Ok(()), Err(source)) => Err(DetourError::Unsure { copy, source }),
    }
}

/// Puts back what was there, and reads it again. What somebody else set meanwhile is only replaced if `force` says
/// so.
pub async fn restore(api: &Api, file: &Path, force: bool) -> Result<Done, DetourError> {
    let copy = MailCopy::read(file)?;
    if copy.environment() != api.environment_id() {
        let (of, here) = (copy.environment().to_owned(), api.environment_id().to_owned());
        return Err(DetourError::Foreign { of, here });
    }
    let before = copy.setting();
    let now = api.mail_settings().await.map_err(DetourError::Unread)?;
    if now.is_same(&before) {
        return Ok(Done::WasSo);
    }
    if !force && now.way() != copy.instead() {
        return Err(DetourError::Changed { way: now.way() });
    }
    let unsure = |source| DetourError::Unsure { copy: file.to_owned(), source };
    api.set_mail_settings(&before).await.map_err(unsure)?;
    let now = api.mail_settings().await.map_err(unsure)?;
    match now.is_same(&before) {
        true => Ok(Done::Changed),
        false => Err(DetourError::NotKept { way: now.way(), copy: file.to_owned() }),
    }
}
