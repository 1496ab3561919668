//! The state file: replaced as a whole, so that a crash leaves the old or the new content, and locked against a second
//! process, which would acknowledge events that this one does not record.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Locked until the process ends. The lock is a separate file, because the state file is replaced.
    _lock: File,
}

impl StateFile {
    pub fn open(path: &Path) -> Result<Self, String> {
        let lock_path = beside(path, "lock");
        let lock = options().open(&lock_path);
        let lock = lock.map_err(|error| format!("{}: {error}", lock_path.display()))?;
        lock.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => {
                format!("{}: is in use by another process", path.display())
            }
            std::fs::TryLockError::Error(error) => format!("{}: {error}", lock_path.display()),
        })?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Reads the state; the default if there is no file.
    pub fn read<T: DeserializeOwned + Default>(&self) -> Result<T, String> {
        let name = self.path.display();
        match std::fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(format!("{name}: {error}")),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                format!("{name}: is not a state file (line {line}, column {column})")
            }),
        }
    }

    /// Replaces the state, and returns when the new state is on the disk.
    pub fn write(&self, state: &impl Serialize) -> Result<(), String> {
        let new = beside(&self.path, "new");
        self.replace(&new, state)
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }

    fn replace(&self, new: &Path, state: &impl Serialize) -> std::io::Result<()> {
        let text = serde_json::to_vec(state)?;
        let mut file = options().truncate(true).open(new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(new, &self.path)?;
        // The new name is on the disk only after the folder has been synchronized.
        let folder = self.path.parent().filter(|own| !own.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

/// The state identifies people, so only its owner may read it.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
