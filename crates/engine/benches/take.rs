//! What a plan costs the audio thread before it comes into force: checking or digesting it, by its clips, and making what it wants, by its
//! devices.
//!
//! `cargo bench -p engine --bench take`: microseconds (median and dearest), of a block of 2,667.

#[path = "support/plain.rs"]
mod plain;
#[path = "support/taken.rs"]
mod taken;

use std::time::Instant;

use engine::plan::Arriving;
use engine::{Plan, Processor};

const ROUNDS: usize = 40;

fn main() {
    for clips in taken::CLIPS {
        let plan = Plan::compile(&taken::clips(clips)).expect("within bounds");
        let words = plan.clone().into_words();
        let mut processor = Processor::new(48_000);
        let [mut checks, mut copies, mut finishes, mut prepares] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            let copy = words.clone();
            let checked = timed(&mut checks, || Plan::from_words(copy).expect("it is a plan"));
            let mut arriving = Arriving::new(Vec::new(), words.len());
            timed(&mut copies, || arriving.piece(words.len()).expect("all of it").copy_from_slice(&words));
            timed(&mut finishes, || arriving.finish().expect("it is a plan"));
            timed(&mut prepares, || processor.prepare(Some(&plan.view()), &checked.view()));
        }
        let [checks, copies, finishes, prepares] = [checks, copies, finishes, prepares].map(of);
        println!("{clips} clips: checking {checks}, copying {copies}, digesting {finishes}, preparing {prepares}");
    }
    let without = Plan::compile(&taken::inserted(None)).expect("within bounds");
    for kind in dsp::devices::Kind::ALL {
        let with = Plan::compile(&taken::inserted(Some(*kind))).expect("within bounds");
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let mut processor = Processor::new(48_000);
            processor.prepare(None, &without.view());
            timed(&mut times, || processor.prepare(Some(&without.view()), &with.view()));
        }
        println!("inserting {}: {}", kind.id(), of(times));
    }
}

fn timed<T>(times: &mut Vec<f64>, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let made = work();
    times.push(1e6 * began.elapsed().as_secs_f64());
    made
}

fn of(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:.0} ({:.0})", times[times.len() / 2], times[times.len() - 1])
}
