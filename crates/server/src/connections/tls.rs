//! TLS from two PEM files.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::cli::Failure;
use crate::config::Tls;

/// What a browser calls HTTP/2 in the handshake.
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Reads certificate and key.
///
/// # Errors
/// When they cannot be read, or do not belong together.
pub(crate) fn load(tls: &Tls) -> Result<TlsAcceptor, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(format!("cannot use {} and {}: {error}", tls.cert.display(), tls.key.display()))
    };
    let chain = CertificateDer::pem_file_iter(&tls.cert).and_then(Iterator::collect).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| failed(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = versions
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed(&error))?;
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
