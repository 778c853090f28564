//! A private world on loopback, where the providers' real names lead to the simulator.
//!
//! A fresh network namespace (so that port 443 is free and nothing leaves the machine) and a fresh
//! mount namespace (so that /etc/hosts can be another file). Processes keep their pid namespace:
//! a tracer outside sees them as it sees any other. Needs root.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use tempfile::TempDir;

use crate::simulator::{Config, HOSTS, Simulator};

/// Every variable by which a client finds the certificates to trust.
const TRUST: [&str; 5] =
    ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "PIP_CERT"];
/// Variables that would lead clients elsewhere.
const AWAY: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
];

/// Lives as long as this value; its processes are the caller's to end.
#[derive(Debug)]
pub struct Sandbox {
    net: File,
    mount: File,
    folder: TempDir,
    authority: PathBuf,
    pub simulator: Simulator,
}

impl Sandbox {
    /// A world in which [`HOSTS`] resolve to a simulator at port 443.
    pub fn start(config: Config) -> Result<Self> {
        crate::alone::wait()?;
        let folder = tempfile::tempdir()?;
        let hosts = folder.path().join("hosts");
        let own = config.hosts.iter().map(String::as_str);
        let names: String =
            HOSTS.iter().copied().chain(own).map(|host| format!("127.0.0.1 {host}\n")).collect();
        fs::write(&hosts, format!("127.0.0.1 localhost\n{names}"))?;
        // Namespaces belong to threads: one thread goes there and brings back their handles.
        let (net, mount, listener) = thread::spawn(move || open_world(&hosts))
            .join()
            .map_err(|_| anyhow!("the thread that makes the sandbox panicked"))??;
        let simulator = Simulator::start(listener, config)?;
        let authority = folder.path().join("authority.pem");
        fs::write(&authority, simulator.authority_pem())?;
        Ok(Self { net, mount, folder, authority, simulator })
    }

    /// A command that will run in this world. Its pid is the one that `spawn` returns.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for name in AWAY {
            command.env_remove(name);
        }
        command.envs(TRUST.map(|name| (name, &self.authority)));
        let (net, mount) = (self.net.as_raw_fd(), self.mount.as_raw_fd());
        let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let here = CString::new(here.as_os_str().as_bytes()).unwrap_or_default();
        // SAFETY: the hook makes system calls only, on descriptors and memory that it owns or that
        // outlive the fork; nothing is allocated in the child.
        unsafe { command.pre_exec(move || enter(net, mount, &here)) };
        command
    }

    /// Scratch space that goes away with the sandbox.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate to trust, PEM.
    pub fn authority(&self) -> &Path {
        &self.authority
    }
}

fn open_world(hosts: &Path) -> Result<(File, File, TcpListener)> {
    // SAFETY: unshare(2) has no memory arguments; it concerns this thread only.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS) })
        .context("new network and mount namespaces (root needed)")?;
    mount(None, Path::new("/"), libc::MS_REC | libc::MS_PRIVATE).context("private mounts")?;
    mount(Some(hosts), Path::new("/etc/hosts"), libc::MS_BIND).context("bind /etc/hosts")?;
    raise_loopback().context("loopback up")?;
    let listener = TcpListener::bind("127.0.0.1:443").context("bind 127.0.0.1:443")?;
    let open = |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}"));
    Ok((open("net")?, open("mnt")?, listener))
}

fn mount(source: Option<&Path>, target: &Path, flags: libc::c_ulong) -> Result<()> {
    let source = source.map(|path| CString::new(path.as_os_str().as_bytes())).transpose()?;
    let target = CString::new(target.as_os_str().as_bytes())?;
    let source = source.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
    // SAFETY: both paths are NUL-ended and outlive the call; null is allowed for the others.
    check(unsafe {
        libc::mount(source, target.as_ptr(), std::ptr::null(), flags, std::ptr::null())
    })?;
    Ok(())
}

/// netdevice(7): sets IFF_UP on `lo` of this thread's network namespace.
fn raise_loopback() -> Result<()> {
    // SAFETY: socket(2) has no memory arguments.
    let socket =
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: an ifreq of zeros is valid: empty name, no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which outlives the call; the socket is ours.
    let raised = check(unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request) });
    // SAFETY: the descriptor is ours and is not used again.
    unsafe { libc::close(socket) };
    raised.map(drop).map_err(Into::into)
}

/// Runs in a child between fork and exec. setns(2) into a mount namespace moves the working
/// directory to its root: go back.
fn enter(net: RawFd, mount: RawFd, here: &CString) -> io::Result<()> {
    // SAFETY: setns and chdir on open descriptors and a NUL-ended path; async-signal-safe.
    unsafe {
        check(libc::setns(net, libc::CLONE_NEWNET))?;
        check(libc::setns(mount, libc::CLONE_NEWNS))?;
        check(libc::chdir(here.as_ptr()))?;
    }
    Ok(())
}

fn check(rc: libc::c_int) -> io::Result<libc::c_int> {
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(rc) }
}
