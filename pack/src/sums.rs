//! SHA-256 sums, in the form that `sha256sum --check` reads.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// One line for each file below the folder, in the order of their names.
pub fn of(folder: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    files(folder, "", &mut names)?;
    names.sort();
    let mut lines = String::new();
    for name in names {
        let sum = Sha256::digest(fs::read(folder.join(&name))?);
        let _ = writeln!(lines, "{}  {name}", hex(&sum));
    }
    Ok(lines)
}

fn files(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type()?.is_dir() {
            true => files(&entry.path(), &format!("{name}/"), names)?,
            false => names.push(name),
        }
    }
    Ok(())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn lists_every_file_in_order() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("b"), "").unwrap();
        std::fs::write(folder.path().join("a/c"), "abc").unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            super::of(folder.path()).unwrap(),
            format!("{abc}  a/c\n{empty}  b\n")
        );
    }
}
