//! Audit records as a table, printed by `entragate audit` itself.

use std::{
    env, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

/// A running `entragate audit -`.
pub struct Table {
    reader: Child,
}

impl Table {
    pub fn begin() -> io::Result<Self> {
        let program = program(&env::current_exe()?);
        let reader = Command::new(&program)
            .args(["audit", "-"])
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let hint = |error: io::Error| {
            let text = format!("{}: {error}; run: make run", program.display());
            io::Error::new(error.kind(), text)
        };
        reader.map(|reader| Self { reader }).map_err(hint)
    }

    /// Adds a row.
    pub async fn row(&mut self, record: &Value) -> io::Result<()> {
        match &mut self.reader.stdin {
            Some(input) => input.write_all(format!("{record}\n").as_bytes()).await,
            None => Ok(()),
        }
    }

    /// Waits until all rows are shown.
    pub async fn end(mut self) -> io::Result<()> {
        drop(self.reader.stdin.take());
        self.reader.wait().await.map(drop)
    }
}

/// Both programs are built into one directory.
fn program(own: &Path) -> PathBuf {
    own.with_file_name(format!("entragate{}", env::consts::EXE_SUFFIX))
}
