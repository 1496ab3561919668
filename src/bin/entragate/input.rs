//! What a command reads: the files it is given, and the configurations in them.

use crate::document;
use crate::filters::{self, Configuration, Filter};
use entragate::config::{self, Config, ConfigErrors};
use std::io::Read;

/// Exit status: the configuration is not valid.
pub const INVALID: u8 = 1;
/// Exit status: wrong use, or a file that can't be used.
pub const UNREADABLE: u8 = 2;

/// How a file is called in messages.
pub fn name_of(file: &str) -> &str {
    match file {
        "-" => "standard input",
        file => file,
    }
}

/// The text of a file; `-` is standard input.
pub fn read(file: &str) -> std::io::Result<String> {
    match file {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        file => std::fs::read_to_string(file),
    }
}

/// All uses of the filter in a file, at least one.
///
/// # Errors
/// An exit status and why there are none.
pub fn find(file: &str) -> Result<Vec<Filter>, (u8, String)> {
    let text = read(file).map_err(|error| (UNREADABLE, error.to_string()))?;
    let documents = document::read(&text).map_err(|error| (INVALID, error))?;
    match filters::find(&documents) {
        filters if filters.is_empty() => Err((
            UNREADABLE,
            "no entragate filter in it; name the plugin or its root_id \"entragate\", or give the \
             plugin configuration alone"
                .to_owned(),
        )),
        filters => Ok(filters),
    }
}

/// Loads a configuration as the filter does.
pub fn load(filter: &Filter, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, ConfigErrors> {
    match &filter.configuration {
        Configuration::Text(text) => config::load(text.as_bytes(), env),
        Configuration::Value(value) => config::load_value(value, env),
    }
}
