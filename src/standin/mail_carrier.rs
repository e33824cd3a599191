//! How a letter leaves the stand-in: over SMTP, or posted to a custom notification provider.

use super::mail::Letter;
use super::settings::{Mail, MailTls};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncTransport, Message, Tokio1Executor};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use std::time::Duration;

/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sender's address, and the way.
#[derive(Debug)]
pub(super) struct Carrier {
    from: Mailbox,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Http { client: reqwest::Client, settings: Box<Mail>, url: url::Url },
}

impl Carrier {
    /// The carrier of these settings; none where nothing is to be sent. What cannot be used is an error.
    pub(super) fn of(settings: &Mail) -> Result<Option<Self>, String> {
        if settings.server.is_none() && settings.provider.is_none() {
            return Ok(None);
        }
        let from = settings.from.parse();
        let from = from.map_err(|_| format!("`{}` is not an address", settings.from))?;
        let way = match (&settings.provider, settings.server) {
            (Some(url), _) => {
                let client = provider_client(settings).map_err(|error| error.to_string())?;
                Way::Http { client, settings: Box::new(settings.clone()), url: url.clone() }
            }
            (None, Some(server)) => {
                let host = server.ip().to_string();
                let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
                    .port(server.port())
                    .tls(tls(settings, &host)?)
                    .timeout(Some(PATIENCE));
                if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
                    let known = Credentials::new(user.clone(), password.expose().clone());
                    builder = builder.credentials(known);
                }
                Way::Smtp(Box::new(builder.build()))
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(Self { from, way }))
    }

    /// Delivers a letter; the error says why it was not taken.
    pub(super) async fn deliver(&self, letter: &Letter) -> Result<(), String> {
        match &self.way {
            Way::Smtp(transport) => {
                let message = self.write(letter)?;
                transport.send(message).await.map(|_| ()).map_err(|error| error.to_string())
            }
            Way::Http { client, settings, url } => {
                let (_, subject, text) = letter.texts();
                let body = json!({
                    "to": letter.to, "from": settings.from, "subject": subject, "message": text,
                });
                let mut request = client.post(url.clone()).json(&body);
                if let Some(token) = &settings.token {
                    request = request.bearer_auth(token.expose());
                } else if let Some(user) = &settings.user {
                    let password = settings.password.as_ref().map(|password| password.expose());
                    request = request.basic_auth(user, password);
                }
                let reply =
                    request.send().await.map_err(|error| error.without_url().to_string())?;
                if reply.status().is_success() {
                    return Ok(());
                }
                Err(format!("the provider answered {}", reply.status().as_u16()))
            }
        }
    }

    fn write(&self, letter: &Letter) -> Result<Message, String> {
        let to: Mailbox = letter.to.parse().map_err(|error| format!("address: {error}"))?;
        let (html, subject, plain) = letter.texts();
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .multipart(MultiPart::alternative_plain_html(plain, html))
            .map_err(|error| format!("message: {error}"))
    }
}

fn tls(settings: &Mail, host: &str) -> Result<Tls, String> {
    if settings.tls == MailTls::Off {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = &settings.ca_pem {
        // A file without any is read as no authority at all, which nobody would notice before the first mail.
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        let authority = Certificate::from_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(|error| error.to_string())?;
    Ok(match settings.tls {
        MailTls::Implicit => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

fn provider_client(settings: &Mail) -> reqwest::Result<reqwest::Client> {
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE);
    if let Some(pem) = &settings.ca_pem {
        client = client.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes())?]);
    }
    client.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_used_is_said_and_nothing_is_sent_without_a_way() {
        assert!(Carrier::of(&Mail::default()).unwrap().is_none());
        let server = Some(([127, 0, 0, 1], 25).into());
        let usual = Mail { server, ..Mail::default() };
        assert!(Carrier::of(&usual).unwrap().is_some());
        let broken = Mail { tls: MailTls::StartTls, ca_pem: Some("no PEM".to_owned()), ..usual };
        assert!(Carrier::of(&broken).is_err());
        let nobody = Mail { from: "nobody".to_owned(), server, ..Mail::default() };
        assert!(Carrier::of(&nobody).is_err());
    }
}
