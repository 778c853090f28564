//! GnuTLS 3.x. Where `gnutls_record_send2` is there (3.6.3), `gnutls_record_send` only hands over to it:
//! both would count twice, and the inner one takes the call.

use super::TlsLibrary;
use crate::discover::Shape;

pub(super) const GNUTLS: TlsLibrary = TlsLibrary {
    name: "gnutls",
    number: tracer_common::tls::library::GNUTLS,
    functions: &[
        ("gnutls_record_send", Shape::Send),
        ("gnutls_record_send2", Shape::Send),
        ("gnutls_record_recv", Shape::Receive),
        ("gnutls_record_recv_seq", Shape::Receive),
        ("gnutls_handshake", Shape::Handshake),
        ("gnutls_server_name_set", Shape::NameWithLength),
        ("gnutls_deinit", Shape::Free),
    ],
    proof: &["gnutls_record_send", "gnutls_record_recv", "gnutls_deinit"],
    foreign: &[],
};
