//! The input of a command: files, and the configurations in them.

use crate::deployment::filters::{self, Configuration};
use crate::deployment::load;
use entragate::config::{self, Config, ConfigErrors};
use std::io::Read;

/// Exit status: the configuration is not valid.
pub const INVALID: u8 = 1;
/// Exit status: invalid arguments, or an unusable file.
pub const UNREADABLE: u8 = 2;

/// The name of a file in messages.
pub fn name_of(file: &str) -> &str {
    match file {
        "-" => "standard input",
        file => file,
    }
}

/// Reads a file; `-` is standard input.
pub fn read(file: &str) -> std::io::Result<String> {
    match file {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        file => std::fs::read_to_string(file),
    }
}

/// The message about files without a filter.
pub const NO_FILTER: &str = "no entragate filter is configured here; name the plugin or its root_id \"entragate\", \
                             or pass the plugin configuration alone";

/// A configuration of the filter, and its path in the file.
#[derive(Debug)]
pub struct Found {
    pub place: String,
    pub configuration: Configuration,
}

/// Finds all configurations of the filter in a file, at least one.
///
/// # Errors
/// The exit status and the message if there is none.
pub fn find(file: &str) -> Result<Vec<Found>, (u8, String)> {
    let deployment = load::load(&[file.to_owned()]).map_err(|unusable| {
        let first = unusable.into_iter().next();
        first.map_or((UNREADABLE, String::new()), |file| {
            (file.status, file.message)
        })
    })?;
    let found: Vec<Found> = filters::find(&deployment)
        .into_iter()
        .map(|filter| Found {
            place: filter.place,
            configuration: filter.configuration,
        })
        .collect();
    if found.is_empty() {
        return Err((UNREADABLE, NO_FILTER.to_owned()));
    }
    Ok(found)
}

/// Loads a configuration as the filter does.
///
/// # Errors
/// All errors of the configuration.
pub fn load(
    configuration: &Configuration,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigErrors> {
    match configuration {
        Configuration::Text(text) => config::load(text.as_bytes(), env),
        Configuration::Value(value) => config::load_value(value, env),
    }
}
