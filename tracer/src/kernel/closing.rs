//! Closing links: each waits for a grace period of the kernel's (up to 100 ms), and many wait together
//! as long as one.

use std::os::fd::OwnedFd;
use std::thread;

use aya::programs::uprobe::UProbeLink;

/// Threads that close at once; they only sleep.
const THREADS: usize = 64;
const STACK: usize = 64 << 10;

/// Keeps probes attached while it lives.
#[derive(Debug)]
pub(super) enum Link {
    Multi(#[expect(dead_code, reason = "held for its drop")] OwnedFd),
    Single(#[expect(dead_code, reason = "held for its drop")] UProbeLink),
}

/// Closes them, and returns when that is done.
pub(super) fn now(links: Vec<Link>) {
    for thread in spread(links) {
        // It drops descriptors and cannot panic.
        let _done = thread.join();
    }
}

/// Closes them while the caller goes on.
pub(super) fn beside(links: Vec<Link>) {
    drop(spread(links));
}

fn spread(mut links: Vec<Link>) -> Vec<thread::JoinHandle<()>> {
    let share = links.len().div_ceil(THREADS).max(1);
    let mut threads = Vec::new();
    while !links.is_empty() {
        let some = links.split_off(links.len().saturating_sub(share));
        let builder = thread::Builder::new().name("closing".into()).stack_size(STACK);
        // Without a thread, the links are dropped, and with that closed, right here.
        if let Ok(thread) = builder.spawn(move || drop(some)) {
            threads.push(thread);
        }
    }
    threads
}
