//! What TLS is spoken with where codes come in: a certificate of files, or one made at start.

use crate::base::remedy::Remedy;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// PEM files of a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// The certificate first, then those that vouch for it.
    pub chain: PathBuf,
    /// Its private key, not encrypted.
    pub key: PathBuf,
}

/// A certificate that can be shown.
#[derive(Clone)]
pub struct Identity {
    /// Speaks TLS with it.
    pub acceptor: TlsAcceptor,
    /// The authority that made it, in PEM; none for certificates of files.
    pub authority: Option<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read. What is in it stays out of the message: it may be a key.
    #[error("`{}` cannot be read as PEM: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    /// None could be made.
    #[error("a certificate could not be made")]
    Made(#[from] rcgen::Error),
    /// Certificate and key do not belong together.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[from] rustls::Error),
}

impl Remedy for CertificateError {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::File { .. } => Some(
                "give `codes.certificate` a PEM file with the certificate first and those that \
                 vouch for it after it, and `codes.key` one with its private key, not encrypted"
                    .to_owned(),
            ),
            Self::Unusable(_) => {
                Some("see that `codes.key` is the key of `codes.certificate`".to_owned())
            }
            Self::Made(_) => None,
        }
    }
}

/// Names that a made certificate is good for.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

impl Identity {
    /// Reads the files; without any, makes a certificate for this machine and `address`.
    pub fn of(files: Option<&Certificate>, address: IpAddr) -> Result<Self, CertificateError> {
        let (chain, key, authority) = match files {
            Some(files) => {
                let (chain, key) = read(files)?;
                (chain, key, None)
            }
            None => make(address)?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authority })
    }
}

type Parts = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, Option<String>);

/// A certificate and its key by an authority that exists for nothing else.
fn make(address: IpAddr) -> Result<Parts, CertificateError> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name.push(DnType::CommonName, "gander codes authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);
    let mut names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
    let address = address.to_string();
    if !names.contains(&address) {
        names.push(address);
    }
    let mut server = CertificateParams::new(names)?;
    server.distinguished_name.push(DnType::CommonName, "gander codes");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    let chain = vec![certificate.der().clone(), authority_certificate.der().clone()];
    Ok((chain, PrivateKeyDer::from(key), Some(authority_certificate.pem())))
}

fn read(
    files: &Certificate,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
    let error =
        |path: &PathBuf, reason: String| CertificateError::File { path: path.clone(), reason };
    let chain = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|cause| error(&files.chain, cause.to_string()))?;
    if chain.is_empty() {
        return Err(error(&files.chain, "it holds no certificate".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|cause| error(&files.key, cause.to_string()))?;
    Ok((chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_and_key_are_files_that_belong_together() {
        let folder = tempfile::tempdir().unwrap();
        let [chain, key] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        let own = rcgen::generate_simple_self_signed(["mail.x.test".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["mail.x.test".to_owned()]).unwrap();
        let here = IpAddr::from([127, 0, 0, 1]);
        std::fs::write(&chain, own.cert.pem()).unwrap();
        for (text, fits) in [
            (own.signing_key.serialize_pem(), true),
            (other.signing_key.serialize_pem(), false),
            ("no key".to_owned(), false),
        ] {
            std::fs::write(&key, &text).unwrap();
            let files = Certificate { chain: chain.clone(), key: key.clone() };
            match Identity::of(Some(&files), here) {
                Ok(identity) => assert!(fits && identity.authority.is_none()),
                Err(error) => {
                    assert!(!fits && error.remedy().is_some());
                    assert!(!format!("{error} {error:?}").contains(&text), "{error:?}");
                }
            }
        }
        let missing = Certificate { chain: "/nowhere/c.pem".into(), key };
        let error = Identity::of(Some(&missing), here).unwrap_err();
        assert!(error.to_string().contains("/nowhere/c.pem"), "{error}");
    }
}
