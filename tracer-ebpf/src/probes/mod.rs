//! Entry points, grouped by calling shape.

mod process;
mod tls_life;
mod tls_rw;
