//! Lists, and lists whose elements have identities.

use std::sync::Arc;

use imbl::OrdMap;

use crate::{Id, Value};

/// A list of values. Cloning is O(1).
///
/// When every element is an object with a distinct, well-formed `id`, the list is *keyed*: an element is found, changed,
/// inserted and removed in O(log n) (OP7). Which of the two a list is follows from its elements alone, so equal lists
/// behave alike however they came about. An empty list is not keyed.
#[derive(Clone, Debug)]
pub struct List(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Plain(Arc<Vec<Value>>),
    Keyed(Keyed),
}

/// Elements by id, and their order by a rank whose gaps leave room for insertions.
#[derive(Clone, Debug, Default)]
struct Keyed {
    by_id: OrdMap<Id, (u64, Value)>,
    order: OrdMap<u64, Id>,
    /// The sum of the elements' weights, kept up so that a limit can be checked without a walk.
    weight: usize,
}

const RANK_FIRST: u64 = 1 << 63;
const RANK_STEP: u64 = 1 << 32;

/// The identity of an element: its well-formed `id`, when it is an object that has one.
fn identity(element: &Value) -> Option<Id> {
    Id::new(element.get("id")?.as_str()?).ok()
}

impl Keyed {
    fn from_elements(elements: &[Value]) -> Option<Keyed> {
        let mut keyed = Keyed::default();
        let mut rank = RANK_FIRST;
        for element in elements {
            let id = identity(element)?;
            keyed.order.insert(rank, id.clone());
            keyed.weight += element.weight() + 1;
            if keyed.by_id.insert(id, (rank, element.clone())).is_some() {
                return None;
            }
            rank += RANK_STEP;
        }
        (!elements.is_empty()).then_some(keyed)
    }

    fn elements(&self) -> impl Iterator<Item = &Value> {
        self.order.values().map(|id| &self.by_id[id].1)
    }

    /// A rank between the element at `after` and the next one, or before the first when `after` is none.
    fn rank_after(&self, after: Option<u64>) -> Option<u64> {
        let (low, high) = match after {
            Some(low) => (low, self.order.range(low + 1..).next().map(|(rank, _)| *rank)),
            None => (0, self.order.get_min().map(|(rank, _)| *rank)),
        };
        match (after, high) {
            (None, None) => Some(RANK_FIRST),
            (Some(low), None) => low.checked_add(RANK_STEP),
            (None, Some(high)) => high.checked_sub(RANK_STEP).filter(|rank| *rank > 0),
            (Some(_), Some(high)) => (high - low > 1).then(|| low + (high - low) / 2),
        }
    }

    fn insert_after(&mut self, after: Option<&Id>, id: Id, element: Value) {
        let place = |keyed: &Keyed| keyed.rank_after(after.and_then(|id| keyed.by_id.get(id)).map(|(rank, _)| *rank));
        let rank = place(self).unwrap_or_else(|| {
            // The gap is used up, after some thirty insertions in one place: number afresh.
            let elements: Vec<Value> = self.elements().cloned().collect();
            *self = Keyed::from_elements(&elements).unwrap_or_default();
            place(self).unwrap_or(RANK_FIRST)
        });
        self.order.insert(rank, id.clone());
        self.weight += element.weight() + 1;
        self.by_id.insert(id, (rank, element));
    }

    fn remove(&mut self, id: &Id) -> Option<Value> {
        let (rank, element) = self.by_id.remove(id)?;
        self.order.remove(&rank);
        self.weight -= element.weight() + 1;
        Some(element)
    }
}

/// Where an element goes, relative to one that is present.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    First,
    Last,
    Before(&'a Value),
    After(&'a Value),
}

impl List {
    /// An empty list.
    #[must_use]
    pub fn new() -> List {
        List(Repr::Plain(Arc::default()))
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Plain(elements) => elements.len(),
            Repr::Keyed(keyed) => keyed.by_id.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every element has its own `id`.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        matches!(self.0, Repr::Keyed(_))
    }

    /// The elements in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match &self.0 {
            Repr::Plain(elements) => Box::new(elements.iter()),
            Repr::Keyed(keyed) => Box::new(keyed.elements()),
        }
    }

    /// The element of a keyed list with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Value> {
        match &self.0 {
            Repr::Plain(_) => None,
            Repr::Keyed(keyed) => keyed.by_id.get(id).map(|(_, element)| element),
        }
    }

    /// Puts `element` in the place of the one with the same id; its own id must still be `id`. False, and nothing
    /// changed, when the list has no such element.
    #[must_use]
    pub fn replace(&mut self, id: &str, element: Value) -> bool {
        let Repr::Keyed(keyed) = &mut self.0 else { return false };
        if identity(&element).is_none_or(|own| own.as_str() != id) {
            return false;
        }
        let Some((_, slot)) = keyed.by_id.get_mut(id) else { return false };
        keyed.weight = keyed.weight - slot.weight() + element.weight();
        *slot = element;
        true
    }

    /// Whether an element that is the same as `value` is present: by id in a keyed list, structurally otherwise.
    #[must_use]
    pub fn find(&self, value: &Value) -> Option<&Value> {
        match &self.0 {
            Repr::Plain(elements) => elements.iter().find(|element| *element == value),
            Repr::Keyed(keyed) => keyed.by_id.get(&identity(value)?).map(|(_, element)| element),
        }
    }

    /// Whether exactly one element could be meant by `value`: equal to it, or an object with its id.
    #[must_use]
    pub fn holds_once(&self, value: &Value) -> bool {
        match &self.0 {
            Repr::Plain(elements) => elements.iter().filter(|element| same(element, value)).count() == 1,
            Repr::Keyed(_) => self.find(value).is_some(),
        }
    }

    /// The element before the one that is the same as `value`; `None` when it is the first or absent.
    #[must_use]
    pub fn predecessor(&self, value: &Value) -> Option<&Value> {
        match &self.0 {
            Repr::Plain(elements) => {
                let index = elements.iter().position(|element| element == value)?;
                elements.get(index.checked_sub(1)?)
            }
            Repr::Keyed(keyed) => {
                let (rank, _) = keyed.by_id.get(&identity(value)?)?;
                let (_, id) = keyed.order.get_prev(&rank.checked_sub(1)?)?;
                Some(&keyed.by_id[id].1)
            }
        }
    }

    /// Inserts `value` as a set does: a present one moves (OP5). `before` absent prepends, `after` absent appends.
    pub fn insert_first(&mut self, value: Value) {
        self.insert(value, Place::First);
    }
    /// See [`List::insert_first`].
    pub fn insert_last(&mut self, value: Value) {
        self.insert(value, Place::Last);
    }
    /// See [`List::insert_first`].
    pub fn insert_before(&mut self, value: Value, anchor: &Value) {
        self.insert(value, Place::Before(anchor));
    }
    /// See [`List::insert_first`].
    pub fn insert_after(&mut self, value: Value, anchor: &Value) {
        self.insert(value, Place::After(anchor));
    }

    fn insert(&mut self, value: Value, place: Place<'_>) {
        let keyed_value = identity(&value);
        match (&mut self.0, keyed_value) {
            (Repr::Keyed(keyed), Some(id)) => insert_keyed(keyed, id, value, place),
            _ => {
                let mut elements: Vec<Value> = self.iter().filter(|element| **element != value).cloned().collect();
                let index = match place {
                    Place::First => 0,
                    Place::Last => elements.len(),
                    Place::Before(anchor) => elements.iter().position(|e| same(e, anchor)).unwrap_or(0),
                    Place::After(anchor) => {
                        elements.iter().position(|e| same(e, anchor)).map_or(elements.len(), |index| index + 1)
                    }
                };
                elements.insert(index, value);
                *self = List::from(elements);
            }
        }
    }

    /// Removes the element that is the same as `value`; false when there is none.
    pub fn remove(&mut self, value: &Value) -> bool {
        match &mut self.0 {
            Repr::Keyed(keyed) => {
                let removed = identity(value).and_then(|id| keyed.remove(&id)).is_some();
                if keyed.by_id.is_empty() {
                    *self = List::new();
                }
                removed
            }
            Repr::Plain(elements) => {
                if !elements.contains(value) {
                    return false;
                }
                let rest: Vec<Value> = elements.iter().filter(|element| *element != value).cloned().collect();
                *self = List::from(rest);
                true
            }
        }
    }

    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Repr::Plain(elements) => elements.iter().map(|element| element.weight() + 1).sum(),
            Repr::Keyed(keyed) => keyed.weight,
        }
    }
}

/// Whether two elements are the same one: equal, or objects with the same id.
fn same(a: &Value, b: &Value) -> bool {
    a == b || identity(a).is_some_and(|id| identity(b) == Some(id))
}

fn insert_keyed(keyed: &mut Keyed, id: Id, value: Value, place: Place<'_>) {
    keyed.remove(&id);
    let after = match place {
        Place::First => None,
        Place::Last => keyed.order.get_max().map(|(_, id)| id.clone()),
        Place::Before(anchor) => anchor_rank(keyed, anchor)
            .and_then(|rank| keyed.order.get_prev(&rank.saturating_sub(1)))
            .map(|(_, id)| id.clone()),
        Place::After(anchor) => match anchor_rank(keyed, anchor) {
            Some(_) => identity(anchor),
            None => keyed.order.get_max().map(|(_, id)| id.clone()),
        },
    };
    keyed.insert_after(after.as_ref(), id, value);
}

fn anchor_rank(keyed: &Keyed, anchor: &Value) -> Option<u64> {
    keyed.by_id.get(&identity(anchor)?).map(|(rank, _)| *rank)
}

impl Default for List {
    fn default() -> List {
        List::new()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl From<Vec<Value>> for List {
    fn from(elements: Vec<Value>) -> List {
        match Keyed::from_elements(&elements) {
            Some(keyed) => List(Repr::Keyed(keyed)),
            None => List(Repr::Plain(Arc::new(elements))),
        }
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> List {
        List::from(elements.into_iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(id: &str) -> Value {
        Value::map([("id", Value::text(id)), ("pitch", Value::Number(60.0))])
    }

    fn ids(list: &List) -> Vec<String> {
        list.iter().map(|e| e.get("id").unwrap().as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn op7_two_thousand_insertions_in_one_place_keep_their_order() {
        let mut list = List::from_iter([note("a"), note("z")]);
        for n in 0..2_000 {
            list.insert_after(note(&format!("n{n}")), &note("a"));
        }
        let ids = ids(&list);
        assert_eq!(ids.len(), 2_002);
        assert_eq!((ids[0].as_str(), ids[1].as_str(), ids[2_001].as_str()), ("a", "n1999", "z"));
    }

    #[test]
    fn a_list_is_keyed_only_while_every_element_has_its_own_id() {
        let mut list = List::from_iter([note("a")]);
        assert!(list.is_keyed());
        list.insert_last(Value::Null);
        assert!(!list.is_keyed());
        assert!(list.remove(&Value::Null));
        assert!(list.is_keyed());
        assert!(!List::from_iter([note("a"), note("a")]).is_keyed());
    }

    /// What a keyed list must do, said with a plain vector.
    fn reference_insert(list: &mut Vec<String>, id: &str, place: u8, anchor: &str) {
        list.retain(|e| e != id);
        let found = list.iter().position(|e| e == anchor);
        let index = match place {
            0 => 0,
            1 => list.len(),
            2 => found.unwrap_or(0),
            _ => found.map_or(list.len(), |i| i + 1),
        };
        list.insert(index, id.to_owned());
    }

    proptest! {
        #[test]
        fn op5_a_keyed_list_is_a_set_with_an_order(
            steps in prop::collection::vec((0u8..5, "[a-f]", "[a-g]"), 0..60)
        ) {
            let (mut list, mut reference) = (List::from_iter([note("a")]), vec!["a".to_owned()]);
            for (place, id, anchor) in steps {
                match place {
                    0 => list.insert_first(note(&id)),
                    1 => list.insert_last(note(&id)),
                    2 => list.insert_before(note(&id), &note(&anchor)),
                    3 => list.insert_after(note(&id), &note(&anchor)),
                    _ => { list.remove(&note(&id)); }
                }
                if place == 4 { reference.retain(|e| *e != id) } else { reference_insert(&mut reference, &id, place, &anchor) }
                prop_assert_eq!(ids(&list), reference.clone());
                for pair in reference.windows(2) {
                    prop_assert_eq!(list.predecessor(&note(&pair[1])), Some(&note(&pair[0])));
                }
            }
        }
    }
}
