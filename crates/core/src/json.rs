// SPDX-License-Identifier: Apache-2.0
//! Canonical JSON, both ways (Appendices, "Canonical JSON").
//!
//! Events are signed and hashed over canonical bytes, so this module decides whether two servers
//! agree. Parsing is bounded in depth and refuses what the room version refuses; printing has one
//! way. Unknown members are always kept.

mod parse;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub use parse::{JsonError, parse};

use crate::limits::{INTEGER_MAX, JSON_DEPTH_MAX};

/// A JSON object. Keys are ordered by code point, as canonical JSON wants them.
pub type Object = BTreeMap<String, Value>;

/// How strictly numbers and duplicate keys are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Room version 6 and later, and everything that clients send: integers within ±(2⁵³ − 1),
    /// no fractions, exponents or `-0`, no duplicate keys.
    Strict,
    /// Room versions 1 to 5: other numbers survive a round trip as they were written, and of
    /// duplicate keys the last one counts.
    Tolerant,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within ±(2⁵³ − 1).
    Integer(i64),
    /// Any other number as it was written (tolerant parsing only).
    Number(Box<str>),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// An object.
    Object(Object),
}

impl Value {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of an integer.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(integer) => Some(*integer),
            _ => None,
        }
    }

    /// The value of a truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Whether strict parsing would give this value back, `depth` levels inside another one.
    pub fn is_canonical(&self, depth: usize) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::String(_) => true,
            Self::Integer(integer) => (-INTEGER_MAX..=INTEGER_MAX).contains(integer),
            Self::Number(_) => false,
            Self::Array(items) => {
                depth < JSON_DEPTH_MAX && items.iter().all(|item| item.is_canonical(depth + 1))
            }
            Self::Object(object) => {
                depth < JSON_DEPTH_MAX && object.values().all(|value| value.is_canonical(depth + 1))
            }
        }
    }

    /// Appends the canonical form.
    pub fn write_canonical(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Integer(integer) => {
                let _ = write!(out, "{integer}");
            }
            Self::Number(text) => out.push_str(text),
            Self::String(text) => write_json_string(out, text),
            Self::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write_canonical(out);
                }
                out.push(']');
            }
            Self::Object(object) => write_canonical_object(out, object),
        }
    }

    /// The canonical form.
    pub fn to_canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }
}

/// Appends the canonical form of an object.
pub fn write_canonical_object(out: &mut String, object: &Object) {
    write_canonical_without(out, object, &[]);
}

/// Appends the canonical form of an object without some of its members.
pub fn write_canonical_without(out: &mut String, object: &Object, without: &[&str]) {
    out.push('{');
    let mut first = true;
    for (key, value) in object.iter().filter(|(key, _)| !without.contains(&key.as_str())) {
        if !first {
            out.push(',');
        }
        first = false;
        write_json_string(out, key);
        out.push(':');
        value.write_canonical(out);
    }
    out.push('}');
}

/// Appends `text` as a JSON string in its shortest form, which is the canonical one.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Only ASCII is escaped, so `at` is always a character boundary.
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            0x0c => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Value {
    fn from(members: [(&str, Value); N]) -> Self {
        Self::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

impl TryFrom<&serde_json::Value> for Value {
    type Error = JsonError;

    /// Strict: a number that canonical JSON does not allow is refused.
    fn try_from(value: &serde_json::Value) -> Result<Self, JsonError> {
        parse(value.to_string().as_bytes(), Strictness::Strict)
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(integer) => (*integer).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap_or(Self::Null),
            Value::String(text) => text.as_str().into(),
            Value::Array(items) => items.iter().map(Self::from).collect(),
            Value::Object(object) => Self::Object(
                object.iter().map(|(key, value)| (key.clone(), Self::from(value))).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests;
