//! The widths of the table's columns.

use textwrap::core::display_width;

/// The space between two columns.
pub const GAP: &str = "  ";

/// A field that has a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Date and time, or only the time of day in a narrow table.
    Time,
    /// Never truncated.
    Code,
    Caller,
    Rule,
    Model,
    Status,
    Duration,
    Tokens,
}

impl Field {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Time => "TIME (UTC)",
            Self::Code => "CODE",
            Self::Caller => "CALLER",
            Self::Rule => "RULE",
            Self::Model => "MODEL",
            Self::Status => "STATUS",
            Self::Duration => "MS",
            Self::Tokens => "TOKENS",
        }
    }
}

/// A column and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub field: Field,
    pub width: usize,
}

/// At this width and above, the table has all columns. Below it, the model and the tokens are shown with the request.
const WIDE: usize = 110;
/// The length of the longest codes.
const CODE: usize = 22;
/// The length of a date and a time without fractional seconds.
pub const DATE_AND_TIME: usize = 19;
/// The length of a time of day. The header of the column is longer.
const TIME_OF_DAY: usize = 10;

/// The columns of a table that fits `width` columns of the terminal; `None`: any width.
pub fn columns(width: Option<usize>) -> Vec<Column> {
    let is_wide = width.is_none_or(|width| width >= WIDE);
    let fixed = |field, width| (Column { field, width }, 0);
    // These columns share the remaining space, each up to a maximum.
    let flexible = |field, most| (Column { field, width: most }, most);
    let mut columns = vec![
        fixed(
            Field::Time,
            if is_wide { DATE_AND_TIME } else { TIME_OF_DAY },
        ),
        fixed(Field::Code, CODE),
        flexible(Field::Caller, 36),
        flexible(Field::Rule, 20),
        flexible(Field::Model, 28),
        fixed(Field::Status, 6),
        fixed(Field::Duration, 6),
        fixed(Field::Tokens, 6),
    ];
    columns.retain(|(column, _)| is_wide || !matches!(column.field, Field::Model | Field::Tokens));
    let shares: usize = columns.iter().map(|(_, share)| share).sum();
    let taken: usize = columns
        .iter()
        .filter(|(_, share)| *share == 0)
        .map(|(column, _)| column.width)
        .sum();
    let taken = taken + GAP.len() * columns.len().saturating_sub(1);
    let left = width.map_or(usize::MAX, |width| width.saturating_sub(taken));
    let sized = columns.into_iter().map(|(column, share)| match share {
        0 => column,
        share => Column {
            width: share.min(left.saturating_mul(share) / shares).max(1),
            ..column
        },
    });
    sized.collect()
}

/// The width of all columns together.
pub fn total(columns: &[Column]) -> usize {
    let widths: usize = columns.iter().map(|column| column.width).sum();
    widths + GAP.len() * columns.len().saturating_sub(1)
}

/// Truncates a text that is too wide.
pub fn fit(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        let next = format!("{cut}{c}");
        if display_width(&next) >= width {
            break;
        }
        cut = next;
    }
    cut + "…"
}

/// Pads a text with spaces to a width.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{:1$}", "", width.saturating_sub(display_width(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_each_width() {
        for width in 70..400 {
            let columns = columns(Some(width));
            assert!(total(&columns) <= width, "{width}: {columns:?}");
            let code = columns.iter().find(|column| column.field == Field::Code);
            assert_eq!(code.unwrap().width, CODE);
        }
        let widest = columns(None);
        assert_eq!(widest.len(), 8);
        assert_eq!(widest[2].width, 36, "a GUID is shown whole");
        assert_eq!(columns(Some(80)).len(), 6);
        assert_eq!(columns(Some(120)).len(), 8);
    }

    #[test]
    fn wide_characters_count_as_two_columns() {
        assert_eq!(fit("模型名", 6), "模型名");
        assert_eq!(fit("模型名", 5), "模型…");
        assert_eq!(fit("models", 5), "mode…");
        assert_eq!(pad("模", 4), "模  ");
    }
}
