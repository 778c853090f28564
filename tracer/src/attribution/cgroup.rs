//! cgroup ids to paths [edge]: the id in a record is the inode of a cgroup v2 directory.
//!
//! In: `bpf_get_current_cgroup_id()`. Out: the path below the hierarchy's root. Asked of the
//! kernel by file handle, so no walk is needed; cached, bounded.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use crate::attribution::title;

/// `FILEID_KERNFS`, include/linux/exportfs.h: the handle is the 64-bit node id alone.
const FILEID_KERNFS: i32 = 0xfe;
/// Paths remembered; the cache starts anew when it is full.
const MAX_PATHS: usize = 8192;

#[derive(Debug)]
pub struct Cgroups {
    mount: Option<(PathBuf, File)>,
    paths: HashMap<u64, String>,
    /// Times the cache was emptied because it was full.
    pub resets: u64,
}

impl Cgroups {
    /// Finds the cgroup v2 mount of this host; on a host without one every path is unknown.
    pub fn open() -> Self {
        let mount = fs::read_to_string("/proc/self/mounts").ok().and_then(|mounts| {
            let path = v2_mount(&mounts)?;
            let file = File::open(&path).ok()?;
            Some((path, file))
        });
        Self { mount, paths: HashMap::new(), resets: 0 }
    }

    /// Path of the cgroup with this id, `/` for the root.
    pub fn path(&mut self, id: u64) -> Option<String> {
        if let Some(path) = self.paths.get(&id) {
            return Some(path.clone());
        }
        let (root, mount) = self.mount.as_ref()?;
        let path = resolve(root, mount, id)?;
        if self.paths.len() == MAX_PATHS {
            self.paths.clear();
            self.resets += 1;
        }
        self.paths.insert(id, path.clone());
        Some(path)
    }
}

fn v2_mount(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

fn resolve(root: &Path, mount: &File, id: u64) -> Option<String> {
    /// `struct file_handle` with room for one u64, fcntl.h.
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        id: [u8; 8],
    }
    let mut handle = Handle { bytes: 8, kind: FILEID_KERNFS, id: id.to_ne_bytes() };
    // SAFETY: `handle` is a valid file_handle with 8 bytes of data, and outlives the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            std::ptr::from_mut(&mut handle),
            libc::O_PATH | libc::O_CLOEXEC,
        )
    };
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just given us this descriptor and nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()?;
    let below = path.strip_prefix(root).ok()?.to_string_lossy();
    Some(title::clean_path(&format!("/{below}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn finds_the_unified_hierarchy_on_a_hybrid_host() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(v2_mount(mounts), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(v2_mount(""), None);
    }

    #[test]
    fn the_roots_inode_is_its_id() {
        let mut cgroups = Cgroups::open();
        let Some((root, _)) = &cgroups.mount else {
            println!("SKIPPED: no cgroup v2 mount here");
            return;
        };
        let id = fs::metadata(root).unwrap().ino();
        match cgroups.path(id) {
            Some(path) => assert_eq!(path, "/"),
            None => println!("SKIPPED: open_by_handle_at needs CAP_DAC_READ_SEARCH"),
        }
    }
}
