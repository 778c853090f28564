use bytes::Bytes;
use proptest::prelude::*;
use tracer_common::gpu::{AFTER_BYTES, BEFORE_BYTES, Device, NOWHERE, TAIL_BYTES, device};

use super::layout::{Row, Structure};
use super::*;
use crate::event::{BootTime, Origin, ProcessKey};
use crate::gpu::profile::Version;

/// The drivers whose layouts differ from one another.
const DRIVERS: [Version; 8] = [
    Version(515, 43, 4),
    Version(525, 60, 13),
    Version(535, 104, 5),
    Version(545, 23, 6),
    Version(550, 54, 14),
    Version(570, 86, 15),
    Version(580, 95, 5),
    Version(590, 48, 1),
];
const KINDS: [u32; 8] = [
    device::NVIDIA_CTL,
    device::NVIDIA_GPU,
    device::NVIDIA_UVM,
    device::KFD,
    device::AMDGPU,
    device::I915,
    device::XE,
    device::DRM,
];

/// A structure as the kernel side would copy it.
fn call(kind: u32, command: u32, bytes: &[u8], row: &Row) -> GpuCall {
    let part = |from: usize, len: usize| {
        Bytes::copy_from_slice(&bytes[from.min(bytes.len())..(from + len).min(bytes.len())])
    };
    let tail = row.tail_at();
    GpuCall {
        origin: Origin {
            at: BootTime(10),
            process: ProcessKey { tgid: 7, start: BootTime(1) },
            ..Origin::default()
        },
        device: Device { kind, minor: 0 },
        command,
        wrapped: false,
        fd: 3,
        rc: 0,
        entered: BootTime(5),
        failures: 0,
        before: part(0, BEFORE_BYTES),
        after: part(0, AFTER_BYTES),
        tail: if tail == NOWHERE { Bytes::new() } else { part(tail.into(), TAIL_BYTES) },
        params: Bytes::new(),
    }
}

#[test]
fn every_field_of_every_layout_is_read_where_that_driver_has_it() {
    let mut fields = 0;
    for version in DRIVERS {
        let profile = Profile::of(Some(version));
        for kind in KINDS {
            for (command, row) in rows(kind, profile) {
                for field in row.fields() {
                    let mut bytes =
                        vec![0xa5; usize::from(row.size).max(field.offset + field.bytes)];
                    let value: Vec<u8> = (1..=field.bytes as u8).collect();
                    bytes[field.offset..field.offset + field.bytes].copy_from_slice(&value);
                    let call = call(kind, command, &bytes, row);
                    let found = find(kind, command, profile).unwrap();
                    // Two rows of one command and driver would be two answers.
                    assert_eq!(found, row, "{version} {command:#x}");
                    let read = Structure::new(found, &call).bytes(field.name);
                    assert_eq!(read, Some(&value[..]), "{version} {} {}", row.name, field.name);
                    fields += 1;
                }
            }
        }
    }
    assert!(fields > 4000, "{fields}");
}

#[test]
fn fields_lie_within_their_structure() {
    for kind in KINDS {
        for row in tables(kind).iter().copied().flatten() {
            assert!(row.since < row.below, "{}", row.name);
            for field in row.fields() {
                assert!(
                    row.size == 0 || field.offset + field.bytes <= usize::from(row.size),
                    "{} {}",
                    row.name,
                    field.name
                );
            }
        }
    }
}

fn alloc(version: Version, command: u32, status_at: usize, size: usize) -> Decoded {
    let mut bytes = vec![0; size];
    for (at, word) in [0xc1u32, 0xde0, 0x5c0, 0xcbc0].iter().enumerate() {
        bytes[4 * at..4 * at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[status_at] = 0x51;
    let profile = Profile::of(Some(version));
    let row = find(device::NVIDIA_CTL, command, profile).unwrap();
    decode(&call(device::NVIDIA_CTL, command, &bytes, row), profile)
}

#[test]
fn the_status_of_an_allocation_moves_between_drivers_of_the_same_size() {
    for (version, command, status_at, size) in [
        (Version(515, 43, 4), 0xc020_462b, 24, 32),
        (Version(580, 65, 6), 0xc020_462b, 28, 32),
        (Version(515, 43, 4), 0xc028_462b, 32, 40),
        (Version(525, 60, 13), 0xc028_462b, 36, 40),
        (Version(550, 54, 14), 0xc030_462b, 40, 48),
    ] {
        let decoded = alloc(version, command, status_at, size);
        let reason = decoded.failure.unwrap();
        assert_eq!(
            (reason.class, reason.error.as_str(), decoded.operation.as_str()),
            (FailureClass::OutOfMemory, "NV_ERR_NO_MEMORY", "RM_ALLOC HOPPER_COMPUTE_A"),
            "{version}"
        );
        assert_eq!(decoded.meaning, Meaning::Other);
    }
}

#[test]
fn memory_is_told_from_addresses_and_from_the_hosts() {
    use super::nvidia_rm::place;
    assert_eq!(place(0, 0), Place::Video);
    assert_eq!(place(0, 3 << 25), Place::Video);
    assert_eq!(place(0, 1 << 25), Place::System);
    assert_eq!(place(0x8_0000, 0), Place::Virtual);
}

#[test]
fn a_failed_call_has_no_status_and_a_refused_one_no_meaning() {
    let profile = Profile::of(None);
    let command = 0xc0b8_464a;
    let row = find(device::NVIDIA_CTL, command, profile).unwrap();
    let mut bytes = vec![0; 184];
    bytes[8] = 2;
    bytes[20] = 0x51;
    bytes[88..96].copy_from_slice(&(1u64 << 30).to_le_bytes());
    let mut refused = call(device::NVIDIA_CTL, command, &bytes, row);
    let decoded = decode(&refused, profile);
    assert_eq!((decoded.status, decoded.asked), (Some(0x51), Some(1 << 30)));
    assert_eq!(decoded.meaning, Meaning::Other);
    // A lost GPU: the driver says EINVAL and writes nothing.
    refused.rc = -22;
    let decoded = decode(&refused, profile);
    assert_eq!(decoded.status, None);
    assert_eq!(decoded.failure.unwrap().error, "EINVAL");
    // What a library repeats by itself is no failure.
    refused.rc = -4;
    assert_eq!(decode(&refused, profile).failure, None);
}

proptest! {
    #[test]
    fn no_bytes_panic(
        kind in 0u32..10,
        row in 0usize..80,
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        params in proptest::collection::vec(any::<u8>(), 0..144),
        rc in -600i64..2,
    ) {
        for version in DRIVERS {
            let profile = Profile::of(Some(version));
            let Some((command, row)) = rows(kind, profile).nth(row) else { continue };
            let mut call = call(kind, command, &bytes, row);
            call.params = Bytes::copy_from_slice(&params);
            call.rc = rc;
            let _decoded = decode(&call, profile);
        }
    }
}
