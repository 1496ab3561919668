//! Reads server-sent events (WHATWG HTML §9.2.6) and the documents in their `data`.

use super::Usage;
use super::document::Document;
use super::reader::Reader;
use crate::json::scan;

/// The length of the longest known field name plus one byte, to distinguish longer names.
const MAX_FIELD: usize = 6;
/// The name of an event that reports an error, whatever its data contains.
const ERROR: &[u8] = b"error";

#[derive(Debug, Default)]
pub(super) struct Events {
    line: Line,
    /// The last line ended with CR, so a following LF belongs to it.
    after_cr: bool,
    /// Whether the check for a byte order mark is done.
    bom_checked: bool,
    reader: Reader,
    document: Document,
    /// The current event is named [`ERROR`]. The last `event` field applies.
    is_error: bool,
}

#[derive(Debug)]
enum Line {
    /// The relevant part of the field name.
    Name(Vec<u8>),
    /// The state after the colon of `data`, where one space is ignored.
    Data {
        blank: bool,
    },
    /// The part of the value of `event` that is needed to recognize [`ERROR`].
    Event(Vec<u8>),
    Other,
}

impl Default for Line {
    fn default() -> Self {
        Self::Name(Vec::new())
    }
}

impl Events {
    pub(super) fn feed(&mut self, piece: &[u8], usage: &mut Usage) {
        let mut rest = piece;
        while let Some((byte, tail)) = rest.split_first() {
            if let Some(tail) = self.skip(rest, usage) {
                rest = tail;
                continue;
            }
            let (text, tail) = match scan::line_end(rest) {
                Some(0) => {
                    let is_rest = std::mem::take(&mut self.after_cr) && *byte == b'\n';
                    self.after_cr = *byte == b'\r';
                    if !is_rest {
                        self.end_line(usage);
                    }
                    rest = tail;
                    continue;
                }
                Some(end) => rest.split_at_checked(end).unwrap_or((rest, &[])),
                None => (rest, &[][..]),
            };
            self.after_cr = false;
            self.text(text);
            rest = tail;
        }
    }

    /// Returns the bytes after an event that can be skipped because it has one line, is complete and reports nothing.
    /// Most events of a stream can be skipped.
    fn skip<'p>(&mut self, piece: &'p [u8], usage: &Usage) -> Option<&'p [u8]> {
        let is_between = matches!(&self.line, Line::Name(name) if name.is_empty())
            && self.reader.is_fresh()
            && !self.is_error
            && !self.after_cr;
        let data = piece.strip_prefix(b"data:").filter(|_| is_between)?;
        let (data, end) = data.split_at_checked(scan::line_end(data)?)?;
        let rest = match end {
            [b'\n', b'\n', rest @ ..] | [b'\r', b'\n', b'\r', b'\n', rest @ ..] => rest,
            _ => return None,
        };
        if may_report(data, usage.model.is_none()) {
            return None;
        }
        self.bom_checked = true;
        Some(rest)
    }

    /// Ends the stream. Some servers omit the last empty line.
    pub(super) fn close(&mut self, usage: &mut Usage) {
        self.end_line(usage);
        self.dispatch(usage);
    }

    /// Reads a part of a line.
    fn text(&mut self, mut text: &[u8]) {
        while let (Line::Name(name), Some((byte, tail))) = (&mut self.line, text.split_first()) {
            match byte {
                b':' if name == b"data" => self.line = Line::Data { blank: true },
                b':' if name == b"event" => self.line = Line::Event(Vec::new()),
                b':' => self.line = Line::Other,
                _ if name.len() >= MAX_FIELD => self.line = Line::Other,
                byte => name.push(*byte),
            }
            if let Line::Name(name) = &mut self.line
                && !self.bom_checked
                && name.len() == 3
            {
                self.bom_checked = true;
                if name == b"\xef\xbb\xbf" {
                    name.clear();
                }
            }
            text = tail;
        }
        if let Line::Event(value) = &mut self.line {
            // A space, the name and one additional byte distinguish the name from longer values.
            let room = (ERROR.len() + 2).saturating_sub(value.len());
            value.extend(text.iter().take(room));
        }
        if let Line::Data { blank } = &mut self.line
            && !text.is_empty()
        {
            let value = text.strip_prefix(b" ").filter(|_| *blank);
            *blank = false;
            self.reader.feed(value.unwrap_or(text), &mut self.document);
        }
    }

    fn end_line(&mut self, usage: &mut Usage) {
        self.bom_checked = true;
        match std::mem::take(&mut self.line) {
            Line::Name(name) if name.is_empty() => self.dispatch(usage),
            // A field without a colon has an empty value.
            Line::Name(name) if name == b"event" => self.is_error = false,
            Line::Event(value) => {
                self.is_error = value.strip_prefix(b" ").unwrap_or(&value) == ERROR;
            }
            // The data lines of one event are joined with line feeds.
            Line::Data { .. } if !self.reader.is_fresh() => {
                self.reader.feed(b"\n", &mut self.document);
            }
            Line::Name(_) | Line::Data { .. } | Line::Other => {}
        }
    }

    /// Ends an event. Data that is not JSON, such as `[DONE]`, counts only in an error event. An
    /// event without data is ignored.
    fn dispatch(&mut self, usage: &mut Usage) {
        let mut document = std::mem::take(&mut self.document);
        let reader = std::mem::take(&mut self.reader);
        let is_error = std::mem::take(&mut self.is_error) && !reader.is_fresh();
        if !reader.is_complete() {
            document = Document::default();
        }
        if is_error {
            document.fail();
        }
        if is_error || reader.is_complete() {
            usage.take(document);
        }
    }
}

/// Whether an event can report usage, an error or, if it is unknown, the model. This is the case if one of its strings
/// begins like the name of a relevant member, or has an escape that could stand for one.
fn may_report(data: &[u8], needs_model: bool) -> bool {
    scan::any_from_quote_or_backslash(data, |text| match text {
        [b'"', b'u', b's', b'a', b'g', ..]
        | [b'"', b'e', b'r', b'r', b'o', ..]
        | [b'"', b'd', b'e', b't', b'a', ..]
        | [b'"', b's', b't', b'a', b't', ..]
        | [b'\\', b'u', ..] => true,
        [b'"', b'm', b'o', b'd', b'e', ..] => needs_model,
        _ => false,
    })
}
