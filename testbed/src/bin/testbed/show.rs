//! The output for a person at the terminal.

use testbed::{
    entra::BATCH_SECRET,
    persona::{AUDIENCE, BATCH_CLIENT, TENANT},
};

use crate::{
    run::Stage,
    walkthrough::{Call, PATH, question},
};

/// How much of an answer's body is shown.
const BODY: usize = 300;
/// How much of a credential is shown: enough to tell its kind.
const CREDENTIAL: usize = 6;

/// Prints the addresses of all parts.
pub fn stage(stage: &Stage) {
    let (gateway, admin) = (stage.envoy.url(), stage.envoy.admin_url());
    println!("\n  gateway       {gateway}   a real Envoy, envoy.yaml, entragate");
    println!("  its admin     {admin}");
    println!(
        "  Entra ID      {}   stand-in for login.microsoftonline.com",
        stage.entra.url()
    );
    println!(
        "  Hugging Face  {}   stand-in for a dedicated endpoint",
        stage.hf.url()
    );
    println!("  tokens        {}/token/<persona>", stage.control.url());
}

/// One call of the walk-through.
pub fn call(call: &Call) {
    println!("\n  {}", call.title);
    println!("    POST {PATH}");
    println!("    {}  {}", call.status, shortened(&call.body));
    match &call.upstream {
        None => println!("    the endpoint received no request"),
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
            println!(
                "    the endpoint received  authorization: {}  ({credential}); the Entra token {token}",
                redacted(&seen.authorization)
            );
        }
    }
    if !call.as_expected {
        println!(
            "    ✗ expected status {}, and no token of the caller at the endpoint",
            call.expected
        );
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

    println!("\nTry it yourself:\n");
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
        "TOKEN=$(curl -s --cacert {} {}/{TENANT}/oauth2/v2.0/token -d grant_type=client_credentials -d client_id={BATCH_CLIENT} -d client_secret={BATCH_SECRET} -d scope={AUDIENCE}/.default | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
        stage.ca_file().display(),
        stage.entra.url(),
    );
    println!("curl -i {gateway}{PATH} -H \"authorization: Bearer $TOKEN\" {data}\n");
    println!(
        "# rotate Entra's signing key; the gateway fetches the new key automatically\ncurl -X POST {control}/rotate\n"
    );
    println!("# list all personas\ncurl {control}/\n");
    println!("The audit log follows; Ctrl-C stops everything.\n");
}

fn shortened(body: &str) -> String {
    match body.char_indices().nth(BODY) {
        None => body.to_owned(),
        Some((end, _)) => format!("{}…", &body[..end]),
    }
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
