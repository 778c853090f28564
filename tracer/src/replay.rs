//! `aitrace replay`: a recording through the same pipeline, without a kernel and without root [edge].

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;

use crate::ai::providers::HostTable;
use crate::attribution::config::Attribution;
use crate::attribution::owners::Owners;
use crate::correlate::Stage;
use crate::cost::Prices;
use crate::event::BootTime;
use crate::kernel::decode::decode;
use crate::keyed::install;
use crate::pipeline::{Output, Pipeline};
use crate::record::Record;
use crate::recording::{Kind, Reader};
use crate::sinks::clock::WallClock;
use crate::sinks::encoder::{Encoder, RunInfo};
use crate::sinks::names::Semconv;

/// Replays `path` to `writer`.
///
/// # Errors
/// [`crate::recording::RecordingError`], or what the writer says; a reader that goes away is none.
pub fn run(
    path: &Path,
    hosts: Arc<HostTable>,
    semconv: Semconv,
    prices: Arc<Prices>,
    writer: impl Write,
) -> anyhow::Result<()> {
    let mut reader = Reader::open(path).with_context(|| path.display().to_string())?;
    let result = match reader.header.kind {
        Kind::Reduced => events(&mut reader, writer),
        Kind::Content => records(&mut reader, hosts, semconv, prices, writer),
    };
    match result {
        Err(error)
            if error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Events as they were written.
fn events<R: std::io::BufRead>(
    reader: &mut Reader<R>,
    mut writer: impl Write,
) -> anyhow::Result<()> {
    while let Some(frame) = reader.frame()? {
        writer.write_all(&frame)?;
    }
    Ok(writer.flush()?)
}

/// The ring's records, decoded anew.
fn records<R: std::io::BufRead>(
    reader: &mut Reader<R>,
    hosts: Arc<HostTable>,
    semconv: Semconv,
    prices: Arc<Prices>,
    mut writer: impl Write,
) -> anyhow::Result<()> {
    let run = RunInfo {
        host: Some(reader.header.host.clone()).filter(|host| !host.is_empty()),
        bpf_hash: String::new(),
        semconv,
    };
    let clock = WallClock::fixed(reader.header.clock_offset_ns);
    let mut encoder = Encoder::new(run, clock);
    let fingerprints = install::existing()?;
    let mut pipeline = Pipeline::keyed(hosts, fingerprints.hash_key());
    let mut stage = Stage::new(fingerprints, prices);
    let mut owners = Owners::recorded(&Attribution::default());
    let mut last = BootTime::default();
    let (mut calls, mut malformed) = (Vec::new(), 0_u64);
    loop {
        let frame = reader.frame()?;
        let mut keep = |output: Output| {
            if let Output::Call(call) = output {
                calls.push(call);
            }
        };
        let over = frame.is_none();
        match frame.map(|frame| decode(&Bytes::from(frame))) {
            None => pipeline.finish(last, &mut keep),
            Some(Err(_)) => malformed += 1,
            Some(Ok(event)) => {
                last = last.max(event.origin().at);
                owners.push(&event);
                pipeline.push(event, &mut keep);
            }
        }
        for call in calls.drain(..) {
            let ended = clock.unix_ns(call.ended);
            let mut attributed = owners.attribute(*call);
            stage.push(&mut attributed, ended);
            writer.write_all(&encoder.encode(Record::Call(Box::new(attributed)))?.line)?;
        }
        if over {
            break;
        }
    }
    writer.flush()?;
    if malformed > 0 {
        tracing::warn!(records = malformed, "records that make no sense were left out");
    }
    Ok(())
}
