//! The file of `subjects`: the objects of accounts by the names that transmitters use, as a JSON object of texts.

use entragate::json;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug, Default)]
pub struct Subjects {
    file: Option<PathBuf>,
    modified: Option<SystemTime>,
    objects: BTreeMap<String, String>,
    /// Grows with every change.
    version: u64,
}

impl Subjects {
    /// # Errors
    /// A text for the operator.
    pub fn open(file: Option<PathBuf>) -> Result<Self, String> {
        let mut subjects = Self {
            file,
            ..Self::default()
        };
        subjects.reload()?;
        Ok(subjects)
    }

    /// Reads the file if it has changed.
    ///
    /// # Errors
    /// A text for the operator. The last valid content remains in use.
    pub fn reload(&mut self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let failure = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let modified = std::fs::metadata(file).and_then(|file| file.modified());
        let modified = modified.map_err(|error| failure(&error))?;
        if self.modified == Some(modified) {
            return Ok(());
        }
        self.modified = Some(modified);
        self.objects = read(file).map_err(|error| failure(&error))?;
        self.version += 1;
        Ok(())
    }

    pub const fn version(&self) -> u64 {
        self.version
    }

    pub const fn objects(&self) -> &BTreeMap<String, String> {
        &self.objects
    }
}

fn read(file: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read(file).map_err(|error| error.to_string())?;
    let members = json::parse_object(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("is not a JSON object (line {line}, column {column})")
    })?;
    let object = |(name, value): (String, Value)| match value {
        // Addresses are compared without case.
        Value::String(object) if name.contains('@') => Some((name.to_lowercase(), object)),
        Value::String(object) => Some((name, object)),
        _ => None,
    };
    let objects: Option<BTreeMap<_, _>> = members.into_iter().map(object).collect();
    objects.ok_or_else(|| "every member must be the object id of an account".to_owned())
}
