//! Reads a value that must have no field unknown to its type.
//!
//! A type that is read skips what it does not know ([`serde::de::IgnoredAny`]). Here that ends the reading, and nothing is remembered of where it
//! was: whoever wants to know reads the value again in another way ([`crate::known_fields`]).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// The value; `None` if it has not the shape of its type, or a field that the type does not know.
pub(crate) fn deserialize<'de, T: Deserialize<'de>>(reader: impl Deserializer<'de>) -> Option<T> {
    T::deserialize(Known(reader)).ok()
}

/// A reader, a visitor or a part of what is read, of which everything must be known.
struct Known<T>(T);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Known<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Known(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Known(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("an unknown field"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct enum identifier
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Known<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(formatter)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.0.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.0.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.0.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.0.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.0.visit_str(value)
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Known(reader))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Known(parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Known(parts))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Known<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Known(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Known<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Known(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Known<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Known(reader))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde::Deserialize;

    use super::deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner<'a> {
        #[serde(borrow)]
        text: Cow<'a, str>,
        share: f64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        parts: Vec<Inner<'a>>,
        one: Option<i64>,
        #[serde(default)]
        is_set: bool,
    }

    fn read(text: &str) -> Option<Outer<'_>> {
        deserialize(&mut serde_json::Deserializer::from_str(text))
    }

    #[test]
    fn what_is_known_is_read_and_borrowed() {
        let read = read(r#"{"parts":[{"text":"a","share":2},{"text":"\"b","share":-0.5}],"one":-7,"is_set":true}"#)
            .expect("all known");
        assert!(matches!(read.parts[0].text, Cow::Borrowed("a")));
        assert_eq!(read.parts[1], Inner { text: Cow::Borrowed("\"b"), share: -0.5 });
        assert_eq!((read.parts[0].share, read.one, read.is_set), (2.0, Some(-7), true));
    }

    #[test]
    fn nothing_is_none() {
        assert_eq!(read(r#"{"parts":[],"one":null}"#), Some(Outer { parts: vec![], one: None, is_set: false }));
    }

    #[test]
    fn a_field_that_is_unknown_anywhere_ends_it() {
        for text in [
            r#"{"parts":[],"one":1,"more":0}"#,
            r#"{"more":{"parts":[]},"parts":[]}"#,
            r#"{"parts":[{"text":"a","share":2,"more":[]}]}"#,
            r#"{"parts":[{"text":"a"}]}"#,
            r#"{"parts":{"text":"a","share":2}}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
