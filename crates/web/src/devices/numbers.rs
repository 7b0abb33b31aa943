//! Values as people write them: with a unit, with as many digits as one hears.

use dsp::device::{Curve, Parameter, Unit};

/// The value with its unit: `1.25 kHz`, `−6.0 dB`, `4:1`.
pub(crate) fn written(parameter: &Parameter, value: f32) -> String {
    match parameter.curve {
        Curve::Switch => return if value >= 0.5 { "On" } else { "Off" }.to_owned(),
        Curve::Choice(choices) => {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "choices are few, from 0")]
            let index = value.round() as usize;
            return choices.get(index).copied().unwrap_or_default().to_owned();
        }
        Curve::Linear | Curve::Logarithmic => {}
    }
    let text = match parameter.unit {
        Unit::Number => digits(value),
        Unit::Decibels => format!("{value:.1} dB"),
        Unit::Hertz if value >= 1_000.0 => format!("{} kHz", digits(value / 1_000.0)),
        Unit::Hertz => format!("{} Hz", digits(value)),
        Unit::Milliseconds if value >= 1_000.0 => format!("{} s", digits(value / 1_000.0)),
        Unit::Milliseconds => format!("{} ms", digits(value)),
        Unit::Seconds => format!("{} s", digits(value)),
        Unit::Percent => format!("{value:.0} %"),
        Unit::Ratio => format!("{}:1", digits(value)),
        Unit::Metres => format!("{} m", digits(value)),
        Unit::Degrees => format!("{value:.0}°"),
    };
    text.replace('-', "−")
}

/// Three digits that count, without zeros that say nothing.
fn digits(value: f32) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.split_once('.') {
        Some((before, after)) if after.bytes().all(|digit| digit == b'0') => before.to_owned(),
        _ => text,
    }
}

/// What somebody typed, in the parameter's own unit; none when it is no number. `1.2k` and `1,2 kHz` are 1,200 Hz, `0.5 s` is
/// 500 ms.
pub(crate) fn read(parameter: &Parameter, text: &str) -> Option<f32> {
    let text = text.trim().to_lowercase().replace(',', ".").replace('−', "-");
    let number: String =
        text.chars().take_while(|one| one.is_ascii_digit() || matches!(one, '-' | '+' | '.')).collect();
    let rest = text[number.len()..].trim();
    let number: f32 = number.parse().ok()?;
    let factor = match (parameter.unit, rest) {
        (_, "") => 1.0,
        (Unit::Hertz, "k" | "khz") | (Unit::Milliseconds, "s") => 1_000.0,
        (Unit::Seconds, "ms") => 0.001,
        (Unit::Hertz, "hz")
        | (Unit::Milliseconds, "ms")
        | (Unit::Seconds, "s")
        | (Unit::Decibels, "db")
        | (Unit::Percent, "%")
        | (Unit::Ratio, ":1")
        | (Unit::Metres, "m")
        | (Unit::Degrees, "°") => 1.0,
        _ => return None,
    };
    parameter.accept(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(unit: Unit) -> Parameter {
        Parameter::linear("x", "X", unit, (-100.0, 20_000.0), 0.0)
    }

    #[test]
    fn values_have_units_and_no_needless_digits() {
        let written = |unit, value| written(&parameter(unit), value);
        assert_eq!(written(Unit::Hertz, 1_250.0), "1.25 kHz");
        assert_eq!(written(Unit::Hertz, 440.0), "440 Hz");
        assert_eq!(written(Unit::Hertz, 62.5), "62.5 Hz");
        assert_eq!(written(Unit::Decibels, -6.0), "−6.0 dB");
        assert_eq!(written(Unit::Milliseconds, 2_500.0), "2.50 s");
        assert_eq!(written(Unit::Milliseconds, 5.0), "5 ms");
        assert_eq!(written(Unit::Ratio, 4.0), "4:1");
        assert_eq!(written(Unit::Percent, 50.4), "50 %");
    }

    #[test]
    fn what_is_typed_may_say_its_unit() {
        assert_eq!(read(&parameter(Unit::Hertz), "1.2k"), Some(1_200.0));
        assert_eq!(read(&parameter(Unit::Hertz), "1,2 kHz"), Some(1_200.0));
        assert_eq!(read(&parameter(Unit::Milliseconds), "0.5 s"), Some(500.0));
        assert_eq!(read(&parameter(Unit::Decibels), "−6 dB"), Some(-6.0));
        assert_eq!(read(&parameter(Unit::Hertz), "99999"), Some(20_000.0));
        for nonsense in ["", "loud", "--", "é1", "1e99", "20 dB", "5 apples"] {
            assert_eq!(read(&parameter(Unit::Hertz), nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn every_value_of_every_effect_can_be_read_back() {
        for kind in dsp::devices::Kind::ALL {
            for parameter in kind.parameters() {
                if matches!(parameter.curve, Curve::Switch | Curve::Choice(_)) {
                    continue;
                }
                for step in 0..=20u8 {
                    let value = parameter.value_at(f32::from(step) / 20.0);
                    let text = written(parameter, value);
                    let back = read(parameter, &text).unwrap();
                    let near = (parameter.turn_of(back) - parameter.turn_of(value)).abs();
                    assert!(near < 0.02, "{kind:?} {}: {value} is written {text}, read {back}", parameter.id);
                }
            }
        }
    }
}
