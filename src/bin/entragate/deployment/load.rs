//! Loads a deployment from files and directories.

use super::{Deployment, Document, Source};
use crate::document;
use crate::input::{self, INVALID, UNREADABLE};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Extensions of the files that are read in a directory.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A file that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    pub status: u8,
    pub file: String,
    pub line: Option<u64>,
    pub message: String,
}

impl Unusable {
    fn unreadable(file: &str, error: &std::io::Error) -> Self {
        Self {
            status: UNREADABLE,
            file: input::name_of(file).to_owned(),
            line: None,
            message: match error.kind() {
                std::io::ErrorKind::InvalidData => "is not UTF-8 text".to_owned(),
                _ => error.to_string(),
            },
        }
    }
}

/// Reads all files, and all YAML and JSON files in directories.
///
/// # Errors
/// The files that cannot be used.
pub fn load(files: &[String]) -> Result<Deployment, Vec<Unusable>> {
    let mut deployment = Deployment::default();
    let mut unusable = Vec::new();
    for file in files {
        match expand(file) {
            Ok(found) => {
                for file in found {
                    match documents(&file) {
                        Ok(documents) => deployment.documents.extend(documents),
                        Err(error) => unusable.push(error),
                    }
                }
            }
            Err(error) => unusable.push(error),
        }
    }
    if unusable.is_empty() {
        Ok(deployment)
    } else {
        Err(unusable)
    }
}

/// The files in a directory, or the file itself.
pub fn expand(file: &str) -> Result<Vec<String>, Unusable> {
    if file == "-" || !Path::new(file).is_dir() {
        return Ok(vec![file.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(file)];
    while let Some(folder) = folders.pop() {
        let named = folder.to_string_lossy();
        let entries =
            std::fs::read_dir(&folder).map_err(|error| Unusable::unreadable(&named, &error))?;
        for entry in entries {
            let path = entry
                .map_err(|error| Unusable::unreadable(&named, &error))?
                .path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            let known = path
                .extension()
                .is_some_and(|own| EXTENSIONS.iter().any(|known| own == *known));
            if hidden {
                continue;
            }
            // A link to a directory could lead to an endless loop.
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if known {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn documents(file: &str) -> Result<Vec<Document>, Unusable> {
    let text = input::read(file).map_err(|error| Unusable::unreadable(file, &error))?;
    let name = input::name_of(file);
    let located = document::read_located(&text).map_err(|message| Unusable {
        status: INVALID,
        file: name.to_owned(),
        line: line_in(&message),
        message,
    })?;
    let source = Rc::new(Source {
        name: name.to_owned(),
        text,
    });
    let in_file = located
        .into_iter()
        .map(|located| Document::of_file(Rc::clone(&source), located));
    let mut documents = Vec::new();
    for document in in_file {
        documents.extend(in_resource(&document));
        documents.push(document);
    }
    Ok(documents)
}

/// The line that the parser's message names.
fn line_in(message: &str) -> Option<u64> {
    let rest = message.split("line ").nth(1)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A ConfigMap or a Secret contains files as text; one of them may be an `envoy.yaml`. A text that is
/// not valid YAML, or not an object, is some other file.
fn in_resource(document: &Document) -> Vec<Document> {
    let root = document.root();
    let member = match root.text("kind") {
        Some("ConfigMap") => "data",
        Some("Secret") => "stringData",
        _ => return Vec::new(),
    };
    let named = super::name_of(&root).to_owned();
    let files = root.get(member).map(|data| data.members());
    let mut found = Vec::new();
    for (_, file) in files.into_iter().flatten() {
        let Some(text) = file.value.as_str() else {
            continue;
        };
        let embedded = document.embedded(&file.path, text).unwrap_or_default();
        found.extend(embedded.into_iter().filter(|inner| inner.value.is_object()));
    }
    for inner in &mut found {
        inner.config_map = Some(named.clone());
    }
    found
}
