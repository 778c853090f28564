//! Content codings (RFC 9110 section 8.4.1): gzip, deflate, br, zstd, one over the other.
//!
//! In: coded bytes, cut anywhere. Out: what they decode to, at once: a flushed event is not waited for.
//! Limits: [`MAX_CODINGS`] codings; a body that inflates to more than [`MAX_RATIO`] times its size
//! and beyond [`RATIO_FROM`] is given up, as is one that does not decode.

use std::io::Write as _;

use bytes::Bytes;

pub const MAX_CODINGS: usize = 3;
/// DEFLATE reaches 1032, text 10; beyond 250 it is a bomb.
pub const MAX_RATIO: u64 = 250;
/// Output before the ratio is looked at.
pub const RATIO_FROM: u64 = 1 << 20;
/// Coded bytes fed at a time: with the densest coding half a megabyte comes out.
const STEP: usize = 512;
/// zstd's window, RFC 8878 section 3.1.1.1.2: what decoders must support is 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;
const BROTLI_BUFFER: usize = 4096;
const ZSTD_PIECE: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("a content coding that is not known, or too many of them")]
    Unknown,
    #[error("the body does not decode")]
    Broken,
    #[error("the body inflates too much")]
    Bomb,
}

enum Coding {
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Zlib(Box<flate2::write::ZlibDecoder<Vec<u8>>>),
    Raw(Box<flate2::write::DeflateDecoder<Vec<u8>>>),
    /// `deflate` means zlib, and some send raw: the first byte tells.
    Deflate,
    Brotli(Box<brotli_decompressor::DecompressorWriter<Vec<u8>>>),
    Zstd(Box<zstd_safe::DCtx<'static>>),
}

/// Decoder of one body.
#[derive(Default)]
pub struct Decoder {
    /// In the order of decoding.
    codings: Vec<Coding>,
    bytes_in: u64,
    bytes_out: u64,
    failed: bool,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder")
            .field("codings", &self.codings.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Decoder {
    /// By the value of `Content-Encoding`.
    ///
    /// # Errors
    /// [`BodyError::Unknown`] when one of the codings is not known.
    pub fn new(content_encoding: Option<&str>) -> Result<Self, BodyError> {
        let mut codings = Vec::new();
        // Applied in the order of the list: the last is taken off first.
        for name in content_encoding.unwrap_or_default().rsplit(',') {
            let name = name.trim().to_ascii_lowercase();
            codings.push(match &*name {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => {
                    Coding::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new())))
                }
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(
                    Vec::new(),
                    BROTLI_BUFFER,
                ))),
                "zstd" => {
                    let mut context = zstd_safe::DCtx::try_create().ok_or(BodyError::Unknown)?;
                    context
                        .set_parameter(zstd_safe::DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
                        .map_err(|_| BodyError::Unknown)?;
                    Coding::Zstd(Box::new(context))
                }
                _ => return Err(BodyError::Unknown),
            });
        }
        if codings.len() > MAX_CODINGS {
            return Err(BodyError::Unknown);
        }
        Ok(Self { codings, ..Self::default() })
    }

    /// Bytes pass as they are.
    pub fn is_identity(&self) -> bool {
        self.codings.is_empty()
    }

    /// Bytes of memory held, roughly.
    pub fn memory(&self) -> usize {
        self.codings.len() * 80 * 1024
    }

    /// Decodes what comes next; `piece` gets the output. After an error, nothing.
    ///
    /// # Errors
    /// Once, when the body cannot be read any further.
    pub fn push(&mut self, data: Bytes, piece: &mut dyn FnMut(Bytes)) -> Result<(), BodyError> {
        if self.codings.is_empty() {
            piece(data);
            return Ok(());
        }
        if self.failed {
            return Ok(());
        }
        for step in data.chunks(STEP) {
            self.bytes_in += step.len() as u64;
            let mut bytes = step.to_vec();
            for coding in &mut self.codings {
                match coding.decode(&bytes) {
                    Some(out) => bytes = out,
                    None => {
                        self.failed = true;
                        return Err(BodyError::Broken);
                    }
                }
            }
            self.bytes_out += bytes.len() as u64;
            if self.bytes_out > RATIO_FROM && self.bytes_out / MAX_RATIO > self.bytes_in {
                self.failed = true;
                return Err(BodyError::Bomb);
            }
            if !bytes.is_empty() {
                piece(bytes.into());
            }
        }
        Ok(())
    }
}

impl Coding {
    fn decode(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if let (Self::Deflate, Some(first)) = (&*self, data.first()) {
            // RFC 1950: compression method 8 in the low bits, a window of at most 7.
            let zlib = first & 0xf == 8 && first >> 4 <= 7;
            *self = if zlib {
                Self::Zlib(Box::new(flate2::write::ZlibDecoder::new(Vec::new())))
            } else {
                Self::Raw(Box::new(flate2::write::DeflateDecoder::new(Vec::new())))
            };
        }
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(data).and_then(|()| decoder.flush()).ok()?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Self::Zlib(decoder) => {
                decoder.write_all(data).and_then(|()| decoder.flush()).ok()?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Self::Raw(decoder) => {
                decoder.write_all(data).and_then(|()| decoder.flush()).ok()?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Self::Brotli(decoder) => {
                decoder.write_all(data).ok()?;
                Some(std::mem::take(decoder.get_mut()))
            }
            Self::Zstd(context) => zstd(context, data),
            Self::Deflate => Some(Vec::new()),
        }
    }
}

fn zstd(context: &mut zstd_safe::DCtx<'static>, data: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut input = zstd_safe::InBuffer::around(data);
    loop {
        let mut piece = Vec::with_capacity(ZSTD_PIECE);
        let mut output = zstd_safe::OutBuffer::around(&mut piece);
        context.decompress_stream(&mut output, &mut input).ok()?;
        let full = output.pos() == ZSTD_PIECE;
        all.append(&mut piece);
        if input.pos() == data.len() && !full {
            return Some(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(coding: &str, wire: &[u8], step: usize) -> Result<Vec<u8>, BodyError> {
        let mut decoder = Decoder::new(Some(coding))?;
        let mut out = Vec::new();
        for part in wire.chunks(step) {
            decoder.push(Bytes::copy_from_slice(part), &mut |b| out.extend_from_slice(&b))?;
        }
        Ok(out)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_decode_however_cut_and_stacked() {
        let text = "data: hello\n\n".repeat(500);
        let gzipped = gzip(text.as_bytes());
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(text.as_bytes()).unwrap();
        let zlib = zlib.finish().unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(text.as_bytes()).unwrap();
        let raw = raw.finish().unwrap();
        let mut zstd = vec![0; 16 * 1024];
        let len = zstd_safe::compress(&mut zstd[..], text.as_bytes(), 1).unwrap();
        zstd.truncate(len);
        for step in [1, 7, 4096] {
            assert_eq!(decode("gzip", &gzipped, step).unwrap(), text.as_bytes());
            assert_eq!(decode("deflate", &zlib, step).unwrap(), text.as_bytes());
            assert_eq!(decode("Deflate", &raw, step).unwrap(), text.as_bytes());
            assert_eq!(decode("zstd", &zstd, step).unwrap(), text.as_bytes());
            assert_eq!(decode("gzip, gzip", &gzip(&gzipped), step).unwrap(), text.as_bytes());
            assert_eq!(decode("identity", text.as_bytes(), step).unwrap(), text.as_bytes());
        }
        // Two members, as RFC 1952 section 2.2 allows.
        let two = [&gzipped[..], &gzipped[..]].concat();
        assert_eq!(decode("gzip", &two, 100).unwrap().len(), 2 * text.len());
        assert_eq!(decode("gzip", b"no gzip at all, is it", 4).unwrap_err(), BodyError::Broken);
        assert_eq!(decode("pack200-gzip", b"", 1).unwrap_err(), BodyError::Unknown);
    }

    #[test]
    fn what_was_flushed_comes_at_once() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut decoder = Decoder::new(Some("gzip")).unwrap();
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            encoder.write_all(event.as_bytes()).unwrap();
            encoder.flush().unwrap();
            let wire = std::mem::take(encoder.get_mut());
            let mut out = Vec::new();
            decoder.push(wire.into(), &mut |b| out.extend_from_slice(&b)).unwrap();
            assert_eq!(out, event.as_bytes());
        }
    }

    #[test]
    fn a_bomb_is_given_up() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 32 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(decode("gzip", &bomb, 16 * 1024).err(), Some(BodyError::Bomb));
    }
}
