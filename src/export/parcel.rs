//! The encoding of records that one VM hands to another: the time, the length of the line, and the
//! line of each record.

use super::queue::Entry;
use crate::time::Timestamp;

/// Reads the records of the parcel in a slot. Returns `None` if the parcel is malformed. Times in the future, which
/// come from another thread's clock, are replaced with `now`.
pub fn read(content: &[u8], slot: usize, now: Timestamp) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let (since, more) = rest.split_first_chunk()?;
        let (size, more) = more.split_first_chunk()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        let (line, more) = more.split_at_checked(size)?;
        entries.push(Entry {
            line: std::str::from_utf8(line).ok()?.to_owned(),
            since: Timestamp::from_millis(u64::from_le_bytes(*since)).min(now),
            slot: Some(slot),
        });
        rest = more;
    }
    Some(entries)
}

pub fn write<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Vec<u8> {
    let mut content = Vec::new();
    for Entry { line, since, .. } in entries {
        // No line has nearly four gigabytes.
        let size = u32::try_from(line.len()).unwrap_or_default();
        content.extend(since.as_millis().to_le_bytes());
        content.extend(size.to_le_bytes());
        content.extend_from_slice(line.as_bytes());
    }
    content
}

/// Returns the size of a record in a parcel, in bytes.
pub fn bytes_of(entry: &Entry) -> usize {
    size_of::<u64>() + size_of::<u32>() + entry.line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn entries(lines: &[(&str, u64)]) -> Vec<Entry> {
        let entry = |(line, since): &(&str, u64)| Entry {
            line: (*line).to_owned(),
            since: at(*since),
            slot: None,
        };
        lines.iter().map(entry).collect()
    }

    #[test]
    fn written_parcel_is_read_and_malformed_one_is_rejected() {
        let given = entries(&[("{}", 7), ("", 8), ("{\"a\":\"é\"}", 99)]);
        let content = write(&given);
        assert_eq!(content.len(), given.iter().map(bytes_of).sum::<usize>());
        let found = read(&content, 3, at(50)).unwrap();
        let parts = |own: &Entry| (own.line.clone(), own.since, own.slot);
        let found: Vec<_> = found.iter().map(parts).collect();
        let line = |entry: usize| given[entry].line.clone();
        assert_eq!(
            found,
            [
                (line(0), at(7), Some(3)),
                (line(1), at(8), Some(3)),
                (line(2), at(50), Some(3)),
            ]
        );
        // A cut after a complete record leaves a valid shorter parcel; the MAC detects it.
        for cut in (0..content.len()).filter(|cut| ![0, 14, 26].contains(cut)) {
            assert!(read(&content[..cut], 3, at(50)).is_none(), "cut at {cut}");
        }
        let mut garbled = write(&entries(&[("é", 1)]));
        garbled.pop();
        garbled.push(b'x');
        assert!(read(&garbled, 0, at(1)).is_none());
        let huge = [[0; 8].as_slice(), &[255; 4]].concat();
        assert!(read(&huge, 0, at(1)).is_none());
    }
}
