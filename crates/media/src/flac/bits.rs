//! Bits, most significant first, out of a byte slice, through a 64-bit cache.

/// The slice ended before the bits that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfBits;

/// A reader of bits.
///
/// **Invariant:** the top `bits` bits of `cache` are the next ones; those below are either the ones that follow or zero, so that a refill may
/// simply be or-ed in. Beyond the end of the slice zeros are delivered; whoever reads in bulk checks [`BitReader::check`] afterwards.
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    next: usize,
    cache: u64,
    bits: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, cache: 0, bits: 0 }
    }

    /// Bits read so far.
    pub(crate) fn position(&self) -> usize {
        self.next * 8 - self.bits as usize
    }

    /// Fails when more was read than there is.
    pub(crate) fn check(&self) -> Result<(), OutOfBits> {
        if self.position() <= self.bytes.len() * 8 { Ok(()) } else { Err(OutOfBits) }
    }

    /// Makes at least 56 bits available.
    #[inline(always)]
    fn refill(&mut self) {
        let word = match self.bytes.get(self.next..) {
            Some(rest) => match rest.first_chunk::<8>() {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => last_word(rest),
            },
            None => 0,
        };
        self.cache |= word >> self.bits;
        self.next += ((63 - self.bits) >> 3) as usize;
        self.bits |= 56;
    }

    #[inline(always)]
    fn skip(&mut self, count: u32) {
        self.cache <<= count;
        self.bits -= count;
    }

    /// Reads an unsigned number of up to 32 bits.
    #[inline(always)]
    pub(crate) fn unsigned(&mut self, count: u32) -> Result<u32, OutOfBits> {
        self.refill();
        let value = (self.cache >> 1 >> (63 - count)) as u32;
        self.skip(count);
        self.check()?;
        Ok(value)
    }

    /// Reads a two's complement number of up to 32 bits.
    pub(crate) fn signed(&mut self, count: u32) -> Result<i32, OutOfBits> {
        if count == 0 {
            return Ok(0);
        }
        let value = self.unsigned(count)?;
        Ok((value << (32 - count)) as i32 >> (32 - count))
    }

    /// Counts zeros up to the next one, which is consumed.
    pub(crate) fn unary(&mut self) -> Result<u32, OutOfBits> {
        let mut zeros = 0;
        loop {
            self.refill();
            let run = self.cache.leading_zeros().min(self.bits);
            zeros += run;
            if run < self.bits {
                self.skip(run + 1);
                self.check()?;
                return Ok(zeros);
            }
            // All valid bits are zero. `bits` is below 64, so the shift is sound.
            self.skip(run);
            self.check()?;
        }
    }

    /// Reads Rice-coded numbers: quotient in unary, then `parameter` bits, sign folded into the lowest bit.
    /// `None` is a number beyond 32 bits, which only damaged data has.
    pub(crate) fn rice(&mut self, parameter: u32, out: &mut [i32]) -> Result<Option<()>, OutOfBits> {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected;
            if is_x86_feature_detected!("lzcnt") && is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2")
            {
                #[allow(unsafe_code, reason = "the compiler cannot know what the processor was found to have")]
                // SAFETY: what it needs was found.
                return unsafe { self.rice_bmi(parameter, out) };
            }
        }
        self.plain_rice(parameter, out)
    }

    /// The same, with the processor's own instructions for counting zeros and for shifting by any number.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "lzcnt,bmi1,bmi2")]
    fn rice_bmi(&mut self, parameter: u32, out: &mut [i32]) -> Result<Option<()>, OutOfBits> {
        self.plain_rice(parameter, out)
    }

    #[inline(always)]
    fn plain_rice(&mut self, parameter: u32, out: &mut [i32]) -> Result<Option<()>, OutOfBits> {
        for value in out {
            self.refill();
            // The lowest bit is never among the valid ones: setting it only spares a check for zero.
            let quotient = (self.cache | 1).leading_zeros();
            let length = quotient + 1 + parameter;
            let folded = if length <= self.bits {
                let low = self.cache << quotient << 1 >> 1 >> (63 - parameter);
                self.skip(length);
                quotient << parameter | low as u32
            } else {
                match self.long_rice(parameter)? {
                    Some(folded) => folded,
                    None => return Ok(None),
                }
            };
            *value = (folded >> 1) as i32 ^ -((folded & 1) as i32);
        }
        self.check()?;
        Ok(Some(()))
    }

    #[cold]
    fn long_rice(&mut self, parameter: u32) -> Result<Option<u32>, OutOfBits> {
        let quotient = u64::from(self.unary()?);
        let low = self.unsigned(parameter)?;
        Ok(u32::try_from(quotient << parameter).ok().map(|high| high | low))
    }
}

#[cold]
fn last_word(rest: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_runs_come_back_and_the_end_is_noticed() {
        let mut bits = BitReader::new(&[0b1010_0000, 0b0000_0001, 0xFF, 0x80]);
        assert_eq!(bits.unsigned(3), Ok(0b101));
        assert_eq!(bits.unary(), Ok(12));
        assert_eq!(bits.signed(4), Ok(-1));
        assert_eq!(bits.position(), 20);
        assert_eq!(bits.unsigned(12), Ok(0xF80));
        assert_eq!(bits.unsigned(1), Err(OutOfBits));
        assert_eq!(BitReader::new(&[0; 40]).unary(), Err(OutOfBits));
    }

    #[test]
    fn rice_codes_of_any_length_come_back() {
        // 100 zeros, a one, then 5 bits.
        let mut bytes = [0u8; 14];
        bytes[12] = 0b0000_1101;
        bytes[13] = 0b0100_0000;
        let mut out = [0];
        assert_eq!(BitReader::new(&bytes).rice(5, &mut out), Ok(Some(())));
        let folded = 100 << 5 | 0b10101;
        assert_eq!(out[0], -(folded + 1) / 2);
    }
}
