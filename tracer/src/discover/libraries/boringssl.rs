//! BoringSSL: by its names where it keeps them (Android's library, programs with symbols), else linked in
//! and stripped (Bun and what is made with it): [`crate::discover::signature`].

use super::{Resolver, TlsLibrary};
use crate::discover::Shape;
use crate::discover::signature::{SignatureError, boringssl};

/// A server's name is set by a function here, by a macro over `SSL_ctrl` in OpenSSL and LibreSSL. The
/// shapes are those of functions that hand nothing over: `SSL_read` calls `SSL_peek`, which moves nothing.
pub(super) const NAMED: TlsLibrary = TlsLibrary {
    name: "boringssl",
    number: tracer_common::tls::library::BORINGSSL,
    functions: &[
        ("SSL_write", Shape::Send),
        ("SSL_read", Shape::Receive),
        ("SSL_free", Shape::Free),
        ("SSL_set_tlsext_host_name", Shape::Name),
        ("SSL_get_error", Shape::Error),
    ],
    proof: &["SSL_write", "SSL_read", "SSL_free", "SSL_set_tlsext_host_name"],
    foreign: &[],
};

pub(super) const BORINGSSL: Resolver = Resolver {
    name: "boringssl",
    number: tracer_common::tls::library::BORINGSSL,
    mark: b"ssl/ssl_lib.cc\0",
    find: |image| boringssl(image).map_err(SignatureError::reason),
};
