//! Connections: which flow runs over which, where the providers are, and what never came to be [pure].
//!
//! In: socket and flow events. Out: the peer of a flow, failed connections, and what should be watched.
//!
//! A plain-HTTP flow *is* a connection, so its peer is exact. A TLS flow is known by its library's
//! object; its connection is the one that its process had opened, not yet taken by another flow, when
//! the flow's first byte passed ([`table`]). That costs nothing while bytes move: connections are seen
//! by their state changes only. Where two candidates differ, the peer is left out, never guessed.

pub mod addresses;
pub mod failure;
pub mod servers;
pub mod table;
pub mod watch;
