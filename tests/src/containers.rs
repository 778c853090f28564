//! Real container runtimes, started and ended by the test itself.
//!
//! Each daemon has its own folder and sockets, lives in the sandbox's network (so that containers with
//! the host's network reach the simulator), and is ended by the id it was started with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::sandbox::Sandbox;

/// Whether these programs are here. Their absence is loud, and fails in CI.
pub fn present(programs: &[&str]) -> Result<bool> {
    let missing: Vec<&&str> = programs.iter().filter(|name| which(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(true);
    }
    ensure!(std::env::var_os("CI").is_none(), "not installed: {missing:?}");
    eprintln!("SKIPPED: not installed: {missing:?}; run `cargo xtask setup --tests`");
    Ok(false)
}

fn which(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        .iter()
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.is_file())
}

/// A root file system with curl, its own libraries, and busybox.
pub fn rootfs(at: &Path, authority: &Path) -> Result<()> {
    for dir in ["bin", "etc", "proc", "sys", "dev", "tmp", "root"] {
        fs::create_dir_all(at.join(dir))?;
    }
    fs::write(at.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::copy(authority, at.join("etc/authority.pem"))?;
    let busybox = which("busybox").context("no busybox")?;
    fs::copy(busybox, at.join("bin/busybox"))?;
    for name in ["sh", "sleep"] {
        std::os::unix::fs::symlink("busybox", at.join("bin").join(name))?;
    }
    let curl = which("curl").context("no curl")?;
    fs::copy(&curl, at.join("bin/curl"))?;
    let listed = Command::new("ldd").arg(&curl).output()?;
    for word in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        if let Some(inside) = word.strip_prefix('/') {
            let to = at.join(inside);
            fs::create_dir_all(to.parent().context("no parent")?)?;
            fs::copy(word, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Packs a root file system.
pub fn pack(rootfs: &Path, archive: &Path) -> Result<()> {
    succeed(Command::new("tar").arg("-C").arg(rootfs).arg("-cf").arg(archive).arg(".")).map(drop)
}

/// curl's arguments for one call that asks for `model`.
pub fn call(model: &str) -> Vec<String> {
    let body = format!(
        r#"{{"model":"{model}","stream":false,"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    let fixed = [
        "-sS",
        "--http1.1",
        "--cacert",
        "/etc/authority.pem",
        "--resolve",
        "api.openai.com:443:127.0.0.1",
        "-H",
        "content-type: application/json",
        "https://api.openai.com/v1/chat/completions",
        "-d",
    ];
    fixed.iter().map(ToString::to_string).chain([body]).collect()
}

/// Runs a command to its end; what it printed.
pub fn succeed(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A daemon; ended, with what it left in its folder, when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    pub socket: PathBuf,
}

impl Daemon {
    /// Starts it and waits for its socket.
    pub fn start(command: &mut Command, socket: &Path, log: &Path) -> Result<Self> {
        let file = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut daemon = Self { child, socket: socket.to_owned() };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("{command:?} ended with {status}: {}", fs::read_to_string(log)?);
            }
            ensure!(Instant::now() < deadline, "{command:?} has no socket");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SAFETY: kill(2) on a child that has not been waited for: the id is still its own.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let deadline = Instant::now() + Duration::from_secs(20);
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// dockerd with everything of its own.
pub fn dockerd(sandbox: &Sandbox, folder: &Path) -> Result<Daemon> {
    let socket = folder.join("docker.sock");
    let mut command = sandbox.command("dockerd");
    command
        .arg("--data-root")
        .arg(folder.join("root"))
        .arg("--exec-root")
        .arg(folder.join("exec"))
        .arg("-H")
        .arg(format!("unix://{}", socket.display()))
        .arg("-p")
        .arg(folder.join("pid"))
        .args(["--bridge=none", "--iptables=false", "--ip6tables=false"]);
    Daemon::start(&mut command, &socket, &folder.join("log"))
}

/// Where the v2 hierarchy is mounted.
pub fn cgroup_root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.get(2) == Some(&"cgroup2"))
        .map(|fields| PathBuf::from(fields[1]))
        .context("no cgroup v2 hierarchy")
}

/// A cgroup made by hand; removed when dropped, with the parents it made.
#[derive(Debug)]
pub struct Cgroup {
    made: Vec<PathBuf>,
}

impl Cgroup {
    pub fn make(path: &str) -> Result<Self> {
        let mut at = cgroup_root()?;
        let mut made = Vec::new();
        for part in path.trim_matches('/').split('/') {
            at.push(part);
            if !at.exists() {
                fs::create_dir(&at).with_context(|| at.display().to_string())?;
                made.push(at.clone());
            }
        }
        Ok(Self { made })
    }

    /// A shell line that goes into it and becomes `program`.
    pub fn enter(&self) -> String {
        let at = self.made.last().map(|path| path.display().to_string()).unwrap_or_default();
        format!("echo $$ > {at}/cgroup.procs && exec \"$@\"")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for path in self.made.iter().rev() {
            // A process that has just ended may hold it a moment longer.
            for _ in 0..50 {
                match fs::remove_dir(path) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                        thread::sleep(Duration::from_millis(10));
                    }
                    _ => break,
                }
            }
        }
    }
}
