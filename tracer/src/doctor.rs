//! `aitrace doctor`: can the main job run here, and what does it see [edge].
//!
//! In: this host. Out: a table or JSON, and an exit code: 0, or 77/78 with the one thing to fix.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::ai::providers::kernel_hosts;
use crate::discover::Target;
use crate::discover::scan::{Refusal, Scanner};
use crate::discover::sockets;
use crate::kernel::compat;
use crate::kernel::load::{Kernel, KernelOptions, LoadError};

/// Ring of the trial load: the smallest the kernel takes.
const TRIAL_RING: u32 = 4096;

#[derive(Debug, Serialize)]
struct Report {
    can_run: bool,
    /// What to do about it when it cannot.
    fix: Option<String>,
    kernel: String,
    btf: bool,
    lockdown: String,
    cgroup: &'static str,
    tracefs: bool,
    features: Vec<Feature>,
    libraries: Vec<Library>,
    not_probed: Vec<NotProbed>,
    /// Effective capabilities of this process, as the kernel prints the mask.
    capabilities: String,
    /// Running processes that talk TLS, as far as their mapped files tell.
    processes: Vec<Process>,
}

/// EVENTS' `aitrace.coverage.state` and `.reason`.
#[derive(Debug, Serialize)]
struct Process {
    pid: u32,
    name: String,
    state: &'static str,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Feature {
    name: &'static str,
    since: String,
    present: bool,
    required: bool,
}

#[derive(Debug, Serialize)]
struct Library {
    path: String,
    probes: Vec<Probe>,
}

#[derive(Debug, Serialize)]
struct Probe {
    symbols: Vec<String>,
    shape: String,
    offset: String,
    instruction: String,
    emulated: bool,
    reason: String,
}

#[derive(Debug, Serialize)]
struct NotProbed {
    pid: Option<u32>,
    path: String,
    reason: &'static str,
}

/// Looks, prints, and says how it is.
pub fn run(json: bool, probes: bool, out: &mut impl Write) -> ExitCode {
    let (report, code) = examine();
    let text = if json {
        serde_json::to_string_pretty(&report).map(|text| text + "\n").unwrap_or_default()
    } else if probes {
        probe_table(&report)
    } else {
        summary(&report)
    };
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::from(code),
    }
}

fn examine() -> (Report, u8) {
    let options = KernelOptions { ring_bytes: TRIAL_RING, wakeup_bytes: 0, no_newer_than: None };
    let trial = Kernel::load(&options, kernel_hosts());
    let (fix, code) = match &trial {
        Ok(_) => (None, 0),
        Err(error) => (
            Some(error.to_string()),
            match error {
                LoadError::Permission { .. } => 77,
                LoadError::Unsupported(_) | LoadError::Other(_) => 78,
            },
        ),
    };
    drop(trial);
    let mut scanner = Scanner::default();
    let found = scanner.startup();
    let version = compat::running();
    let libraries: Vec<Library> = found.targets.iter().map(library).collect();
    let not_probed: Vec<NotProbed> = found.refusals.into_iter().map(not_probed).collect();
    let report = Report {
        can_run: code == 0,
        fix,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
        btf: fs::metadata("/sys/kernel/btf/vmlinux").is_ok(),
        lockdown: lockdown(),
        cgroup: cgroup_mode(),
        tracefs: fs::metadata("/sys/kernel/tracing/events").is_ok()
            || fs::metadata("/sys/kernel/debug/tracing/events").is_ok(),
        features: compat::FEATURES
            .iter()
            .map(|feature| Feature {
                name: feature.name,
                since: format!("{}.{}", feature.since.0, feature.since.1),
                present: version.is_some_and(|version| version >= feature.since),
                required: feature.required,
            })
            .collect(),
        capabilities: capabilities(),
        processes: processes(&scanner, &libraries, &not_probed),
        libraries,
        not_probed,
    };
    (report, code)
}

fn library(target: &Target) -> Library {
    let probes = target.hooks.iter().map(|hook| Probe {
        symbols: hook.symbols.clone(),
        shape: format!("{:?}", hook.shape),
        offset: format!("{:#x}", hook.offset),
        instruction: hook.instruction.clone(),
        emulated: hook.emulated,
        reason: hook.reason.clone(),
    });
    Library { path: target.shown.clone(), probes: probes.collect() }
}

fn not_probed(refusal: Refusal) -> NotProbed {
    NotProbed { pid: refusal.pid, path: refusal.path, reason: refusal.reason }
}

/// TLS libraries that no probe reads yet, by a part of their file's name.
const NOT_READ: &[(&str, &str)] = &[
    ("libboringssl", "boringssl_not_supported_yet"),
    ("libmbedtls.so", "mbedtls_not_supported_yet"),
];

fn processes(scanner: &Scanner, libraries: &[Library], refused: &[NotProbed]) -> Vec<Process> {
    let connected = connected(&scanner.processes());
    let examine = |pid| {
        process(pid, libraries, refused)
            .or_else(|| connected.contains(&pid).then(|| unexplained(pid)).flatten())
    };
    scanner.processes().into_iter().filter_map(examine).collect()
}

/// Processes with an established connection to a TLS port.
fn connected(processes: &[u32]) -> HashSet<u32> {
    let proc = Path::new("/proc");
    let to_tls =
        |socket: &sockets::Socket| !socket.listening && matches!(socket.remote.port(), 443 | 8443);
    let found = sockets::all(proc, processes);
    let inodes = found.iter().filter(|socket| to_tls(socket)).map(|s| s.inode).collect();
    sockets::holders(proc, processes, &inodes).into_values().collect()
}

/// A process that talks to a TLS port with nothing that anybody knows how to read.
fn unexplained(pid: u32) -> Option<Process> {
    let exe = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = exe.file_name()?.to_string_lossy().into_owned();
    let (state, reason) = if name == "java" {
        ("partial", "java_tls_seen_from_outside_only")
    } else {
        ("uncovered", "no_known_tls_library")
    };
    Some(Process { pid, name, state, reason: reason.to_owned() })
}

/// `None`: it maps nothing that talks TLS, or has gone.
fn process(pid: u32, libraries: &[Library], refused: &[NotProbed]) -> Option<Process> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let maps_file = |path: &str| maps.contains(path);
    let reads = |library: &&Library| !library.path.contains("ld-linux") && maps_file(&library.path);
    let found = libraries.iter().find(reads).map(|library| ("covered", library.path.clone()));
    let refusal = || {
        let refusal = refused.iter().find(|refusal| maps_file(&refusal.path))?;
        Some(("uncovered", refusal.reason.to_owned()))
    };
    let other = || {
        let (_, reason) = NOT_READ.iter().find(|(name, _)| maps_file(name))?;
        Some(("uncovered", (*reason).to_owned()))
    };
    let (state, reason) = found.or_else(refusal).or_else(other)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Process { pid, name: name.trim().to_owned(), state, reason })
}

fn capabilities() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.map_or_else(|| "unknown".to_owned(), |mask| mask.trim().to_owned())
}

/// `[none] integrity confidentiality`: the chosen one stands in brackets.
fn lockdown() -> String {
    let text = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map_or_else(|| "unknown".to_owned(), |(mode, _)| mode.to_owned())
}

fn cgroup_mode() -> &'static str {
    if fs::metadata("/sys/fs/cgroup/cgroup.controllers").is_ok() {
        "v2"
    } else if fs::metadata("/sys/fs/cgroup/unified/cgroup.controllers").is_ok() {
        "hybrid"
    } else {
        "v1"
    }
}

fn summary(report: &Report) -> String {
    let yes = |present: bool| if present { "yes" } else { "no" };
    let mut lines = vec![
        match &report.fix {
            None => "aitrace can run here.".to_owned(),
            Some(fix) => format!("aitrace cannot run here: {fix}"),
        },
        String::new(),
        format!("kernel       {}", report.kernel),
        format!("BTF          {}", yes(report.btf)),
        format!("tracefs      {}", yes(report.tracefs)),
        format!("lockdown     {}", report.lockdown),
        format!("cgroups      {}", report.cgroup),
    ];
    for feature in report.features.iter().filter(|feature| !feature.present) {
        let what = if feature.required { "MISSING" } else { "missing" };
        lines.push(format!("{what:<12} {} (since {})", feature.name, feature.since));
    }
    lines.push(format!("capabilities {}", report.capabilities));
    lines.push(String::new());
    lines.extend(
        report
            .libraries
            .iter()
            .map(|l| format!("probed       {} ({} places)", l.path, l.probes.len())),
    );
    lines.extend(
        report.not_probed.iter().map(|n| format!("not probed   {} ({})", n.path, n.reason)),
    );
    lines.push(String::new());
    lines.extend(
        report
            .processes
            .iter()
            .map(|p| format!("{:<12} {} {} ({})", p.state, p.pid, p.name, p.reason)),
    );
    lines.join("\n") + "\n"
}

fn probe_table(report: &Report) -> String {
    let mut text = String::new();
    for library in &report.libraries {
        text += &format!("{}\n", library.path);
        for probe in &library.probes {
            let cost = if probe.emulated { "emulated" } else { "stepped" };
            text += &format!(
                "  {:<9} {:>9}  {:<8} {:<24} {}: {}\n",
                probe.shape,
                probe.offset,
                cost,
                probe.instruction,
                probe.symbols.join(", "),
                probe.reason
            );
        }
    }
    text
}
