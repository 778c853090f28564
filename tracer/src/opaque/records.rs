//! TLS records on the wire, RFC 8446 §5.1: their types and lengths, whatever the cuts.
//!
//! In: bytes of one direction in order. Out: each record when its last byte has come. Constant state.

const HEADER: usize = 5;
/// RFC 8446 §5.2: 2^14 bytes and what encryption adds; RFC 5246 §6.2.3 allows 2^14 + 2048.
const MAX_LEN: usize = (1 << 14) + 2048;

/// A record's type and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub kind: Kind,
    pub len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ChangeCipherSpec,
    Alert,
    Handshake,
    Data,
}

#[derive(Debug, Default)]
pub struct Records {
    header: [u8; HEADER],
    have: usize,
    /// Of the record under way: its type, its length, and bytes still to come.
    current: Option<(Kind, usize, usize)>,
    lost: bool,
}

impl Records {
    /// Bytes are missing: where the next record begins nobody knows.
    pub const fn lose(&mut self) {
        self.lost = true;
    }

    /// Takes bytes; `ended` gets each record that is whole with them.
    pub fn push(&mut self, mut bytes: &[u8], mut ended: impl FnMut(Record)) {
        while !bytes.is_empty() && !self.lost {
            if let Some((kind, len, left)) = self.current {
                let step = left.min(bytes.len());
                bytes = &bytes[step..];
                self.current = Some((kind, len, left - step));
                if left == step {
                    self.current = None;
                    ended(Record { kind, len });
                }
                continue;
            }
            let step = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + step].copy_from_slice(&bytes[..step]);
            self.have += step;
            bytes = &bytes[step..];
            if self.have == HEADER {
                self.have = 0;
                self.begin();
            }
        }
    }

    fn begin(&mut self) {
        let [kind, major, _, high, low] = self.header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let kind = match kind {
            20 => Kind::ChangeCipherSpec,
            21 => Kind::Alert,
            22 => Kind::Handshake,
            23 => Kind::Data,
            _ => return self.lose(),
        };
        if major != 3 || len > MAX_LEN || len == 0 {
            return self.lose();
        }
        self.current = Some((kind, len, len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Vec<u8> {
        let mut wire = vec![20, 3, 3, 0, 1, 1];
        wire.extend([23, 3, 3, 1, 0]);
        wire.extend([9; 256]);
        wire.extend([21, 3, 3, 0, 2, 1, 0]);
        wire
    }

    fn read(pieces: &[&[u8]]) -> Vec<Record> {
        let (mut records, mut found) = (Records::default(), Vec::new());
        for piece in pieces {
            records.push(piece, |record| found.push(record));
        }
        found
    }

    #[test]
    fn the_same_whatever_the_cuts() {
        let wire = wire();
        let whole = read(&[&wire]);
        let expected = [(Kind::ChangeCipherSpec, 1), (Kind::Data, 256), (Kind::Alert, 2)];
        assert_eq!(whole.iter().map(|r| (r.kind, r.len)).collect::<Vec<_>>(), expected);
        for cut in 0..wire.len() {
            assert_eq!(read(&[&wire[..cut], &wire[cut..]]), whole, "{cut}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn nonsense_and_holes_end_it() {
        assert!(read(&[b"GET / HTTP/1.1\r\n\r\n"]).is_empty());
        assert!(read(&[&[23, 3, 3, 0xff, 0xff], &[0; 70_000]]).is_empty());
        let mut records = Records::default();
        records.lose();
        records.push(&wire(), |_| unreachable!("nothing is believed after a hole"));
    }
}
