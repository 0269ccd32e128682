// SPDX-License-Identifier: Apache-2.0
//! Answers as people read them: a line per field, a table per list.

use serde_json::{Map, Value};

/// The whole answer as text, each line ended.
pub(super) fn text(answer: &Value) -> String {
    let Value::Object(fields) = answer else { return format!("{}\n", cell("", answer)) };
    let mut text = String::new();
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in fields {
        match value {
            Value::Array(rows) if rows.iter().all(Value::is_object) => {
                let rows: Vec<&Map<String, Value>> =
                    rows.iter().filter_map(Value::as_object).collect();
                text.push_str(&table(name, &rows));
            }
            value => text.push_str(&format!("{name:width$}  {}\n", cell(name, value))),
        }
    }
    if text.is_empty() {
        text.push_str("done\n");
    }
    text
}

fn table(name: &str, rows: &[&Map<String, Value>]) -> String {
    let Some(first) = rows.first() else { return format!("no {}\n", name.replace('_', " ")) };
    let columns: Vec<&String> = first.keys().collect();
    let mut lines = vec![columns.iter().map(|column| (*column).clone()).collect::<Vec<_>>()];
    for row in rows {
        let value = |column: &&String| row.get(*column).map_or(String::new(), |v| cell(column, v));
        lines.push(columns.iter().map(value).collect());
    }
    let width = |index: usize| {
        lines.iter().filter_map(|line| line.get(index)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// One value. What others typed may hold control characters, which a terminal would obey.
fn cell(name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Bool(value) => if *value { "yes" } else { "no" }.into(),
        Value::Number(number) if name.ends_with("_ms") => {
            number.as_i64().map_or_else(|| number.to_string(), time)
        }
        Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        Value::Array(items) => {
            items.iter().map(|item| cell(name, item)).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Milliseconds since the epoch as `2026-11-26 14:03:00` (UTC).
fn time(ms: i64) -> String {
    let (days, second) = (ms.div_euclid(86_400_000), ms.div_euclid(1000).rem_euclid(86_400));
    // Days to a date of the Gregorian calendar, in years that begin in March.
    let day_of_era = (days + 719_468).rem_euclid(146_097);
    let era = (days + 719_468).div_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}", second % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Without it an operator would read a wrong date, or a terminal obey somebody's name.
    #[test]
    fn answers_are_readable() {
        for (ms, shown) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400_000, "2000-02-29 00:00:00"),
            (1_700_000_000_000, "2023-11-14 22:13:20"),
            (4_107_542_399_999, "2100-02-28 23:59:59"),
            (-1, "1969-12-31 23:59:59"),
        ] {
            assert_eq!(time(ms), shown);
        }
        let answer = json!({
            "total": 2,
            "users": [
                { "user_id": "@a:x", "name": "A\u{1b}[2J", "seen_ms": 0 },
                { "user_id": "@bob:x", "name": null, "seen_ms": null },
            ],
        });
        let shown = text(&answer);
        assert!(!shown.contains('\u{1b}'));
        assert!(shown.contains("@bob:x") && shown.contains("1970-01-01 00:00:00"), "{shown}");
        assert_eq!(text(&json!({ "devices": [] })), "no devices\n");
        assert_eq!(text(&json!({})), "done\n");
    }
}
