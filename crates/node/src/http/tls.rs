//! The certificate that HTTP is encrypted with, from two files that are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::failure::Failure;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The certificate of now.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// What makes connections encrypted.
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// With the certificate and the key of these files (PEM; the chain in the first). A renewed pair is taken up within seconds; a pair that
    /// does not fit is told, and the one before it stays.
    ///
    /// # Errors
    ///
    /// Which file cannot be used, and why.
    pub(crate) fn of_files(certificate: &Path, key: &Path) -> Result<Arc<Self>, Failure> {
        let current = Arc::new(Current(RwLock::new(Arc::new(read(certificate, key)?))));
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::new(error.to_string(), "report it"))?;
        let resolver: Arc<Current> = Arc::clone(&current);
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tokio::spawn(follow(Arc::downgrade(&current), certificate.to_owned(), key.to_owned()));
        Ok(Arc::new(Self(TlsAcceptor::from(Arc::new(config)))))
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> std::io::Result<TlsStream<S>> {
        self.0.accept(stream).await
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, Failure> {
    let wrong = |path: &Path, what: &str, error: String| {
        Failure::new(
            format!("{what} {}: {error}", path.display()),
            "give PEM files: --tls-cert CHAIN.pem --tls-key KEY.pem",
        )
    };
    let bytes = |path: &Path, what: &str| std::fs::read(path).map_err(|error| wrong(path, what, error.to_string()));
    let (of_certificate, of_key) = ("TLS certificate", "TLS key");
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes(certificate, of_certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(certificate, of_certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(certificate, of_certificate, "no certificate is in it".to_owned()));
    }
    // What is wrong with a key is not said in more words: they could be the key's.
    let private = PrivateKeyDer::from_pem_slice(&bytes(key, of_key)?)
        .map_err(|_| wrong(key, of_key, "no private key is in it (an encrypted one cannot be read)".to_owned()))?;
    CertifiedKey::from_der(chain, private, &default_provider()).map_err(|error| match error {
        Error::InconsistentKeys(_) => {
            wrong(key, of_key, format!("it is not the key of the certificate {}", certificate.display()))
        }
        error => wrong(certificate, of_certificate, error.to_string()),
    })
}

/// Takes up files that were changed.
async fn follow(current: Weak<Current>, certificate: PathBuf, key: PathBuf) {
    let mut last_said = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(current) = current.upgrade() else { return };
        match read(&certificate, &key) {
            Ok(read) => {
                last_said = None;
                let mut now = current.0.write().unwrap_or_else(PoisonError::into_inner);
                if now.cert != read.cert {
                    tracing::info!(file = %certificate.display(), "the TLS certificate was renewed");
                    *now = Arc::new(read);
                }
            }
            Err(failure) => {
                if last_said.as_ref() == Some(&failure.what) {
                    tracing::debug!(error = %failure.what, "the TLS files are still wrong");
                } else {
                    tracing::error!(error = %failure.what, "the TLS files are wrong; the certificate of before stays");
                }
                last_said = Some(failure.what);
            }
        }
    }
}
