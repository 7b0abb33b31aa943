//! What of a track can be automated, and how its values are written and drawn.

use dsp::device::{Curve, Parameter};
use model::{Id, Plugin, Record, Records, Send, Table};

use crate::devices::numbers;
use crate::mixer::{decibels, pan_written};

/// A parameter that can be automated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// As the lane's record names it.
    pub(super) parameter: String,
    /// As a musician names it.
    pub(super) name: String,
    pub(super) scale: Scale,
    /// Its value where no lane moves it.
    pub(super) rest: f64,
}

/// How values lie between the bottom of a lane and its top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// A factor, as a fader has it.
    Gain,
    /// -1 to 1.
    Pan,
    /// A parameter of an effect.
    Effect(&'static Parameter),
}

impl Scale {
    /// The height of a value, 0 to 1.
    pub(super) fn height_of(self, value: f64) -> f64 {
        match self {
            Scale::Gain => decibels::travel_of(value),
            Scale::Pan => f64::midpoint(value.clamp(-1.0, 1.0), 1.0),
            Scale::Effect(parameter) => f64::from(parameter.turn_of(single(value))),
        }
    }

    /// The value at a height.
    pub(super) fn value_at(self, height: f64) -> f64 {
        let height = height.clamp(0.0, 1.0);
        match self {
            Scale::Gain => decibels::factor_at(height),
            // Hundredths, so that the middle can be met.
            Scale::Pan => ((height * 2.0 - 1.0) * 100.0).round() / 100.0,
            Scale::Effect(parameter) => f64::from(parameter.value_at(single(height))),
        }
    }

    /// The value with its unit.
    pub(super) fn written(self, value: f64) -> String {
        match self {
            Scale::Gain => format!("{} dB", decibels::written(value)),
            Scale::Pan => pan_written(value),
            Scale::Effect(parameter) => numbers::written(parameter, single(value)),
        }
    }

    /// What somebody typed.
    pub(super) fn read(self, text: &str) -> Option<f64> {
        match self {
            Scale::Gain => decibels::read(text),
            Scale::Pan => read_pan(text),
            Scale::Effect(parameter) => numbers::read(parameter, text).map(f64::from),
        }
    }

    /// The value at the share `w` of the way from one to another: as the engine goes.
    pub(super) fn between(self, from: f64, to: f64, w: f64) -> f64 {
        match self {
            Scale::Effect(parameter) if matches!(parameter.curve, Curve::Logarithmic) => {
                let (low, high) = (self.height_of(from), self.height_of(to));
                f64::from(parameter.value_at(single(low + (high - low) * w)))
            }
            _ => from + (to - from) * w,
        }
    }

    /// Whether values only jump.
    pub(super) fn holds(self) -> bool {
        matches!(self, Scale::Effect(parameter) if matches!(parameter.curve, Curve::Switch | Curve::Choice(_)))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
fn single(value: f64) -> f32 {
    value as f32
}

/// `C`, `L 40`, `r7`, `-0.4`.
fn read_pan(text: &str) -> Option<f64> {
    let text = text.trim().to_lowercase().replace('−', "-").replace(',', ".");
    let part = |rest: &str| rest.trim().parse::<f64>().ok().filter(|part| part.is_finite()).map(|part| part / 100.0);
    let pan = match text.chars().next()? {
        'c' => Some(0.0),
        'l' => part(&text[1..]).map(|part| -part),
        'r' => part(&text[1..]),
        _ => text.parse().ok().filter(|pan: &f64| pan.is_finite()),
    };
    pan.map(|pan: f64| pan.clamp(-1.0, 1.0))
}

/// All that can be automated on a track, or, given the project's record, on the master.
pub(super) fn targets(records: &Records, track: &Record) -> Vec<Target> {
    let is_master = records.project().is_some_and(|project| project.id() == track.id());
    let one = |parameter: &str, name: &str, scale: Scale, rest: f64| Target {
        parameter: parameter.to_owned(),
        name: name.to_owned(),
        scale,
        rest,
    };
    let number = |field: &str, default: f64| track.number(field).unwrap_or(default);
    let volume = number(if is_master { "masterVolume" } else { "volume" }, 1.0);
    let mut all = vec![one("volume", "Volume", Scale::Gain, volume)];
    if !is_master {
        all.push(one("pan", "Pan", Scale::Pan, number("pan", 0.0)));
    }
    let name = |id: &Id| records.find(Table::Tracks, id).and_then(|track| track.text("name")).unwrap_or("?").to_owned();
    for send in Send::all(track) {
        let parameter = format!("sends.{}.gain", send.id);
        all.push(one(&parameter, &format!("Send to {}", name(&send.target)), Scale::Gain, send.gain));
    }
    for plugin in Plugin::all(track) {
        for (parameter, value) in plugin.kind.parameters().iter().zip(&plugin.values) {
            if parameter.automatable {
                let path = format!("plugins.{}.params.{}", plugin.id, parameter.id);
                let name = format!("{}: {}", plugin.kind.name(), parameter.name);
                all.push(one(&path, &name, Scale::Effect(parameter), f64::from(*value)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use model::{Value, fields};

    use super::*;

    #[test]
    fn en33_volume_pan_sends_and_what_effects_let_be_moved_can_be_automated() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut records = Records::new();
        let send = Value::map([("id", "s".into()), ("target", "echo".into()), ("gain", 0.25.into())]);
        let filter = Value::map([("id", "f".into()), ("type", "filter".into())]);
        let given = [("sends", Value::list([send])), ("plugins", Value::list([filter])), ("volume", 0.5.into())];
        records.insert(Table::Tracks, Record::new(id("echo"), 1, fields([("name", Value::text("Echo"))])));
        records.insert(Table::Tracks, Record::new(id("t"), 1, fields(given)));
        let all = targets(&records, records.find(Table::Tracks, &id("t")).unwrap());
        let names: Vec<&str> = all.iter().map(|target| &*target.name).take(3).collect();
        assert_eq!(names, ["Volume", "Pan", "Send to Echo"]);
        assert_eq!((all[0].rest, all[2].rest, &*all[2].parameter), (0.5, 0.25, "sends.s.gain"));
        let effect = |target: &&Target| target.parameter.starts_with("plugins.f.params.");
        let movable = dsp::devices::Kind::Filter.parameters().iter().filter(|parameter| parameter.automatable).count();
        assert_eq!(all.iter().filter(effect).count(), movable);
    }

    #[test]
    fn en33_the_masters_volume_and_effects_can_be_automated() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut records = Records::new();
        let filter = Value::map([("id", "f".into()), ("type", "filter".into())]);
        let given = [("plugins", Value::list([filter])), ("masterVolume", 0.5.into())];
        records.insert(Table::Projects, Record::new(id("p"), 1, fields(given)));
        let all = targets(&records, records.project().unwrap());
        assert_eq!((&*all[0].parameter, all[0].rest), ("volume", 0.5));
        assert!(all.len() > 1 && all[1..].iter().all(|target| target.parameter.starts_with("plugins.f.params.")));
    }

    #[test]
    fn heights_and_values_are_inverse_and_values_can_be_typed() {
        let cutoff = dsp::devices::Kind::Filter.parameters().iter().find(|one| one.id == "freq").unwrap();
        for scale in [Scale::Gain, Scale::Pan, Scale::Effect(cutoff)] {
            for step in 0..=20 {
                let height = f64::from(step) / 20.0;
                assert!((scale.height_of(scale.value_at(height)) - height).abs() < 1e-5, "{scale:?} {height}");
            }
        }
        assert_eq!(
            (Scale::Pan.read("L 40"), Scale::Pan.read("c"), Scale::Pan.read("r200")),
            (Some(-0.4), Some(0.0), Some(1.0))
        );
        assert_eq!(
            (Scale::Gain.read("-6 dB").map(|gain| Scale::Gain.written(gain)), Scale::Pan.read("é")),
            (Some("−6.0 dB".to_owned()), None)
        );
        // Frequencies go by equal ratios, factors straight.
        assert!((Scale::Effect(cutoff).between(100.0, 10_000.0, 0.5) - 1_000.0).abs() < 1.0);
        assert_eq!(Scale::Gain.between(0.0, 1.0, 0.25), 0.25);
    }
}
