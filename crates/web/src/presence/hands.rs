//! Values in hands (CL8): what this page holds goes out as presence, and what others hold is seen where it would be.

use leptos::prelude::*;
use model::{Id, Key, Table};
use operations::{Change, Operation, Path, build};
use sync::wire::{Held, PRESENCE_HELD_MAX, Person};

use crate::design::text_on;
use crate::door::Door;

/// What all hands hold. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Hands {
    door: Door,
    own: RwSignal<Vec<Held>>,
    /// What others hold, and who.
    others: Memo<Vec<(Held, Id)>>,
}

impl Hands {
    /// The hands on an open project.
    pub(crate) fn new(door: Door) -> Hands {
        let others = Memo::new(move |_| {
            // An old state is seen by oneself alone.
            if door.moment().with(Option::is_some) {
                return Vec::new();
            }
            let me = door.people().with(|people| people.iter().find(|one| one.me).map(|one| one.person.id.clone()));
            door.presences().with(|all| {
                let others = all.iter().filter(|one| Some(&one.user) != me.as_ref());
                let doing = others.filter_map(|one| Some((one.presence.as_ref()?, &one.user)));
                doing.flat_map(|(doing, user)| doing.held.iter().map(|held| (held.clone(), user.clone()))).collect()
            })
        });
        Hands { door, own: RwSignal::new(Vec::new()), others }
    }

    /// What this page holds.
    pub(super) fn own(self) -> RwSignal<Vec<Held>> {
        self.own
    }

    /// Holds what these operations would write to a record, and nothing else of it.
    pub(crate) fn hold(self, target: &Key, operations: &[Operation]) {
        self.replace(|held| held.target == *target, values_of(operations));
    }

    fn replace(self, these: impl Fn(&Held) -> bool, values: Vec<Held>) {
        let rest = self.own.try_with_untracked(|own| own.iter().filter(|held| !these(held)).cloned().collect());
        // The page may have been left.
        let Some::<Vec<Held>>(mut own) = rest else { return };
        own.extend(values);
        if self.own.with_untracked(|before| *before != own) {
            self.own.set(own);
        }
    }

    /// What others hold of the records of a table.
    pub(crate) fn others(self, table: Table) -> Vec<Held> {
        let of_table = |(held, _): &(Held, Id)| (held.target.table == table).then(|| held.clone());
        self.others.with(|all| all.iter().filter_map(of_table).collect())
    }
}

/// The numbers that operations would write: as many as presence may name.
pub(super) fn values_of(operations: &[Operation]) -> Vec<Held> {
    let value = |operation: &Operation| match &operation.change {
        Change::Set(value) => {
            let (target, path) = (operation.target.clone(), operation.path.clone());
            Some(Held { target, path, value: value.as_number()? })
        }
        _ => None,
    };
    operations.iter().filter_map(value).take(PRESENCE_HELD_MAX).collect()
}

/// A field that hands may hold. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Touch {
    hands: Hands,
    field: StoredValue<(Key, Path)>,
    /// Where another has it, and who.
    other: Memo<Option<(f64, Id)>>,
}

impl Touch {
    /// The field `name` of a record, for as long as whoever asks is on the screen.
    pub(crate) fn on(table: Table, id: &Id, name: &str) -> Touch {
        let hands = expect_context::<Hands>();
        let Operation { target, path, .. } = build::unset(table, id, name);
        let field = StoredValue::new((target.clone(), path.clone()));
        let other = Memo::new(move |_| {
            hands.others.with(|all| {
                let held = all.iter().find(|(held, _)| held.target == target && held.path == path);
                held.map(|(held, user)| (held.value, user.clone()))
            })
        });
        let touch = Touch { hands, field, other };
        on_cleanup(move || touch.tell(None));
        touch
    }

    /// Tells the others where one's own hand has it; none lets it go.
    pub(crate) fn tell(self, value: Option<f64>) {
        let Some((target, path)) = self.field.try_get_value() else { return };
        let held = value.map(|value| Held { target: target.clone(), path: path.clone(), value });
        self.hands.replace(|held| held.target == target && held.path == path, held.into_iter().collect());
    }

    /// Where another's hand has it.
    pub(crate) fn seen(self) -> Option<f64> {
        self.other.with(|other| other.as_ref().map(|(value, _)| *value))
    }

    fn holder(self) -> Option<Person> {
        let user = self.other.with(|other| other.as_ref().map(|(_, user)| user.clone()))?;
        let people = self.hands.door.people();
        people.with(|people| people.iter().find(|one| one.person.id == user).map(|one| one.person.clone()))
    }
}

/// Who else holds a value, beside its control.
#[component]
pub(crate) fn HeldBy(touch: Touch) -> impl IntoView {
    let holder = Memo::new(move |_| touch.holder());
    move || {
        let held_by = |person: Person| {
            let text = text_on(&person.colour);
            view! {
                <span class="held-by" data-testid="held-by" style:--peer=person.colour style:--on-peer=text>{person.name}</span>
            }
        };
        holder.get().map(held_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl8_what_would_be_written_is_held_as_far_as_it_is_a_number() {
        let clip = Id::new("c").unwrap();
        let set = |name: &str, value: f64| build::set(Table::Clips, &clip, name, value);
        let shape = build::set(Table::Clips, &clip, "fadeInShape", "linear");
        let held = values_of(&[set("fadeIn", 2.0), shape, build::delete(Table::Clips, &clip), set("gain", 0.5)]);
        let written: Vec<(&str, f64)> = held.iter().map(|held| (held.path.as_str(), held.value)).collect();
        assert_eq!(written, [("fadeIn", 2.0), ("gain", 0.5)]);
        assert_eq!(values_of(&vec![set("gain", 0.5); PRESENCE_HELD_MAX + 1]).len(), PRESENCE_HELD_MAX);
    }
}
