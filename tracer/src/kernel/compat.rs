//! What differs between kernels, in one table.

/// A kernel version, `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

/// Something that came with a kernel version and that we use.
#[derive(Debug)]
pub struct Feature {
    pub name: &'static str,
    pub since: Version,
    /// Without it: `true` the agent cannot run, `false` it runs with less.
    pub required: bool,
    pub why: &'static str,
}

pub const COOKIE: &str = "cookies of perf links";
pub const BPF_LOOP: &str = "bpf_loop";
pub const UPROBE_MULTI: &str = "uprobe_multi links";
pub const URETPROBE_SYSCALL: &str = "uretprobe system call";
pub const URETPROBE_PASSES_SECCOMP: &str = "uretprobe system call passes seccomp";

/// Sorted by version.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "ring buffer and bpf_ktime_get_boot_ns",
        since: Version(5, 8),
        required: true,
        why: "kernel/bpf/ringbuf.c: the only way up",
    },
    Feature {
        name: COOKIE,
        since: Version(5, 15),
        required: false,
        why: "kernel/trace/bpf_trace.c: a program knows which library it is in; without it all are taken for OpenSSL",
    },
    Feature {
        name: BPF_LOOP,
        since: Version(5, 17),
        required: false,
        why: "kernel/bpf/bpf_iter.c: calls over 256 KiB captured whole, plain HTTP; without it the rest of a call is a counted hole, and plain HTTP is not seen",
    },
    Feature {
        name: UPROBE_MULTI,
        since: Version(6, 6),
        required: false,
        why: "kernel/trace/bpf_trace.c: a file's probes behind one link; without it one link each",
    },
    Feature {
        name: URETPROBE_SYSCALL,
        since: Version(6, 11),
        required: false,
        why: "arch/x86/kernel/uprobes.c: a return probe is a system call of the traced process",
    },
    Feature {
        name: URETPROBE_PASSES_SECCOMP,
        since: Version(6, 14),
        required: false,
        why: "kernel/seccomp.c: no filter sees that call; between the two, functions are probed at their rets",
    },
];

/// Whether a return probe may get a process with a strict seccomp filter killed.
pub fn return_probes_unsafe(version: Version) -> bool {
    cfg!(target_arch = "x86_64")
        && has(version, URETPROBE_SYSCALL)
        && !has(version, URETPROBE_PASSES_SECCOMP)
}

/// Parses `uname -r`; `None` for something that is not a version.
pub fn parse(release: &str) -> Option<Version> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Version of the running kernel.
pub fn running() -> Option<Version> {
    parse(std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.trim())
}

/// Whether a kernel has a feature of the table.
pub fn has(version: Version, name: &str) -> bool {
    FEATURES.iter().any(|feature| feature.name == name && version >= feature.since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_releases_of_all_kinds() {
        assert_eq!(parse("6.18.44-fc-v595"), Some(Version(6, 18)));
        assert_eq!(parse("5.10.0-28-amd64"), Some(Version(5, 10)));
        assert_eq!(parse("weird"), None);
    }

    #[test]
    fn table_is_sorted_and_decides() {
        assert!(FEATURES.is_sorted_by_key(|f| f.since));
        assert!(has(Version(6, 1), BPF_LOOP) && !has(Version(5, 15), BPF_LOOP));
        assert!(return_probes_unsafe(Version(6, 12)));
        assert!(!return_probes_unsafe(Version(6, 18)) && !return_probes_unsafe(Version(6, 10)));
    }
}
