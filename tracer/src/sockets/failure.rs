//! Connections that never came to be, as failed calls.
//!
//! In: how a connection ended. Out: the transport's word for it (`error.type`), or nothing where it
//! was no failure.

use crate::ai::call::Call;
use crate::ai::providers::{self, HostTable};
use crate::event::{BootTime, FlowKey, Origin, SocketPair};

/// A process that gives a connection up sooner was not waiting in vain: it changed its mind, or
/// another address answered first.
const IMPATIENT_S: f64 = 1.0;

/// errno.h
const EPIPE: i32 = 32;
const ENETUNREACH: i32 = 101;
const ECONNABORTED: i32 = 103;
const ECONNRESET: i32 = 104;
const ETIMEDOUT: i32 = 110;
const ECONNREFUSED: i32 = 111;
const EHOSTDOWN: i32 = 112;
const EHOSTUNREACH: i32 = 113;

/// `error.type` of an errno on a connection.
pub const fn word(error: i32) -> &'static str {
    match error {
        ECONNREFUSED => "connection_refused",
        ECONNRESET | ECONNABORTED | EPIPE => "connection_reset",
        ETIMEDOUT => "connect_timeout",
        ENETUNREACH => "network_unreachable",
        EHOSTUNREACH | EHOSTDOWN => "host_unreachable",
        _ => "connect_failed",
    }
}

/// A connection that was begun and never stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub origin: Origin,
    pub sock: u64,
    pub opened: BootTime,
    pub pair: SocketPair,
    pub word: &'static str,
}

/// `None`: no failure.
pub fn judge(
    error: Option<i32>,
    by_process: bool,
    opened: BootTime,
    ended: BootTime,
) -> Option<&'static str> {
    match error {
        Some(error) => Some(word(error)),
        None if by_process && ended.seconds_since(opened) >= IMPATIENT_S => Some("connect_timeout"),
        None => None,
    }
}

/// The call that a failed connection was for; `None`: not for a provider, as far as is known.
pub fn call(failed: &Failed, host: &str, hosts: &HostTable) -> Option<Call> {
    let remote = failed.pair.remote()?;
    let provider = providers::resolve(host, Some(remote.port()), "/", hosts)?;
    let flow = FlowKey {
        process: failed.origin.process,
        handle: failed.sock,
        library: 0,
        opened: failed.opened,
    };
    let mut call = Call::unanswered(flow, failed.origin, provider);
    call.started = failed.opened;
    host.clone_into(&mut call.host);
    call.port = Some(remote.port());
    if let Some(failure) = &mut call.failure {
        failed.word.clone_into(&mut failure.error_type);
        failure.retryable = true;
    }
    Some(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_in_vain_is_a_timeout() {
        let at = |ms: u64| BootTime(ms * 1_000_000);
        assert_eq!(judge(Some(111), false, at(0), at(1)), Some("connection_refused"));
        assert_eq!(judge(Some(110), false, at(0), at(1)), Some("connect_timeout"));
        assert_eq!(judge(None, true, at(0), at(300)), None);
        assert_eq!(judge(None, true, at(0), at(3000)), Some("connect_timeout"));
        assert_eq!(judge(None, false, at(0), at(3000)), None);
    }

    #[test]
    fn a_call_to_a_provider_and_no_other() {
        let failed = Failed {
            origin: Origin { at: BootTime(9), ..Origin::default() },
            sock: 1,
            opened: BootTime(5),
            pair: SocketPair::Inet {
                local: "127.0.0.1:0".parse().unwrap(),
                remote: "127.0.0.1:11434".parse().unwrap(),
            },
            word: "connection_refused",
        };
        let hosts = HostTable::default();
        let call = call(&failed, "127.0.0.1", &hosts).unwrap();
        assert_eq!((call.provider, call.port), ("ollama", Some(11434)));
        assert_eq!(call.failure.unwrap().error_type, "connection_refused");
        assert!(super::call(&failed, "www.example.com", &hosts).is_none());
    }
}
