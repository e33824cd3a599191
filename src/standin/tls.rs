//! TLS of the stand-in: a certificate made at start for this machine, or one from files.

use super::settings::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Names that a made certificate is good for.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{}` cannot be read as PEM: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No certificate could be made.
    #[error("a certificate could not be made")]
    Made(#[from] rcgen::Error),
    /// Certificate and key do not fit.
    #[error("the certificate and its key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// What serving TLS takes.
pub(super) struct Secured {
    pub(super) acceptor: TlsAcceptor,
    /// The authority that made the certificate, in PEM; none for certificates from files.
    pub(super) ca_pem: Option<String>,
}

/// Makes or reads what the settings ask for; none for plain HTTP. A made certificate is also good
/// for the address that is listened on. Its keys never leave this process.
pub(super) fn secured(tls: &Tls, address: IpAddr) -> Result<Option<Secured>, TlsError> {
    let (chain, key, ca_pem) = match tls {
        Tls::Off => return Ok(None),
        Tls::Made => {
            let (chain, key, ca_pem) = made(address)?;
            (chain, key, Some(ca_pem))
        }
        Tls::Files { certificate, key } => (read_chain(certificate)?, read_key(key)?, None),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Secured { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem }))
}

/// A certificate and its key, made by an authority that exists for nothing else.
fn made(
    address: IpAddr,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, String), TlsError> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.distinguished_name = named("gander stand-in authority");
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
    server.distinguished_name = named("gander stand-in");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?;
    let chain = vec![certificate.der().clone(), authority_certificate.der().clone()];
    Ok((chain, PrivateKeyDer::from(key), authority_certificate.pem()))
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let error = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|cause| error(cause.to_string()))?;
    let chain = certificates.collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|cause| error(cause.to_string()))?;
    if chain.is_empty() {
        return Err(error("it holds no certificate".to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|cause| TlsError::File { path: path.to_owned(), reason: cause.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_made_certificate_comes_with_its_authority_and_one_of_files_without() {
        let made_here = secured(&Tls::Made, HERE).unwrap().unwrap();
        assert!(made_here.ca_pem.unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(secured(&Tls::Off, HERE).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, own.cert.pem()).unwrap();
        std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
        let files = Tls::Files { certificate: certificate.clone(), key: key.clone() };
        assert!(secured(&files, HERE).unwrap().unwrap().ca_pem.is_none());
        // The key of another certificate.
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        assert!(matches!(secured(&files, HERE), Err(TlsError::Unusable(_))));
        let swapped = Tls::Files { certificate: key, key: certificate };
        assert!(matches!(secured(&swapped, HERE), Err(TlsError::File { .. })));
    }
}
