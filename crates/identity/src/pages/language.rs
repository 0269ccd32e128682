// SPDX-License-Identifier: Apache-2.0
//! Which language somebody reads.

use http::{HeaderMap, header};

/// A language that the pages and mails are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// French, where nothing else is asked for.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// As `lang` in HTML and as it is kept.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The first of `Accept-Language` (RFC 9110 §12.5.4) that we have, by weight.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut best = (0.0, Self::default());
        let lists = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        for entry in lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')) {
            let (range, weight) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            let language = match range.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                Some("fr") => Self::French,
                Some("en") => Self::English,
                _ => continue,
            };
            if let Ok(weight) = weight
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }
}
