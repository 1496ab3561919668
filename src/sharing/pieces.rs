//! Large shared data in pieces, so that a change copies only the pieces that it affects. Each piece is a shared entry with a
//! MAC. Its tag is part of the MAC; a reader that knows the current tag detects older content, which is also authentic.
//!
//! The VM that joined last removes the entries, since the VMs of a new configuration join before those of the old
//! configuration leave.

use crate::sharing::mac::Mac;
use crate::sharing::{Entry, SharedData, Unavailable};

/// The maximum size of the content of one piece, in bytes.
const MAX_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Pieces {
    mac: Mac,
    of: String,
    last_joined: String,
    me: u64,
}

impl Pieces {
    /// Joins the VMs that share the pieces. `me` is unique to this VM.
    ///
    /// # Errors
    /// [`Unavailable`] if the host has no shared data.
    pub fn join(of: &str, me: u64, mac: &Mac, data: &dyn SharedData) -> Result<Self, Unavailable> {
        let pieces = Self {
            last_joined: mac.name(&format!("{of}/last joined")),
            of: of.to_owned(),
            mac: mac.clone(),
            me,
        };
        let value = mac.close(&pieces.last_joined, me.to_le_bytes().to_vec());
        data.set(&pieces.last_joined, &value, 0)?;
        Ok(pieces)
    }

    /// Writes a piece and returns its tag, which is never 0. `None`: the piece is too large or the write failed.
    pub fn put(&self, id: usize, content: Vec<u8>, data: &dyn SharedData) -> Option<u64> {
        if content.len() > MAX_BYTES {
            return None;
        }
        let name = self.name(id);
        let value = self.mac.close(&name, content);
        let is_written = data.set(&name, &value, 0) == Ok(true);
        is_written.then(|| tag(&value))
    }

    /// Returns the content of a piece, if it is authentic and has this tag.
    pub fn get(&self, id: usize, wanted: u64, data: &dyn SharedData) -> Option<Vec<u8>> {
        let name = self.name(id);
        let Entry { mut value, .. } = data.get(&name).ok()??;
        if tag(&value) != wanted {
            return None;
        }
        let size = self.mac.open(&name, &value)?.len();
        value.truncate(size);
        Some(value)
    }

    /// Returns whether this VM joined last, so that it must remove the shared entries when it leaves.
    pub fn joined_last(&self, data: &dyn SharedData) -> bool {
        let Ok(Some(Entry { value, .. })) = data.get(&self.last_joined) else {
            return false;
        };
        self.mac.open(&self.last_joined, &value) == Some(&self.me.to_le_bytes())
    }

    /// Empties the pieces below `end`.
    pub fn remove(&self, end: usize, data: &dyn SharedData) {
        for id in 0..end {
            let name = self.name(id);
            if let Ok(Some(entry)) = data.get(&name)
                && !entry.value.is_empty()
            {
                let _ = data.set(&name, &[], 0);
            }
        }
    }

    fn name(&self, id: usize) -> String {
        self.mac.name(&format!("{}/piece/{id}", self.of))
    }
}

/// The last bytes of a value, which are part of its MAC.
fn tag(value: &[u8]) -> u64 {
    let tag = value.last_chunk().map_or(0, |tag| u64::from_le_bytes(*tag));
    tag.max(1)
}
