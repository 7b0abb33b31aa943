//! JSON-like values that are cheap to clone and to change.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::{LIST_ELEMENTS_MAX, MAP_KEYS_MAX, STRING_BYTES_MAX, VALUE_DEPTH_MAX};
use crate::list::List;
use crate::names;

/// The fields of a map, ordered by key: two maps are equal whatever order their keys came in.
pub type Map = BTreeMap<Arc<str>, Value>;

/// A value of a field. Numbers are finite `f64`, as in JavaScript: `1` and `1.0` are the same number.
///
/// Cloning is O(1); changing a clone copies only the path that changes (OP3).
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number; never NaN or infinite, never negative zero.
    Number(f64),
    /// Text.
    String(Arc<str>),
    /// A list.
    List(List),
    /// A map from names to values.
    Map(Arc<Map>),
}

impl Value {
    /// A number, or `Null` when it is not finite (as `JSON.stringify` does).
    #[must_use]
    pub fn number(number: f64) -> Value {
        // Adding zero turns -0.0 into 0.0: the two would print differently but compare equal.
        if number.is_finite() { Value::Number(number + 0.0) } else { Value::Null }
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Value {
        Value::String(Arc::from(text))
    }

    /// A map of the given fields.
    pub fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Map(Arc::new(fields.into_iter().map(|(name, value)| (Arc::from(name), value)).collect()))
    }

    /// A list of the given elements.
    pub fn list(elements: impl IntoIterator<Item = Value>) -> Value {
        Value::List(List::from_iter(elements))
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number, when it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }

    /// The text, when it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = self { Some(text) } else { None }
    }

    /// The flag, when it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// The list, when it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        if let Value::List(list) = self { Some(list) } else { None }
    }

    /// The map, when it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Value::Map(map) = self { Some(map) } else { None }
    }

    /// A field of a map; `None` when this is no map or has no such field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_map()?.get(name)
    }

    /// What kind of value this is, for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        }
    }

    /// About how many bytes the value takes as JSON; used for limits, not for exact accounting.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Value::Null | Value::Bool(_) => 5,
            Value::Number(_) => 9,
            Value::String(text) => text.len() + 3,
            Value::List(list) => 2 + list.weight(),
            Value::Map(map) => 2 + map.iter().map(|(name, value)| name.len() + 4 + value.weight()).sum::<usize>(),
        }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::number(number)
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Number(f64::from(number))
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::text(text)
    }
}
impl From<&crate::Id> for Value {
    fn from(id: &crate::Id) -> Value {
        Value::String(id.shared())
    }
}
impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Map(Arc::new(map))
    }
}

/// Integers up to 2^53 print without a fraction, as JavaScript prints them.
fn as_exact_integer(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked and the fraction is zero")]
    (number.trunc() == number && number.abs() <= EXACT).then_some(number as i64)
}

/// Fields for which room is made before they are read: as many as records have, whatever a hostile message says.
const FIELDS_AT_FIRST: usize = 32;

const VARIANTS: &[&str] = &["Null", "Bool", "Number", "String", "List", "Map"];

struct Fields<'a>(&'a Map);
impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            out.serialize_entry(&**name, value)?;
        }
        out.end()
    }
}

struct Elements<'a>(&'a List);
impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.0.len()))?;
        for element in self.0.iter() {
            out.serialize_element(element)?;
        }
        out.end()
    }
}

impl Serialize for Value {
    /// Plain JSON in formats that people read; a tagged enum in binary ones, which cannot tell types apart.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return match self {
                Value::Null => serializer.serialize_unit(),
                Value::Bool(flag) => serializer.serialize_bool(*flag),
                Value::Number(number) => match as_exact_integer(*number) {
                    Some(integer) => serializer.serialize_i64(integer),
                    None => serializer.serialize_f64(*number),
                },
                Value::String(text) => serializer.serialize_str(text),
                Value::List(list) => Elements(list).serialize(serializer),
                Value::Map(map) => Fields(map).serialize(serializer),
            };
        }
        match self {
            Value::Null => serializer.serialize_unit_variant("Value", 0, VARIANTS[0]),
            Value::Bool(flag) => serializer.serialize_newtype_variant("Value", 1, VARIANTS[1], flag),
            Value::Number(number) => serializer.serialize_newtype_variant("Value", 2, VARIANTS[2], number),
            Value::String(text) => serializer.serialize_newtype_variant("Value", 3, VARIANTS[3], &**text),
            Value::List(list) => serializer.serialize_newtype_variant("Value", 4, VARIANTS[4], &Elements(list)),
            Value::Map(map) => serializer.serialize_newtype_variant("Value", 5, VARIANTS[5], &Fields(map)),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        ValueSeed { depth: 0 }.deserialize(deserializer)
    }
}

/// Reads a [`Value`] that lies `depth` levels inside another, and refuses more than [`VALUE_DEPTH_MAX`] levels: a
/// hostile message must not exhaust the stack.
#[derive(Clone, Copy, Debug)]
pub struct ValueSeed {
    /// How many lists and maps this value already lies in.
    pub depth: usize,
}

impl ValueSeed {
    fn deeper<E: serde::de::Error>(self) -> Result<ValueSeed, E> {
        if self.depth >= VALUE_DEPTH_MAX {
            return Err(E::custom(format_args!("a value is nested more than {VALUE_DEPTH_MAX} levels deep")));
        }
        Ok(ValueSeed { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_enum("Value", VARIANTS, self)
        }
    }
}

/// A text, where the format says beforehand that one comes: copied once, to where it stays.
struct TextSeed(ValueSeed);
impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_str(self.0)
    }
}

/// A list, where the format says beforehand that one comes.
struct ListSeed(ValueSeed);
impl<'de> DeserializeSeed<'de> for ListSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

/// A map, where the format says beforehand that one comes.
struct MapSeed(ValueSeed);
impl<'de> DeserializeSeed<'de> for MapSeed {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self.0)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        if number.is_finite() { Ok(Value::number(number)) } else { Err(E::custom("a number must be finite")) }
    }
    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles, as in JavaScript")]
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::number(number as f64))
    }
    #[expect(clippy::cast_precision_loss, reason = "JSON numbers are doubles, as in JavaScript")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::number(number as f64))
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        if text.len() > STRING_BYTES_MAX {
            return Err(E::custom(format_args!("a text is longer than {STRING_BYTES_MAX} bytes")));
        }
        Ok(Value::text(text))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            if list.len() >= LIST_ELEMENTS_MAX {
                return Err(A::Error::custom(format_args!("a list has more than {LIST_ELEMENTS_MAX} elements")));
            }
            list.push(element);
        }
        Ok(Value::List(List::from(list)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        // Put together as a whole: fields come in order, and one by one each would be compared with those before it.
        let mut map = Vec::with_capacity(fields.size_hint().unwrap_or_default().min(FIELDS_AT_FIRST));
        while let Some(Name(name)) = fields.next_key()? {
            if map.len() >= MAP_KEYS_MAX {
                return Err(A::Error::custom(format_args!("an object has more than {MAP_KEYS_MAX} keys")));
            }
            map.push((name, fields.next_value_seed(inner)?));
        }
        Ok(Value::from(Map::from_iter(map)))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (variant, content) = data.variant::<u32Variant>()?;
        match variant.0 {
            0 => content.unit_variant().map(|()| Value::Null),
            1 => content.newtype_variant().map(Value::Bool),
            2 => self.visit_f64(content.newtype_variant()?),
            3 => content.newtype_variant_seed(TextSeed(self)),
            4 => content.newtype_variant_seed(ListSeed(self)),
            5 => content.newtype_variant_seed(MapSeed(self)),
            other => Err(A::Error::custom(format_args!("no kind of value has the number {other}"))),
        }
    }
}

/// A name in a map: a project has hundreds of thousands, and few different ones.
struct Name(Arc<str>);
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(names::shared(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The number of a variant in a binary format.
#[expect(non_camel_case_types, reason = "it names the integer that it reads")]
struct u32Variant(u32);
impl<'de> Deserialize<'de> for u32Variant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<u32Variant, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = u32Variant;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of a variant")
            }
            fn visit_u32<E>(self, number: u32) -> Result<u32Variant, E> {
                Ok(u32Variant(number))
            }
        }
        deserializer.deserialize_u32(Number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn integers_print_as_integers_and_equal_doubles() {
        assert_eq!(json("1"), json("1.0"));
        assert_eq!(serde_json::to_string(&json("[1.0, 2.5, -0.0, 1e3]")).unwrap(), "[1,2.5,0,1000]");
    }

    #[test]
    fn equality_ignores_the_order_of_keys() {
        assert_eq!(json(r#"{"a":1,"b":[{"x":1,"y":2}]}"#), json(r#"{"b":[{"y":2,"x":1}],"a":1}"#));
    }

    #[test]
    fn deep_nesting_is_refused_in_both_formats() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        assert!(serde_json::from_str::<Value>(&deep).is_err());
        let hostile = [4u8, 1].repeat(100_000);
        assert!(postcard::from_bytes::<Value>(&hostile).is_err());
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-1e9..1e9f64).prop_map(Value::number),
            any::<i32>().prop_map(|n| Value::number(f64::from(n))),
            "[a-zäöü ]{0,12}".prop_map(|t| Value::text(&t)),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::list),
                prop::collection::btree_map("[a-z]{1,4}", inner, 0..6)
                    .prop_map(|m| Value::from(m.into_iter().map(|(k, v)| (Arc::from(k), v)).collect::<Map>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_formats_round_trip(value in any_value()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(&json(&text), &value);
            let bytes = postcard::to_stdvec(&value).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Value>(&bytes).unwrap(), &value);
        }

        #[test]
        fn si3_arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = postcard::from_bytes::<Value>(&bytes);
            let _ = serde_json::from_slice::<Value>(&bytes);
        }
    }
}
