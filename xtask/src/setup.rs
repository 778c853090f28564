//! What a machine needs, found by presence and installed when missing.
//!
//! Two ways to an eBPF compiler: a nightly of rustup's with rust-src, or Debian's rustc with a prebuilt
//! `core` for the BPF target, linked into rustup as `debian-bpf`. The second is taken where the
//! first cannot be had. The nightly is pinned in `.cargo/config.toml`: bpf-linker reads no bitcode
//! of an LLVM newer than its own.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command::{cargo, on_path, privileged, root, run, succeeds};

/// The pinned nightly's name, from `.cargo/config.toml`.
const NIGHTLY: &str = env!("AITRACE_BPF_NIGHTLY");
const BPF_LINKER: &str = "0.13.0";
const LLVM: &str = "/usr/lib/llvm-22";
/// rustup's download either works at once or not at all.
const RUSTUP_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Build,
    Demo,
    Tests,
    Bench,
}

/// A Debian package, known to be there by a file.
struct Package {
    name: &'static str,
    proof: &'static str,
    why: &'static str,
}

const LINKER_PACKAGES: &[Package] =
    &[Package { name: "llvm-22-dev", proof: "/usr/lib/llvm-22/lib/libLLVM.so", why: "bpf-linker" }];
const COMPILER_PACKAGES: &[Package] = &[
    Package { name: "rustc-web", proof: "/usr/bin/rustc", why: "eBPF compiler" },
    Package { name: "cargo-web", proof: "/usr/bin/cargo", why: "eBPF compiler" },
    Package {
        name: "libstd-rust-web-dev-bpf",
        proof: "/usr/lib/rustlib/bpfel-unknown-none/lib",
        why: "prebuilt core for the BPF target",
    },
];
const DEMO_PACKAGES: &[Package] = &[
    Package { name: "curl", proof: "/usr/bin/curl", why: "a client of the demo" },
    Package { name: "python3", proof: "/usr/bin/python3", why: "a client of the demo" },
];
const CONTAINER_PACKAGES: &[Package] = &[
    Package { name: "docker.io", proof: "/usr/sbin/dockerd", why: "containers of the tests" },
    Package { name: "runc", proof: "/usr/sbin/runc", why: "containers of the tests" },
    Package { name: "containerd", proof: "/usr/bin/containerd", why: "containers of the tests" },
    Package { name: "busybox-static", proof: "/bin/busybox", why: "containers of the tests" },
];
const TEST_PACKAGES: &[Package] = &[
    Package { name: "openssl", proof: "/usr/bin/openssl", why: "throw-away certificates" },
    Package {
        name: "python3-venv",
        proof: "/usr/share/doc/python3-venv",
        why: "clients of the tests",
    },
    Package { name: "chromium", proof: "/usr/bin/chromium", why: "opens the report's page" },
    Package { name: "tmux", proof: "/usr/bin/tmux", why: "a terminal for the live view" },
    Package {
        name: "openjdk-17-jdk-headless",
        proof: "/usr/bin/javac",
        why: "a client whose TLS cannot be read",
    },
    Package { name: "xz-utils", proof: "/usr/bin/xz", why: "test vectors" },
];
const GO_PACKAGES: &[Package] =
    &[Package { name: "golang-go", proof: "/usr/bin/go", why: "clients of the tests" }];
/// Rows of the client matrix that the system's packages bring.
const MATRIX_PACKAGES: &[Package] = &[
    Package { name: "gcc", proof: "/usr/bin/cc", why: "C clients" },
    Package { name: "libc6-dev", proof: "/usr/include/stdio.h", why: "C clients" },
    Package {
        name: "libssl-dev",
        proof: "/usr/lib/x86_64-linux-gnu/libssl.a",
        why: "C clients, shared and static",
    },
    Package { name: "wget", proof: "/usr/bin/wget", why: "a client with GnuTLS" },
    Package {
        name: "libcurl3-gnutls",
        proof: "/usr/lib/x86_64-linux-gnu/libcurl-gnutls.so.4",
        why: "a client with GnuTLS",
    },
    Package {
        name: "libcurl3-nss",
        proof: "/usr/lib/x86_64-linux-gnu/libcurl-nss.so.4",
        why: "a client with NSS",
    },
    Package {
        name: "nss-plugin-pem",
        proof: "/usr/lib/x86_64-linux-gnu/nss/libnsspem.so",
        why: "certificates for the client with NSS",
    },
    Package { name: "ruby", proof: "/usr/bin/ruby", why: "a client in Ruby" },
    Package { name: "nodejs", proof: "/usr/bin/node", why: "clients in JavaScript" },
    Package { name: "npm", proof: "/usr/bin/npm", why: "clients in JavaScript" },
];
const BENCH_PACKAGES: &[Package] = &[
    Package { name: "wrk", proof: "/usr/bin/wrk", why: "load for the bench" },
    Package { name: "bpftrace", proof: "/usr/bin/bpftrace", why: "the bench compares with it" },
];

/// Installs what is missing for `need`.
pub(crate) fn ensure(need: Need) -> Result<()> {
    let mut updated = false;
    if compiler().is_none() {
        eprintln!("xtask: no eBPF compiler yet; trying rustup's {NIGHTLY} with rust-src");
        if !install_nightly() {
            eprintln!("xtask: not to be had here; taking Debian's prebuilt BPF core instead");
            install(COMPILER_PACKAGES, &mut updated)?;
            run(Command::new("rustup").args(["toolchain", "link", "debian-bpf", "/usr"]))?;
        }
    }
    if !on_path("bpf-linker") && !cargo_bin("bpf-linker").exists() {
        install(LINKER_PACKAGES, &mut updated)?;
        eprintln!("xtask: installing bpf-linker {BPF_LINKER} (about a minute)");
        let mut install = cargo();
        install
            .args(["install", "bpf-linker", "--version", BPF_LINKER])
            .args(["--no-default-features", "--features", "llvm-22"])
            // Both: one for its LLVM bindings, one for its own search of libLLVM.
            .env("LLVM_SYS_221_PREFIX", LLVM)
            .env("LLVM_PREFIX", LLVM);
        run(&mut install)?;
    }
    match need {
        Need::Build => {}
        Need::Demo => install(DEMO_PACKAGES, &mut updated)?,
        Need::Tests => {
            install(DEMO_PACKAGES, &mut updated)?;
            install(TEST_PACKAGES, &mut updated)?;
            install(CONTAINER_PACKAGES, &mut updated)?;
            if !on_path("go") && !Path::new("/usr/local/go/bin/go").exists() {
                install(GO_PACKAGES, &mut updated)?;
            }
            install(MATRIX_PACKAGES, &mut updated)?;
            node_packages()?;
            npm_packages()?;
            python_environment()?;
        }
        Need::Bench => {
            install(DEMO_PACKAGES, &mut updated)?;
            install(TEST_PACKAGES, &mut updated)?;
            install(BENCH_PACKAGES, &mut updated)?;
            python_environment()?;
        }
    }
    Ok(())
}

/// The clients of the end-to-end tests, pinned, in `.venv`; made anew when the pins change.
fn python_environment() -> Result<()> {
    let requirements = root().join("tests/programs/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    let folder = root().join(".venv");
    let stamp = folder.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("xtask: installing the Python clients of the tests into .venv");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(folder.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements))?;
    Ok(std::fs::write(stamp, wanted)?)
}

/// Programs that npm packages ship, pinned, in `target/npm`; made anew when the pins change.
fn npm_packages() -> Result<()> {
    let wanted = std::fs::read_to_string(root().join("tests/programs/js/package.json"))?;
    let folder = root().join("target/npm");
    let stamp = folder.join("node_modules/.pins.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("xtask: installing Bun and Deno into target/npm");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), &wanted)?;
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args(["install", "--no-audit", "--no-fund", "--loglevel", "error"]);
    run(&mut npm)?;
    Ok(std::fs::write(stamp, wanted)?)
}

/// npm packages of the tests, pinned by their lock file, in `.node`.
fn node_packages() -> Result<()> {
    let source = root().join("tests/programs/node");
    let lock = std::fs::read_to_string(source.join("package-lock.json"))?;
    let folder = root().join(".node");
    let stamp = folder.join("installed.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    eprintln!("xtask: installing the npm clients of the tests into .node");
    std::fs::create_dir_all(&folder)?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(source.join(file), folder.join(file))?;
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&folder))?;
    Ok(std::fs::write(stamp, lock)?)
}

/// Tells build.rs which toolchain compiles the eBPF side.
pub(crate) fn with_compiler(command: &mut Command) -> &mut Command {
    if let Some(toolchain) = compiler() {
        command.env("AITRACE_BPF_TOOLCHAIN", toolchain);
    }
    command
}

/// The toolchain that build.rs is to use, when there is one.
fn compiler() -> Option<&'static str> {
    if succeeds("rustup", &["run", "debian-bpf", "rustc", "--version"])
        && Path::new("/usr/lib/rustlib/bpfel-unknown-none/lib").exists()
    {
        return Some("debian-bpf");
    }
    let output = Command::new("rustup")
        .args(["component", "list", "--toolchain", NIGHTLY, "--installed"])
        .output();
    output
        .is_ok_and(|o| String::from_utf8_lossy(&o.stdout).lines().any(|l| l == "rust-src"))
        .then_some(NIGHTLY)
}

pub(crate) fn cargo_bin(name: &str) -> std::path::PathBuf {
    let home = std::env::var_os("CARGO_HOME")
        .map(std::path::PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .unwrap_or_else(root);
    home.join("bin").join(name)
}

fn install_nightly() -> bool {
    if on_path("apt-get") && !succeeds("rustup", &["toolchain", "list"]) {
        return false;
    }
    let spawned = Command::new("rustup")
        .args(["toolchain", "install", NIGHTLY, "--profile", "minimal", "--component", "rust-src"])
        .env("RUSTUP_MAX_RETRIES", "0")
        .spawn();
    let Ok(mut child) = spawned else { return false };
    let deadline = Instant::now() + RUSTUP_PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success() && compiler().is_some(),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(200)),
            _ => {
                // Our own child, by handle. Nothing is left to do where it cannot be ended.
                let _ended = child.kill().and_then(|()| child.wait());
                return false;
            }
        }
    }
}

fn install(packages: &[Package], updated: &mut bool) -> Result<()> {
    let missing: Vec<&Package> = packages.iter().filter(|p| !Path::new(p.proof).exists()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        eprintln!("xtask: will install {} ({})", package.name, package.why);
    }
    if !on_path("apt-get") {
        let names: Vec<_> = missing.iter().map(|p| p.name).collect();
        bail!(
            "this machine has no apt-get: install the equivalents of {} by hand, then run this again",
            names.join(", ")
        );
    }
    if !*updated {
        run(privileged("apt-get").args(["update", "-qq"]))?;
        *updated = true;
    }
    let mut command = privileged("apt-get");
    command
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(missing.iter().map(|p| p.name));
    run(&mut command)
}
