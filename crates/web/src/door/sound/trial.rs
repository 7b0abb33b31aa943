//! What a hand does to the song before it lets go: heard at once, written when it is let go (CL8).

use model::{Map, Record, Records, Timestamp, Value};
use operations::{Change, Operation};

/// Which hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trial {
    /// Shapes a clip: its fades, its gain, what of its recording it plays.
    Clip,
    /// Draws automation.
    Automation,
}

/// What is being tried, as the operations that would be written now.
#[derive(Default)]
pub(super) struct Trials {
    clip: Vec<Operation>,
    automation: Vec<Operation>,
}

impl Trials {
    /// What a hand tries; nothing when it lets go. Whether that is something else than before.
    pub(super) fn set(&mut self, what: Trial, operations: Vec<Operation>) -> bool {
        let tried = match what {
            Trial::Clip => &mut self.clip,
            Trial::Automation => &mut self.automation,
        };
        let changes = *tried != operations;
        *tried = operations;
        changes
    }

    /// The records with what is tried in them. What somebody else has taken from under the hand is left out.
    pub(super) fn laid_over(&self, mut records: Records) -> Records {
        for operation in self.clip.iter().chain(&self.automation) {
            let target = &operation.target;
            let tried = match (&operation.change, records.find(target.table, &target.id)) {
                (Change::Set(Value::Map(map)), None) if operation.is_creation() => Some(created(operation, map)),
                (_, Some(record)) => operations::apply(record, operation, Timestamp(0)).ok(),
                _ => None,
            };
            if let Some(tried) = tried {
                records.insert(target.table, tried);
            }
        }
        records
    }
}

fn created(operation: &Operation, map: &Map) -> Record {
    Record::new(operation.target.id.clone(), 1, map.clone())
}

#[cfg(test)]
mod tests {
    use model::{Id, Table, fields};
    use operations::build;

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn cl8_what_is_tried_is_there_until_the_hand_lets_go() {
        let mut records = Records::new();
        records.insert(Table::Clips, Record::new(id("c"), 1, fields([("gain", 1.0.into())])));
        let mut trials = Trials::default();
        let softer = || vec![build::set(Table::Clips, &id("c"), "gain", 0.25)];
        assert!(trials.set(Trial::Clip, softer()));
        assert!(!trials.set(Trial::Clip, softer()), "nothing new");
        let lane = fields([("trackId", Value::text("t")), ("parameter", "pan".into())]);
        let gone = build::set(Table::Automation, &id("gone"), "points.a.value", 0.5);
        trials.set(Trial::Automation, vec![gone, build::create(Table::Automation, &id("l"), lane)]);
        let tried = trials.laid_over(records.clone());
        assert_eq!(tried.find(Table::Clips, &id("c")).and_then(|clip| clip.number("gain")), Some(0.25));
        assert_eq!(tried.find(Table::Automation, &id("l")).and_then(|lane| lane.text("parameter")), Some("pan"));
        assert!(tried.find(Table::Automation, &id("gone")).is_none());
        trials.set(Trial::Clip, Vec::new());
        trials.set(Trial::Automation, Vec::new());
        assert_eq!(trials.laid_over(records.clone()), records);
    }
}
