//! TLS to servers that prove who they are to the authorities that this computer trusts.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::spawn_blocking,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// Protects a connection to `host`, a name or an address, to speak one of the protocols of
/// `application` (RFC 7301), or any if there is none.
pub(crate) async fn protect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    host: &str,
    application: &[&[u8]],
) -> io::Result<TlsStream<S>> {
    // Looked up each time: administrators add and remove authorities.
    let roots = spawn_blocking(trusted).await.unwrap_or_else(|_| RootCertStore::empty());
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = application.iter().map(|name| name.to_vec()).collect();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
