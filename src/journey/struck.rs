//! What is told of a failed iteration, without anything that it knows to be secret: a tenant may
//! have repeated what it was sent in a name or a code.

use super::cast::{Cast, Stage};
use crate::base::secret::Secret;
use crate::base::strike::Strikes;
use crate::transport::Session;

/// Longer details are cut: a tenant makes names as long as it likes.
const LONGEST: usize = 8 * 1024;

/// Longest secret that the cut may have left a part of.
const LONGEST_SECRET: usize = 1024;

/// The detail of a failure without passwords, codes, tokens and cookies of the iteration, and
/// without what the profile says of the application that may be secret.
pub(super) fn strike(detail: &str, stage: &Stage, (cast, session): (&Cast, &Session)) -> String {
    let mut strikes = Strikes::default();
    strikes.extend(&cast.secrets(stage));
    session.jar().tell(&mut strikes);
    let application = &stage.application;
    strikes.extend(&application.client_secret);
    if let Some(bearer) = &stage.bearer {
        strikes.add(&bearer.borrow());
    }
    // People put keys and tokens there.
    let headers = application.headers.iter().filter_map(|(_, value)| value.to_str().ok());
    let parameters = application.authorize_parameters.iter().map(|(_, value)| value.as_str());
    for text in headers.chain(parameters) {
        strikes.add(&Secret::new(text.to_owned()));
    }
    let end = detail.floor_char_boundary(LONGEST);
    let mut struck = strikes.strike(&detail[..end]);
    if end < detail.len() {
        let end = struck.floor_char_boundary(struck.len().saturating_sub(LONGEST_SECRET));
        struck.truncate(end);
    }
    struck
}
