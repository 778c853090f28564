//! cgroup ids to paths [edge]: the id in a record is the inode of a cgroup v2 directory.
//!
//! In: the kernel's word that a cgroup was made or removed; else the id itself, asked of the kernel by
//! file handle, so no walk is needed. Out: its path and who made it, also for a while after its end.
//! Limits: [`MAX_CGROUPS`].

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::attribution::title;
use crate::event::{BootTime, CgroupMade};

/// `FILEID_KERNFS`, include/linux/exportfs.h: the handle is the 64-bit node id alone.
const FILEID_KERNFS: i32 = 0xfe;
/// cgroups remembered; beyond it the longest known are forgotten, and asked for again.
pub const MAX_CGROUPS: usize = 16_384;
/// Nanoseconds a removed cgroup is remembered: its last call may still be on its way.
const LINGER_NS: u64 = 60_000_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    pub path: Arc<str>,
    /// Who made it, or owns its directory: not root means a subtree that was handed over.
    pub uid: u32,
}

#[derive(Debug, Default)]
pub struct Cgroups {
    mount: Option<(PathBuf, File)>,
    known: HashMap<u64, Cgroup>,
    /// In order of arrival.
    order: VecDeque<u64>,
    removed: VecDeque<(BootTime, u64)>,
    /// Forgotten because there were too many.
    pub evicted: u64,
}

impl Cgroups {
    /// Finds the cgroup v2 mount of this host; on a host without one only events tell.
    pub fn open() -> Self {
        let mount = fs::read_to_string("/proc/self/mounts").ok().and_then(|mounts| {
            let path = v2_mount(&mounts)?;
            let file = File::open(&path).ok()?;
            Some((path, file))
        });
        Self { mount, ..Self::default() }
    }

    /// A cgroup was made.
    pub fn made(&mut self, made: &CgroupMade) {
        self.forget_removed(made.origin.at);
        if made.is_v2 {
            let path = title::clean_path(&made.path).into();
            self.insert(made.id, Cgroup { path, uid: made.uid });
        }
    }

    /// A cgroup was removed.
    pub fn removed(&mut self, id: u64, at: BootTime) {
        self.forget_removed(at);
        if self.known.contains_key(&id) {
            self.removed.push_back((at, id));
        }
    }

    /// The cgroup with this id; path `/` for the root.
    pub fn get(&mut self, id: u64) -> Option<Cgroup> {
        if let Some(cgroup) = self.known.get(&id) {
            return Some(cgroup.clone());
        }
        let (root, mount) = self.mount.as_ref()?;
        let cgroup = resolve(root, mount, id)?;
        self.insert(id, cgroup.clone());
        Some(cgroup)
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn insert(&mut self, id: u64, cgroup: Cgroup) {
        if self.known.insert(id, cgroup).is_none() {
            self.order.push_back(id);
        }
        while self.known.len() > MAX_CGROUPS {
            let Some(oldest) = self.order.pop_front() else { break };
            self.evicted += u64::from(self.known.remove(&oldest).is_some());
        }
        if self.order.len() > 2 * self.known.len() + 1024 {
            self.order.retain(|id| self.known.contains_key(id));
        }
    }

    /// Lets go of what was removed long before `now`.
    pub fn forget_removed(&mut self, now: BootTime) {
        while let Some((at, id)) = self.removed.front().copied() {
            if now.0.saturating_sub(at.0) < LINGER_NS {
                break;
            }
            self.removed.pop_front();
            self.known.remove(&id);
        }
    }
}

fn v2_mount(mounts: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(path))
    })
}

fn resolve(root: &Path, mount: &File, id: u64) -> Option<Cgroup> {
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
    let here = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let path = fs::read_link(&here).ok()?;
    let below = path.strip_prefix(root).ok()?.to_string_lossy();
    let uid = fs::metadata(&here).ok()?.uid();
    Some(Cgroup { path: title::clean_path(&format!("/{below}")).into(), uid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Origin;

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
        match cgroups.get(id) {
            Some(cgroup) => assert_eq!((&*cgroup.path, cgroup.uid), ("/", 0)),
            None => println!("SKIPPED: open_by_handle_at needs CAP_DAC_READ_SEARCH"),
        }
    }

    fn made(id: u64, at: u64) -> CgroupMade {
        CgroupMade {
            origin: Origin { at: BootTime(at), ..Origin::default() },
            id,
            is_v2: true,
            uid: 0,
            path: format!("/docker/{id:064x}"),
        }
    }

    #[test]
    fn a_removed_cgroup_is_known_for_a_while() {
        let mut cgroups = Cgroups::default();
        cgroups.made(&made(7, 1));
        cgroups.removed(7, BootTime(2));
        assert!(cgroups.get(7).is_some());
        cgroups.made(&made(8, 2 + LINGER_NS));
        assert_eq!(cgroups.get(7), None);
    }

    #[test]
    fn cgroups_that_come_and_go_leave_nothing() {
        let mut cgroups = Cgroups::default();
        for id in 0..200_000 {
            cgroups.made(&made(id, id * 10_000_000));
            cgroups.removed(id, BootTime(id * 10_000_000 + 1));
            assert!(cgroups.len() <= 6_002 && cgroups.order.len() <= 13_100);
        }
        cgroups.forget_removed(BootTime(u64::MAX));
        assert!(cgroups.is_empty() && cgroups.removed.is_empty());
        assert_eq!(cgroups.evicted, 0);
    }

    #[test]
    fn too_many_at_once_are_counted() {
        let mut cgroups = Cgroups::default();
        for id in 0..MAX_CGROUPS as u64 + 10 {
            cgroups.made(&made(id, 1));
        }
        assert_eq!((cgroups.len(), cgroups.evicted), (MAX_CGROUPS, 10));
    }
}
