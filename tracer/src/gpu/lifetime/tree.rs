//! The objects of a process, and its figures as they come and go.

use std::collections::HashMap;

use super::{Buffer, Holder, Use};
use crate::event::BootTime;
use crate::gpu::decode::Place;
use crate::gpu::inventory::GpuPlace;

/// A client of the resource manager: root of a tree of objects.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    /// The control file it lives on.
    pub(super) fd: i32,
    objects: HashMap<u32, Object>,
}

impl Client {
    pub(super) fn on(fd: i32) -> Self {
        Self { fd, objects: HashMap::new() }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Object {
    parent: u32,
    /// Objects right below it: most have none, and go without a look at the others.
    children: u32,
    pub(super) gpu: Option<GpuPlace>,
    memory: Option<(u64, Place)>,
    pub(super) is_channel: bool,
}

impl Object {
    pub(super) const fn other(parent: u32) -> Self {
        Self { parent, children: 0, gpu: None, memory: None, is_channel: false }
    }

    pub(super) const fn memory(
        parent: u32,
        gpu: Option<GpuPlace>,
        bytes: u64,
        place: Place,
    ) -> Self {
        Self { gpu, memory: Some((bytes, place)), ..Self::other(parent) }
    }
}

/// Levels of objects above one another: a made-up cycle ends here.
const MAX_DEPTH: usize = 16;

impl Holder {
    pub(super) fn touch(&mut self, gpu: Option<GpuPlace>, at: BootTime) -> &mut Use {
        let used = self.uses.entry(gpu).or_insert_with(|| Use { first: at, ..Use::default() });
        used.last = at;
        used
    }

    /// The GPU of a process that uses just one.
    pub(super) fn only_gpu(&self) -> Option<GpuPlace> {
        let mut known = self.uses.keys().flatten();
        known.next().copied().filter(|_| known.next().is_none())
    }

    pub(super) fn insert(&mut self, client: u32, handle: u32, object: Object, fd: i32) {
        // A client from before the agent's start shows by its objects.
        let tree = self.clients.entry(client).or_insert_with(|| Client::on(fd));
        if let Some(parent) = tree.objects.get_mut(&object.parent) {
            parent.children += 1;
        }
        tree.objects.insert(handle, object);
    }

    pub(super) fn gpu_above(&self, client: u32, handle: u32) -> Option<GpuPlace> {
        let tree = self.clients.get(&client)?;
        let mut at = handle;
        for _ in 0..MAX_DEPTH {
            let object = tree.objects.get(&at)?;
            if object.gpu.is_some() {
                return object.gpu;
            }
            at = object.parent;
        }
        None
    }

    /// Frees an object and all below it; `false`: it was not known.
    pub(super) fn free(&mut self, client: u32, handle: u32, at: BootTime) -> bool {
        if client == handle {
            let Some(tree) = self.clients.remove(&client) else { return false };
            self.objects = self.objects.saturating_sub(1);
            for object in tree.objects.into_values() {
                self.gone(&object, at);
            }
            return true;
        }
        let Some(tree) = self.clients.get_mut(&client) else { return false };
        let Some(object) = tree.objects.remove(&handle) else { return false };
        if let Some(parent) = tree.objects.get_mut(&object.parent) {
            parent.children = parent.children.saturating_sub(1);
        }
        let mut gone = vec![object];
        let mut above = vec![handle];
        while !above.is_empty() {
            // Only now a look at all: what has children is freed at the end of a context.
            let level: Vec<u32> = if gone.iter().any(|object| object.children > 0) {
                tree.objects
                    .iter()
                    .filter(|(_, object)| above.contains(&object.parent))
                    .map(|(handle, _)| *handle)
                    .collect()
            } else {
                Vec::new()
            };
            gone.extend(level.iter().filter_map(|handle| tree.objects.remove(handle)));
            above = level;
        }
        for object in gone {
            self.gone(&object, at);
        }
        true
    }

    fn gone(&mut self, object: &Object, at: BootTime) {
        self.objects = self.objects.saturating_sub(1);
        if let Some((bytes, place)) = object.memory {
            self.shrink(object.gpu, bytes, place, at);
        }
        if object.is_channel {
            let used = self.touch(object.gpu, at);
            used.channels = used.channels.saturating_sub(1);
        }
    }

    pub(super) fn grow(&mut self, gpu: Option<GpuPlace>, bytes: u64, place: Place, at: BootTime) {
        let used = self.touch(gpu, at);
        match place {
            Place::Video => {
                used.held = used.held.saturating_add(bytes);
                used.allocated = used.allocated.saturating_add(bytes);
                used.peak = used.peak.max(used.held);
            }
            Place::System => used.pinned = used.pinned.saturating_add(bytes),
            Place::Virtual => {}
        }
    }

    pub(super) fn shrink(&mut self, gpu: Option<GpuPlace>, bytes: u64, place: Place, at: BootTime) {
        let used = self.touch(gpu, at);
        match place {
            Place::Video => {
                used.held = used.held.saturating_sub(bytes);
                used.freed = used.freed.saturating_add(bytes);
            }
            Place::System => used.pinned = used.pinned.saturating_sub(bytes),
            Place::Virtual => {}
        }
    }

    /// Once a process's only GPU is known, what it did before is that GPU's.
    pub(super) fn settle(&mut self, at: BootTime) {
        let Some(gpu) = self.only_gpu() else { return };
        let Some(unknown) = self.uses.remove(&None) else { return };
        for client in self.clients.values_mut() {
            for object in client.objects.values_mut().filter(|object| object.gpu.is_none()) {
                object.gpu = Some(gpu);
            }
        }
        let used = self.touch(Some(gpu), at);
        used.held += unknown.held;
        used.allocated += unknown.allocated;
        used.freed += unknown.freed;
        used.pinned += unknown.pinned;
        used.contexts += unknown.contexts;
        used.channels += unknown.channels;
        used.workloads.extend(unknown.workloads);
        used.peak = used.peak.max(unknown.peak).max(used.held);
        used.first = used.first.min(unknown.first);
    }

    /// A mapping says on which GPU an object's memory is.
    pub(super) fn settle_object(&mut self, client: u32, handle: u32, gpu: GpuPlace, at: BootTime) {
        self.touch(Some(gpu), at);
        let Some(tree) = self.clients.get_mut(&client) else { return };
        let Some(object) = tree.objects.get_mut(&handle) else { return };
        if object.gpu.is_some() {
            return;
        }
        object.gpu = Some(gpu);
        if let Some((bytes, place)) = object.memory {
            if let Some(unknown) = self.uses.get_mut(&None)
                && place == Place::Video
            {
                unknown.held = unknown.held.saturating_sub(bytes);
                unknown.allocated = unknown.allocated.saturating_sub(bytes);
                unknown.peak = unknown.peak.min(unknown.held);
            }
            self.grow(Some(gpu), bytes, place, at);
        }
    }

    pub(super) fn release(&mut self, at: BootTime, which: impl Fn(&Buffer) -> bool) {
        let gone: Vec<Buffer> =
            self.buffers.keys().filter(|buffer| which(buffer)).copied().collect();
        for buffer in gone {
            if let Some((gpu, bytes, place)) = self.buffers.remove(&buffer) {
                self.objects = self.objects.saturating_sub(1);
                self.shrink(gpu, bytes, place, at);
            }
        }
    }

    pub(super) fn end(&mut self, at: BootTime) {
        self.ended = Some(at);
        self.clients.clear();
        self.buffers.clear();
        self.queues.clear();
        self.managed.clear();
        for used in self.uses.values_mut() {
            used.held_at_exit = used.held;
            used.freed = used.freed.saturating_add(used.held);
            (used.held, used.pinned, used.contexts, used.channels) = (0, 0, 0, 0);
            used.last = at;
        }
    }
}
