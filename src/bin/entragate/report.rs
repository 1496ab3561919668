//! Warnings and errors on standard error, and text for a terminal. Colours are printed through `anstream`, which
//! removes them if the output is not a terminal or `NO_COLOR` is set.

use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use std::io::{Write, stdout};

pub const RED: Style = AnsiColor::Red.on_default().bold();
pub const GREEN: Style = AnsiColor::Green.on_default().bold();
pub const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// Colours a text.
pub fn paint(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a text on standard output.
pub fn print(text: &str) {
    // A write fails only if the reader has closed the pipe, which is not an error.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Prints a line on standard error.
pub fn print_error(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints a warning about a file.
pub fn warn(file: &str, text: &str) {
    print_error(&format!("{file}: {}: {text}", paint("warning", YELLOW)));
}

/// Prints an error about a place, such as `envoy.yaml:12`, or about an option.
pub fn error(about: &str, text: &str) {
    let level = paint("error", RED);
    print_error(&if about.starts_with("--") {
        format!("{level}: {about}: {text}")
    } else {
        format!("{about}: {level}: {text}")
    });
}

/// The width of the terminal in columns; `COLUMNS` takes precedence. `None` if standard output is not a terminal.
pub fn width() -> Option<usize> {
    let given = std::env::var("COLUMNS")
        .ok()
        .and_then(|width| width.parse().ok());
    let actual =
        || terminal_size::terminal_size_of(stdout()).map(|(width, _)| usize::from(width.0));
    given.or_else(actual).filter(|width| *width > 0)
}

/// Escapes control and invisible characters, so that a caller's text can neither move the cursor nor change the
/// direction of the text next to it.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() && !entragate::text::is_invisible(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    text.chars()
        .map(|c| {
            if is_plain(c) {
                c.to_string()
            } else {
                c.escape_unicode().to_string()
            }
        })
        .collect()
}
