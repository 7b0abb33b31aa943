//! What each device costs: nanoseconds for a stereo block of 128 frames, the 20th of a hundred, so that what else
//! the machine does disturbs little; on noise.
//!
//! `cargo bench -p dsp --bench devices`

use std::hint::black_box;
use std::time::Instant;

use dsp::device::{Block, Device, parameter};
use dsp::devices::Kind;

const RATE: u32 = 48_000;
const FRAMES: usize = 128;
const BLOCKS: usize = 20_000;

fn noise(seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0 - 0.5
    };
    (0..FRAMES * 64).map(|_| next()).collect()
}

/// The time of a block in nanoseconds.
fn cost(mut work: impl FnMut(&mut [f32], &mut [f32])) -> f64 {
    let (left, right) = (noise(1), noise(2));
    let (mut l, mut r) = ([0.0; FRAMES], [0.0; FRAMES]);
    let mut times = Vec::with_capacity(BLOCKS);
    for block in 0..BLOCKS {
        let from = block % 64 * FRAMES;
        l.copy_from_slice(&left[from..from + FRAMES]);
        r.copy_from_slice(&right[from..from + FRAMES]);
        let began = Instant::now();
        work(&mut l, &mut r);
        times.push(began.elapsed().as_nanos() as f64);
        black_box((&mut l, &mut r));
    }
    times.sort_by(f64::total_cmp);
    times[BLOCKS / 5]
}

fn device_cost(mut device: Box<dyn Device>) -> f64 {
    cost(|l, r| device.process(Block::new(l, r)))
}

fn made(kind: Kind, values: &[(&str, f32)]) -> Box<dyn Device> {
    let mut device = kind.make(RATE);
    for (id, value) in values {
        let index = parameter::index_of(kind.parameters(), id).expect("a parameter's id");
        device.set(index, *value, 0);
    }
    device
}

fn bands(count: usize) -> Box<dyn Device> {
    let mut eq = Kind::Equaliser.make(RATE);
    for band in 0..count {
        eq.set(band * 6, 1.0, 0);
        eq.set(band * 6 + 3, 3.0, 0);
    }
    eq
}

fn main() {
    println!("nothing but the clock: {:.0} ns", cost(|_, _| ()));
    for &kind in Kind::ALL {
        println!("{:24} {:6.0} ns", kind.name(), device_cost(made(kind, &[])));
    }
    for count in [1, 4, 5, 8] {
        println!("{:24} {:6.0} ns", format!("Equaliser, {count} bands"), device_cost(bands(count)));
    }
}
