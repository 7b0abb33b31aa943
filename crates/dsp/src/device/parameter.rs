//! The table that schema, screen, automation and audio share: what a parameter is called, what it means, how far it goes.
//!
//! A plugin is stored as `{id, type, bypassed, params: {id of the parameter: number}}`. What a record leaves out has its
//! default, what it holds beyond its range is taken as the nearest end, so a record from a newer version still plays.

/// One parameter of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// Its key in a plugin's `params` and in automation: a lower-case letter, then letters and digits. It never changes.
    pub id: &'static str,
    /// What the screen calls it.
    pub name: &'static str,
    /// What its value counts.
    pub unit: Unit,
    /// The least value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
    /// The value of a new device.
    pub default: f32,
    /// How a knob runs from the least to the largest value.
    pub curve: Curve,
    /// Whether it may be automated. What changes a device's latency may not: the whole song would have to be aligned anew.
    pub automatable: bool,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number, such as a quality.
    Number,
    /// Decibels: 20 times the common logarithm of a factor.
    Decibels,
    /// Cycles a second.
    Hertz,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Hundredths of the whole.
    Percent,
    /// x in "x to 1".
    Ratio,
    /// Metres.
    Metres,
    /// Parts of a whole turn, in 360ths.
    Degrees,
}

/// How a knob runs over a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// Equal turns, equal differences.
    Linear,
    /// Equal turns, equal ratios: frequencies and times. The least value is above 0.
    Logarithmic,
    /// Off (0) or on (1). On its way from one to the other it is crossfaded.
    Switch,
    /// One of these, by number from 0. It jumps.
    Choice(&'static [&'static str]),
}

impl Parameter {
    /// A parameter with equal differences along its knob.
    #[must_use]
    pub const fn linear(
        id: &'static str,
        name: &'static str,
        unit: Unit,
        (min, max): (f32, f32),
        default: f32,
    ) -> Self {
        Self { id, name, unit, min, max, default, curve: Curve::Linear, automatable: true }
    }

    /// A parameter with equal ratios along its knob.
    #[must_use]
    pub const fn logarithmic(
        id: &'static str,
        name: &'static str,
        unit: Unit,
        (min, max): (f32, f32),
        default: f32,
    ) -> Self {
        Self { id, name, unit, min, max, default, curve: Curve::Logarithmic, automatable: true }
    }

    /// A parameter that is off or on.
    #[must_use]
    pub const fn switch(id: &'static str, name: &'static str, on: bool) -> Self {
        let default = if on { 1.0 } else { 0.0 };
        let curve = Curve::Switch;
        Self { id, name, unit: Unit::Number, min: 0.0, max: 1.0, default, curve, automatable: true }
    }

    /// A parameter that is one of several.
    #[must_use]
    pub const fn choice(
        id: &'static str,
        name: &'static str,
        choices: &'static [&'static str],
        default: usize,
    ) -> Self {
        let (max, default) = ((choices.len() - 1) as f32, default as f32);
        let curve = Curve::Choice(choices);
        Self { id, name, unit: Unit::Number, min: 0.0, max, default, curve, automatable: true }
    }

    /// The same parameter, which may not be automated.
    #[must_use]
    pub const fn fixed(self) -> Self {
        Self { automatable: false, ..self }
    }

    /// The nearest value that it can have; choices and switches are whole. Not-a-number gives nothing.
    #[must_use]
    pub fn accept(&self, value: f32) -> Option<f32> {
        let within = match self.curve {
            Curve::Linear | Curve::Logarithmic => value.clamp(self.min, self.max),
            Curve::Switch | Curve::Choice(_) => value.clamp(self.min, self.max).round_ties_even(),
        };
        // Adding 0 makes -0 a plain 0.
        (!value.is_nan()).then_some(within + 0.0)
    }

    /// Where a knob stands, 0 to 1, at a value.
    #[must_use]
    pub fn turn_of(&self, value: f32) -> f32 {
        let value = f64::from(self.accept(value).unwrap_or(self.default));
        let (min, max) = (f64::from(self.min), f64::from(self.max));
        let turn = match self.curve {
            Curve::Logarithmic => libm::log2(value / min) / libm::log2(max / min),
            _ => (value - min) / (max - min),
        };
        turn as f32
    }

    /// The value at which a knob stands at a turn, 0 to 1.
    #[must_use]
    pub fn value_at(&self, turn: f32) -> f32 {
        let turn = if turn.is_nan() { 0.0 } else { f64::from(turn.clamp(0.0, 1.0)) };
        let (min, max) = (f64::from(self.min), f64::from(self.max));
        let value = match self.curve {
            Curve::Logarithmic => min * libm::exp2(turn * libm::log2(max / min)),
            _ => min + turn * (max - min),
        };
        self.accept(value as f32).unwrap_or(self.default)
    }

    /// Whether its values may lie between two others on the way from one to the other.
    #[must_use]
    pub fn glides(&self) -> bool {
        !matches!(self.curve, Curve::Choice(_))
    }
}

/// The index of a parameter in a table, by its id.
#[must_use]
pub fn index_of(table: &[Parameter], id: &str) -> Option<usize> {
    table.iter().position(|parameter| parameter.id == id)
}

/// A device's parameters in one place: the documented struct of their values, and the table, in the same order.
macro_rules! settings {
    ($($(#[$doc:meta])* $field:ident: $parameter:expr),+ $(,)?) => {
        /// The values of all parameters; the table below says what they are.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct Settings {
            $($(#[$doc])* pub $field: f32,)+
        }

        /// The parameters, in the order of their indices.
        pub const PARAMETERS: &[$crate::device::Parameter] = &[$($parameter),+];

        impl Settings {
            /// How many there are.
            pub const COUNT: usize = PARAMETERS.len();

            /// From values in the table's order; what is missing has its default.
            #[must_use]
            pub fn from_values(values: &[f32]) -> Self {
                let mut all = PARAMETERS.iter().enumerate();
                $(let $field = all.next().map_or(0.0, |(i, p)| values.get(i).copied().unwrap_or(p.default));)+
                Self { $($field),+ }
            }

            /// The values in the table's order.
            #[must_use]
            pub fn values(&self) -> [f32; Self::COUNT] {
                [$(self.$field),+]
            }
        }

        impl Default for Settings {
            fn default() -> Self {
                Self::from_values(&[])
            }
        }
    };
}
pub(crate) use settings;

#[cfg(test)]
mod tests {
    use super::*;

    const FREQUENCY: Parameter = Parameter::logarithmic("freq", "Frequency", Unit::Hertz, (20.0, 20_000.0), 1_000.0);
    const GAIN: Parameter = Parameter::linear("gain", "Gain", Unit::Decibels, (-24.0, 24.0), 0.0);
    const KIND: Parameter = Parameter::choice("kind", "Kind", &["low", "band", "high"], 1);

    #[test]
    fn en17_values_are_brought_into_their_range() {
        let table = [
            (GAIN, 30.0, Some(24.0)),
            (GAIN, f32::NEG_INFINITY, Some(-24.0)),
            (GAIN, f32::NAN, None),
            (GAIN, -0.0, Some(0.0)),
            (KIND, 1.6, Some(2.0)),
            (KIND, -3.0, Some(0.0)),
            (FREQUENCY, 0.0, Some(20.0)),
        ];
        for (parameter, value, expected) in table {
            assert_eq!(parameter.accept(value).map(f32::to_bits), expected.map(f32::to_bits), "{value}");
        }
    }

    #[test]
    fn en17_a_logarithmic_knob_has_equal_ratios_for_equal_turns() {
        assert!((FREQUENCY.value_at(0.5) - 632.4555).abs() < 0.001);
        assert!((FREQUENCY.value_at(1.0 / 3.0) - 200.0).abs() < 0.001);
        assert_eq!((FREQUENCY.value_at(0.0), FREQUENCY.value_at(9.0)), (20.0, 20_000.0));
        assert_eq!((GAIN.value_at(0.75), GAIN.turn_of(12.0)), (12.0, 0.75));
    }

    #[test]
    fn en17_a_knob_is_where_its_value_says() {
        for parameter in [FREQUENCY, GAIN, KIND] {
            for step in 0u8..=100 {
                let value = parameter.value_at(f32::from(step) / 100.0);
                let again = parameter.value_at(parameter.turn_of(value));
                assert!((again - value).abs() <= value.abs() * 1e-5 + 1e-5, "{} {value} {again}", parameter.id);
            }
        }
    }

    #[test]
    fn en17_a_parameter_is_found_by_its_id() {
        assert_eq!(index_of(&[FREQUENCY, GAIN], "gain"), Some(1));
        assert_eq!(index_of(&[FREQUENCY, GAIN], "Gain"), None);
    }
}
