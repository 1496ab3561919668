//! Reads files of the repository and their content.
#![allow(dead_code, reason = "each test file uses its own part")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads a file of the repository.
pub fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The Helm chart: its files are YAML only after Helm has rendered them (tests/e2e/chart.rs).
const TEMPLATES: &str = "deploy/helm";

/// Returns the files with this extension in a directory and its subdirectories, as sorted paths relative to the repository.
pub fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if path == std::path::Path::new(TEMPLATES) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Returns the fenced blocks whose info string is exactly `information`.
pub fn blocks(text: &str, information: &str) -> Vec<String> {
    let all = fenced(text).into_iter();
    all.filter(|(info, _)| info == information)
        .map(|(_, block)| block)
        .collect()
}

/// Returns all fenced blocks: the info string, and the text without the indentation of the fence.
pub fn fenced(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(information)) => {
                open = Some((indent, information.to_owned(), String::new()))
            }
            (Some(_), Some(_)) => {
                let (_, information, block) = open.take().unwrap();
                blocks.push((information, block));
            }
            (Some((indent, _, block)), None) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}

pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
