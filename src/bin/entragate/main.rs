//! The command line: checks configurations and explains their decisions without a proxy.

#![forbid(unsafe_code)]

mod audit;
mod check;
mod chosen;
mod clock;
mod deployment;
mod diff;
mod document;
mod explain;
mod failure;
mod feed;
mod input;
mod offline;
mod policy_test;
mod progress;
mod prove;
mod reach;
mod replay;
mod report;
mod schema;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::Path;
use std::process::ExitCode;

/// entragate lets only authorized Microsoft Entra ID identities query Hugging Face endpoints.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Check(check::Arguments),
    Diff(diff::Arguments),
    Explain(Box<explain::Arguments>),
    Feed(feed::Arguments),
    Replay(replay::Arguments),
    Schema(schema::Arguments),
    Test(policy_test::Arguments),
}

/// The name of the program in its help.
const NAME: &str = "entragate";

fn main() -> ExitCode {
    let command = called_as(&program(std::env::args().next()));
    // Invalid arguments end the program here, with exit status 2.
    let matches = command.get_matches();
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Feed(arguments) => feed::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Test(arguments) => policy_test::run(&arguments),
    }
}

/// The program as the user called it: its name if the shell found it on the PATH, otherwise its path.
fn program(called: Option<String>) -> String {
    let by_path = |called: &String| Path::new(called).components().count() > 1;
    called.filter(by_path).unwrap_or_else(|| NAME.to_owned())
}

/// The command line. Its help shows the program as the user called it, so that examples can be copied.
fn called_as(program: &str) -> clap::Command {
    let command = Arguments::command().bin_name(program);
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let rename = |text: &clap::builder::StyledStr| {
        let mut text = text.to_string();
        for name in &names {
            text = text.replace(&format!("{NAME} {name}"), &format!("{program} {name}"));
        }
        text
    };
    command.mut_subcommands(|sub| {
        let about = sub.get_long_about().map(rename);
        let after = sub.get_after_help().map(rename);
        let sub = match about {
            Some(about) => sub.long_about(about),
            None => sub,
        };
        match after {
            Some(after) => sub.after_help(after),
            None => sub,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(program: &str) -> String {
        let mut command = called_as(program);
        let check = command.try_get_matches_from_mut([program, "check", "--help"]);
        check.unwrap_err().to_string()
    }

    #[test]
    fn help_names_the_program_as_it_was_called() {
        let called = |path: &str| program(Some(path.to_owned()));
        assert_eq!(called("entragate"), "entragate");
        assert_eq!(called("target/debug/entragate"), "target/debug/entragate");
        assert_eq!(program(None), "entragate");
        assert!(help("entragate").contains("  entragate check envoy.yaml"));
        let by_path = help("./entragate");
        assert!(by_path.contains("Usage: ./entragate check"), "{by_path}");
        assert!(
            by_path.contains("  ./entragate check envoy.yaml"),
            "{by_path}"
        );
    }

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
