// SPDX-License-Identifier: Apache-2.0
//! Reading JSON within limits.

use super::{Object, Strictness, Value};
use crate::limits::{INTEGER_MAX, JSON_DEPTH_MAX};

/// Why bytes are not JSON that this server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Utf8,
    /// Not the grammar of JSON, at this byte.
    #[error("it is not JSON at byte {0}")]
    Syntax(usize),
    /// Nested more deeply than the limit.
    #[error("it is nested too deeply")]
    Depth,
    /// A fraction, an exponent, `-0`, or an integer beyond ±(2⁵³ − 1).
    #[error("it has a number that canonical JSON does not allow, at byte {0}")]
    Number(usize),
    /// The same key twice in one object.
    #[error("it has a key twice, at byte {0}")]
    DuplicateKey(usize),
}

/// Reads one JSON value that is all of `bytes`.
pub fn parse(bytes: &[u8], strictness: Strictness) -> Result<Value, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Utf8)?;
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, strictness };
    let value = parser.value(0)?;
    parser.skip_space();
    if parser.at == bytes.len() { Ok(value) } else { Err(JsonError::Syntax(parser.at)) }
}

/// A number that only room versions 1 to 5 take. `-0` and exponents that make an integer become
/// that integer, as in the specification's example; every other text is kept as it is, because the
/// servers that wrote such events hashed it so.
fn tolerated(text: &str) -> Value {
    let exact = if text == "-0" {
        Some(0)
    } else if text.contains(['e', 'E']) {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.fract() == 0.0 && number.abs() <= INTEGER_MAX as f64)
            .map(|number| number as i64)
    } else {
        None
    };
    exact.map_or_else(|| Value::Number(text.into()), Value::Integer)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    strictness: Strictness,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn syntax<T>(&self) -> Result<T, JsonError> {
        Err(JsonError::Syntax(self.at))
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.syntax()
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            self.syntax()
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(b'n') => self.word("null", Value::Null),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'[' | b'{') if depth >= JSON_DEPTH_MAX => Err(JsonError::Depth),
            Some(b'[') => self.array(depth),
            Some(b'{') => self.object(depth).map(Value::Object),
            _ => self.syntax(),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::Array(items));
                }
                _ => return self.syntax(),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object, JsonError> {
        self.expect(b'{')?;
        let mut object = Object::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(object);
        }
        loop {
            self.skip_space();
            let key_at = self.at;
            let key = self.string()?;
            self.skip_space();
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            let twice = object.insert(key, value).is_some();
            if twice && self.strictness == Strictness::Strict {
                return Err(JsonError::DuplicateKey(key_at));
            }
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(object);
                }
                _ => return self.syntax(),
            }
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.syntax(),
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let integer = text.parse::<i64>().ok().filter(|integer| {
            whole && text != "-0" && (-INTEGER_MAX..=INTEGER_MAX).contains(integer)
        });
        match (integer, self.strictness) {
            (Some(integer), _) => Ok(Value::Integer(integer)),
            (None, Strictness::Tolerant) => Ok(tolerated(text)),
            (None, Strictness::Strict) => Err(JsonError::Number(start)),
        }
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.digits();
        if self.at == start { self.syntax() } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                _ => return self.syntax(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let Some(byte) = self.peek() else { return self.syntax() };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return self.syntax(),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                // A high surrogate counts only together with a low one (T-D2).
                self.expect(b'\\')?;
                self.expect(b'u')?;
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return self.syntax();
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or(JsonError::Syntax(self.at))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonError::Syntax(self.at))?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return self.syntax();
        }
        let code = u32::from_str_radix(digits, 16).map_err(|_| JsonError::Syntax(self.at))?;
        self.at += 4;
        Ok(code)
    }
}
