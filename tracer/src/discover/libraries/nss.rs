//! NSS, and NSPR below it: plaintext passes NSPR's functions for any descriptor, file or socket. Those
//! of TLS are told apart by having been given a server name.

use super::TlsLibrary;
use crate::discover::Shape;

pub(super) const NSPR: TlsLibrary = TlsLibrary {
    name: "nspr",
    number: tracer_common::tls::library::NSS,
    functions: &[
        ("PR_Write", Shape::SendNamed),
        ("PR_Send", Shape::SendNamed),
        ("PR_Read", Shape::ReceiveNamed),
        ("PR_Recv", Shape::ReceiveNamed),
        ("PR_Close", Shape::Free),
    ],
    proof: &["PR_Write", "PR_Read", "PR_Close"],
    foreign: &[],
};

pub(super) const NSS: TlsLibrary = TlsLibrary {
    name: "nss",
    number: tracer_common::tls::library::NSS,
    functions: &[("SSL_SetURL", Shape::Name)],
    proof: &["SSL_ImportFD", "SSL_SetURL"],
    foreign: &[],
};
