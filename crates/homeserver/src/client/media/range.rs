// SPDX-License-Identifier: Apache-2.0
//! Conditional requests and ranges (RFC 9110 §13 and §14), as far as one range goes.

use std::ops::Range;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// What part of a content is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it. Also the answer to several ranges at once, which a server may ignore.
    Whole,
    /// Bytes from start to end, end excluded; never empty.
    Part(Range<u64>),
    /// A part that does not exist.
    Impossible,
}

/// Reads `Range`, unless `If-Range` names another version.
pub(super) fn wanted(headers: &HeaderMap, tag: &HeaderValue, bytes: u64) -> Wanted {
    if headers.get(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Wanted::Whole;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some(spec) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else {
        return Wanted::Whole;
    };
    let Some((start, end)) = spec.trim().split_once('-').filter(|_| !spec.contains(',')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<Option<u64>> {
        match text.trim() {
            "" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                // Longer than any file: as good as the largest number.
                Some(Some(digits.parse().unwrap_or(u64::MAX)))
            }
            _ => None,
        }
    };
    match (number(start), number(end)) {
        (Some(None), Some(Some(0))) => Wanted::Impossible,
        (Some(None), Some(Some(last))) if bytes > 0 => {
            Wanted::Part(bytes.saturating_sub(last)..bytes)
        }
        (Some(Some(start)), Some(end)) => {
            if end.is_some_and(|end| end < start) {
                return Wanted::Whole;
            }
            if start >= bytes {
                return Wanted::Impossible;
            }
            Wanted::Part(start..end.map_or(bytes, |end| end.saturating_add(1).min(bytes)))
        }
        (Some(None), Some(Some(_))) => Wanted::Impossible,
        _ => Wanted::Whole,
    }
}

/// `bytes 0-9/100`.
pub(super) fn content_range(range: &Range<u64>, bytes: u64) -> HeaderValue {
    let last = range.end.saturating_sub(1);
    HeaderValue::from_str(&format!("bytes {}-{last}/{bytes}", range.start))
        .unwrap_or(HeaderValue::from_static("bytes */*"))
}

/// 416: the range does not exist.
pub(super) fn impossible(bytes: u64) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{bytes}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Whether `If-None-Match` names the version that we have.
pub(super) fn none_match(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these a resumed download could be joined wrongly.
    #[test]
    fn ranges_of_ten_bytes() {
        let tag = HeaderValue::from_static("\"t\"");
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=2-99", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=9-99999999999999999999999", Wanted::Part(9..10)),
            ("bytes=10-", Wanted::Impossible),
            ("bytes=99999999999999999999999-", Wanted::Impossible),
            ("bytes=-0", Wanted::Impossible),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static(range));
            assert_eq!(wanted(&headers, &tag, 10), expected, "{range}");
        }
        assert_eq!(wanted(&HeaderMap::new(), &tag, 10), Wanted::Whole);
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
        assert_eq!(wanted(&headers, &tag, 0), Wanted::Impossible);
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
        assert_eq!(wanted(&headers, &tag, 10), Wanted::Whole);
    }
}
