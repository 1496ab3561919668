//! The file of `subjects`: how names are found, and the messages when it cannot be used.

use super::super::subjects::{Subjects, object};
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("people.json")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }
}

#[test]
fn address_is_found_in_any_case_and_other_names_as_written() {
    let folder = Folder::new();
    folder.write(
        r#"{"Ada@Contoso.com": "o-1", "acct:Ben@contoso.com": "o-2", "https://idp.example.com/ Cleo@X": "o-3",
            "https://idp.example.com/ 42a": "o-4"}"#,
    );
    let subjects = Subjects::open(Some(folder.file())).unwrap();
    let find = |name| object(subjects.objects(), name).map(String::as_str);
    assert_eq!(find("ada@contoso.com"), Some("o-1"));
    assert_eq!(find("acct:Ben@contoso.com"), Some("o-2"));
    assert_eq!(find("acct:ben@CONTOSO.com"), Some("o-2"));
    assert_eq!(find("https://idp.example.com/ Cleo@X"), Some("o-3"));
    assert_eq!(find("https://idp.example.com/ 42a"), Some("o-4"));
    assert_eq!(find("https://idp.example.com/ 42A"), None);
    folder.write(r#"{"ada@contoso.com": "o-1", "Ada@contoso.com": "o-2"}"#);
    let error = Subjects::open(Some(folder.file())).unwrap_err();
    assert!(error.contains("differ only in case"), "{error}");
}

#[test]
fn failure_is_reported_once_and_the_last_content_remains() {
    let folder = Folder::new();
    folder.write(r#"{"ada@contoso.com": "o-1"}"#);
    let mut subjects = Subjects::open(Some(folder.file())).unwrap();
    assert_eq!(subjects.refresh(), None);
    std::fs::remove_file(folder.file()).unwrap();
    assert!(subjects.refresh().is_some());
    assert_eq!(subjects.refresh(), None, "the same failure");
    assert_eq!(subjects.objects().len(), 1);
    folder.write("{");
    let text = subjects.refresh().unwrap();
    assert!(text.contains("is not a JSON object"), "{text}");
    assert_eq!((subjects.refresh(), subjects.version()), (None, 1));
    folder.write(r#"{"ada@contoso.com": "o-1", "b": "o-2"}"#);
    assert_eq!((subjects.refresh(), subjects.version()), (None, 2));
    std::fs::remove_file(folder.file()).unwrap();
    assert!(subjects.refresh().is_some(), "it was there in between");
}
