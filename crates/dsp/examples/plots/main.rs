//! Draws what the devices do, for people to look at: `cargo xtask plots`, or `cargo run --release -p dsp --example plots -- FOLDER`.
//!
//! Everything is measured from outside, on what comes out; where there is a theory it is drawn beside. The numbers are held to by tests,
//! not here.

mod figure;
mod measure;

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

use dsp::devices::Kind;
use dsp::dither::Dither;
use dsp::fade::Shape;
use dsp::resample::Conversion;

use figure::{Figure, Scale};
use measure::{RATE, decibels, device, impulse, play, response, sine, spectrum, tone};

const HERTZ: (&str, Scale) = ("Hz", Scale::Logarithmic(20.0, 24_000.0));
const LINEAR_HERTZ: (&str, Scale) = ("Hz", Scale::Linear(0.0, 24_000.0));

fn main() -> io::Result<()> {
    let Some(folder) = env::args().nth(1) else {
        return Err(io::Error::other("usage: plots FOLDER"));
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let figures = [
        equaliser(),
        equaliser_error(),
        filters(),
        cuts(),
        static_curves(),
        compressor_in_time(),
        gate_in_time(),
        limiter(),
        curves_of_saturation(),
        saturation_folds_back(),
        hall(),
        hall_spectrum(),
        room(),
        delay(),
        chorus(),
        pass_band(),
        alias_rejection(),
        fades(),
        crossfades(),
        bends(),
        pan(),
        dither(),
    ];
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>What the devices do</title>\n\
         <style>body{max-width:900px;margin:2em auto;font:15px/1.5 system-ui,sans-serif;color:#222}img{width:100%;border:1px solid #ddd}</style>\n\
         <h1>What the devices do</h1>\n",
    );
    for figure in &figures {
        fs::write(folder.join(figure.file), figure.svg())?;
        let _ = writeln!(
            page,
            "<h2>{}</h2><p>{}</p><img src=\"{}\" alt=\"{0}\">",
            figure.title, figure.caption, figure.file
        );
    }
    fs::write(folder.join("index.html"), page)?;
    println!("{} figures, see {}", figures.len(), folder.join("index.html").display());
    Ok(())
}

/// Eight bands at once.
const BANDS: [(&str, f32); 22] = [
    ("on1", 1.0),
    ("freq1", 40.0),
    ("slope1", 2.0),
    ("on2", 1.0),
    ("freq2", 120.0),
    ("gain2", 6.0),
    ("on3", 1.0),
    ("freq3", 300.0),
    ("gain3", -9.0),
    ("q3", 4.0),
    ("on4", 1.0),
    ("freq4", 1_000.0),
    ("gain4", 12.0),
    ("q4", 8.0),
    ("on5", 1.0),
    ("freq5", 3_000.0),
    ("gain5", -6.0),
    ("on7", 1.0),
    ("freq7", 8_000.0),
    ("gain7", 4.0),
    ("on8", 1.0),
    ("freq8", 16_000.0),
];

fn values(kind: Kind, given: &[(&str, f32)]) -> Vec<f32> {
    let value = |parameter: &dsp::device::Parameter| {
        given.iter().find(|(id, _)| *id == parameter.id).map_or(parameter.default, |(_, value)| *value)
    };
    kind.parameters().iter().map(value).collect()
}

fn equaliser() -> Figure {
    let mut figure = Figure::new(
        "equaliser.svg",
        "Equaliser: eight bands at once",
        "What an impulse shows, and the cookbook's curve, which screens draw: one line hides the other.",
        HERTZ,
        ("dB", Scale::Linear(-36.0, 18.0)),
    );
    let measured = response(&impulse(&mut *device(Kind::Equaliser, &BANDS), 32_768));
    let values = values(Kind::Equaliser, &BANDS);
    figure.line("theory", measured.iter().map(|(hz, _)| (*hz, dsp::equaliser::gain_db(&values, *hz, RATE))));
    figure.line("measured", measured);
    figure
}

fn equaliser_error() -> Figure {
    let mut figure = Figure::new(
        "equaliser-error.svg",
        "Equaliser: measured less theory",
        "Within 0.1 dB is promised (EN20), wherever the curve is above -80 dB.",
        HERTZ,
        ("dB", Scale::Linear(-0.1, 0.1)),
    );
    let measured = response(&impulse(&mut *device(Kind::Equaliser, &BANDS), 32_768));
    let values = values(Kind::Equaliser, &BANDS);
    let theory = |hz: f64| dsp::equaliser::gain_db(&values, hz, RATE);
    let points = measured.into_iter().filter(|(hz, _)| theory(*hz) > -80.0);
    figure.line("error", points.map(|(hz, db)| (hz, db - theory(hz))));
    figure
}

fn filters() -> Figure {
    let mut figure = Figure::new(
        "filter.svg",
        "Filter: its four kinds at 1 kHz, 12 and 24 dB per octave",
        "Resonance 4. Low and high pass mirror each other; the notch goes to nothing.",
        HERTZ,
        ("dB", Scale::Linear(-60.0, 24.0)),
    );
    for (kind, name) in ["low pass", "high pass", "band pass", "notch"].into_iter().enumerate() {
        for slope in 0..2 {
            let given = [("kind", kind as f32), ("q", 4.0), ("slope", slope as f32)];
            let name = format!("{name} {}", 12 * (slope + 1));
            figure.line(name, response(&impulse(&mut *device(Kind::Filter, &given), 32_768)));
        }
    }
    figure
}

fn cuts() -> Figure {
    let mut figure = Figure::new(
        "cuts.svg",
        "Equaliser: high cut at 1 kHz, 12, 24 and 48 dB per octave",
        "Butterworth: flat, and 3 dB down at 1 kHz whatever the slope.",
        HERTZ,
        ("dB", Scale::Linear(-90.0, 6.0)),
    );
    for slope in 0..3 {
        let given = [("on8", 1.0), ("freq8", 1_000.0), ("slope8", slope as f32)];
        let name = format!("{} dB per octave", [12, 24, 48][slope]);
        figure.line(name, response(&impulse(&mut *device(Kind::Equaliser, &given), 32_768)));
    }
    figure
}

/// The level at which a sine of 1 kHz comes out once all has settled, in dB.
fn settled(kind: Kind, given: &[(&str, f32)], level: f64) -> f64 {
    let input = sine(1_000.0, libm::pow(10.0, level / 20.0), 72_000);
    let [left, _] = play(&mut *device(kind, given), &input, &input);
    decibels(f64::from(left[62_000..].iter().fold(0.0f32, |peak, x| peak.max(x.abs()))))
}

fn static_curves() -> Figure {
    let mut figure = Figure::new(
        "static-curves.svg",
        "Compressor, limiter and gate: level in, level out",
        "Sines of 1 kHz. The compressor's knee is 12 dB wide at -24 dB; the limiter stays 0.3 dB below its ceiling of -6 dB; the gate opens at -50 dB.",
        ("dB in", Scale::Linear(-80.0, 0.0)),
        ("dB out", Scale::Linear(-120.0, 0.0)),
    );
    let fast = [("attack", 0.1), ("release", 2_000.0)];
    let levels = || (-80..=0).step_by(1).map(f64::from);
    for ratio in [2.0, 4.0, 100.0] {
        let given = [("threshold", -24.0), ("ratio", ratio), ("knee", 12.0), fast[0], fast[1]];
        figure.line(format!("compressor {ratio}:1"), levels().map(|x| (x, settled(Kind::Compressor, &given, x))));
    }
    let given = [("ceiling", -6.0)];
    figure.line("limiter", levels().map(|x| (x, settled(Kind::Limiter, &given, x))));
    let given = [("threshold", -50.0), ("range", -40.0), ("hold", 100.0)];
    figure.line("gate", levels().map(|x| (x, settled(Kind::Gate, &given, x))));
    figure
}

/// How the factor of a dynamics device follows a level that goes up at 50 ms and down again at 250 ms.
fn followed(kind: Kind, given: &[(&str, f32)], [low, high]: [f32; 2]) -> Vec<(f64, f64)> {
    let input: Vec<f32> = (0..28_800).map(|n| if (2_400..12_000).contains(&n) { high } else { low }).collect();
    let mut device = device(kind, given);
    let late = device.latency() as usize;
    let [left, _] = play(&mut *device, &input, &input);
    let pairs = left.iter().skip(late).zip(&input).enumerate().step_by(12);
    pairs.map(|(n, (y, x))| (n as f64 / 48.0, decibels(f64::from(y / x)))).collect()
}

fn compressor_in_time() -> Figure {
    let mut figure = Figure::new(
        "compressor-time.svg",
        "Compressor: attack and release",
        "A level that jumps by 24 dB at 50 ms and back at 250 ms. 63 % of the way is gone after the attack, and after the release.",
        ("ms", Scale::Linear(0.0, 600.0)),
        ("dB of gain", Scale::Linear(-20.0, 2.0)),
    );
    for (attack, release) in [(1.0, 50.0), (10.0, 100.0), (50.0, 200.0)] {
        let given = [("threshold", -24.0), ("ratio", 4.0), ("knee", 0.0), ("attack", attack), ("release", release)];
        figure.line(format!("{attack} and {release} ms"), followed(Kind::Compressor, &given, [0.063, 1.0]));
    }
    figure
}

fn gate_in_time() -> Figure {
    let mut figure = Figure::new(
        "gate-time.svg",
        "Gate: attack, hold, release",
        "Opens at 50 ms; its hold begins when the level falls at 250 ms.",
        ("ms", Scale::Linear(0.0, 600.0)),
        ("dB of gain", Scale::Linear(-50.0, 4.0)),
    );
    for (hold, release) in [(0.0, 50.0), (50.0, 50.0), (100.0, 150.0)] {
        let given = [("threshold", -20.0), ("range", -40.0), ("attack", 5.0), ("hold", hold), ("release", release)];
        figure.line(format!("hold {hold}, release {release} ms"), followed(Kind::Gate, &given, [0.01, 0.5]));
    }
    figure
}

fn limiter() -> Figure {
    let mut figure = Figure::new(
        "limiter.svg",
        "Limiter: a burst of 12 dB too much",
        "1 kHz, ceiling -1 dB (0.89): lowered before the burst comes, and never above.",
        ("ms", Scale::Linear(0.0, 120.0)),
        ("sample", Scale::Linear(-1.1, 1.1)),
    );
    let quiet = sine(1_000.0, 0.25, 5_760);
    let input: Vec<f32> =
        quiet.iter().enumerate().map(|(n, x)| if (1_440..2_880).contains(&n) { 14.0 * x } else { *x }).collect();
    let mut limiter = device(Kind::Limiter, &[]);
    let late = limiter.latency() as usize;
    let [left, _] = play(&mut *limiter, &input, &input);
    figure.line(
        "in, cut at 1.1",
        input.iter().enumerate().map(|(n, x)| (n as f64 / 48.0, f64::from(x.clamp(-1.1, 1.1)))),
    );
    figure.line("out", left[late..].iter().enumerate().map(|(n, x)| (n as f64 / 48.0, f64::from(*x))));
    figure
}

fn curves_of_saturation() -> Figure {
    let mut figure = Figure::new(
        "saturation.svg",
        "Saturation: its curves",
        "In against out on a slow ramp, no drive.",
        ("in", Scale::Linear(-3.0, 3.0)),
        ("out", Scale::Linear(-1.6, 1.6)),
    );
    let ramp: Vec<f32> = (0..48_000).map(|n| n as f32 / 8_000.0 - 3.0).collect();
    let names = Kind::Saturation.parameters().iter().find(|parameter| parameter.id == "curve");
    let Some(dsp::device::Curve::Choice(names)) = names.map(|parameter| parameter.curve) else { return figure };
    for (curve, name) in names.iter().enumerate() {
        let mut saturation = device(Kind::Saturation, &[("curve", curve as f32), ("drive", 0.0)]);
        let late = saturation.latency() as usize;
        let [left, _] = play(&mut *saturation, &ramp, &ramp);
        let pairs = ramp.iter().zip(&left[late..]).skip(100).step_by(60);
        figure.line(*name, pairs.map(|(x, y)| (f64::from(*x), f64::from(*y))));
    }
    figure
}

fn saturation_folds_back() -> Figure {
    let mut figure = Figure::new(
        "saturation-spectrum.svg",
        "Saturation: 7 kHz, driven by 12 dB",
        "Its third harmonic is at 21 kHz; all else is what folds back: below -60 dB for the soft curve, below -44 dB for the hard one (EN25).",
        LINEAR_HERTZ,
        ("dB", Scale::Linear(-140.0, 6.0)),
    );
    for (curve, name) in [(3.0, "hard"), (0.0, "soft")] {
        let input = sine(7_001.0, 0.5, 48_000);
        let [left, _] = play(&mut *device(Kind::Saturation, &[("curve", curve), ("drive", 12.0)]), &input, &input);
        figure.line(name, spectrum(&left));
    }
    figure
}

/// The level of an impulse response in steps of 10 ms.
fn levels(response: &[f32]) -> Vec<(f64, f64)> {
    let step = response.chunks(480).enumerate();
    step.map(|(n, x)| {
        let power = x.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() / x.len() as f64;
        (n as f64 * 0.01, decibels(power.sqrt()))
    })
    .collect()
}

fn hall() -> Figure {
    let mut figure = Figure::new(
        "hall.svg",
        "Hall: how it dies away",
        "Straight lines; 60 dB in the decay that was set.",
        ("s", Scale::Linear(0.0, 5.0)),
        ("dB", Scale::Linear(-160.0, -20.0)),
    );
    for decay in [0.5, 2.0, 5.0] {
        let given = [("decay", decay), ("mix", 100.0), ("highDecay", 100.0)];
        figure.line(format!("{decay} s"), levels(&impulse(&mut *device(Kind::Reverb, &given), 240_000)));
    }
    figure
}

fn hall_spectrum() -> Figure {
    let mut figure = Figure::new(
        "hall-spectrum.svg",
        "Hall: the colour of its tail",
        "From 0.3 s on, decay 4 s: even over frequencies with a high decay of 100 %, falling above the crossover with 50 %.",
        HERTZ,
        ("dB", Scale::Linear(-70.0, 20.0)),
    );
    for high in [100.0, 50.0] {
        let given = [("decay", 4.0), ("mix", 100.0), ("highDecay", high)];
        let tail = impulse(&mut *device(Kind::Reverb, &given), 14_400 + 32_768);
        let points = response(&tail[14_400..]);
        let smooth = points.chunks(12).map(|x| (x[0].0, x.iter().map(|(_, db)| db).sum::<f64>() / x.len() as f64));
        figure.line(format!("high decay {high} %"), smooth.collect::<Vec<_>>());
    }
    figure
}

fn room() -> Figure {
    let mut figure = Figure::new(
        "room.svg",
        "Room: its reflections",
        "The impulse response of 8 m: each image at its time.",
        ("ms", Scale::Linear(0.0, 120.0)),
        ("sample", Scale::Linear(-0.1, 0.9)),
    );
    let given = [("mix", 100.0), ("highCut", 20_000.0)];
    let response = impulse(&mut *device(Kind::Room, &given), 5_760);
    figure.line("left", response.iter().enumerate().map(|(n, x)| (n as f64 / 48.0, f64::from(*x))));
    figure
}

fn delay() -> Figure {
    let mut figure = Figure::new(
        "delay.svg",
        "Delay: its repeats",
        "100 ms, feedback 60 %, a high cut at 3 kHz: each repeat is lower and duller. In ping-pong every other one is on this side.",
        ("ms", Scale::Linear(0.0, 800.0)),
        ("sample", Scale::Linear(-0.02, 0.4)),
    );
    for (switch, name) in [(0.0, "straight"), (1.0, "ping-pong, left")] {
        let given = [("time", 100.0), ("feedback", 60.0), ("highCut", 3_000.0), ("pingPong", switch), ("mix", 100.0)];
        let response = impulse(&mut *device(Kind::Delay, &given), 38_400);
        figure.line(name, response.iter().enumerate().map(|(n, x)| (n as f64 / 48.0, f64::from(*x))));
    }
    figure
}

fn chorus() -> Figure {
    let mut figure = Figure::new(
        "chorus.svg",
        "Chorus: a tone of 600 Hz",
        "Side bands of the voices' motion, and no images above: they would lie at -70 dB or below.",
        LINEAR_HERTZ,
        ("dB", Scale::Linear(-150.0, 6.0)),
    );
    let input = sine(600.0, 0.5, 80_000);
    let [left, _] = play(&mut *device(Kind::Chorus, &[]), &input, &input);
    figure.line("left", spectrum(&left));
    figure
}

/// What becomes of a tone of amplitude 1 at `hz`: its amplitude, and all that does not belong to it.
fn converted(from: u32, to: u32, hz: f64) -> (f64, f64) {
    let conversion = Conversion::between(from, to).expect("rates within range");
    let table: Vec<u32> = conversion.coefficients().into_iter().map(f32::to_bits).collect();
    let (begin, count) = conversion.source_span(0, 8_192);
    let source: Vec<f32> = (0..count as i64)
        .map(|n| libm::cos(core::f64::consts::TAU * hz / f64::from(from) * (begin + n) as f64) as f32)
        .collect();
    let mut output = vec![0.0; 8_192];
    conversion.mono(&table, 0, &source, &mut output);
    tone(&output, hz / f64::from(to))
}

fn pass_band() -> Figure {
    let mut figure = Figure::new(
        "pass-band.svg",
        "Conversion: the pass band",
        "Tones up to 20 kHz keep their level within 0.001 dB (EN8).",
        ("Hz", Scale::Linear(0.0, 22_050.0)),
        ("dB", Scale::Linear(-0.004, 0.002)),
    );
    for (from, to) in [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000)] {
        let tones = (1..=110).map(|n| f64::from(n) * 200.0 + 3.0);
        figure.line(format!("{from} to {to}"), tones.map(|hz| (hz, decibels(converted(from, to, hz).0))));
    }
    figure
}

fn alias_rejection() -> Figure {
    let mut figure = Figure::new(
        "alias-rejection.svg",
        "Conversion: what does not belong there",
        "For tones below the lower half rate all errors beside the tone; for those above it everything that is left (EN8: -110 and -112 dB).",
        ("Hz", Scale::Linear(0.0, 48_000.0)),
        ("dB", Scale::Linear(-160.0, 0.0)),
    );
    for (from, to) in [(44_100u32, 48_000u32), (48_000, 44_100), (96_000, 48_000)] {
        let tones = (1..f64::from(from / 2) as u32 / 200).map(|n| f64::from(n) * 200.0 + 3.0);
        let rest = tones.map(|hz| {
            let (level, rest) = converted(from, to, hz);
            let beyond = hz > f64::from(to) / 2.0;
            (hz, decibels(if beyond { libm::hypot(level, rest) } else { rest }))
        });
        figure.line(format!("{from} to {to}"), rest.collect::<Vec<_>>());
    }
    figure
}

fn fades() -> Figure {
    let mut figure = Figure::new(
        "fades.svg",
        "Fades: their shapes",
        "How a clip rises.",
        ("share of the fade", Scale::Linear(0.0, 1.0)),
        ("factor", Scale::Linear(0.0, 1.05)),
    );
    for (shape, name) in Shape::ALL.into_iter().zip(Shape::IDS) {
        figure.line(*name, (0..=200).map(|n| f64::from(n) / 200.0).map(|u| (u, shape.weight(u))));
    }
    figure
}

fn crossfades() -> Figure {
    let mut figure = Figure::new(
        "crossfades.svg",
        "Crossfades: what two fades of one shape make together",
        "Solid sounds add as samples: linear and smooth stay at 1. Unrelated sounds add as powers: equal power stays at 1.",
        ("share of the fade", Scale::Linear(0.0, 1.0)),
        ("sum", Scale::Linear(0.0, 1.6)),
    );
    for (shape, name) in Shape::ALL.into_iter().zip(Shape::IDS) {
        let both = |u: f64| (shape.weight(u), shape.weight(1.0 - u));
        let places = || (0..=200).map(|n| f64::from(n) / 200.0);
        let power = |(a, b): (f64, f64)| a * a + b * b;
        if matches!(shape, Shape::EqualPower) {
            figure.line(format!("{name}, powers"), places().map(|u| (u, power(both(u)))));
        } else {
            figure.line(format!("{name}, samples"), places().map(|u| (u, both(u).0 + both(u).1)));
        }
    }
    figure
}

fn bends() -> Figure {
    let mut figure = Figure::new(
        "bends.svg",
        "Automation: bent ways",
        "From one point to the next, bends from -1 to 1.",
        ("share of the way", Scale::Linear(0.0, 1.0)),
        ("share of the value", Scale::Linear(0.0, 1.0)),
    );
    for bend in [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0] {
        figure.line(format!("{bend}"), (0..=200).map(|n| f64::from(n) / 200.0).map(|u| (u, dsp::bend::bend(u, bend))));
    }
    figure
}

fn pan() -> Figure {
    let mut figure = Figure::new(
        "pan.svg",
        "Pan: both sides and their power",
        "0 dB on the side turned towards, a quarter cosine on the other: -3.01 dB half way, silence at the end.",
        ("pan", Scale::Linear(-1.0, 1.0)),
        ("dB", Scale::Linear(-24.0, 4.0)),
    );
    let places = || (-100..=100).map(|n| f64::from(n) / 100.0);
    let sides = |pan: f64| {
        let (left, right) = dsp::pan::balance(pan);
        (f64::from(left), f64::from(right))
    };
    figure.line("left", places().map(|x| (x, decibels(sides(x).0))));
    figure.line("right", places().map(|x| (x, decibels(sides(x).1))));
    figure.line("power of mono", places().map(|x| (x, decibels(libm::hypot(sides(x).0, sides(x).1)))));
    figure
}

fn dither() -> Figure {
    let mut figure = Figure::new(
        "dither.svg",
        "Dither: a sine of 1 kHz at -90 dB in 16 bits",
        "With dither a tone over even noise; without, harmonics.",
        LINEAR_HERTZ,
        ("dB", Scale::Linear(-170.0, -80.0)),
    );
    let input = sine(1_000.0, libm::pow(10.0, -90.0 / 20.0), 32_768);
    let dither = Dither::new(1);
    let with = (0u64..).zip(&input).map(|(n, x)| f32::from(dither.sample_16(*x, n, 0)) / 32_768.0);
    figure.line("dithered", spectrum(&with.collect::<Vec<_>>()));
    let without: Vec<f32> = input.iter().map(|x| (x * 32_768.0).round_ties_even() / 32_768.0).collect();
    figure.line("rounded", spectrum(&without));
    figure
}
