//! What the audio thread may not do: allocate.

#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dsp::device::Block;
use dsp::devices::Kind;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator; the count is a plain number of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the block came from `alloc` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_allocator_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))) >= 2);
}

#[test]
fn en19_devices_allocate_nothing_while_all_their_parameters_move() {
    for &kind in Kind::ALL {
        let mut device = kind.make(48_000);
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        let (mut left, mut right) = (vec![0.1f32; 4_096], vec![-0.2f32; 4_096]);
        let key = vec![0.7f32; 4_096];
        let count = allocations(|| {
            for block in 0..300 {
                let frames = [128, 1, 4_096, 333][block % 4];
                let parameter = next() as usize % kind.parameters().len();
                let value = kind.parameters()[parameter].value_at((next() % 1_000) as f32 / 999.0);
                device.set(parameter, value, [0, 960, 64][block % 3]);
                device.set_beat(f64::from(next() % 100_000));
                left[next() as usize % 128] = if block % 50 == 0 { f32::NAN } else { 0.5 };
                let part = Block::new(&mut left[..frames], &mut right[..frames]);
                device.process(part.with_sidechain(&key, &key));
                device.take_reduction();
                if block % 100 == 99 {
                    device.reset();
                }
            }
        });
        assert_eq!(count, 0, "{kind:?}");
    }
}
