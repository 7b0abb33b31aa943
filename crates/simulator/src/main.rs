//! `cargo run --release -p simulator -- --seeds N --from S --events M` runs worlds; `--seed S` tells what happened in one.

use std::process::ExitCode;

use simulator::{Tally, World};

const HELP: &str = "\
Usage: simulator [--seeds N] [--from S] [--events M] [--seed S]

  --seeds N    worlds to run (default 500)
  --from S     the first one's seed (default 0); the others' follow it
  --events M   events in each (default 200)
  --seed S     run the world of this seed only, and print what happened in it
";

struct Arguments {
    seeds: u64,
    from: u64,
    events: usize,
    seed: Option<u64>,
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Arguments> {
    let mut read = Arguments { seeds: 500, from: 0, events: 200, seed: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next()?;
        match name.as_str() {
            "--seeds" => read.seeds = value.parse().ok()?,
            "--from" => read.from = value.parse().ok()?,
            "--events" => read.events = value.parse().ok()?,
            "--seed" => read.seed = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(read)
}

fn main() -> ExitCode {
    let Some(Arguments { seeds, from, events, seed }) = read(std::env::args().skip(1)) else {
        eprint!("{HELP}");
        return ExitCode::from(2);
    };
    let (mut total, mut failed) = (Tally::default(), 0u32);
    for number in seed.map_or(from..from.saturating_add(seeds), |seed| seed..seed.saturating_add(1)) {
        let mut world = World::new(number, None, seed.is_some());
        let result = world.run(events);
        world.trace().iter().for_each(|line| println!("{line}"));
        match result {
            Ok(tally) => total += tally,
            Err(failure) => {
                failed += 1;
                println!("seed {number}: {failure}");
            }
        }
    }
    println!("{total:?}, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
