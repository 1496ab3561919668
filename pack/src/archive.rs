//! Archives with the same bytes for the same files: sorted by name, without times and owners.

use std::fs;
use std::io;
use std::path::Path;

/// Returns a tar archive of a directory, with `prefix` before each name. Links are followed. `change` receives
/// the name and the content of each file, and returns the content to store.
pub fn of(
    directory: &Path,
    prefix: &str,
    change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
) -> io::Result<Vec<u8>> {
    let mut names = Vec::new();
    files(directory, "", &mut names)?;
    names.sort();
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let path = directory.join(&name);
        let content = change(&name, fs::read(&path)?);
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(if is_program(&path)? { 0o755 } else { 0o644 });
        header.set_mtime(0);
        archive.append_data(&mut header, format!("{prefix}{name}"), &content[..])?;
    }
    archive.into_inner()
}

fn files(directory: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn is_program(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o100 != 0)
}

#[cfg(not(unix))]
fn is_program(_: &Path) -> io::Result<bool> {
    Ok(false)
}
