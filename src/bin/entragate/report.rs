//! Warnings and errors on standard error, and text for a terminal.

use std::borrow::Cow;
use std::io::{IsTerminal, Write, stderr};

#[derive(Clone, Copy)]
pub enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

/// Prints a warning about a file.
pub fn warn(file: &str, text: &str) {
    let level = paint("warning", Colour::Yellow, stderr().is_terminal());
    let _ = writeln!(stderr(), "{file}: {level}: {text}");
}

/// Prints an error about a place, such as `envoy.yaml:12`, or about an option.
pub fn error(about: &str, text: &str) {
    let level = paint("error", Colour::Red, stderr().is_terminal());
    let _ = match about.starts_with("--") {
        true => writeln!(stderr(), "{level}: {about}: {text}"),
        false => writeln!(stderr(), "{about}: {level}: {text}"),
    };
}

/// Colours the text if the output is a terminal.
pub fn paint(text: &str, colour: Colour, terminal: bool) -> String {
    // https://no-color.org
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if terminal && !plain {
        format!("\x1b[1;{}m{text}\x1b[0m", colour as u8)
    } else {
        text.to_owned()
    }
}

/// Escapes control and invisible characters, so that a caller's text can neither move the cursor nor change the
/// direction of the text next to it.
pub fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() && !entragate::text::is_invisible(c);
    match text.chars().all(is_plain) {
        true => Cow::Borrowed(text),
        false => text
            .chars()
            .map(|c| {
                if is_plain(c) {
                    c.to_string()
                } else {
                    c.escape_unicode().to_string()
                }
            })
            .collect(),
    }
}
