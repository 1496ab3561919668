//! The locations of Envoy, the filter and the user's `envoy.yaml`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::EnvoyError;

const VERSION: &str = "/1.40.";

/// The directory with `envoy.yaml`: `ENTRAGATE_HOME` (the demo image), otherwise the workspace this testbed was built in.
pub fn workspace_root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = testbed.parent().unwrap_or(testbed);
        env::var_os("ENTRAGATE_HOME").map_or_else(|| workspace.to_owned(), PathBuf::from)
    });
    &ROOT
}

/// The filter: `ENTRAGATE_WASM`, otherwise the release build in the target directory.
pub fn wasm_path() -> PathBuf {
    if let Some(path) = env::var_os("ENTRAGATE_WASM") {
        return path.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    workspace_root()
        .join(target)
        .join("wasm32-wasip1/release/entragate.wasm")
}

/// The filter with test hooks, which `make hooks` builds.
pub fn hooks_path() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    workspace_root()
        .join(target)
        .join("wasm32-wasip1/hooks/entragate.wasm")
}

/// The file that `ENVOY` names, of any version; otherwise Envoy 1.40 at `.tools/envoy` in the workspace or on the PATH.
pub fn find() -> Result<PathBuf, EnvoyError> {
    if let Some(path) = env::var_os("ENVOY") {
        let path = PathBuf::from(path);
        if !path.is_file() {
            let looked = format!("ENVOY={}", path.display());
            return Err(EnvoyError::NoBinary { looked });
        }
        return Ok(path);
    }
    let own = workspace_root().join(".tools/envoy");
    if own.is_file() {
        return checked(own);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path)
        .map(|dir| dir.join("envoy"))
        .find(|path| path.is_file())
    {
        Some(path) => checked(path),
        None => Err(EnvoyError::NoBinary {
            looked: format!("{} and the PATH", own.display()),
        }),
    }
}

fn checked(path: PathBuf) -> Result<PathBuf, EnvoyError> {
    let output = Command::new(&path)
        .arg("--version")
        .output()
        .map_err(|source| EnvoyError::Io {
            what: format!("cannot run {} --version", path.display()),
            source,
        })?;
    let says = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if says.contains(VERSION) {
        Ok(path)
    } else {
        Err(EnvoyError::WrongVersion { path, says })
    }
}
