//! Streams of server-sent events (WHATWG HTML §9.2.6) whose data are JSON-RPC messages, filtered as they pass.
//!
//! An event is held until it ends. An event whose message is not changed passes as the server sent it, byte for byte. Lists of tools
//! are filtered. If the data can't be read, or the event is too long, an error replaces the data, and the stream
//! continues: the caller's request ends with that error, and other requests that the stream serves are not affected.

use super::tool_list;
use crate::json::scan;
use std::borrow::Cow;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Filters one stream.
#[derive(Debug)]
pub struct EventStream {
    /// The JSON-RPC error that replaces data that can't be passed on.
    error: String,
    /// The maximum length of an event, in bytes.
    limit: usize,
    /// The part of the current event that was received.
    held: Vec<u8>,
    /// The start of the last line in `held`.
    line: usize,
    /// The last byte was a CR, so a following LF belongs to it.
    after_cr: bool,
    place: Place,
    /// The number of events whose data was replaced with the error.
    replaced: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The current event is the first one, which may begin with a byte order mark.
    First,
    Later,
    /// The current event is too long, and the rest of it is dropped. `blank`: the current line has no bytes yet.
    Dropped {
        blank: bool,
    },
}

impl EventStream {
    pub fn new(error: String, limit: usize) -> Self {
        Self {
            error,
            limit,
            held: Vec::new(),
            line: 0,
            after_cr: false,
            place: Place::First,
            replaced: 0,
        }
    }

    /// Returns the number of bytes that are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Returns how many events could not be passed on so far.
    pub fn replaced(&self) -> usize {
        self.replaced
    }

    /// Takes the next piece of the stream, and returns the bytes that may pass.
    pub fn feed(&mut self, piece: &[u8], is_shown: &dyn Fn(&str) -> bool) -> Vec<u8> {
        let mut passed = Vec::with_capacity(piece.len());
        let mut rest = piece;
        while let Some((byte, tail)) = rest.split_first() {
            match scan::line_end(rest) {
                Some(0) => {
                    self.end_line(*byte, is_shown, &mut passed);
                    rest = tail;
                }
                end => {
                    let (text, tail) = rest
                        .split_at_checked(end.unwrap_or(rest.len()))
                        .unwrap_or((rest, &[]));
                    self.text(text, &mut passed);
                    rest = tail;
                }
            }
        }
        passed
    }

    /// Ends the stream, and returns the bytes that may still pass. Clients may accept an event without its last empty line.
    pub fn close(&mut self, is_shown: &dyn Fn(&str) -> bool) -> Vec<u8> {
        let mut passed = Vec::new();
        match self.place {
            Place::Dropped { .. } => passed.push(b'\n'),
            Place::First | Place::Later => self.end_event(is_shown, &mut passed),
        }
        passed
    }

    /// Replaces the data of the held event, and drops the rest of the event.
    pub fn drop_event(&mut self, passed: &mut Vec<u8>) {
        let event = std::mem::take(&mut self.held);
        let blank = self.line == event.len();
        let complete = event.get(..self.line).unwrap_or_default();
        let (mark, fields) = self.split_mark(complete);
        passed.extend_from_slice(mark);
        for (line, end) in lines(fields).filter(|(line, _)| data(line).is_none()) {
            passed.extend_from_slice(line);
            passed.extend_from_slice(end);
        }
        push_data(&self.error, b"\n", passed);
        self.replaced += 1;
        self.line = 0;
        self.place = Place::Dropped { blank };
    }

    fn text(&mut self, text: &[u8], passed: &mut Vec<u8>) {
        self.after_cr = false;
        if let Place::Dropped { blank } = &mut self.place {
            *blank = false;
        } else if self.held.len() + text.len() > self.limit {
            self.drop_event(passed);
            self.place = Place::Dropped { blank: false };
        } else {
            self.held.extend_from_slice(text);
        }
    }

    fn end_line(&mut self, byte: u8, is_shown: &dyn Fn(&str) -> bool, passed: &mut Vec<u8>) {
        let is_rest = std::mem::replace(&mut self.after_cr, byte == b'\r') && byte == b'\n';
        match &mut self.place {
            Place::Dropped { .. } if is_rest => {}
            Place::Dropped { blank: true } => {
                passed.push(byte);
                self.place = Place::Later;
            }
            Place::Dropped { blank } => *blank = true,
            // The line feed of a line that was already passed on.
            Place::First | Place::Later if is_rest && self.held.is_empty() => passed.push(byte),
            Place::First | Place::Later => {
                let is_blank = self.held.len() == self.line && !is_rest;
                let is_first_line = self.line == 0;
                self.held.push(byte);
                self.line = self.held.len();
                let is_comment = is_first_line && self.held.first() == Some(&b':');
                if is_blank {
                    self.end_event(is_shown, passed);
                } else if is_comment {
                    // A comment between events keeps the connection alive, so it must not be held.
                    passed.append(&mut self.held);
                    self.line = 0;
                    self.place = Place::Later;
                }
            }
        }
    }

    fn end_event(&mut self, is_shown: &dyn Fn(&str) -> bool, passed: &mut Vec<u8>) {
        let event = std::mem::take(&mut self.held);
        let (mark, fields) = self.split_mark(&event);
        self.line = 0;
        self.place = Place::Later;
        let message = message(fields);
        let mut data_now = match tool_list::filter(&message, is_shown) {
            Ok(Cow::Owned(filtered)) => Some(filtered),
            Err(_) if !message.trim_ascii().is_empty() => {
                self.replaced += 1;
                Some(self.error.clone())
            }
            Ok(Cow::Borrowed(_)) | Err(_) => return passed.extend_from_slice(&event),
        };
        passed.extend_from_slice(mark);
        for (line, end) in lines(fields) {
            if data(line).is_none() {
                passed.extend_from_slice(line);
                passed.extend_from_slice(end);
            } else if let Some(text) = data_now.take() {
                push_data(&text, end, passed);
            }
        }
    }

    /// Splits the stream's byte order mark from its first event.
    fn split_mark<'e>(&self, event: &'e [u8]) -> (&'e [u8], &'e [u8]) {
        let has_mark = self.place == Place::First && event.starts_with(BOM);
        let length = if has_mark { BOM.len() } else { 0 };
        event.split_at_checked(length).unwrap_or((&[], event))
    }
}

/// Returns the lines of an event with their ends. The last line may have no end.
fn lines(mut event: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let line = event.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
        if event.is_empty() {
            return None;
        }
        let rest = event.get(line.len()..)?;
        let end = match rest {
            [b'\r', b'\n', ..] => 2,
            rest => rest.len().min(1),
        };
        let (end, rest) = rest.split_at_checked(end)?;
        event = rest;
        Some((line, end))
    })
}

/// Returns the value of a `data` field.
fn data(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// Returns the message of an event: its data, joined by line feeds.
fn message(event: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(event.len());
    for value in lines(event).filter_map(|(line, _)| data(line)) {
        message.extend_from_slice(value);
        message.push(b'\n');
    }
    message.pop();
    message
}

/// Writes a text as `data`. An empty `end` occurs only at the end of the stream.
fn push_data(text: &str, end: &[u8], passed: &mut Vec<u8>) {
    let between = if end.is_empty() { b"\n" } else { end };
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            passed.extend_from_slice(between);
        }
        passed.extend_from_slice(b"data: ");
        passed.extend_from_slice(line.as_bytes());
    }
    passed.extend_from_slice(end);
}

#[cfg(test)]
mod tests;
