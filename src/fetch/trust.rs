//! Whose certificates are believed: the system's authorities, or those of one file.

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The largest file of authorities, in bytes.
pub const CA_FILE_BYTES: u64 = 1_048_576;

/// The authorities whose certificates are believed. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The authorities of `ca_file` and no others, or those of the system if there is none. Reads
    /// files, and blocks for as long.
    ///
    /// # Errors
    /// [`TrustFault`] if there are none, or the file cannot be read.
    pub fn load(ca_file: Option<&Path>) -> Result<Self, TrustFault> {
        let roots = match ca_file {
            Some(path) => from_file(path)?,
            None => from_system()?,
        };
        Self::new(roots)
    }

    /// No authorities: for addresses that are not encrypted.
    ///
    /// # Errors
    /// [`TrustFault`] if TLS cannot be set up.
    pub fn nobody() -> Result<Self, TrustFault> {
        Self::new(RootCertStore::empty())
    }

    fn new(roots: RootCertStore) -> Result<Self, TrustFault> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|why| TrustFault::Tls(why.to_string().into()))?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Connections are few and far between: nothing is kept from one to the next.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { config: Arc::new(config) })
    }

    /// For another protocol than HTTP.
    #[cfg(feature = "sql")]
    pub(super) fn connector_for(&self, protocol: &[u8]) -> tokio_rustls::TlsConnector {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config).into()
    }

    pub(super) fn connector(&self) -> tokio_rustls::TlsConnector {
        Arc::clone(&self.config).into()
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

fn from_file(path: &Path) -> Result<RootCertStore, TrustFault> {
    let fault = |what| TrustFault::File { path: path.to_owned(), what };
    let text = read(path).map_err(|why| fault(FileFault::Unreadable(why.to_string().into())))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| fault(FileFault::Damaged))?;
        roots.add(certificate).map_err(|_| fault(FileFault::Damaged))?;
    }
    if roots.is_empty() { Err(fault(FileFault::Empty)) } else { Ok(roots) }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Before it is opened: a pipe that nobody writes to would block for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(CA_FILE_BYTES + 1).read_to_end(&mut text)?;
    let fits = text.len() as u64 <= CA_FILE_BYTES;
    if fits { Ok(text) } else { Err(io::Error::other(format!("over {CA_FILE_BYTES} bytes"))) }
}

fn from_system() -> Result<RootCertStore, TrustFault> {
    let mut roots = RootCertStore::empty();
    // A store of a system may hold certificates of a form that is not supported: the rest counts.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TrustFault::NoAuthorities) } else { Ok(roots) }
}

/// Why no authority can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustFault {
    /// The system has none.
    NoAuthorities,
    /// The file does not bring them.
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: FileFault,
    },
    /// The TLS library refuses them.
    Tls(Box<str>),
}

/// What is wrong with a file of authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It cannot be read.
    Unreadable(Box<str>),
    /// A certificate in it cannot be read.
    Damaged,
    /// It holds no certificate.
    Empty,
}

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAuthorities => f.write_str(
                "this system trusts no certificates: install the package ca-certificates, or set \
                 `ca_file`",
            ),
            Self::File { path, what } => match what {
                FileFault::Unreadable(why) => write!(f, "cannot read {}: {why}", path.display()),
                FileFault::Damaged => {
                    write!(f, "a certificate in {} cannot be read", path.display())
                }
                FileFault::Empty => write!(
                    f,
                    "{} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)",
                    path.display(),
                ),
            },
            Self::Tls(why) => write!(f, "TLS cannot be set up: {why}"),
        }
    }
}

impl std::error::Error for TrustFault {}
