//! One rustls configuration for everything that goes out: whom to trust, and what is offered.

use super::settings::Settings;
use crate::base::remedy::Remedy;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
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
            Self::Tls { .. } | Self::ApiClient { .. } => None,
        }
    }
}

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
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetUpError::Tls { reason: error.to_string() })?
        .with_root_certificates(roots(settings)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if !resumes {
        config.resumption = Resumption::disabled();
    }
    Ok(config)
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
    fn only_http_1_1_is_offered() {
        let config = configuration(&Settings::default(), true).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }
}
