// SPDX-License-Identifier: Apache-2.0
//! Writing large answers straight into one buffer, around parts that are JSON already.

use estafette_core::json::write_json_string;

/// Writes the members of one JSON object.
pub struct ObjectWriter<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens an object at the end of `out`.
    pub fn open(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Makes place for so many bytes at once.
    pub fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    /// Starts a member; its value is to be pushed next.
    pub fn key(&mut self, key: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        write_json_string(self.out, key);
        self.out.push(':');
        self.out
    }

    /// A text.
    pub fn text(&mut self, key: &str, value: &str) {
        let out = self.key(key);
        write_json_string(out, value);
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) {
        self.key(key).push_str(json);
    }

    /// A number or a truth value.
    pub fn display(&mut self, key: &str, value: impl std::fmt::Display) {
        use std::fmt::Write as _;
        let _ = write!(self.key(key), "{value}");
    }

    /// An object.
    pub fn object(&mut self, key: &str) -> ObjectWriter<'_> {
        ObjectWriter::open(self.key(key))
    }

    /// `{"events":[…]}` of values that are JSON already.
    pub fn events<I, T>(&mut self, key: &str, events: I)
    where
        I: IntoIterator<Item = T>,
        T: AsRef<str>,
    {
        let out = self.key(key);
        out.push_str("{\"events\":");
        array(out, events);
        out.push('}');
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push('}');
    }
}

/// Appends a list of values that are JSON already.
pub fn array<I, T>(out: &mut String, items: I)
where
    I: IntoIterator<Item = T>,
    T: AsRef<str>,
{
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(item.as_ref());
    }
    out.push(']');
}
