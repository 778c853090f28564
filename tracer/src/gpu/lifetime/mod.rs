//! What each process holds on each GPU, from the first call to the last [pure].
//!
//! In: decoded calls in kernel order, closes, ends of processes. Out: bytes held, asked and freed,
//! contexts, channels, kind of work, by process and GPU. Freeing an object frees all below it; the
//! end of a control file frees its clients; the end of a process frees everything. Objects made
//! before the agent started are unknown: their frees are counted as such. Limits: [`Limits`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decode::{Decoded, Meaning, Place};
use super::inventory::{GpuPlace, Inventory, Name, Pci};
use super::names::classes::{self, Kind, Workload};
use crate::event::{BootTime, GpuCall, GpuClose, ProcessKey};

mod tree;

use self::tree::{Client, Object};

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes that hold something, or did in this window.
    pub processes: usize,
    /// Objects, buffers and ranges of one process.
    pub objects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 16_384, objects: 262_144 }
    }
}

/// A process's use of one GPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Video memory held now, and the most of this window.
    pub held: u64,
    pub peak: u64,
    /// Asked and freed in this window.
    pub allocated: u64,
    pub freed: u64,
    /// Host memory pinned for it, held now.
    pub pinned: u64,
    pub contexts: u32,
    pub channels: u32,
    pub workloads: BTreeSet<Workload>,
    /// A slice of it (MIG), not all.
    pub partition: bool,
    /// Held when the process ended without freeing.
    pub held_at_exit: u64,
    pub first: BootTime,
    pub last: BootTime,
}

/// A process with GPU files open.
#[derive(Clone, Debug, Default)]
pub struct Holder {
    pub cgroup_id: u64,
    clients: HashMap<u32, Client>,
    /// By GPU; `None`: one of several, not known which.
    pub uses: BTreeMap<Option<GpuPlace>, Use>,
    buffers: HashMap<Buffer, (Option<GpuPlace>, u64, Place)>,
    queues: HashMap<u32, GpuPlace>,
    managed: HashMap<u64, u64>,
    drm_contexts: u32,
    /// Files by which it holds what no client holds: nvidia-uvm, kfd.
    files: BTreeMap<i32, u32>,
    objects: usize,
    pub ended: Option<BootTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Buffer {
    Kfd(u64),
    Node { fd: i32, handle: u32 },
}

/// What could not be kept, for the books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processes and objects beyond the limits.
    pub refused: u64,
    /// Frees of what was allocated before the agent started.
    pub unknown_frees: u64,
    /// Structures behind bad pointers.
    pub unreadable: u64,
}

#[derive(Debug, Default)]
pub struct Lifetimes {
    limits: Limits,
    pub inventory: Inventory,
    holders: HashMap<ProcessKey, Holder>,
    /// The driver's count of a GPU → its id → the minor of its file.
    instances: HashMap<u32, u32>,
    cards: HashMap<u32, u32>,
    counts: Counts,
}

impl Lifetimes {
    pub fn new(limits: Limits, inventory: Inventory) -> Self {
        Self { limits, inventory, ..Self::default() }
    }

    pub const fn counts(&self) -> Counts {
        self.counts
    }

    pub fn holders(&self) -> impl Iterator<Item = (&ProcessKey, &Holder)> {
        self.holders.iter()
    }

    pub fn holder(&self, key: ProcessKey) -> Option<&Holder> {
        self.holders.get(&key)
    }

    /// Takes a call. The GPU it was about, where that is known.
    pub fn push(&mut self, call: &GpuCall, decoded: &Decoded) -> Option<GpuPlace> {
        self.counts.unreadable += u64::from(decoded.unreadable);
        let key = call.origin.process;
        let gpu = self.of_file(call);
        if !self.holders.contains_key(&key) && self.holders.len() >= self.limits.processes {
            self.counts.refused += 1;
            return gpu;
        }
        let Self { inventory, holders, instances, cards, counts, limits } = self;
        let holder = holders.entry(key).or_default();
        holder.cgroup_id = call.origin.cgroup_id;
        if let Some(gpu) = gpu {
            holder.touch(Some(gpu), call.origin.at);
        }
        let mut scene = Scene {
            inventory,
            instances,
            cards,
            counts,
            limits: *limits,
            at: call.origin.at,
            call,
        };
        scene.apply(holder, &decoded.meaning, gpu)
    }

    /// The GPU of a device file, where the file says it.
    fn of_file(&mut self, call: &GpuCall) -> Option<GpuPlace> {
        use tracer_common::gpu::device;
        let minor = call.device.minor;
        match call.device.kind {
            device::NVIDIA_GPU => self.inventory.find_or_enter(Name::Minor(minor)),
            device::AMDGPU | device::I915 | device::XE | device::DRM => {
                self.inventory.find_or_enter(Name::Node(minor))
            }
            _ => None,
        }
    }

    /// A file was closed: what hung on it is freed by the driver.
    pub fn close(&mut self, close: &GpuClose) {
        use tracer_common::gpu::device;
        let Some(holder) = self.holders.get_mut(&close.origin.process) else { return };
        let at = close.origin.at;
        match close.device.kind {
            device::NVIDIA_CTL | device::NVIDIA_GPU => {
                let gone: Vec<u32> = holder
                    .clients
                    .iter()
                    .filter(|(_, client)| client.fd == close.fd)
                    .map(|(handle, _)| *handle)
                    .collect();
                for client in gone {
                    holder.free(client, client, at);
                }
            }
            device::NVIDIA_UVM => {
                if holder.files.remove(&close.fd).is_some() {
                    holder.uses.values_mut().for_each(|used| used.contexts = 0);
                    holder.managed.clear();
                }
            }
            device::KFD => {
                if holder.files.remove(&close.fd).is_some() {
                    holder.queues.clear();
                    holder.release(at, |buffer| matches!(buffer, Buffer::Kfd(_)));
                }
            }
            _ => holder
                .release(at, |buffer| matches!(buffer, Buffer::Node { fd, .. } if *fd == close.fd)),
        }
    }

    /// The process ended, or became another program: the driver frees everything.
    pub fn end(&mut self, process: ProcessKey, at: BootTime) {
        if let Some(holder) = self.holders.get_mut(&process) {
            holder.end(at);
        }
    }

    /// Begins a new window; those that ended are forgotten.
    pub fn begin_window(&mut self) {
        self.holders.retain(|_, holder| holder.ended.is_none());
        for used in self.holders.values_mut().flat_map(|holder| holder.uses.values_mut()) {
            (used.allocated, used.freed, used.held_at_exit, used.peak) = (0, 0, 0, used.held);
        }
    }
}

/// What applying a call needs beside its process.
struct Scene<'a> {
    inventory: &'a mut Inventory,
    instances: &'a mut HashMap<u32, u32>,
    cards: &'a mut HashMap<u32, u32>,
    counts: &'a mut Counts,
    limits: Limits,
    at: BootTime,
    call: &'a GpuCall,
}

impl Scene<'_> {
    fn apply(
        &mut self,
        holder: &mut Holder,
        meaning: &Meaning,
        gpu: Option<GpuPlace>,
    ) -> Option<GpuPlace> {
        let at = self.at;
        match *meaning {
            Meaning::Object { client, parent, object, class, instance } => {
                return self.object(holder, client, parent, object, (class, instance), gpu);
            }
            Meaning::Memory { client, parent, object, bytes, place } => {
                let gpu = gpu.or_else(|| self.resolve(holder, client, parent));
                let object_ = Object::memory(parent, gpu, bytes, place);
                if self.admit(holder) {
                    holder.insert(client, object, object_, self.call.fd);
                    holder.grow(gpu, bytes, place, at);
                }
                return gpu;
            }
            Meaning::Free { client, object } => {
                self.counts.unknown_frees += u64::from(!holder.free(client, object, at));
            }
            Meaning::Duplicate { client, parent, object, .. } => {
                // The memory is counted where it was allocated.
                if self.admit(holder) {
                    holder.insert(client, object, Object::other(parent), self.call.fd);
                }
            }
            Meaning::Cards(ref cards) => {
                for card in cards {
                    self.cards.insert(card.gpu_id, card.minor);
                }
            }
            // The driver counts no more than 32 GPUs.
            Meaning::Instance { gpu_id, instance } if instance < 32 => {
                self.instances.insert(instance, gpu_id);
            }
            Meaning::Pci { gpu_id, domain, bus, slot } => {
                let place = self.inventory.find(Name::Pci(Pci { domain, bus, slot }))?;
                let minor = self.inventory.get(place)?.minor?;
                self.cards.insert(gpu_id, minor);
            }
            Meaning::RegisterGpu { uuid, partition } => {
                let gpu = self.registered(holder, uuid)?;
                let used = holder.touch(Some(gpu), at);
                used.partition |= partition;
                holder.files.insert(self.call.fd, self.call.device.kind);
                holder.settle(at);
                return Some(gpu);
            }
            Meaning::Context { uuid } => {
                let gpu = self.registered(holder, uuid)?;
                holder.touch(Some(gpu), at).contexts += 1;
                return Some(gpu);
            }
            Meaning::ContextEnd { uuid } | Meaning::UnregisterGpu { uuid } => {
                let gpu = self.inventory.find(Name::Uuid(uuid))?;
                if matches!(meaning, Meaning::ContextEnd { .. }) {
                    let used = holder.touch(Some(gpu), at);
                    used.contexts = used.contexts.saturating_sub(1);
                }
                return Some(gpu);
            }
            Meaning::Mapped { uuid, client, memory } => {
                let gpu = self.inventory.find_or_enter(Name::Uuid(uuid))?;
                holder.settle_object(client, memory, gpu, at);
                return Some(gpu);
            }
            Meaning::Managed { base, bytes } => {
                if holder.managed.len() < self.limits.objects {
                    holder.managed.insert(base, bytes);
                } else {
                    self.counts.refused += 1;
                }
            }
            Meaning::RangeFree { base } => {
                holder.managed.remove(&base);
            }
            Meaning::KfdAcquire { gpu_id } => {
                let gpu = self.inventory.find_or_enter(Name::Kfd(gpu_id))?;
                holder.touch(Some(gpu), at).contexts += 1;
                holder.files.insert(self.call.fd, self.call.device.kind);
                return Some(gpu);
            }
            Meaning::KfdMemory { handle, gpu_id, bytes, place } => {
                let gpu = self.inventory.find_or_enter(Name::Kfd(gpu_id));
                holder.files.insert(self.call.fd, self.call.device.kind);
                self.buffer(holder, Buffer::Kfd(handle), gpu, bytes, place);
                return gpu;
            }
            Meaning::KfdFree { handle } => self.unbuffer(holder, Buffer::Kfd(handle)),
            Meaning::Queue { gpu_id, queue, copies } => {
                let gpu = self.inventory.find_or_enter(Name::Kfd(gpu_id))?;
                let used = holder.touch(Some(gpu), at);
                used.channels += 1;
                if !copies {
                    used.workloads.insert(Workload::Compute);
                }
                holder.queues.insert(queue, gpu);
                return Some(gpu);
            }
            Meaning::QueueEnd { queue } => {
                let gpu = holder.queues.remove(&queue)?;
                let used = holder.touch(Some(gpu), at);
                used.channels = used.channels.saturating_sub(1);
                return Some(gpu);
            }
            Meaning::Buffer { handle, bytes, place } => {
                let buffer = Buffer::Node { fd: self.call.fd, handle };
                self.buffer(holder, buffer, gpu, bytes, place);
            }
            Meaning::BufferEnd { handle } => {
                self.unbuffer(holder, Buffer::Node { fd: self.call.fd, handle });
            }
            Meaning::DrmContext { .. } => {
                holder.drm_contexts += 1;
                holder.touch(gpu, at).contexts += 1;
            }
            Meaning::DrmContextEnd { .. } => {
                let used = holder.touch(gpu, at);
                used.contexts = used.contexts.saturating_sub(1);
            }
            Meaning::Instance { .. }
            | Meaning::HeapInfo { .. }
            | Meaning::Bound { .. }
            | Meaning::Peers { .. }
            | Meaning::Shared
            | Meaning::Other => {}
        }
        gpu
    }

    fn object(
        &mut self,
        holder: &mut Holder,
        client: u32,
        parent: u32,
        object: u32,
        (class, instance): (u32, Option<u32>),
        gpu: Option<GpuPlace>,
    ) -> Option<GpuPlace> {
        let kind = classes::kind(class);
        if !self.admit(holder) {
            return gpu;
        }
        if kind == Kind::Client {
            holder.clients.insert(client, Client::on(self.call.fd));
            return gpu;
        }
        let device = instance.and_then(|instance| self.by_instance(instance));
        let gpu = gpu.or(device).or_else(|| self.resolve(holder, client, parent));
        let mut entry = Object::other(parent);
        entry.gpu = gpu;
        entry.is_channel = kind == Kind::Channel;
        holder.insert(client, object, entry, self.call.fd);
        let used = holder.touch(gpu, self.at);
        used.channels += u32::from(kind == Kind::Channel);
        used.workloads.extend(kind.workload());
        gpu
    }

    /// Which GPU an object's parents stand for; else the only one the process uses.
    fn resolve(&self, holder: &Holder, client: u32, parent: u32) -> Option<GpuPlace> {
        holder.gpu_above(client, parent).or_else(|| holder.only_gpu())
    }

    fn by_instance(&self, instance: u32) -> Option<GpuPlace> {
        let minor = self.cards.get(self.instances.get(&instance)?)?;
        self.inventory.find(Name::Minor(*minor))
    }

    /// The GPU of a UUID. One that nobody listed is the process's own file, when it has just one.
    fn registered(&mut self, holder: &Holder, uuid: [u8; 16]) -> Option<GpuPlace> {
        if let Some(place) = self.inventory.find(Name::Uuid(uuid)) {
            return Some(place);
        }
        if let Some(place) = holder.only_gpu()
            && self.inventory.get(place).is_some_and(|gpu| gpu.uuid.is_none())
        {
            self.inventory.name_uuid(place, uuid);
            return Some(place);
        }
        self.inventory.find_or_enter(Name::Uuid(uuid))
    }

    fn admit(&mut self, holder: &mut Holder) -> bool {
        let admitted = holder.objects < self.limits.objects;
        holder.objects += usize::from(admitted);
        self.counts.refused += u64::from(!admitted);
        admitted
    }

    fn buffer(
        &mut self,
        holder: &mut Holder,
        buffer: Buffer,
        gpu: Option<GpuPlace>,
        bytes: u64,
        place: Place,
    ) {
        if self.admit(holder) {
            if let Some((gpu, bytes, place)) = holder.buffers.insert(buffer, (gpu, bytes, place)) {
                holder.shrink(gpu, bytes, place, self.at);
            }
            holder.grow(gpu, bytes, place, self.at);
        }
    }

    fn unbuffer(&mut self, holder: &mut Holder, buffer: Buffer) {
        match holder.buffers.remove(&buffer) {
            Some((gpu, bytes, place)) => {
                holder.objects = holder.objects.saturating_sub(1);
                holder.shrink(gpu, bytes, place, self.at);
            }
            None => self.counts.unknown_frees += 1,
        }
    }
}

#[cfg(test)]
mod tests;
