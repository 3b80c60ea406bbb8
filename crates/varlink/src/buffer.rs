use std::{io, ops::Deref};

use zeroize::{Zeroize, Zeroizing};

/// Bytes that may hold a secret: no copy of them stays in memory that was given back.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
}

impl Buffer {
    pub(crate) fn append(&mut self, more: &[u8]) {
        let needed = self.bytes.len() + more.len();
        if needed > self.bytes.capacity() {
            // A Vec that grows by itself leaves its old allocation behind with the bytes in it.
            let mut grown = Vec::with_capacity(needed.max(2 * self.bytes.capacity()));
            grown.extend_from_slice(&self.bytes);
            self.bytes = Zeroizing::new(grown);
        }
        self.bytes.extend_from_slice(more);
    }

    /// Removes the first `count` bytes.
    pub(crate) fn discard(&mut self, count: usize) {
        let rest = self.bytes.len() - count;
        self.bytes.copy_within(count.., 0);
        self.bytes[rest..].zeroize();
        self.bytes.truncate(rest);
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
