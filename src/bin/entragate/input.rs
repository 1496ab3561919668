//! The input of a command: files, and the configurations in them.

use crate::deployment::filters::Configuration;
use entragate::config::{self, Config, ConfigErrors};
use serde_json::Value;
use std::io::Read;

/// The exit status if the configuration is not valid.
pub const INVALID: u8 = 1;
/// The exit status for invalid arguments or an unusable file.
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

/// The name of the rule, credential or issuer that a path of the configuration is about.
pub fn item_at(configuration: &Value, path: &str) -> Option<String> {
    let (list, rest) = path.split_once('[')?;
    let (index, _) = rest.split_once(']')?;
    let item = configuration.get(list)?.get(index.parse::<usize>().ok()?)?;
    name(item).map(str::to_owned)
}

/// The name of a rule, a credential or an issuer. Anything that is not a valid name might be a
/// secret, so it is not shown.
pub fn name(item: &Value) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let name = item.get("name").and_then(Value::as_str)?;
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
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
