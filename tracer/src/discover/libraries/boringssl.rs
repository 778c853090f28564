//! BoringSSL linked in and stripped (Bun and what is made with it): [`crate::discover::signature`].

use super::Resolver;
use crate::discover::signature::{SignatureError, boringssl};

pub(super) const BORINGSSL: Resolver = Resolver {
    name: "boringssl",
    number: tracer_common::tls::library::BORINGSSL,
    mark: b"ssl/ssl_lib.cc\0",
    find: |image| boringssl(image).map_err(SignatureError::reason),
};
