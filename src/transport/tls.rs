//! One rustls configuration for everything that goes out: whom to trust, and what is offered.

use super::settings::ClientFiles;
use super::settings::Settings;
use super::settings::Version;
use crate::base::remedy::Remedy;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the transport cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The file of authorities cannot be read.
    #[error("`{}` cannot be read as a PEM file of certificates: {reason}", path.display())]
    CaFile {
        /// The file, as the profile names it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The client's certificate cannot be read or used.
    #[error("`{}` cannot be used as the client's certificate: {reason}", path.display())]
    ClientCert {
        /// The file, as the profile names it.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key of the client's certificate cannot be read.
    #[error("`{}` cannot be read as a PEM file of a private key: {reason}", path.display())]
    ClientKey {
        /// The file, as the profile names it.
        path: PathBuf,
        /// What is wrong with it; never what is in it.
        reason: String,
    },
    /// Connections cannot go out from an address.
    #[error("connections cannot go out from {address}: {reason}")]
    LocalAddress {
        /// The address.
        address: IpAddr,
        /// What the system says.
        reason: String,
    },
    /// The TLS library refuses what it was given.
    #[error("TLS cannot be set up: {reason}")]
    Tls {
        /// What the library says.
        reason: String,
    },
    /// The client of the management API refuses what it was given.
    #[error("the client of the tenant's other APIs cannot be set up: {reason}")]
    ApiClient {
        /// What the library says.
        reason: String,
    },
}

impl Remedy for SetUpError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::CaFile { .. } => Some(
                "give `http.ca_file` a readable file with at least one `BEGIN CERTIFICATE` block"
                    .to_owned(),
            ),
            Self::ClientCert { .. } => Some(
                "give `http.client_cert` a PEM file with the client's certificate first and those \
                 that vouch for it after it, and `http.client_key` the key that belongs to it"
                    .to_owned(),
            ),
            Self::ClientKey { .. } => Some(
                "give `http.client_key` a readable file with one `BEGIN PRIVATE KEY` block that is \
                 not encrypted"
                    .to_owned(),
            ),
            Self::LocalAddress { .. } => Some(
                "give `http.local_addresses` addresses that this machine has (`ip address` lists \
                 them)"
                    .to_owned(),
            ),
            Self::Tls { .. } | Self::ApiClient { .. } => None,
        }
    }
}

/// HTTP/2 in a TLS handshake (ALPN, RFC 9113, section 3.2).
pub(super) const HTTP_2: &[u8] = b"h2";
/// HTTP/1.1 in a TLS handshake (ALPN, RFC 7301, section 6).
pub(super) const HTTP_1_1: &[u8] = b"http/1.1";

/// Builds the configuration. Without `ca_file` the authorities of this machine are trusted; a
/// machine without any can still call plain HTTP.
///
/// `resumes`: whether a new connection may resume the session of an earlier one. It may not where
/// every connection stands for another person's browser.
pub(super) fn configuration(
    settings: &Settings,
    resumes: bool,
) -> Result<ClientConfig, SetUpError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetUpError::Tls { reason: error.to_string() })?
        .with_root_certificates(roots(settings)?);
    let mut config = match &settings.client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let (chain, key) = identity(client)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| SetUpError::ClientCert {
                path: client.cert.clone(),
                reason: error.to_string(),
            })?
        }
    };
    let offered: &[&[u8]] = match settings.version {
        Version::Auto => &[HTTP_2, HTTP_1_1],
        Version::One => &[HTTP_1_1],
        Version::Two => &[HTTP_2],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
}

/// The client's own certificate and its key.
fn identity(
    client: &ClientFiles,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), SetUpError> {
    let of_cert = |reason: String| SetUpError::ClientCert { path: client.cert.clone(), reason };
    let chain = CertificateDer::pem_file_iter(&client.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| of_cert(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_cert("it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&client.key);
    let key = key.map_err(|error| SetUpError::ClientKey {
        path: client.key.clone(),
        reason: error.to_string(),
    })?;
    Ok((chain, key))
}

fn roots(settings: &Settings) -> Result<RootCertStore, SetUpError> {
    let mut roots = RootCertStore::empty();
    if let Some(pem) = &settings.ca_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let reason =
                |error: &dyn std::fmt::Display| SetUpError::Tls { reason: error.to_string() };
            let certificate = certificate.map_err(|error| reason(&error))?;
            roots.add(certificate).map_err(|error| reason(&error))?;
        }
    }
    let Some(path) = &settings.ca_file else {
        // What this machine holds but rustls cannot use is passed over, as browsers do.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let error = |reason: String| SetUpError::CaFile { path: path.clone(), reason };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| error(e.to_string()))?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|e| error(e.to_string()))?;
        roots.add(certificate).map_err(|e| error(e.to_string()))?;
    }
    if roots.len() == before {
        return Err(error("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(content: &str) -> Result<ClientConfig, SetUpError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, content).unwrap();
        configuration(&Settings { ca_file: Some(path), ..Settings::default() }, false)
    }

    #[test]
    fn a_file_of_authorities_needs_at_least_one_usable_certificate() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert!(with_file(&made.cert.pem()).is_ok());
        for content in [
            "",
            "no PEM",
            &made.signing_key.serialize_pem(),
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            let error = with_file(content).unwrap_err();
            assert!(matches!(error, SetUpError::CaFile { .. }), "{content}: {error}");
            assert!(error.remedy().is_some());
        }
        let settings = Settings { ca_file: Some("/nowhere/ca.pem".into()), ..Settings::default() };
        assert!(matches!(configuration(&settings, false), Err(SetUpError::CaFile { .. })));
    }

    #[test]
    fn the_authority_of_a_stand_in_is_trusted_besides_the_others() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let own = Settings { ca_pem: Some(made.cert.pem()), ..Settings::default() };
        let (usual, with_own) = (roots(&Settings::default()).unwrap(), roots(&own).unwrap());
        assert_eq!(with_own.len(), usual.len() + 1);
        let broken = made.cert.pem().replace('M', "!");
        let broken = Settings { ca_pem: Some(broken), ..Settings::default() };
        assert!(matches!(roots(&broken), Err(SetUpError::Tls { .. })));
    }

    #[test]
    fn what_is_offered_is_what_the_profile_says() {
        for (version, expected) in [
            (Version::Auto, vec![HTTP_2, HTTP_1_1]),
            (Version::One, vec![HTTP_1_1]),
            (Version::Two, vec![HTTP_2]),
        ] {
            let settings = Settings { version, ..Settings::default() };
            assert_eq!(configuration(&settings, true).unwrap().alpn_protocols, expected);
        }
    }

    #[test]
    fn a_client_certificate_and_its_key_are_files_that_belong_together() {
        let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let foreign = other.signing_key.serialize_pem();
        let cut = &key[..key.len() / 2];
        for (cert, key, expected) in [
            (cert.as_str(), key.as_str(), "fine"),
            (&cert, &foreign, "cert"),
            (&key, &key, "cert"),
            ("", &key, "cert"),
            (&cert, "", "key"),
            (&cert, &cert, "key"),
            (&cert, cut, "key"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let paths = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
            std::fs::write(&paths[0], cert).unwrap();
            std::fs::write(&paths[1], key).unwrap();
            let [cert, key] = paths;
            let client = Some(ClientFiles { cert, key });
            let came = match configuration(&Settings { client, ..Settings::default() }, false) {
                Ok(_) => "fine",
                Err(error) => {
                    let shown = format!("{error} {error:?} {}", error.remedy().unwrap());
                    assert!(shown.contains(".pem"), "{shown}");
                    assert!(!shown.contains(&made.signing_key.serialize_pem()[40..60]), "{shown}");
                    if matches!(error, SetUpError::ClientCert { .. }) { "cert" } else { "key" }
                }
            };
            assert_eq!(came, expected);
        }
    }
}
