//! The progress of a long run: a line on standard error, if that is a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// The time before the first line. Shorter runs show nothing.
const DELAY: Duration = Duration::from_secs(1);
/// The time between two lines.
const INTERVAL: Duration = Duration::from_millis(100);
/// Returns to the beginning of the line and erases it.
const ERASE: &str = "\r\x1b[K";

/// Shows at most one line, which is erased at the end.
pub struct Progress {
    /// `None`: nothing is shown.
    out: Option<Box<dyn Write>>,
    /// The time of the next line.
    next: Instant,
    is_shown: bool,
    /// The current part of the run.
    part: String,
}

impl Progress {
    pub fn new() -> Self {
        let out: Option<Box<dyn Write>> = if stderr().is_terminal() {
            Some(Box::new(stderr()))
        } else {
            None
        };
        Self::to(out, DELAY)
    }

    fn to(out: Option<Box<dyn Write>>, delay: Duration) -> Self {
        Self {
            out,
            next: Instant::now() + delay,
            is_shown: false,
            part: String::new(),
        }
    }

    /// Begins a part of the run: the item with this number, out of a total.
    pub fn begin(&mut self, what: &str, done: usize, all: usize) {
        self.part = format!("{what} {} of {all}", done + 1);
        self.show(String::new());
    }

    /// Begins a step of the part.
    pub fn step(&mut self, what: &str, done: usize, all: usize) {
        self.show(format!(": {what} {} of {all}", done + 1));
    }

    fn show(&mut self, step: String) {
        let Some(out) = &mut self.out else {
            return;
        };
        if Instant::now() >= self.next {
            // A failure to write progress is ignored.
            let _ = write!(out, "{ERASE}{}{step}", self.part);
            let _ = out.flush();
            self.is_shown = true;
            self.next = Instant::now() + INTERVAL;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let (Some(out), true) = (&mut self.out, self.is_shown) {
            let _ = out.write_all(ERASE.as_bytes());
            let _ = out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Clone, Default)]
    struct Screen(Rc<RefCell<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(delay: Duration) -> String {
        let screen = Screen::default();
        let mut progress = Progress::to(Some(Box::new(screen.clone())), delay);
        progress.begin("assertion", 1, 3);
        progress.next -= INTERVAL;
        progress.step("rule", 8, 9);
        drop(progress);
        let bytes = screen.0.borrow().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn line_of_a_long_run_is_replaced_and_erased() {
        let expected =
            "\r\u{1b}[Kassertion 2 of 3\r\u{1b}[Kassertion 2 of 3: rule 9 of 9\r\u{1b}[K";
        assert_eq!(written(Duration::ZERO), expected);
    }

    #[test]
    fn short_run_shows_nothing() {
        assert_eq!(written(Duration::from_secs(3600)), "");
    }

    #[test]
    fn next_line_is_written_only_after_an_interval() {
        let screen = Screen::default();
        let mut progress = Progress::to(Some(Box::new(screen.clone())), Duration::ZERO);
        progress.begin("case", 0, 2);
        // A clock that does not advance until the next line is due.
        progress.next += Duration::from_secs(3600);
        progress.begin("case", 1, 2);
        assert_eq!(screen.0.borrow().as_slice(), b"\r\x1b[Kcase 1 of 2");
    }
}
