//! A real Redis on a Unix socket, so that its address is free after a restart too. Its data survive a restart.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    envoy::{EnvoyError, process::Process, workspace_root},
    server::lock,
};
use std::sync::Mutex;

/// Long enough for a loaded machine.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// A Redis. Dropping it kills the process and waits for it.
pub struct Redis {
    /// `None` while it is stopped.
    process: Mutex<Option<Process>>,
    directory: TempDir,
}

impl Redis {
    pub(crate) async fn start() -> Result<Redis, EnvoyError> {
        let directory =
            TempDir::with_prefix("entragate-redis-").map_err(|source| EnvoyError::Io {
                what: "cannot create a directory for Redis".into(),
                source,
            })?;
        let redis = Redis {
            process: Mutex::default(),
            directory,
        };
        redis.restart().await?;
        Ok(redis)
    }

    /// Kills the process, which closes all connections.
    pub fn stop(&self) {
        *lock(&self.process) = None;
    }

    /// Starts it with the data that it had.
    pub async fn restart(&self) -> Result<(), EnvoyError> {
        self.stop();
        let binary = find();
        let mut command = Command::new(&binary);
        // Every change is written before it is answered, so that a killed process loses none.
        command
            .current_dir(self.directory.path())
            .args(["--port", "0", "--unixsocket", "redis.sock"])
            .args(["--appendonly", "yes", "--appendfsync", "no", "--save", ""]);
        let process = Process::start(command).map_err(|source| EnvoyError::Io {
            what: format!("cannot start {}; run `make redis`", binary.display()),
            source,
        })?;
        let is_ready = |line: &str| {
            line.to_lowercase()
                .contains("ready to accept connections")
                .then_some(())
        };
        process.access.wait(START_DEADLINE, is_ready).await?;
        *lock(&self.process) = Some(process);
        Ok(())
    }

    pub(crate) fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }

    /// Returns all keys that hold a number.
    pub(crate) fn numbers(&self) -> io::Result<BTreeMap<String, u64>> {
        let mut connection = Connection::open(&self.socket())?;
        let keys = connection.ask(&[b"KEYS", b"*"])?;
        let mut numbers = BTreeMap::new();
        for key in keys {
            // The answer to a key of another type is an error without elements.
            let value = connection.ask(&[b"GET", &key])?.pop();
            let number = value.and_then(|value| String::from_utf8(value).ok()?.parse().ok());
            if let Some(number) = number {
                numbers.insert(String::from_utf8_lossy(&key).into_owned(), number);
            }
        }
        Ok(numbers)
    }
}

/// `.tools/redis`, otherwise the first server on the PATH.
fn find() -> PathBuf {
    let own = workspace_root().join(".tools/redis/bin/redis-server");
    if own.is_file() {
        return own;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path =
        |name: &str| env::split_paths(&path).any(|directory| directory.join(name).is_file());
    let name = if !on_path("redis-server") && on_path("valkey-server") {
        "valkey-server"
    } else {
        "redis-server"
    };
    name.into()
}

/// The part of Redis' protocol (RESP2) that reads keys and their values.
struct Connection {
    reader: BufReader<UnixStream>,
}

impl Connection {
    fn open(socket: &Path) -> io::Result<Connection> {
        let reader = BufReader::new(UnixStream::connect(socket)?);
        Ok(Connection { reader })
    }

    /// Sends a command and returns the strings of its answer: one, none, or those of a list.
    fn ask(&mut self, words: &[&[u8]]) -> io::Result<Vec<Vec<u8>>> {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        self.reader.get_mut().write_all(&command)?;
        let (kind, count) = self.head()?;
        match kind {
            '*' => (0..count.max(0)).map(|_| self.string()).collect(),
            '$' if count >= 0 => Ok(vec![self.rest(count)?]),
            _ => Ok(Vec::new()),
        }
    }

    fn string(&mut self) -> io::Result<Vec<u8>> {
        let (_, length) = self.head()?;
        self.rest(length)
    }

    /// Reads a line: its kind and its number, -1 if it has none.
    fn head(&mut self) -> io::Result<(char, i64)> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let mut characters = line.trim_end().chars();
        let kind = characters.next().ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok((kind, characters.as_str().parse().unwrap_or(-1)))
    }

    fn rest(&mut self, length: i64) -> io::Result<Vec<u8>> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length + "\r\n".len()];
        self.reader.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}
