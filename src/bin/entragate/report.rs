//! What the command says: results on standard output, trouble on standard error.

use std::io::{IsTerminal, Write, stderr};

pub struct Report {
    file: String,
}

#[derive(Clone, Copy)]
pub enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Cyan = 36,
}

impl Report {
    pub fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    pub fn warning(&self, place: &str, text: &str) {
        self.trouble(
            &paint("warning", Colour::Yellow, stderr().is_terminal()),
            place,
            text,
        );
    }

    pub fn error(&self, place: &str, text: &str) {
        self.trouble(
            &paint("error", Colour::Red, stderr().is_terminal()),
            place,
            text,
        );
    }

    fn trouble(&self, mark: &str, place: &str, text: &str) {
        let place = if place.is_empty() {
            String::new()
        } else {
            format!(" ({place})")
        };
        let _ = writeln!(stderr(), "{mark}: {}{place}: {text}", self.file);
    }
}

/// The text in colour, where a person reads it.
pub fn paint(text: &str, colour: Colour, terminal: bool) -> String {
    // https://no-color.org
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match terminal && !plain {
        true => format!("\x1b[1;{}m{text}\x1b[0m", colour as u8),
        false => text.to_owned(),
    }
}
