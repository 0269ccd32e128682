// SPDX-License-Identifier: Apache-2.0
//! `event_fields`: events cut down to the fields that a client asked for.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::limits::FILTER_LIST_MAX;

/// Which fields of an event to keep, as dot-separated property paths.
///
/// Source: <https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths>.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFields {
    paths: Vec<Vec<String>>,
}

impl EventFields {
    /// The paths of `fields`.
    pub fn new<'a>(fields: impl IntoIterator<Item = &'a str>) -> Self {
        Self { paths: fields.into_iter().map(parse_path).collect() }
    }

    /// A copy of `event` with the wanted fields alone. A path that leads nowhere adds nothing.
    pub fn project(&self, event: &Map<String, Value>) -> Map<String, Value> {
        let mut kept = Map::new();
        for path in &self.paths {
            keep(event, path, &mut kept);
        }
        kept
    }
}

impl<'de> Deserialize<'de> for EventFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Vec::<String>::deserialize(deserializer)?;
        if fields.len() > FILTER_LIST_MAX {
            return Err(D::Error::custom(format!("more than {FILTER_LIST_MAX} event fields")));
        }
        Ok(Self::new(fields.iter().map(String::as_str)))
    }
}

fn keep(from: &Map<String, Value>, path: &[String], into: &mut Map<String, Value>) {
    let Some((name, rest)) = path.split_first() else { return };
    let Some(value) = from.get(name) else { return };
    if rest.is_empty() {
        into.insert(name.clone(), value.clone());
        return;
    }
    let Some(inner) = value.as_object() else { return };
    if !leads_somewhere(inner, rest) {
        return;
    }
    let entry = into.entry(name.as_str()).or_insert_with(|| Value::Object(Map::new()));
    if let Some(target) = entry.as_object_mut() {
        keep(inner, rest, target);
    }
}

fn leads_somewhere(from: &Map<String, Value>, path: &[String]) -> bool {
    match path.split_first() {
        None => true,
        Some((name, [])) => from.contains_key(name),
        Some((name, rest)) => from
            .get(name)
            .and_then(Value::as_object)
            .is_some_and(|inner| leads_somewhere(inner, rest)),
    }
}

/// `\.` is a dot within a name, `\\` a backslash; before anything else a backslash is itself.
fn parse_path(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '.' => names.push(std::mem::take(&mut name)),
            '\\' => name.push(chars.next_if(|next| matches!(next, '.' | '\\')).unwrap_or('\\')),
            c => name.push(c),
        }
    }
    names.push(name);
    names
}
