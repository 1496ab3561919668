//! The output for a person at the terminal.

use anstream::println;
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use testbed::{
    entra::BATCH_SECRET,
    persona::{AUDIENCE, BATCH_CLIENT, TENANT},
};

use crate::{
    run::Stage,
    walkthrough::{Call, PATH, question},
};

/// How much of a credential is shown: enough to tell its kind.
const CREDENTIAL: usize = 6;

const BOLD: Style = Style::new().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();

/// The width of the terminal; 80 if there is none.
fn width() -> usize {
    let given = std::env::var("COLUMNS")
        .ok()
        .and_then(|width| width.parse().ok());
    given.unwrap_or_else(textwrap::termwidth)
}

fn paint(text: &str, style: Style) -> String {
    format!("{style}{text}{style:#}")
}

/// Prints a heading.
pub fn heading(text: &str) {
    println!("\n{}\n", paint(text, BOLD));
}

/// Prints a text after a label; further lines are indented as far as the label.
fn labelled(label: &str, style: Style, text: &str) {
    let indent = " ".repeat(label.len());
    let options = textwrap::Options::new(width());
    let options = options.initial_indent(&indent).subsequent_indent(&indent);
    let wrapped = textwrap::fill(text, options);
    println!(
        "{}{}",
        paint(label, style),
        wrapped.get(label.len()..).unwrap_or_default()
    );
}

/// Prints the addresses of all parts.
pub fn stage(stage: &Stage) {
    heading("Running:");
    println!(
        "  gateway       {}   Envoy with envoy.yaml and entragate",
        stage.envoy.url()
    );
    println!("  its admin     {}", stage.envoy.admin_url());
    println!("  Entra ID      {}   stand-in", stage.entra.url());
    println!("  Hugging Face  {}   stand-in", stage.hf.url());
    println!("  tokens        {}/token/<persona>", stage.control.url());
    println!("  records       {}", stage.records.path().display());
}

/// One call of the walk-through.
pub fn call(call: &Call) {
    println!("\n  {}", paint(call.title, BOLD));
    println!("    POST {PATH}");
    let colour = if call.status < 400 { GREEN } else { RED };
    labelled(&format!("    {}  ", call.status), colour, &answer(call));
    let plain = Style::new();
    match &call.upstream {
        None => labelled("    ", plain, "the endpoint received no request"),
        Some(seen) => {
            let token = if seen.entra_token_arrived {
                "ALSO ARRIVED"
            } else {
                "did not arrive"
            };
            let credential = if seen.is_our_credential {
                "the gateway's Hugging Face credential"
            } else {
                "NOT the gateway's credential"
            };
            let text = format!(
                "the endpoint received authorization: {} ({credential}); the Entra token {token}",
                redacted(&seen.authorization)
            );
            labelled("    ", plain, &text);
        }
    }
    if !call.as_expected {
        let text = format!(
            "expected status {}, and no token of the caller at the endpoint",
            call.expected
        );
        labelled("    ✗ ", RED, &text);
    }
}

/// The message of an error, which ends with its code, or of the model; otherwise the beginning of the answer.
fn answer(call: &Call) -> String {
    let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let messages = ["/error/message", "/choices/0/message/content"];
    let mut messages = messages
        .into_iter()
        .filter_map(|path| body.pointer(path)?.as_str());
    match messages.next() {
        Some(message) => message.to_owned(),
        None => shortened(&call.body, width().saturating_sub("    200  ".len())),
    }
}

/// The beginning of a text, on one line.
fn shortened(text: &str, width: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(width) {
        None => line,
        Some(_) => line
            .chars()
            .take(width.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// Prints commands to paste.
pub fn try_it(stage: &Stage) {
    let (gateway, control) = (stage.envoy.url(), stage.control.url());
    let data = format!("-H 'content-type: application/json' -d '{}'", question());
    let mut streaming = question();
    streaming["stream"] = true.into();
    let streaming = format!("-H 'content-type: application/json' -d '{streaming}'");
    let as_persona =
        |name: &str| format!("-H \"authorization: Bearer $(curl -s {control}/token/{name})\"");

    heading("Try it yourself; each command is one line:");
    println!("# a caller without a token: 401\ncurl -i {gateway}{PATH} {data}\n");
    println!(
        "# a data scientist: 200\ncurl -i {gateway}{PATH} {} {data}\n",
        as_persona("ada")
    );
    println!(
        "# the same, streaming\ncurl -N {gateway}{PATH} {} {streaming}\n",
        as_persona("ada")
    );
    println!(
        "# a contractor: 403, with the reason\ncurl -i {gateway}{PATH} {} {data}\n",
        as_persona("carl")
    );
    println!("# a program with a token from Entra's token endpoint");
    println!(
        // Not a file: the stand-ins may run in a container.
        "TOKEN=$(curl -s {control}/ca.pem | curl -s --cacert /dev/stdin {}/{TENANT}/oauth2/v2.0/token -d grant_type=client_credentials -d client_id={BATCH_CLIENT} -d client_secret={BATCH_SECRET} -d scope={AUDIENCE}/.default | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
        stage.entra.url(),
    );
    println!("curl -i {gateway}{PATH} -H \"authorization: Bearer $TOKEN\" {data}\n");
    println!(
        "# rotate Entra's signing key; the gateway fetches the new key automatically\ncurl -X POST {control}/rotate\n"
    );
    println!("# list all personas\ncurl {control}/\n");
    println!(
        "{}\n",
        paint("The audit log follows; Ctrl-C stops everything.", BOLD)
    );
}

/// `Bearer hf_Ab3… (37 characters)`.
fn redacted(authorization: &str) -> String {
    match authorization.split_once(' ') {
        Some((scheme, credential)) => {
            let shown: String = credential.chars().take(CREDENTIAL).collect();
            format!(
                "{scheme} {shown}… ({} characters)",
                credential.chars().count()
            )
        }
        None => "(none)".to_owned(),
    }
}
