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

/// The cookie in which a choice is kept.
const COOKIE: &str = "estafette-language";
/// How long: a year.
const COOKIE_S: u64 = 365 * 24 * 60 * 60;

impl Language {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::French, Self::English];

    /// What its readers call it.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::French => "Français",
            Self::English => "English",
        }
    }

    /// The language of a [`code`](Self::code).
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// What a browser keeps of a choice. It says nothing about anybody.
    pub(super) fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Lax", self.code())
    }

    fn chosen(headers: &HeaderMap) -> Option<Self> {
        let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
        let mut pairs =
            lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, code)| Self::of_code(code))
    }

    /// As `lang` in HTML and as it is kept.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// What was chosen here, else the first of `Accept-Language` (RFC 9110 §12.5.4) that we have,
    /// by weight.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if let Some(chosen) = Self::chosen(headers) {
            return chosen;
        }
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
