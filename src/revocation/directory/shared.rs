//! The form in which workers share a list: a manifest, and the pieces of its tables. The manifest names each piece by a
//! tag of its content, so that a worker copies only the pieces that it does not have.

use super::list::{DirectoryList, Progress};
use super::page::Link;
use super::table::{EMPTY, PIECES};
use crate::fetch::refresh::Attempt;
use crate::time::Timestamp;
use std::fmt;

/// The number of a piece: first the pieces of the table of revocations, then those of the table of applications.
pub type PieceId = usize;

/// The number of pieces of a list.
pub const ALL_PIECES: usize = 2 * PIECES;
const WORD: usize = size_of::<u64>();

/// A piece that other workers do not have, with its content.
pub struct Piece {
    pub id: PieceId,
    pub content: Vec<u8>,
}

/// Omits the content.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({}: {} bytes)", self.id, self.content.len())
    }
}

/// A complete list as another worker published it.
#[derive(Debug)]
pub struct Manifest {
    link: Link,
    changed: Option<Timestamp>,
    tags: Vec<u64>,
}

impl Manifest {
    /// Reads a manifest: the time of the last change, the tags of all pieces, and the delta link. Returns `None` if it is
    /// malformed.
    pub fn read(content: &[u8]) -> Option<Self> {
        let (words, link) = content.split_at_checked((1 + ALL_PIECES) * WORD)?;
        let (words, _) = words.as_chunks::<WORD>();
        let mut words = words.iter().map(|word| u64::from_le_bytes(*word));
        let changed = Some(words.next()?).filter(|millis| *millis > 0);
        Some(Self {
            link: Link::restore(String::from_utf8(link.to_vec()).ok()?)?,
            changed: changed.map(Timestamp::from_millis),
            tags: words.collect(),
        })
    }
}

impl DirectoryList {
    /// Returns the pieces that changed since they were shared. Each must be published, and then noted with
    /// [`DirectoryList::note_shared`], before the manifest is written.
    pub fn unshared(&self) -> Vec<Piece> {
        let (_, _, entries) = self.shared_parts();
        let revoked = entries.revoked.unshared();
        let revoked = revoked.map(|(id, records)| (id, records.as_flattened()));
        let apps = entries.apps.unshared();
        let apps = apps.map(|(id, records)| (PIECES + id, records.as_flattened()));
        let piece = |(id, content): (PieceId, &[u8])| Piece {
            id,
            content: content.to_vec(),
        };
        revoked.chain(apps).map(piece).collect()
    }

    /// Records the tag under which a piece was published. It must differ for different contents, and must not be zero.
    pub fn note_shared(&mut self, id: PieceId, tag: u64) {
        let entries = self.entries_mut();
        match id.checked_sub(PIECES) {
            None => entries.revoked.note_shared(id, tag),
            Some(id) => entries.apps.note_shared(id, tag),
        }
    }

    /// Marks all pieces as not shared, because the published ones no longer exist.
    pub fn unshare(&mut self) {
        self.entries_mut().revoked.unshare();
        self.entries_mut().apps.unshare();
    }

    /// Returns the manifest, if all pieces are published and the first pass is complete.
    pub fn manifest(&self) -> Option<Vec<u8>> {
        let (link, changed, entries) = self.shared_parts();
        let changed = changed.map_or(0, Timestamp::as_millis);
        let tags = [entries.revoked.tags()?, entries.apps.tags()?].concat();
        let words = [changed].into_iter().chain(tags);
        let words = words.flat_map(u64::to_le_bytes);
        Some(words.chain(link?.path().bytes()).collect())
    }

    /// Takes over a list. `read` returns the content of a piece with this tag, or `None` if it was replaced. Pieces that
    /// were read remain in use even if others cannot be read, because each is newer than its predecessor.
    pub fn taken_over(
        &mut self,
        attempt: Attempt,
        manifest: Option<Manifest>,
        at: Timestamp,
        mut read: impl FnMut(PieceId, u64) -> Option<Vec<u8>>,
    ) -> Progress {
        let before = self.changed();
        let is_complete = manifest.as_ref().is_some_and(|manifest| {
            let mut tags = manifest.tags.iter().enumerate();
            tags.all(|(id, tag)| self.take_piece(id, *tag, &mut read))
        });
        let Some(manifest) = manifest.filter(|_| is_complete) else {
            self.not_taken_over(attempt, at);
            return Progress::Late;
        };
        if !self.continue_from(attempt, manifest.link, manifest.changed, at) {
            return Progress::Late;
        }
        Progress::Renewed {
            entries: self.entries().len(),
            changes: usize::from(self.changed() != before),
            was_full_pass: false,
        }
    }

    fn take_piece(
        &mut self,
        id: PieceId,
        tag: u64,
        read: &mut impl FnMut(PieceId, u64) -> Option<Vec<u8>>,
    ) -> bool {
        let app_piece = id.checked_sub(PIECES);
        let entries = self.entries();
        let current = app_piece.map_or_else(|| entries.revoked.tag(id), |id| entries.apps.tag(id));
        if current == Some(tag) {
            return true;
        }
        let content = if tag == EMPTY {
            Some(Vec::new())
        } else {
            read(id, tag)
        };
        let entries = self.entries_mut();
        content.is_some_and(|content| match app_piece {
            None => entries.revoked.take_over(id, &content, tag),
            Some(id) => entries.apps.take_over(id, &content, tag),
        })
    }
}
