// SPDX-License-Identifier: Apache-2.0
//! An event as push rules see it, prepared once for all rule sets.

use crate::{
    event::Event,
    glob::FoldedText,
    json::{Object, Value},
    limits::INTEGER_MAX,
};

/// A string of the event with its case folded beside it.
#[derive(Clone, Debug)]
struct Text<'a> {
    raw: &'a str,
    folded: FoldedText,
}

impl<'a> Text<'a> {
    fn new(raw: &'a str) -> Self {
        Self { raw, folded: FoldedText::new(raw) }
    }
}

/// An event as push rules see it, prepared once and then compared with any number of rule sets.
#[derive(Clone, Debug)]
pub struct PushEvent<'a> {
    event_id: Text<'a>,
    kind: Text<'a>,
    sender: Text<'a>,
    room_id: Text<'a>,
    state_key: Option<Text<'a>>,
    body: Option<Text<'a>>,
    content: &'a Object,
}

/// What a path leads to.
pub(super) enum Property<'a> {
    /// A string whose case has been folded already.
    Folded(&'a str, &'a FoldedText),
    /// Anything else.
    Json(&'a Value),
}

impl<'a> PushEvent<'a> {
    /// Prepares an event. `kind` is its `type`.
    #[must_use]
    pub fn new(
        event_id: &'a str,
        room_id: &'a str,
        sender: &'a str,
        kind: &'a str,
        state_key: Option<&'a str>,
        content: &'a Object,
    ) -> Self {
        Self {
            event_id: Text::new(event_id),
            kind: Text::new(kind),
            sender: Text::new(sender),
            room_id: Text::new(room_id),
            state_key: state_key.map(Text::new),
            body: content.get("body").and_then(Value::as_str).map(Text::new),
            content,
        }
    }

    /// Prepares an event as it stands.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self::new(
            event.event_id().as_str(),
            event.room_id().as_str(),
            event.sender().as_str(),
            event.kind(),
            event.state_key(),
            event.content(),
        )
    }

    pub(super) fn sender(&self) -> &'a str {
        self.sender.raw
    }

    pub(super) fn room_id(&self) -> &'a str {
        self.room_id.raw
    }

    pub(super) fn body(&self) -> Option<&FoldedText> {
        self.body.as_ref().map(|body| &body.folded)
    }

    /// What `path` leads to, or `None` when the event has no such property.
    pub(super) fn property(&self, path: &FieldPath) -> Option<Property<'_>> {
        let (first, rest) = path.segments.split_first()?;
        let text = if first == "content" {
            if !path.is_content_body() || self.body.is_none() {
                return self.content_property(rest).map(Property::Json);
            }
            self.body.as_ref()
        } else if rest.is_empty() {
            match first.as_str() {
                "type" => Some(&self.kind),
                "sender" => Some(&self.sender),
                "room_id" => Some(&self.room_id),
                "event_id" => Some(&self.event_id),
                "state_key" => self.state_key.as_ref(),
                _ => None,
            }
        } else {
            None
        };
        text.map(|text| Property::Folded(text.raw, &text.folded))
    }

    fn content_property(&self, names: &[String]) -> Option<&'a Value> {
        let (first, rest) = names.split_first()?;
        let mut value = self.content.get(first)?;
        for name in rest {
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }
}

/// A dot-separated property path, taken apart.
///
/// `\.` is a dot within a name, `\\` a backslash; a backslash before anything else stands for
/// itself.
/// Source: <https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldPath {
    segments: Vec<String>,
}

impl FieldPath {
    pub(super) fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        let mut segment = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '.' => segments.push(std::mem::take(&mut segment)),
                '\\' => match chars.next_if(|next| matches!(next, '.' | '\\')) {
                    Some(escaped) => segment.push(escaped),
                    None => segment.push('\\'),
                },
                c => segment.push(c),
            }
        }
        segments.push(segment);
        Self { segments }
    }

    /// Whether this is `content.body`, where patterns match between word boundaries.
    pub(super) fn is_content_body(&self) -> bool {
        match self.segments.as_slice() {
            [content, body] => content == "content" && body == "body",
            _ => false,
        }
    }
}

/// A value that can be compared exactly: not an array, an object or a fraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    String(String),
}

impl Scalar {
    pub(super) fn parse(value: &serde_json::Value) -> Option<Self> {
        use serde_json::Value;
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Number(number) => number
                .as_i64()
                .filter(|i| (-INTEGER_MAX..=INTEGER_MAX).contains(i))
                .map(Self::Integer),
            Value::String(value) => Some(Self::String(value.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    pub(super) fn equals(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(this), Value::Bool(that)) => this == that,
            (Self::Integer(this), Value::Integer(that)) => this == that,
            (Self::String(this), Value::String(that)) => this == that,
            _ => false,
        }
    }

    pub(super) fn equals_str(&self, text: &str) -> bool {
        matches!(self, Self::String(this) if this == text)
    }
}
