use bytes::Bytes;
use tracer_common::gpu::{Device, device};

use super::*;
use crate::event::{GpuClose, Origin};
use crate::gpu::inventory::Gpu;

const A: [u8; 16] = [0xaa; 16];
const B: [u8; 16] = [0xbb; 16];

fn key(tgid: u32) -> ProcessKey {
    ProcessKey { tgid, start: BootTime(1) }
}

fn call(tgid: u32, kind: u32, minor: u32, fd: i32) -> GpuCall {
    GpuCall {
        origin: Origin { at: BootTime(100), process: key(tgid), ..Origin::default() },
        device: Device { kind, minor },
        command: 0,
        wrapped: false,
        fd,
        rc: 0,
        entered: BootTime(90),
        failures: 0,
        before: Bytes::new(),
        after: Bytes::new(),
        tail: Bytes::new(),
        params: Bytes::new(),
    }
}

fn say(lifetimes: &mut Lifetimes, call: &GpuCall, meaning: Meaning) {
    let decoded = Decoded {
        operation: String::new(),
        status: Some(0),
        failure: None,
        asked: None,
        meaning,
        unreadable: false,
    };
    lifetimes.push(call, &decoded);
}

fn two_gpus() -> Lifetimes {
    let mut inventory = Inventory::default();
    inventory.learn(Gpu { uuid: Some(A), minor: Some(0), ..Gpu::default() });
    inventory.learn(Gpu { uuid: Some(B), minor: Some(1), ..Gpu::default() });
    Lifetimes::new(Limits::default(), inventory)
}

fn root(lifetimes: &mut Lifetimes, on: &GpuCall, client: u32) {
    let class = 0x41;
    let root = Meaning::Object { client, parent: client, object: client, class, instance: None };
    say(lifetimes, on, root);
}

fn memory(client: u32, parent: u32, object: u32, bytes: u64) -> Meaning {
    Meaning::Memory { client, parent, object, bytes, place: Place::Video }
}

fn used(lifetimes: &Lifetimes, tgid: u32, gpu: usize) -> Use {
    lifetimes.holder(key(tgid)).unwrap().uses[&Some(GpuPlace(gpu))].clone()
}

#[test]
fn memory_is_held_until_it_or_anything_above_it_is_freed() {
    let mut l = two_gpus();
    let control = call(7, device::NVIDIA_CTL, 0, 3);
    root(&mut l, &control, 1);
    say(
        &mut l,
        &call(7, device::NVIDIA_UVM, 0, 4),
        Meaning::RegisterGpu { uuid: A, partition: false },
    );
    let device =
        Meaning::Object { client: 1, parent: 1, object: 10, class: 0x80, instance: Some(0) };
    say(&mut l, &control, device);
    say(&mut l, &control, memory(1, 10, 20, 1 << 30));
    say(&mut l, &control, memory(1, 10, 21, 2 << 30));
    assert_eq!(used(&l, 7, 0).held, 3 << 30);
    say(&mut l, &control, Meaning::Free { client: 1, object: 20 });
    let now = used(&l, 7, 0);
    assert_eq!((now.held, now.peak, now.freed), (2 << 30, 3 << 30, 1 << 30));
    // The device goes, and with it what is below.
    say(&mut l, &control, Meaning::Free { client: 1, object: 10 });
    assert_eq!(used(&l, 7, 0).held, 0);
    say(&mut l, &control, Meaning::Free { client: 1, object: 10 });
    assert_eq!(l.counts().unknown_frees, 1);
}

#[test]
fn two_gpus_of_one_process_are_told_apart_by_the_device_object_or_the_mapping() {
    let mut l = two_gpus();
    let control = call(7, device::NVIDIA_CTL, 0, 3);
    root(&mut l, &control, 1);
    let cards = [(0x100, 0), (0x200, 1)]
        .map(|(gpu_id, minor)| super::super::decode::Card { gpu_id, minor });
    say(&mut l, &control, Meaning::Cards(cards.to_vec()));
    for (instance, gpu_id) in [(0, 0x100), (1, 0x200)] {
        say(&mut l, &control, Meaning::Instance { gpu_id, instance });
    }
    let uvm = call(7, device::NVIDIA_UVM, 0, 4);
    for uuid in [A, B] {
        say(&mut l, &uvm, Meaning::RegisterGpu { uuid, partition: false });
    }
    for (object, instance) in [(10, 0), (11, 1)] {
        let meaning =
            Meaning::Object { client: 1, parent: 1, object, class: 0x80, instance: Some(instance) };
        say(&mut l, &control, meaning);
    }
    say(&mut l, &control, memory(1, 10, 20, 100));
    say(&mut l, &control, memory(1, 11, 21, 200));
    assert_eq!((used(&l, 7, 0).held, used(&l, 7, 1).held), (100, 200));
    // Below a parent that nobody knows: one of two, until it is mapped.
    say(&mut l, &control, memory(1, 99, 22, 50));
    assert_eq!(l.holder(key(7)).unwrap().uses[&None].held, 50);
    say(&mut l, &uvm, Meaning::Mapped { uuid: B, client: 1, memory: 22 });
    assert_eq!(l.holder(key(7)).unwrap().uses[&None].held, 0);
    assert_eq!(used(&l, 7, 1).held, 250);
}

#[test]
fn exit_without_free_frees_and_says_what_was_held() {
    let mut l = two_gpus();
    say(
        &mut l,
        &call(7, device::NVIDIA_UVM, 0, 4),
        Meaning::RegisterGpu { uuid: A, partition: false },
    );
    say(&mut l, &call(7, device::NVIDIA_CTL, 0, 3), memory(1, 10, 20, 500));
    l.end(key(7), BootTime(200));
    let end = used(&l, 7, 0);
    assert_eq!((end.held, end.held_at_exit, end.freed), (0, 500, 500));
    l.begin_window();
    assert!(l.holder(key(7)).is_none());
}

#[test]
fn a_closed_control_file_frees_its_clients_only() {
    let mut l = two_gpus();
    say(
        &mut l,
        &call(7, device::NVIDIA_UVM, 0, 9),
        Meaning::RegisterGpu { uuid: A, partition: false },
    );
    for (fd, client) in [(3, 1), (4, 2)] {
        let control = call(7, device::NVIDIA_CTL, 0, fd);
        root(&mut l, &control, client);
        say(&mut l, &control, memory(client, 10, 20, 100));
    }
    let origin = Origin { at: BootTime(150), process: key(7), ..Origin::default() };
    l.close(&GpuClose { origin, device: Device { kind: device::NVIDIA_CTL, minor: 0 }, fd: 3 });
    assert_eq!(used(&l, 7, 0).held, 100);
}

#[test]
fn what_a_process_did_before_its_gpu_was_known_is_that_gpus() {
    let mut l = two_gpus();
    let control = call(7, device::NVIDIA_CTL, 0, 3);
    root(&mut l, &control, 1);
    say(&mut l, &control, memory(1, 10, 20, 100));
    say(
        &mut l,
        &call(7, device::NVIDIA_UVM, 0, 4),
        Meaning::RegisterGpu { uuid: B, partition: true },
    );
    let now = used(&l, 7, 1);
    assert_eq!((now.held, now.allocated, now.partition), (100, 100, true));
    assert!(!l.holder(key(7)).unwrap().uses.contains_key(&None));
    say(&mut l, &control, Meaning::Free { client: 1, object: 20 });
    assert_eq!(used(&l, 7, 1).held, 0);
}

#[test]
fn amd_buffers_and_queues() {
    let mut l = two_gpus();
    let kfd = call(7, device::KFD, 0, 5);
    say(&mut l, &kfd, Meaning::KfdAcquire { gpu_id: 77 });
    for handle in [1, 2] {
        let meaning = Meaning::KfdMemory { handle, gpu_id: 77, bytes: 10, place: Place::Video };
        say(&mut l, &kfd, meaning);
    }
    say(&mut l, &kfd, Meaning::Queue { gpu_id: 77, queue: 1, copies: false });
    say(&mut l, &kfd, Meaning::KfdFree { handle: 1 });
    let now = used(&l, 7, 2);
    assert_eq!((now.held, now.channels, now.contexts), (10, 1, 1));
    assert!(now.workloads.contains(&Workload::Compute));
}

#[test]
fn limits_are_kept_and_counted() {
    let limits = Limits { processes: 2, objects: 10 };
    let mut l = Lifetimes::new(limits, Inventory::default());
    for tgid in 0..5 {
        say(&mut l, &call(tgid, device::NVIDIA_CTL, 0, 3), Meaning::Other);
    }
    assert_eq!((l.holders().count(), l.counts().refused), (2, 3));
    for object in 0..50 {
        say(&mut l, &call(0, device::NVIDIA_CTL, 0, 3), memory(1, 10, object + 100, 1));
    }
    assert_eq!(l.counts().refused, 3 + 40);
}

#[test]
fn a_cycle_of_parents_ends() {
    let mut l = two_gpus();
    let control = call(7, device::NVIDIA_CTL, 0, 3);
    for (object, parent) in [(10, 11), (11, 10)] {
        let meaning = Meaning::Object { client: 1, parent, object, class: 0xcbc0, instance: None };
        say(&mut l, &control, meaning);
    }
    say(&mut l, &control, memory(1, 10, 20, 5));
    say(&mut l, &control, Meaning::Free { client: 1, object: 10 });
    assert!(l.holder(key(7)).unwrap().uses.values().all(|used| used.held == 0));
}
