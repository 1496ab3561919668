//! The audit records as a file, one JSON object per line.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A file that is written as records arrive.
pub struct Records {
    path: PathBuf,
    file: File,
}

impl Records {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> io::Result<Self> {
        let about =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(about)?;
        }
        let file = File::create(path).map_err(about)?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn add(&mut self, record: &Value) -> io::Result<()> {
        writeln!(self.file, "{record}")
    }
}
