// SPDX-License-Identifier: Apache-2.0
//! How a browser may treat a file: `Content-Type` and `Content-Disposition`.
//!
//! Client-Server API, "Serving inline content": only types that no browser executes are `inline`.

use std::fmt::Write as _;

use estafette_core::limits::{MEDIA_CONTENT_TYPE_BYTES_MAX, MEDIA_FILENAME_BYTES_MAX};
use http::HeaderValue;

/// The types that are served inline, in lower case (the specification's list).
const INLINE_TYPES: &[&str] = &[
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// What is said of a file whose uploader gave no usable type.
pub(crate) const OPAQUE: &str = "application/octet-stream";

/// The type as a header; anything that is not a plain `type/subtype` becomes opaque.
pub(crate) fn content_type(given: Option<&str>) -> HeaderValue {
    given
        .filter(|text| is_content_type(text))
        .and_then(|text| HeaderValue::from_str(text).ok())
        .unwrap_or(HeaderValue::from_static(OPAQUE))
}

/// Whether `text` is `type/subtype`, with parameters or without, and of sane length.
pub(crate) fn is_content_type(text: &str) -> bool {
    let essence = essence(text);
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= MEDIA_CONTENT_TYPE_BYTES_MAX
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

fn essence(text: &str) -> &str {
    text.split(';').next().unwrap_or_default().trim()
}

/// `Content-Disposition` for a file of this type and name (RFC 6266).
pub(crate) fn content_disposition(
    content_type: &HeaderValue,
    filename: Option<&str>,
) -> HeaderValue {
    // Compared folded and without parameters: `Text/HTML;x` must not pass for something else.
    let essence = essence(content_type.to_str().unwrap_or_default()).to_ascii_lowercase();
    let inline = INLINE_TYPES.contains(&essence.as_str());
    let mut text = String::from(if inline { "inline" } else { "attachment" });
    if let Some(filename) = filename.map(clean).filter(|name| !name.is_empty()) {
        if filename.bytes().all(|b| (b' '..=b'~').contains(&b) && !b"\"\\%".contains(&b)) {
            let _ = write!(text, "; filename=\"{filename}\"");
        } else {
            text.push_str("; filename*=utf-8''");
            for byte in filename.bytes() {
                if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

/// A name without control characters, cut to a sane length at a character's edge.
fn clean(filename: &str) -> String {
    let mut name = String::new();
    for c in filename.chars().filter(|c| !c.is_control()) {
        if name.len() + c.len_utf8() > MEDIA_FILENAME_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    name
}
