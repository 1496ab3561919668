//! Foreign texts in messages, logs and records.

/// A foreign text made fit for a message: short, printable ASCII, in quotes.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push_str("...");
    }
    let clean = |c: char| match c {
        '"' | '\\' => '\'',
        ' '..='~' => c,
        _ => '?',
    };
    format!("'{}'", shown.chars().map(clean).collect::<String>())
}
