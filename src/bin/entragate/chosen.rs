//! The configuration that a command uses: the only filter in a file, or the one that `--plugin` names.

use crate::deployment::filters::{self, Filter};
use crate::deployment::load;
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use entragate::config::Config;
use serde_json::Value;

/// A configuration, in compiled form and as written.
pub struct Chosen {
    pub config: Config,
    pub members: Value,
}

/// Loads the configuration in a file. Missing environment variables get a placeholder, because their values are never
/// shown or sent.
pub fn load(file: &str, plugin: Option<&str>) -> Result<Chosen, Failure> {
    let deployment = load::load(&[file.to_owned()]).map_err(Failure::unusable)?;
    let filters = filters::find(&deployment);
    let filter = choose(&filters, file, plugin)?;
    let config = input::load(&filter.configuration, &variable)
        .map_err(|errors| Failure::invalid_filter(filter, &errors))?;
    let members = filter.configuration.members().unwrap_or_default();
    Ok(Chosen { config, members })
}

/// The value of an environment variable, or a placeholder.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().or(Some("unset".to_owned()))
}

/// Returns the only filter, or the one that `--plugin` names. Plugins with the same name are identified by their lines.
fn choose<'f, 'd>(
    filters: &'f [Filter<'d>],
    file: &str,
    plugin: Option<&str>,
) -> Result<&'f Filter<'d>, Failure> {
    let is_wanted = |filter: &&Filter<'_>| {
        let line = filter.at("").line.map(|line| line.to_string());
        plugin.is_none_or(|wanted| filter.name() == wanted || line.as_deref() == Some(wanted))
    };
    let wanted: Vec<&Filter<'_>> = filters.iter().filter(is_wanted).collect();
    let text = match (wanted.as_slice(), filters) {
        ([filter], _) => return Ok(filter),
        ([], []) => input::NO_FILTER.to_owned(),
        ([], all) => format!(
            "no plugin has the name or the line that --plugin gives; there {}",
            listed(all.iter())
        ),
        (several, _) => format!(
            "there {}; choose one with --plugin and its name or line, or pass a file that contains only one",
            listed(several.iter().copied())
        ),
    };
    Err(Failure::of(UNREADABLE, input::name_of(file), text))
}

/// Lists plugins with their lines.
fn listed<'f, 'd: 'f>(filters: impl Iterator<Item = &'f Filter<'d>>) -> String {
    let named = filters.map(|filter| match filter.at("").line {
        Some(line) => format!("{} (line {line})", filter.name()),
        None => format!("{} ({})", filter.name(), filter.place),
    });
    let named: Vec<String> = named.collect();
    let verb = if named.len() == 1 { "is" } else { "are" };
    format!("{verb} {}", named.join(", "))
}
