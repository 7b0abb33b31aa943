//! Bits, most significant first, into bytes.

/// A writer of bits.
///
/// **Invariant:** the low `bits` bits of `cache`, fewer than 32, are not in `bytes` yet; those above them are.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    cache: u64,
    bits: u32,
}

impl BitWriter {
    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bits = 0;
    }

    /// Bits written so far.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len() * 8 + self.bits as usize
    }

    /// Appends the low `count` bits of `value`, at most 32. Higher bits must be zero.
    #[inline(always)]
    pub(crate) fn put(&mut self, value: u32, count: u32) {
        debug_assert!(count == 32 || value >> count == 0, "{value} has more than {count} bits");
        self.cache = self.cache << count | u64::from(value);
        self.bits += count;
        if self.bits >= 32 {
            self.bits -= 32;
            self.bytes.extend_from_slice(&((self.cache >> self.bits) as u32).to_be_bytes());
        }
    }

    /// Appends a two's complement number of `count` bits, at most 32.
    pub(crate) fn put_signed(&mut self, value: i32, count: u32) {
        self.put(value as u32 & (u32::MAX >> (32 - count)), count);
    }

    /// Appends `zeros` zeros and a one.
    pub(crate) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1, zeros + 1);
    }

    /// Appends Rice-coded numbers: quotient in unary, then `parameter` bits (at most 30). Signs are folded in already.
    pub(crate) fn put_rice(&mut self, parameter: u32, folded: &[u32]) {
        let mask = (1 << parameter) - 1;
        for &number in folded {
            let quotient = number >> parameter;
            let rest = 1 << parameter | number & mask;
            // A quotient of 32 or more comes once in many thousands of samples.
            if quotient + parameter < 32 {
                self.put(rest, quotient + 1 + parameter);
            } else {
                self.put_zeros(quotient);
                self.put(rest, parameter + 1);
            }
        }
    }

    fn put_zeros(&mut self, mut count: u32) {
        while count > 32 {
            self.put(0, 32);
            count -= 32;
        }
        self.put(0, count);
    }

    /// Fills the last byte with zeros, and takes everything back that was written behind `position`, when that lies before.
    pub(crate) fn truncate(&mut self, position: usize) {
        self.align();
        self.flush();
        self.bytes.truncate(position.div_ceil(8));
        let over = (8 - position % 8) % 8;
        if over > 0
            && let Some(last) = self.bytes.pop()
        {
            self.cache = u64::from(last >> over);
            self.bits = 8 - over as u32;
        }
    }

    /// Fills the last byte with zeros.
    pub(crate) fn align(&mut self) {
        let missing = (8 - self.bits % 8) % 8;
        self.put(0, missing);
    }

    /// Everything so far, which must end with a whole byte.
    pub(crate) fn aligned(&mut self) -> &[u8] {
        debug_assert_eq!(self.bits % 8, 0);
        self.flush();
        &self.bytes
    }

    fn flush(&mut self) {
        while self.bits >= 8 {
            self.bits -= 8;
            self.bytes.push((self.cache >> self.bits) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::bits::BitReader;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_put_is_read(numbers in prop::collection::vec((any::<u32>(), 1u32..=32), 0..50), zeros in 0u32..200) {
            let mut bits = BitWriter::default();
            for (number, count) in &numbers {
                bits.put(number & (u32::MAX >> (32 - count)), *count);
            }
            bits.put_unary(zeros);
            bits.align();
            let bytes = bits.aligned().to_vec();
            let mut reader = BitReader::new(&bytes);
            for (number, count) in &numbers {
                prop_assert_eq!(reader.unsigned(*count), Ok(number & (u32::MAX >> (32 - count))));
            }
            prop_assert_eq!(reader.unary(), Ok(zeros));
        }

        #[test]
        fn rice_numbers_are_read_back(parameter in 0u32..=30, numbers in prop::collection::vec(0u32..40_000, 0..50)) {
            let mut bits = BitWriter::default();
            bits.put_rice(parameter, &numbers);
            bits.align();
            let bytes = bits.aligned().to_vec();
            let mut read = vec![0; numbers.len()];
            BitReader::new(&bytes).rice(parameter, &mut read).unwrap().unwrap();
            let unfolded: Vec<i32> = numbers.iter().map(|folded| (folded >> 1) as i32 ^ -((folded & 1) as i32)).collect();
            prop_assert_eq!(read, unfolded);
        }

        #[test]
        fn what_is_taken_back_leaves_no_trace(first in prop::collection::vec(any::<bool>(), 0..100), second in prop::collection::vec(any::<bool>(), 0..100), third: u32) {
            let put = |bits: &mut BitWriter, all: &[bool]| all.iter().for_each(|bit| bits.put(u32::from(*bit), 1));
            let (mut once, mut twice) = (BitWriter::default(), BitWriter::default());
            put(&mut once, &first);
            put(&mut twice, &first);
            put(&mut twice, &second);
            twice.truncate(first.len());
            for bits in [&mut once, &mut twice] {
                bits.put(third, 32);
                bits.align();
            }
            prop_assert_eq!(once.aligned(), twice.aligned());
        }
    }
}
