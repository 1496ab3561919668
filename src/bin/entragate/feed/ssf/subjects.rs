//! The file of `subjects`: a JSON object that maps the names of accounts at transmitters to object ids. Names that
//! contain an email address are compared case-insensitively.

use entragate::json;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

#[derive(Debug, Default)]
pub struct Subjects {
    file: Option<PathBuf>,
    /// The modification time and the length of the file.
    seen: Option<(SystemTime, u64)>,
    /// Why the file could not be read.
    failure: Option<String>,
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

    /// Reads the file if it has changed. If it cannot be used, returns a text for the operator, once for each reason;
    /// the last valid content remains in use.
    pub fn refresh(&mut self) -> Option<String> {
        let failure = self.reload().err();
        if failure == self.failure {
            return None;
        }
        self.failure.clone_from(&failure);
        failure
    }

    fn reload(&mut self) -> Result<(), String> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let failure = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let metadata = std::fs::metadata(file).map_err(|error| failure(&error))?;
        let modified = metadata.modified().map_err(|error| failure(&error))?;
        let seen = Some((modified, metadata.len()));
        if self.seen == seen {
            return self.failure.clone().map_or(Ok(()), Err);
        }
        let text = std::fs::read(file).map_err(|error| failure(&error))?;
        self.seen = seen;
        self.objects = read(&text).map_err(|error| failure(&error))?;
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

/// Returns the object id of an account.
pub fn object<'o>(objects: &'o BTreeMap<String, String>, name: &str) -> Option<&'o String> {
    objects.get(&*compared(name))
}

/// Returns a name in the form for comparisons.
fn compared(name: &str) -> Cow<'_, str> {
    if name.contains('@') {
        name.to_lowercase().into()
    } else {
        name.into()
    }
}

fn read(text: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let members = json::parse_object(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("is not a JSON object (line {line}, column {column})")
    })?;
    let mut objects = BTreeMap::new();
    for (name, value) in members {
        let Value::String(object) = value else {
            return Err("every member must be the object id of an account".to_owned());
        };
        if objects
            .insert(compared(&name).into_owned(), object)
            .is_some()
        {
            return Err("two names with an address differ only in case".to_owned());
        }
    }
    Ok(objects)
}
