//! How a residual is cut into partitions, and which Rice parameter each has (RFC 9639, section 9.2.7).

use super::bits::BitWriter;

/// Most partitions, as a power of two. More than 32 hardly ever pay for their parameters.
const PARTITION_ORDER_MAX: u32 = 6;
/// Highest parameter that fits into four bits, 15 being taken.
const NARROW_MAX: u32 = 14;
/// Highest parameter at all, 31 being taken.
const PARAMETER_MAX: u32 = 30;

/// Partitions and their parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Partitions {
    order: u32,
    parameters: Vec<u32>,
    /// Bits that the residual will take, about: the low bits of numbers are taken to be evenly spread.
    pub(crate) bits: u64,
    /// Sums of the finest partitions, then of ever coarser ones.
    sums: Vec<u64>,
}

impl Partitions {
    /// Chooses for a block of `frames` samples, the residual of which lacks the first `warm_up`.
    pub(crate) fn choose(&mut self, frames: usize, warm_up: usize, folded: &[u32]) {
        let finest = (0..=PARTITION_ORDER_MAX)
            .rev()
            .find(|order| frames.is_multiple_of(1 << order) && frames >> order > warm_up)
            .unwrap_or(0);
        self.sum(frames >> finest, warm_up, folded);
        self.bits = u64::MAX;
        for order in (0..=finest).rev() {
            let counts = |at: usize| ((frames >> order) - if at == 0 { warm_up } else { 0 }) as u64;
            let ways = self.sums.iter().enumerate().map(|(at, sum)| parameter(counts(at), *sum));
            let bits = ways.clone().map(|(_, bits)| bits + 4).sum();
            // Of equal ways the coarser one is decoded faster.
            if bits <= self.bits {
                (self.order, self.bits) = (order, bits);
                self.parameters.clear();
                self.parameters.extend(ways.map(|(parameter, _)| parameter));
            }
            halve(&mut self.sums);
        }
    }

    fn sum(&mut self, partition: usize, warm_up: usize, folded: &[u32]) {
        let (first, rest) = folded.split_at((partition - warm_up).min(folded.len()));
        self.sums.clear();
        self.sums.extend(std::iter::once(first).chain(rest.chunks(partition)).map(sum));
    }

    /// Writes the residual that the choice was made for.
    pub(crate) fn write(&self, bits: &mut BitWriter, frames: usize, warm_up: usize, folded: &[u32]) {
        let wide = self.parameters.iter().any(|parameter| *parameter > NARROW_MAX);
        bits.put(u32::from(wide), 2);
        bits.put(self.order, 4);
        let (first, rest) = folded.split_at((frames >> self.order) - warm_up);
        let partitions = std::iter::once(first).chain(rest.chunks(frames >> self.order));
        for (parameter, partition) in self.parameters.iter().zip(partitions) {
            bits.put(*parameter, if wide { 5 } else { 4 });
            bits.put_rice(*parameter, partition);
        }
    }
}

fn sum(folded: &[u32]) -> u64 {
    // 32 numbers of 26 bits add up to 31; larger ones are seldom.
    folded
        .chunks(32)
        .map(|run| {
            if run.iter().fold(0, |all, number| all | number) < 1 << 26 {
                u64::from(run.iter().sum::<u32>())
            } else {
                run.iter().map(|number| u64::from(*number)).sum()
            }
        })
        .sum()
}

/// Adds up neighbours.
fn halve(sums: &mut Vec<u64>) {
    let half = sums.len() / 2;
    for at in 0..half {
        sums[at] = sums[2 * at] + sums[2 * at + 1];
    }
    sums.truncate(half);
}

/// The best parameter for `count` numbers that add up to `sum`, and the bits that they will take.
fn parameter(count: u64, sum: u64) -> (u32, u64) {
    let bits = |parameter: u32| {
        // Half of what the low bits can hold is, on average, what the quotients lack.
        let low = count * ((1 << parameter) - 1) / 2;
        count * (1 + u64::from(parameter)) + (sum.saturating_sub(low) >> parameter)
    };
    let about = sum.checked_div(count).map_or(0, |mean| mean.max(1).ilog2());
    (about.saturating_sub(1)..=about + 1)
        .map(|parameter| parameter.min(PARAMETER_MAX))
        .map(|parameter| (parameter, bits(parameter)))
        .min_by_key(|(_, bits)| *bits)
        .unwrap_or((0, 0))
}
