// SPDX-License-Identifier: Apache-2.0
//! TLS towards others: certificates are always checked.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The system's certificate authorities, and those of `extra_ca` (PEM) where it is given.
pub(super) fn client_config(extra_ca: &Path) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "a certificate authority of the system cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    if !extra_ca.as_os_str().is_empty() {
        let wrong = |error: &dyn std::fmt::Display| {
            format!("outbound.extra_ca {}: {error}", extra_ca.display())
        };
        let certificates = CertificateDer::pem_file_iter(extra_ca).map_err(|e| wrong(&e))?;
        let before = roots.len();
        for certificate in certificates {
            roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
        }
        if roots.len() == before {
            return Err(wrong(&"there is no certificate in it"));
        }
    }
    if roots.is_empty() {
        tracing::warn!("no certificate authority is trusted: https to other servers will fail");
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
