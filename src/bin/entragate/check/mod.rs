//! `entragate check`: validates configurations and the deployment around them.

mod admin;
mod agents;
mod bodies;
mod callouts;
mod connection;
mod filter_state;
mod finding;
mod headers;
mod ids;
mod logs;
mod messages;
mod output;
mod plugin;
mod rate_limits;
mod records;
mod routes;
mod rules;
mod samples;
mod scene;
mod sessions;
mod trust;
mod upstreams;
mod values;
mod variables;

use crate::deployment::filters::{self, Filter};
use crate::deployment::load::{self, Unusable};
use crate::deployment::{Deployment, Place};
use crate::input::{self, INVALID, UNREADABLE};
use crate::report;
use clap::Args;
use entragate::config::{Config, ConfigErrors};
use finding::{Finding, Findings, Level};
use scene::Scene;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Check configurations and the deployment around them, and report every finding.
///
/// Reads plugin configurations in JSON or YAML, and finds them in Envoy bootstraps and discovery
/// responses, in Kubernetes resources of Istio and Envoy Gateway, in ConfigMaps, and in Kong's
/// declarations. All files of one call are one deployment: clusters, routes, DestinationRules and
/// containers in any of them are read together. In a directory, all .yaml, .yml and .json files are read.
///
/// Each finding is printed as `FILE:LINE: level: [name] message (id)`; docs/check.md explains every
/// id. If several plugins are checked, the name has the form `[plugin/name]`. Errors: the filter would not start, or a
/// secret or the trust in keys is lost. Warnings: everything else that is probably a mistake. Notes never affect the
/// exit status.
///
/// Environment variables that are missing on this machine are notes, since the proxy runs elsewhere. With --env they
/// are errors, as they are for the filter.
#[derive(Args)]
#[command(after_help = "\
JSON:
  --json prints a list of findings, each with these members:
    file     the file
    path     the path within the plugin configuration, or within the file
    line     the line, or null
    level    error, warning or note
    id       the kind of finding, stable
    name     the rule, cluster, route or credential, or null
    plugin   the plugin, if the files configure several, or null
    message  what is wrong; what to do

Exit status:
  0  no errors (there may be warnings, unless --strict)
  1  errors; with --strict, errors or warnings
  2  invalid arguments, an unreadable file, or no entragate filter in the files

Examples:
  entragate check envoy.yaml
  entragate check deploy/                        # a directory
  entragate check wasmplugin.yaml hosts.yaml     # read as one deployment
  entragate check --strict --json envoy.yaml     # in CI
  kubectl get wasmplugin entragate -o yaml | entragate check -")]
pub struct Arguments {
    /// The files and directories to check; `-` reads standard input
    #[arg(required_unless_present = "list", value_name = "FILE")]
    files: Vec<String>,

    /// Check this machine's environment as well: a missing variable is an error
    #[arg(long)]
    env: bool,

    /// Treat warnings as errors: exit with 1 if there are any
    #[arg(long)]
    strict: bool,

    /// Print the findings as a JSON list on standard output
    #[arg(long)]
    json: bool,

    /// Print the table of all findings, as Markdown, and exit
    #[arg(long, exclusive = true)]
    list: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.list {
        report::print(&ids::table());
        return ExitCode::SUCCESS;
    }
    let deployment = match load::load(&arguments.files) {
        Ok(deployment) => deployment,
        Err(unusable) => return refuse(arguments, &unusable),
    };
    let filters = filters::find(&deployment);
    if filters.is_empty() {
        return refuse_without_filter(arguments);
    }
    let mut all = Findings::default();
    let mut results = Vec::new();
    for filter in &filters {
        let (loaded, mut findings) = look(filter, &deployment, arguments.env);
        if filters.len() > 1 {
            findings.name_plugin(filter.name());
        }
        let passes = !findings.has(Level::Error);
        all.extend(findings);
        if let (Ok(config), true) = (loaded, passes) {
            results.push((filter, config));
        }
    }
    let failed = all.has(Level::Error) || (arguments.strict && all.has(Level::Warning));
    report(arguments, all, &deployment);
    if !arguments.json {
        let only = filters.len() == 1 && deployment_files(&deployment) == 1;
        for (filter, config) in &results {
            output::ok(filter, config, only);
        }
    }
    if failed {
        ExitCode::from(INVALID)
    } else {
        ExitCode::SUCCESS
    }
}

fn deployment_files(deployment: &Deployment) -> usize {
    let names = deployment.documents.iter();
    let names: BTreeSet<&str> = names
        .map(|document| document.source.name.as_str())
        .collect();
    names.len()
}

fn report(arguments: &Arguments, findings: Findings, deployment: &Deployment) {
    let mut files: Vec<String> = Vec::new();
    for document in &deployment.documents {
        if !files.contains(&document.source.name) {
            files.push(document.source.name.clone());
        }
    }
    show(arguments, &findings.into_sorted(&files));
}

fn show(arguments: &Arguments, findings: &[Finding]) {
    if arguments.json {
        output::json(findings);
    } else {
        findings.iter().for_each(output::text);
    }
}

fn refuse(arguments: &Arguments, unusable: &[Unusable]) -> ExitCode {
    let finding = |file: &Unusable| Finding {
        kind: &ids::FILE_UNUSABLE,
        place: Place {
            file: file.file.clone(),
            path: String::new(),
            line: file.line,
        },
        subject: None,
        plugin: None,
        text: file.message.clone(),
        shows_path: false,
    };
    let findings: Vec<Finding> = unusable.iter().map(finding).collect();
    show(arguments, &findings);
    let worst = unusable.iter().map(|file| file.status).max();
    ExitCode::from(worst.unwrap_or(UNREADABLE))
}

fn refuse_without_filter(arguments: &Arguments) -> ExitCode {
    let files: Vec<&str> = arguments
        .files
        .iter()
        .map(|file| input::name_of(file))
        .collect();
    let finding = Finding {
        kind: &ids::FILTER_NOT_FOUND,
        place: Place {
            file: files.join(", "),
            path: String::new(),
            line: None,
        },
        subject: None,
        plugin: None,
        text: input::NO_FILTER.to_owned(),
        shows_path: false,
    };
    show(arguments, &[finding]);
    ExitCode::from(UNREADABLE)
}

/// Loads the configuration of one filter and gathers all findings about it.
fn look(
    filter: &Filter<'_>,
    deployment: &Deployment,
    env: bool,
) -> (Result<Config, ConfigErrors>, Findings) {
    let missing = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        let value = std::env::var(name).ok();
        // The name of a variable that is actually a secret must not become part of a message.
        if value.is_none() && (!env || variables::is_secret(name)) {
            missing.borrow_mut().insert(name.to_owned());
            return Some("unset".to_owned());
        }
        value
    };
    let loaded = input::load(&filter.configuration, &lookup);
    let mut findings = Findings::default();
    let given = filter.configuration.members().unwrap_or(Value::Null);
    let scene = Scene {
        deployment,
        filter,
        given: &given,
        config: loaded.as_ref().ok(),
    };
    if let Err(errors) = &loaded {
        invalid(&scene, errors, &mut findings);
    }
    if given.is_object() {
        values::check(&scene, &mut findings);
        variables::check(&scene, &missing.borrow(), &mut findings);
        rules::check(&scene, &mut findings);
        agents::check(&scene, &mut findings);
        sessions::check(&scene, &mut findings);
        messages::check(&scene, &mut findings);
        callouts::check(&scene, &mut findings);
        upstreams::check(&scene, &mut findings);
    }
    plugin::check(&scene, &mut findings);
    routes::check(&scene, &mut findings);
    headers::check(&scene, &mut findings);
    connection::check(&scene, &mut findings);
    bodies::check(&scene, &mut findings);
    logs::check(&scene, &mut findings);
    admin::check(&scene, &mut findings);
    records::check(&scene, &mut findings);
    filter_state::check(&scene, &mut findings);
    rate_limits::check(&scene, &mut findings);
    (loaded, findings)
}

fn invalid(scene: &Scene<'_>, errors: &ConfigErrors, findings: &mut Findings) {
    for error in errors {
        let place = scene.at(&error.path);
        let subject = input::item_at(scene.given, &error.path);
        let message = error.problem.to_string();
        let kind = &ids::CONFIGURATION_INVALID;
        findings.add_inside(kind, place, subject.as_deref(), message);
    }
}
