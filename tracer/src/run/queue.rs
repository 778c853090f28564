//! A bounded queue between two threads: single producer, single consumer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Observer as _, Producer as _, Split as _};

use crate::event::KernelEvent;

/// Payload bytes a queue holds at most, beside its count of events.
const MAX_BYTES: usize = 64 << 20;
/// A sleeping consumer looks at least so often.
const NAP: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Shared {
    bytes: AtomicUsize,
    closed: AtomicBool,
    sleeping: AtomicBool,
}

pub(super) struct Producer {
    ring: ringbuf::HeapProd<KernelEvent>,
    shared: Arc<Shared>,
    consumer: Option<Thread>,
}

pub(super) struct Consumer {
    ring: ringbuf::HeapCons<KernelEvent>,
    shared: Arc<Shared>,
}

pub(super) fn pair(events: usize) -> (Producer, Consumer) {
    let (producer, consumer) = HeapRb::new(events).split();
    let shared = Arc::new(Shared::default());
    (
        Producer { ring: producer, shared: Arc::clone(&shared), consumer: None },
        Consumer { ring: consumer, shared },
    )
}

fn size(event: &KernelEvent) -> usize {
    match event {
        KernelEvent::Data(chunk) => chunk.data.len(),
        _ => 0,
    }
}

impl Producer {
    /// Wakes this thread when it sleeps and something comes.
    pub(super) fn waking(mut self, consumer: Thread) -> Self {
        self.consumer = Some(consumer);
        self
    }

    /// Puts an event in. `false`: full, the event is dropped.
    pub(super) fn push(&mut self, event: KernelEvent) -> bool {
        let size = size(&event);
        if self.shared.bytes.load(Ordering::Relaxed) + size > MAX_BYTES {
            return false;
        }
        self.shared.bytes.fetch_add(size, Ordering::Relaxed);
        if self.ring.try_push(event).is_err() {
            self.shared.bytes.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        if let Some(consumer) = &self.consumer
            && self.shared.sleeping.swap(false, Ordering::AcqRel)
        {
            consumer.unpark();
        }
        true
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(consumer) = &self.consumer {
            consumer.unpark();
        }
    }
}

impl Consumer {
    pub(super) fn pop(&mut self) -> Option<KernelEvent> {
        let event = self.ring.try_pop()?;
        self.shared.bytes.fetch_sub(size(&event), Ordering::Relaxed);
        Some(event)
    }

    /// Sleeps until something comes. `false`: nothing will.
    pub(super) fn wait(&self) -> bool {
        // Looked at first: what was pushed before the end is still there.
        let closed = self.shared.closed.load(Ordering::Acquire);
        if !self.ring.is_empty() {
            return true;
        }
        if closed {
            return false;
        }
        self.shared.sleeping.store(true, Ordering::Release);
        if self.ring.is_empty() {
            std::thread::park_timeout(NAP);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Map, Origin};

    fn event(seq: u64) -> KernelEvent {
        KernelEvent::Map(Map { origin: Origin { seq, ..Origin::default() } })
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let (mut producer, mut consumer) = pair(2);
        assert!(producer.push(event(1)) && producer.push(event(2)) && !producer.push(event(3)));
        assert_eq!(consumer.pop().map(|e| e.origin().seq), Some(1));
        assert!(producer.push(event(4)));
    }

    #[test]
    fn everything_arrives_in_order_before_the_end() {
        let (producer, mut consumer) = pair(64);
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            loop {
                while let Some(event) = consumer.pop() {
                    seen.push(event.origin().seq);
                }
                if !consumer.wait() {
                    return seen;
                }
            }
        });
        let mut producer = producer.waking(reader.thread().clone());
        for seq in 0..10_000 {
            while !producer.push(event(seq)) {
                std::thread::yield_now();
            }
        }
        drop(producer);
        assert_eq!(reader.join().unwrap(), (0..10_000).collect::<Vec<_>>());
    }
}
