//! The relevant part of the directory: disabled and deleted objects, and revoked sign-in sessions, as long as earlier
//! tokens can be valid. Every other object is forgotten.

use super::change::Change;
use super::id::Id;
use super::table::{Table, key};
use crate::decision::DirectoryGround;
use crate::time::Timestamp;
use std::time::Duration;

/// A key and a time in seconds since 1970. The key is the id, three bits for the kind, and one bit that is set if the
/// current pass has listed the object.
type Revoked = [u8; 12];
/// A service principal's key, and the id of its application.
type App = [u8; 16];

/// Bit 0 of a key: the current pass has listed the object.
const LISTED: u64 = 1;

/// The record of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Disabled,
    Removed,
    /// Tokens that were issued earlier are revoked.
    NotBefore,
    /// The id belongs to an application whose service principal is disabled.
    AppDisabled,
    /// The id belongs to an application whose service principal was deleted.
    AppRemoved,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Disabled,
        Self::Removed,
        Self::NotBefore,
        Self::AppDisabled,
        Self::AppRemoved,
    ];

    fn of(key: u64) -> Option<Self> {
        let bits = usize::try_from(key >> 1 & 7).ok()?;
        Self::ALL.get(bits).copied()
    }

    const fn key(self, id: Id) -> u64 {
        id.bits() | (self as u64) << 1 | LISTED
    }

    /// Returns whether the record is needed only while tokens from before its time can be valid.
    const fn ends(self) -> bool {
        match self {
            Self::Removed | Self::NotBefore | Self::AppRemoved => true,
            Self::Disabled | Self::AppDisabled => false,
        }
    }
}

/// The directory holds more revoked objects and service principals than `entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// The entries of one list.
#[derive(Clone, Debug)]
pub struct Entries {
    pub revoked: Table<{ size_of::<Revoked>() }>,
    /// The application of each service principal, because a change may name only the principal.
    pub apps: Table<{ size_of::<App>() }>,
    most: usize,
    /// The maximum lifetime of a token.
    life: Duration,
}

impl Entries {
    /// Creates entries for at most `most` records, and the same number of deletions in addition. `life` is the maximum
    /// lifetime of a token.
    pub fn new(most: usize, life: Duration) -> Self {
        Self {
            revoked: Table::default(),
            apps: Table::default(),
            most,
            life,
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub const fn len(&self) -> usize {
        self.revoked.len() + self.apps.len()
    }

    /// Returns why the object is revoked, for a token issued at `issued`. A token without a time of issue may have been
    /// issued at any time.
    pub fn of_object(&self, object: Id, issued: Option<Timestamp>) -> Option<DirectoryGround> {
        let records = self.revoked.find(object).iter();
        let ground = |record: &Revoked| match (Kind::of(key(record))?, time(record)) {
            (Kind::Disabled, at) => Some(DirectoryGround::Disabled(at)),
            (Kind::Removed, at) => Some(DirectoryGround::Removed(at)),
            (Kind::NotBefore, limit) if issued.is_none_or(|issued| issued < limit) => {
                Some(DirectoryGround::NotBefore(limit))
            }
            (Kind::NotBefore | Kind::AppDisabled | Kind::AppRemoved, _) => None,
        };
        records.filter_map(ground).next()
    }

    /// Returns why tokens of the application are revoked.
    pub fn of_app(&self, app: Id) -> Option<DirectoryGround> {
        let records = self.revoked.find(app).iter();
        let ground = |record: &Revoked| match (Kind::of(key(record))?, time(record)) {
            (Kind::AppDisabled, at) => Some(DirectoryGround::AppDisabled(at)),
            (Kind::AppRemoved, at) => Some(DirectoryGround::AppRemoved(at)),
            (Kind::Disabled | Kind::Removed | Kind::NotBefore, _) => None,
        };
        records.filter_map(ground).next()
    }

    /// Begins a full pass: every object that still exists will be listed.
    pub fn begin_pass(&mut self) {
        self.revoked.retain(|record| set_listed(record, false));
        self.apps.retain(|record| set_listed(record, false));
    }

    /// Ends a full pass. Objects that the pass did not list have been deleted since the last pass.
    pub fn end_pass(&mut self, now: Timestamp) {
        let mut gone = Vec::new();
        self.apps.retain(|record| {
            let key = key(record);
            if key & LISTED == 0 {
                gone.push((Kind::Removed, Id::from_key(key)));
                gone.push((Kind::AppRemoved, app_of(record)));
            }
            key & LISTED != 0
        });
        self.revoked.retain(|record| {
            let key = key(record);
            let kind = Kind::of(key).filter(|_| key & LISTED == 0);
            let now_gone = match kind {
                Some(Kind::Disabled) => Some(Kind::Removed),
                Some(Kind::AppDisabled) => Some(Kind::AppRemoved),
                Some(Kind::Removed | Kind::NotBefore | Kind::AppRemoved) | None => None,
            };
            gone.extend(now_gone.map(|kind| (kind, Id::from_key(key))));
            set_listed(record, true);
            now_gone.is_none()
        });
        // Sorted, because one pass may find that thousands of service principals were deleted.
        let mut current = Vec::new();
        if !gone.is_empty() {
            current.extend(self.apps.iter().map(app_of));
            current.sort_unstable();
        }
        gone.retain(|(kind, id)| *kind != Kind::AppRemoved || current.binary_search(id).is_err());
        for (kind, id) in gone {
            self.revoke(kind, id, now);
        }
    }

    /// Removes records that are no longer needed, because all earlier tokens have expired.
    pub fn expire(&mut self, now: Timestamp) {
        let life = self.life;
        let mut gone = Vec::new();
        self.revoked.retain(|record| {
            let kind = Kind::of(key(record));
            let ends = kind.is_some_and(Kind::ends) && time(record).plus(life) < now;
            if ends && kind == Some(Kind::Removed) {
                gone.push(Id::from_key(key(record)));
            }
            !ends
        });
        for object in gone {
            self.apps.retain_of(object, |_| false);
        }
    }

    /// Applies the changes of a page in their order. Changes may be repeated.
    ///
    /// # Errors
    /// `TooMany` if there is no room for an entry. The rest of the changes are applied.
    pub fn apply(&mut self, changes: &[Change], now: Timestamp) -> Result<(), TooMany> {
        let mut fits = true;
        let mut deleted = Vec::new();
        for change in changes {
            fits &= self.apply_one(change, &mut deleted, now);
        }
        fits &= self.revoke_apps(deleted, now);
        fits.then_some(()).ok_or(TooMany)
    }

    /// Applies a change, and collects the applications whose service principals are deleted. Returns false if there is
    /// no room for an entry.
    fn apply_one(&mut self, change: &Change, deleted: &mut Vec<Id>, now: Timestamp) -> bool {
        let object = change.object;
        let mut fits = true;
        self.confirm(object);
        if let Some(app) = change.app {
            let mut record = [0; size_of::<App>()];
            write(
                &mut record,
                object.bits() | LISTED,
                &app.bits().to_be_bytes(),
            );
            fits = self.len() < self.most || !self.apps.find(object).is_empty();
            if fits {
                self.apps.put(record);
            }
        }
        let app = self.apps.find(object).first().map(app_of);
        app.into_iter().for_each(|app| self.confirm(app));
        match (change.is_removed, change.enabled) {
            (true, _) => {
                self.forget(object, &[Kind::Disabled]);
                fits &= self.revoke(Kind::Removed, object, now);
                deleted.extend(app);
            }
            (false, Some(false)) => {
                self.forget(object, &[Kind::Removed]);
                fits &= self.revoke(Kind::Disabled, object, now);
                if let Some(app) = app {
                    self.forget(app, &[Kind::AppRemoved]);
                    fits &= self.revoke(Kind::AppDisabled, app, now);
                }
            }
            (false, Some(true)) => {
                self.forget(object, &[Kind::Disabled, Kind::Removed]);
                if let Some(app) = app {
                    self.forget(app, &[Kind::AppDisabled, Kind::AppRemoved]);
                }
            }
            // The change concerns another property.
            (false, None) => {}
        }
        if let Some(limit) = change.sessions_from
            && limit.plus(self.life) >= now
        {
            fits &= self.revoke(Kind::NotBefore, object, limit);
        }
        fits
    }

    /// Revokes applications whose service principals were deleted, except applications that have another one, which
    /// replaced the deleted one. Makes only one pass over all service principals, however many applications there are.
    /// Returns false if there is no room for an entry.
    fn revoke_apps(&mut self, mut apps: Vec<Id>, now: Timestamp) -> bool {
        if apps.is_empty() {
            return true;
        }
        apps.sort_unstable();
        apps.dedup();
        let mut replaced: Vec<Id> = Vec::new();
        for record in self.apps.iter() {
            let app = app_of(record);
            let object = Id::from_key(key(record));
            if apps.binary_search(&app).is_ok() && !self.has(Kind::Removed, object) {
                replaced.push(app);
            }
        }
        replaced.sort_unstable();
        apps.retain(|app| replaced.binary_search(app).is_err());
        let mut fits = true;
        for app in apps {
            self.forget(app, &[Kind::AppDisabled]);
            fits &= self.revoke(Kind::AppRemoved, app, now);
        }
        fits
    }

    /// Returns whether another entry can be kept. Deletions may take the same amount of room in addition, because a
    /// full pass does not list them.
    const fn has_room_for(&self, kind: Kind) -> bool {
        let most = match kind {
            Kind::Removed | Kind::AppRemoved => self.most.saturating_mul(2),
            Kind::Disabled | Kind::AppDisabled | Kind::NotBefore => self.most,
        };
        self.len() < most
    }

    fn has(&self, kind: Kind, id: Id) -> bool {
        let mut records = self.revoked.find(id).iter();
        records.any(|record| Kind::of(key(record)) == Some(kind))
    }

    /// Notes that the current pass lists an id.
    fn confirm(&mut self, id: Id) {
        self.revoked
            .retain_of(id, |record| set_listed(record, true));
    }

    fn forget(&mut self, id: Id, kinds: &[Kind]) {
        let is_one =
            |record: &Revoked| Kind::of(key(record)).is_some_and(|kind| kinds.contains(&kind));
        if self.revoked.find(id).iter().any(is_one) {
            self.revoked.retain_of(id, |record| !is_one(record));
        }
    }

    /// Records a revocation. If it is already recorded, it keeps its time; of two times before which tokens are
    /// revoked, the later one applies. Returns false if there is no room for the revocation.
    fn revoke(&mut self, kind: Kind, id: Id, at: Timestamp) -> bool {
        let known = self.revoked.find(id).iter();
        let mut known = known.filter(|record| Kind::of(key(record)) == Some(kind));
        let known = known.next().map(time);
        if known.is_none() && !self.has_room_for(kind) {
            return false;
        }
        let at = match (kind, known) {
            (_, None) => at,
            (Kind::NotBefore, Some(known)) => at.max(known),
            (_, Some(known)) => known,
        };
        let secs = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
        let mut record = [0; size_of::<Revoked>()];
        write(&mut record, kind.key(id), &secs.to_be_bytes());
        self.revoked.put(record);
        true
    }
}

fn time(record: &Revoked) -> Timestamp {
    let secs = record
        .last_chunk()
        .map_or(0, |secs| u32::from_be_bytes(*secs));
    Timestamp::from_secs(u64::from(secs))
}

fn app_of(record: &App) -> Id {
    Id::from_key(
        record
            .last_chunk()
            .map_or(0, |app| u64::from_be_bytes(*app)),
    )
}

/// Sets the bit of a key that records that the current pass has listed the object. Returns true.
fn set_listed<const N: usize>(record: &mut [u8; N], listed: bool) -> bool {
    let key = key(record) & !LISTED | u64::from(listed);
    if let Some(bytes) = record.first_chunk_mut() {
        *bytes = key.to_be_bytes();
    }
    true
}

fn write(record: &mut [u8], key: u64, value: &[u8]) {
    let bytes = key.to_be_bytes();
    let bytes = bytes.iter().chain(value);
    record
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests;
