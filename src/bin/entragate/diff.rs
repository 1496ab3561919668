//! `entragate diff`: compares two configurations and shows who gains and who loses access.

use crate::chosen::{self, Chosen};
use crate::explain::answer::Answer;
use crate::failure::Failure;
use crate::input::UNREADABLE;
use crate::progress::Progress;
use crate::prove::comparable::Side;
use crate::prove::compare::{Comparison, Difference, Which};
use crate::prove::search::Search;
use crate::report::{self, printable};
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// Show who gains and who loses access from one configuration to another.
/// For every caller and every request, the comparison covers whether the request is permitted, and with which
/// credential. Each difference is shown with a request that the filter's own gate decides differently. Comparisons
/// begin at the token: audiences, tenants and clients are compared. The names of rules and the codes of denials are
/// not.
#[derive(Args)]
#[command(after_help = "\
Exit status:
  0  the configurations are equivalent
  1  they are not, or the comparison is undecided
  2  a configuration cannot be used

Examples:
  entragate diff envoy.yaml new.yaml
  entragate diff envoy.yaml new.yaml --json")]
pub struct Arguments {
    /// The old configuration, or a file that contains it (as for `check`)
    old: String,

    /// The new configuration
    new: String,

    /// The plugin, by its name or the line where it begins, if a file contains several
    #[arg(long, value_name = "NAME|LINE")]
    plugin: Option<String>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

const DIFFERENT: u8 = 1;

/// The requests that one configuration permits and the other does not.
struct Changes {
    differences: Vec<Difference>,
    /// No further difference exists.
    is_complete: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match compare(arguments) {
        Ok((gained, lost)) => {
            let is_equivalent = [&gained, &lost].iter().all(|side| side.is_nothing());
            let text = if arguments.json {
                format!("{:#}\n", json(&gained, &lost, is_equivalent))
            } else {
                text(&gained, &lost, is_equivalent)
            };
            report::print(&text);
            if is_equivalent {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(DIFFERENT)
            }
        }
        Err(failure) => Failure {
            // Status 1 means that the configurations are different.
            status: UNREADABLE,
            ..failure
        }
        .report(),
    }
}

fn compare(arguments: &Arguments) -> Result<(Changes, Changes), Failure> {
    let plugin = arguments.plugin.as_deref();
    let old = chosen::load(&arguments.old, plugin)?;
    let new = chosen::load(&arguments.new, plugin)?;
    let mut comparison = Comparison::new(side(&new), side(&old));
    let mut progress = Progress::new();
    let mut more = |which, done| {
        progress.begin("direction", done, 2);
        changes(comparison.more_by_rule(which, &mut progress))
    };
    let gained = more(Which::First, 0);
    let lost = more(Which::Second, 1);
    Ok((gained, lost))
}

fn side(chosen: &Chosen) -> Side<'_> {
    Side {
        config: &chosen.config,
        members: &chosen.members,
    }
}

fn changes(by_rule: Vec<Search<Difference>>) -> Changes {
    let (mut differences, mut is_complete) = (Vec::new(), true);
    for found in by_rule {
        match found {
            Search::Found(found) => differences.push(found),
            Search::Nothing => {}
            Search::Undecided => is_complete = false,
        }
    }
    Changes {
        differences,
        is_complete,
    }
}

impl Changes {
    fn is_nothing(&self) -> bool {
        self.differences.is_empty() && self.is_complete
    }
}

fn json(gained: &Changes, lost: &Changes, is_equivalent: bool) -> Value {
    let witness = |difference: &Difference| {
        json!({"caller": difference.witness.caller, "request": difference.witness.request,
               "rule": difference.permit.record.get("rule"), "code": difference.other.record.get("code")})
    };
    let all = |side: &Changes| side.differences.iter().map(witness).collect::<Vec<_>>();
    json!({
        "equivalent": is_equivalent,
        "complete": gained.is_complete && lost.is_complete,
        "gained": all(gained),
        "lost": all(lost),
    })
}

fn text(gained: &Changes, lost: &Changes, is_equivalent: bool) -> String {
    let mut text = String::new();
    for (side, verb, other) in [(gained, "gains", "before"), (lost, "loses", "now")] {
        for difference in &side.differences {
            let Difference {
                witness,
                permit,
                other: decision,
            } = difference;
            let request = |name: &str| {
                witness
                    .request
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {verb} {} {}{} (rule {}); {other}: {}",
                printable(&caller(witness.caller.as_ref())),
                request("method"),
                printable(request("path")),
                with(permit),
                permit.text("rule"),
                printable(&outcome(decision)),
            );
            let case = json!({"caller": witness.caller, "request": witness.request});
            let _ = writeln!(text, "  {}", printable(&case.to_string()));
        }
    }
    if !gained.is_complete || !lost.is_complete {
        let _ = writeln!(
            text,
            "there may be further differences, which could be neither shown nor excluded"
        );
    }
    if is_equivalent {
        let _ = writeln!(text, "the configurations are equivalent");
    }
    text
}

/// The credential of a permit.
fn with(answer: &Answer) -> String {
    match answer.text("credential") {
        "" => String::new(),
        credential => format!(" with {credential}"),
    }
}

fn outcome(answer: &Answer) -> String {
    match answer.text("code") {
        "permitted" | "anonymous" => {
            format!("permitted{} (rule {})", with(answer), answer.text("rule"))
        }
        code => code.to_owned(),
    }
}

/// A caller in words: the claims that rules usually refer to.
fn caller(caller: Option<&Value>) -> String {
    let Some(caller) = caller else {
        return "Anyone, without a token,".to_owned();
    };
    let claims = caller.get("claims");
    let claim = |name: &str| {
        claims
            .and_then(|claims| claims.get(name))
            .filter(|value| !value.is_null())
    };
    let shown = [
        "roles", "groups", "scp", "idtyp", "azp", "tid", "wids", "amr", "acrs",
    ];
    let facts = shown
        .iter()
        .filter_map(|name| Some(format!("{name} {}", claim(name)?)));
    let facts: Vec<String> = facts.collect();
    let issuer = caller
        .get("issuer")
        .and_then(Value::as_str)
        .unwrap_or_default();
    format!("A caller of {issuer} with {}", facts.join(", "))
}
