//! Bytes of one record to a [`KernelEvent`]: checked, no transmute, never a panic.
//!
//! In: what the ring or a recording holds. Out: an event, or why not.

use bytes::Bytes;
use thiserror::Error;
use tracer_common::event::{EventHeader, EventKind};
use tracer_common::gpu::{AFTER_BYTES, BEFORE_BYTES, Device, PARAMS_BYTES, TAIL_BYTES};
use tracer_common::limits::{
    ARGV_BYTES, CGROUP_PATH_BYTES, COMM_BYTES, ENV_BYTES, PATH_BYTES, SNI_BYTES,
};
use tracer_common::tls::{DataRecord, direction, end, verdict};

use crate::event::{
    BootTime, CgroupMade, CgroupRemoved, Chunk, Direction, EndReason, Exec, Exit, FlowEnd, FlowKey,
    FlowOpen, Fork, GpuCall, GpuClose, Handshake, KernelEvent, Map, Origin, ProcessKey, Verdict,
};

#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("record shorter than its kind")]
    Short,
    #[error("record of unknown kind {0}")]
    Kind(u16),
    #[error("record with a field out of range")]
    Field,
}

/// Reads fields in order; `Short` at the end of the bytes.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.bytes.split_at_checked(len).ok_or(DecodeError::Short)?;
        self.bytes = tail;
        Ok(head)
    }
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Short)
    }
    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }
    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_ne_bytes)
    }
    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_ne_bytes)
    }
    pub(super) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_ne_bytes)
    }
    /// The first `len` bytes of an area of `area` bytes.
    fn part(&mut self, area: usize, len: usize) -> Result<&'a [u8], DecodeError> {
        self.take(area)?.get(..len).ok_or(DecodeError::Field)
    }

    /// [`tracer_common::gpu::Device`]
    fn gpu(&mut self) -> Result<Device, DecodeError> {
        Ok(Device { kind: self.u32()?, minor: self.u32()? })
    }

    /// [`tracer_common::tls::FlowKey`]
    pub(super) fn key(&mut self) -> Result<FlowKey, DecodeError> {
        let (handle, start, tgid, library) = (self.u64()?, self.u64()?, self.u32()?, self.u32()?);
        let process = ProcessKey { tgid, start: BootTime(start) };
        Ok(FlowKey { process, handle, library, opened: BootTime(0) })
    }
}

/// [`EventHeader`], field by field.
fn header(fields: &mut Fields<'_>) -> Result<(u16, Origin), DecodeError> {
    let (kind, _flags, cpu) = (fields.u16()?, fields.u16()?, fields.u32()?);
    let (seq, at, tgid, tid) = (fields.u64()?, fields.u64()?, fields.u32()?, fields.u32()?);
    let (start, cgroup_id) = (fields.u64()?, fields.u64()?);
    let _len_and_reserved = fields.take(16)?;
    let process = ProcessKey { tgid, start: BootTime(start) };
    Ok((kind, Origin { at: BootTime(at), process, tid, cgroup_id, cpu, seq }))
}

const _: () = assert!(size_of::<EventHeader>() == 64);

fn parse_verdict(number: u32) -> Result<Verdict, DecodeError> {
    match number {
        verdict::UNDECIDED => Ok(Verdict::Undecided),
        verdict::CAPTURE => Ok(Verdict::Capture),
        verdict::IGNORE => Ok(Verdict::Ignore),
        _ => Err(DecodeError::Field),
    }
}

/// A server name as DNS has it; anything else is no name.
fn server_name(bytes: &[u8]) -> Option<String> {
    let is_host = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    (!bytes.is_empty() && bytes.iter().all(is_host))
        .then(|| String::from_utf8_lossy(bytes).to_ascii_lowercase())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Decodes one record. Payload is a slice of `record`, not a copy.
///
/// # Errors
/// [`DecodeError`]; the caller counts it as malformed.
pub fn decode(record: &Bytes) -> Result<KernelEvent, DecodeError> {
    let mut fields = Fields { bytes: record };
    let (kind, origin) = header(&mut fields)?;
    match EventKind::parse(kind).ok_or(DecodeError::Kind(kind))? {
        EventKind::FlowOpen => flow_open(&mut fields, origin),
        EventKind::Data => data(&mut fields, origin, record),
        EventKind::FlowEnd => flow_end(&mut fields, origin),
        EventKind::Handshake => handshake(&mut fields, origin),
        EventKind::Exec => exec(&mut fields, origin),
        EventKind::Fork => {
            let (tgid, _reserved, start) = (fields.u32()?, fields.u32()?, fields.u64()?);
            Ok(KernelEvent::Fork(Fork {
                origin,
                child: ProcessKey { tgid, start: BootTime(start) },
            }))
        }
        EventKind::Exit => {
            Ok(KernelEvent::Exit(Exit { origin, code: fields.u32()?, lossy: false }))
        }
        EventKind::Map => Ok(KernelEvent::Map(Map { origin })),
        EventKind::GpuCall => gpu_call(&mut fields, origin, record),
        EventKind::GpuClose => {
            let device = fields.gpu()?;
            let fd = fields.u32()?.cast_signed();
            Ok(KernelEvent::GpuClose(GpuClose { origin, device, fd }))
        }
        EventKind::SocketConnect
        | EventKind::SocketEstablished
        | EventKind::SocketClosed
        | EventKind::SocketListen => super::decode_socket::socket(&mut fields, kind, origin),
        EventKind::FlowSocket => super::decode_socket::flow_socket(&mut fields, origin),
        EventKind::CgroupMade => {
            let (id, is_v2, uid, path) = cgroup(&mut fields)?;
            Ok(KernelEvent::CgroupMade(Box::new(CgroupMade { origin, id, is_v2, uid, path })))
        }
        EventKind::CgroupRemoved => {
            let (id, _, _, path) = cgroup(&mut fields)?;
            Ok(KernelEvent::CgroupRemoved(Box::new(CgroupRemoved { origin, id, path })))
        }
    }
}

fn flow_open(fields: &mut Fields<'_>, origin: Origin) -> Result<KernelEvent, DecodeError> {
    let key = fields.key()?;
    let opened = BootTime(fields.u64()?);
    let verdict = parse_verdict(fields.u32()?)?;
    let name_len = fields.u32()? as usize;
    let from_start = fields.u32()? == 1;
    let fd = i32::try_from(fields.u32()?).ok();
    let name = fields.part(SNI_BYTES, name_len)?;
    let key = FlowKey { opened, ..key };
    Ok(KernelEvent::FlowOpen(FlowOpen {
        origin,
        key,
        verdict,
        server_name: server_name(name),
        from_start,
        fd,
    }))
}

fn data(
    fields: &mut Fields<'_>,
    origin: Origin,
    record: &Bytes,
) -> Result<KernelEvent, DecodeError> {
    let key = fields.key()?;
    let (opened, offset) = (BootTime(fields.u64()?), fields.u64()?);
    let (len, _call_len) = (fields.u32()? as usize, fields.u32()?);
    let direction = match fields.u8()? {
        direction::OUTBOUND => Direction::Outbound,
        direction::INBOUND => Direction::Inbound,
        _ => return Err(DecodeError::Field),
    };
    let verdict = parse_verdict(u32::from(fields.u8()?))?;
    let start = size_of::<DataRecord>();
    let end =
        start.checked_add(len).filter(|end| *end <= record.len()).ok_or(DecodeError::Short)?;
    let key = FlowKey { opened, ..key };
    let data = record.slice(start..end);
    Ok(KernelEvent::Data(Chunk { origin, key, direction, offset, verdict, data }))
}

fn flow_end(fields: &mut Fields<'_>, origin: Origin) -> Result<KernelEvent, DecodeError> {
    let key = fields.key()?;
    let opened = BootTime(fields.u64()?);
    let bytes = [fields.u64()?, fields.u64()?];
    let reason = match fields.u32()? {
        end::FREED => EndReason::Freed,
        end::EOF => EndReason::Eof,
        end::FAILED => EndReason::Failed,
        _ => return Err(DecodeError::Field),
    };
    Ok(KernelEvent::FlowEnd(FlowEnd { origin, key: FlowKey { opened, ..key }, reason, bytes }))
}

fn handshake(fields: &mut Fields<'_>, origin: Origin) -> Result<KernelEvent, DecodeError> {
    let key = fields.key()?;
    let succeeded = fields.u64()? == 1;
    let name_len = fields.u32()? as usize;
    let _reserved = fields.u32()?;
    let name = fields.part(SNI_BYTES, name_len)?;
    let key = FlowKey { opened: origin.at, ..key };
    Ok(KernelEvent::Handshake(Handshake { origin, key, succeeded, server_name: server_name(name) }))
}

fn gpu_call(
    fields: &mut Fields<'_>,
    origin: Origin,
    record: &Bytes,
) -> Result<KernelEvent, DecodeError> {
    let device = fields.gpu()?;
    let (command, fd) = (fields.u32()?, fields.u32()?.cast_signed());
    let rc = fields.u64()?.cast_signed();
    let (entered, failures) = (BootTime(fields.u64()?), fields.u64()?);
    let mut lens = [0; 4];
    for len in &mut lens {
        *len = usize::from(fields.u16()?);
    }
    let (wrapped, _reserved) = (fields.u32()? == 1, fields.u32()?);
    let mut parts = [const { Bytes::new() }; 4];
    for ((part, len), area) in
        parts.iter_mut().zip(lens).zip([BEFORE_BYTES, AFTER_BYTES, TAIL_BYTES, PARAMS_BYTES])
    {
        *part = record.slice_ref(fields.part(area, len)?);
    }
    let [before, after, tail, params] = parts;
    Ok(KernelEvent::GpuCall(Box::new(GpuCall {
        origin,
        device,
        command,
        wrapped,
        fd,
        rc,
        entered,
        failures,
        before,
        after,
        tail,
        params,
    })))
}

fn cgroup(fields: &mut Fields<'_>) -> Result<(u64, bool, u32, String), DecodeError> {
    let (id, hierarchy, uid) = (fields.u64()?, fields.u32()?, fields.u32()?);
    let (path_len, _reserved) = (fields.u32()? as usize, fields.u32()?);
    let path = text(fields.part(CGROUP_PATH_BYTES, path_len)?);
    Ok((id, hierarchy == 0, uid, path))
}

fn exec(fields: &mut Fields<'_>, origin: Origin) -> Result<KernelEvent, DecodeError> {
    let (parent_tgid, uid, gid) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (path_len, argv_len) = (usize::from(fields.u16()?), usize::from(fields.u16()?));
    let (parent_start, argv_total) = (fields.u64()?, fields.u64()?);
    let comm = text(fields.take(COMM_BYTES)?);
    let path = text(fields.part(PATH_BYTES, path_len)?);
    let argv = fields.part(ARGV_BYTES, argv_len)?;
    let argv = argv.strip_suffix(b"\0").unwrap_or(argv);
    let argv = argv.split(|b| *b == 0).map(Bytes::copy_from_slice).collect();
    let environment = match fields.bytes.is_empty() {
        // Records from before there was any.
        true => None,
        false => {
            let (len, seen) = (fields.u32()? as usize, fields.u32()? == 1);
            let variables = fields.part(ENV_BYTES, len)?.split(|b| *b == 0);
            let variables = variables.filter(|v| !v.is_empty()).map(Bytes::copy_from_slice);
            seen.then(|| variables.collect())
        }
    };
    let parent = ProcessKey { tgid: parent_tgid, start: BootTime(parent_start) };
    let argv_cut = argv_total > argv_len as u64;
    Ok(KernelEvent::Exec(Box::new(Exec {
        origin,
        parent,
        uid,
        gid,
        comm,
        path,
        argv,
        argv_cut,
        environment,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(kind: u16, body: &[u8]) -> Bytes {
        let mut bytes = vec![0; 64];
        bytes[..2].copy_from_slice(&kind.to_ne_bytes());
        bytes[8] = 3;
        bytes[24] = 7;
        bytes.extend_from_slice(body);
        bytes.into()
    }

    fn data_body(len: u32, direction: u8, payload: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 24];
        body.extend(9u64.to_ne_bytes());
        body.extend(1000u64.to_ne_bytes());
        body.extend(len.to_ne_bytes());
        body.extend(len.to_ne_bytes());
        body.extend([direction, 1, 0, 0, 0, 0, 0, 0]);
        body.extend_from_slice(payload);
        body
    }

    #[test]
    fn data_is_cut_to_its_length_not_to_its_bucket() {
        let event = decode(&record(17, &data_body(5, 1, b"hello and the bucket's rest"))).unwrap();
        let KernelEvent::Data(chunk) = event else { panic!("{event:?}") };
        assert_eq!(&chunk.data[..], b"hello");
        assert_eq!(
            (chunk.offset, chunk.direction, chunk.verdict),
            (1000, Direction::Inbound, Verdict::Capture)
        );
        assert_eq!((chunk.origin.seq, chunk.origin.process.tgid), (3, 7));
        assert_eq!(chunk.key.opened, BootTime(9));
    }

    #[test]
    fn lying_fields_are_errors() {
        assert_eq!(decode(&record(17, &data_body(6, 1, b"hello"))), Err(DecodeError::Short));
        assert_eq!(decode(&record(17, &data_body(5, 9, b"hello"))), Err(DecodeError::Field));
        assert_eq!(decode(&record(999, &[])), Err(DecodeError::Kind(999)));
        assert_eq!(decode(&Bytes::from_static(b"short")), Err(DecodeError::Short));
    }

    #[test]
    fn only_dns_names_are_server_names() {
        assert_eq!(server_name(b"API.openai.com").as_deref(), Some("api.openai.com"));
        assert_eq!(server_name(b"x\x1b[2J"), None);
        assert_eq!(server_name(b""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0u16..64, body in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _outcome = decode(&record(kind, &body));
        }
    }
}
