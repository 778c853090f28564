//! OpenSSL 1.0.2 to 4.x and LibreSSL, which keeps its names: shared, or static with symbols (node).

use super::TlsLibrary;
use crate::discover::Shape;

pub(super) const OPENSSL: TlsLibrary = TlsLibrary {
    name: "openssl",
    number: tracer_common::tls::library::OPENSSL,
    functions: &[
        ("SSL_write", Shape::Write),
        ("SSL_write_ex", Shape::WriteEx),
        ("SSL_write_ex2", Shape::WriteEx2),
        ("SSL_read", Shape::Read),
        ("SSL_read_ex", Shape::ReadEx),
        ("SSL_free", Shape::Free),
        ("SSL_ctrl", Shape::Ctrl),
        ("SSL_get_error", Shape::Error),
    ],
    proof: &["SSL_write", "SSL_read", "SSL_free"],
    foreign: &["SSL_set_tlsext_host_name"],
};
