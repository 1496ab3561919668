//! Warnings and errors on standard error.

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
        self.print(
            &paint("warning", Colour::Yellow, stderr().is_terminal()),
            place,
            text,
        );
    }

    pub fn error(&self, place: &str, text: &str) {
        self.print(
            &paint("error", Colour::Red, stderr().is_terminal()),
            place,
            text,
        );
    }

    fn print(&self, mark: &str, place: &str, text: &str) {
        let place = if place.is_empty() {
            String::new()
        } else {
            format!(" ({place})")
        };
        let _ = writeln!(stderr(), "{mark}: {}{place}: {text}", self.file);
    }
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
