//! /proc/PID/maps: which files a process has mapped executable [pure].
//!
//! In: the file's text. Out: each mapped file once. Lines that make no sense are passed over.

/// An executable mapping of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// Addresses as the file has them, `start-end`: the name of a link in /proc/PID/map_files.
    pub range: &'a str,
    /// `major:minor`, hexadecimal.
    pub device: &'a str,
    pub inode: u64,
    /// Path in the process's mount namespace, without the mark of a deleted file.
    pub path: &'a str,
    /// The file is unlinked or replaced; only map_files still opens it.
    pub deleted: bool,
}

/// The files mapped executable, in order of their addresses, each (device, inode) once.
pub fn executables(text: &str) -> Vec<Mapping<'_>> {
    let mut found: Vec<Mapping<'_>> = Vec::new();
    for mapping in text.lines().filter_map(parse) {
        if !found.iter().any(|m| (m.device, m.inode) == (mapping.device, mapping.inode)) {
            found.push(mapping);
        }
    }
    found
}

/// `address perms offset dev inode path`, proc_pid_maps(5); a path may hold blanks.
fn parse(line: &str) -> Option<Mapping<'_>> {
    let mut rest = line;
    let mut field = || {
        let (head, tail) = rest.trim_start().split_once(' ')?;
        rest = tail;
        Some(head)
    };
    let (range, permissions, _offset, device, inode) =
        (field()?, field()?, field()?, field()?, field()?);
    let inode = inode.parse().ok().filter(|inode| *inode != 0)?;
    let path = rest.trim_start();
    if permissions.as_bytes().get(2) != Some(&b'x') || path.is_empty() || path.starts_with('[') {
        return None;
    }
    let (path, deleted) =
        path.strip_suffix(" (deleted)").map_or((path, false), |path| (path, true));
    Some(Mapping { range, device, inode, path, deleted })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
55d0c0000000-55d0c0001000 r-xp 00000000 fe:00 41 /usr/bin/my app
7f0000000000-7f0000001000 r--p 00000000 fe:00 42 /usr/lib/libssl.so.3
7f0000001000-7f0000002000 r-xp 00001000 fe:00 42 /usr/lib/libssl.so.3
7f0000002000-7f0000003000 r-xp 00005000 fe:00 42 /usr/lib/libssl.so.3
7f0000004000-7f0000005000 r-xp 00000000 00:01 7 /memfd:x (deleted)
7fff00000000-7fff00001000 r-xp 00000000 00:00 0 [vdso]
nonsense
";

    #[test]
    fn each_executable_file_once() {
        let found = executables(TEXT);
        let paths: Vec<_> = found.iter().map(|m| (m.path, m.inode, m.deleted)).collect();
        assert_eq!(
            paths,
            [
                ("/usr/bin/my app", 41, false),
                ("/usr/lib/libssl.so.3", 42, false),
                ("/memfd:x", 7, true)
            ]
        );
        assert_eq!(found[1].range, "7f0000001000-7f0000002000");
    }

    #[test]
    fn finds_the_running_test() {
        let text = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(executables(&text).iter().any(|m| m.path.contains("tracer")));
    }
}
