//! Go's `crypto/tls`, 1.16 and later, stripped or not: [`crate::discover::go`].

use super::Resolver;
use crate::discover::go;

pub(super) const GO: Resolver = Resolver {
    name: "go",
    number: tracer_common::tls::library::GO,
    // In the names of .gopclntab, which stripping leaves.
    mark: b"crypto/tls.(*Conn).Write",
    find: |image| go::hooks(image).map_err(go::GoError::reason),
};
