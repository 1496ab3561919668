//! SHA-256 sums in the format that `sha256sum --check` reads.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// Returns one line for each file in the directory and its subdirectories, sorted by path.
pub fn of(directory: &Path) -> io::Result<String> {
    let mut names = Vec::new();
    files(directory, "", &mut names)?;
    names.sort();
    let mut lines = String::new();
    for name in names {
        let sum = Sha256::digest(fs::read(directory.join(&name))?);
        let _ = writeln!(lines, "{}  {name}", hex(&sum));
    }
    Ok(lines)
}

fn files(directory: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            files(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
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
    fn every_file_is_listed_in_order() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("a")).unwrap();
        std::fs::write(directory.path().join("b"), "").unwrap();
        std::fs::write(directory.path().join("a/c"), "abc").unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            super::of(directory.path()).unwrap(),
            format!("{abc}  a/c\n{empty}  b\n")
        );
    }
}
