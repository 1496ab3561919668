//! What the filter executes for a request, in a host without a proxy and in an interpreter's fuel: nearly the same in
//! every run, on a machine however busy. Not in it: what the host's calls cost, and what a compiler makes of it all.

use std::error::Error;

use serde_json::{Value, json};
use testbed::{
    envoy::EnvoyConfig,
    keys,
    mint::Token,
    persona::{Persona, TENANT, issuer_v2},
    vm::{Answer, Fate, Fields, Host, Rules, Settings},
};

use crate::{headers, load, policies, upstream};

/// Requests that are counted, after as many that are not.
const COUNTED: u64 = 100;

/// By what a request comes to: its headers, its body, its response, its end.
#[derive(Default)]
struct Executed {
    headers: u64,
    body: u64,
    response: u64,
    end: u64,
}

/// A table of what a warm, a cold and a denied request take.
pub fn table() -> Result<String, Box<dyn Error>> {
    let ada = |index: u64| {
        let oid = format!("690222be-ff1a-4d56-abd1-{index:012}");
        Token::of(Persona::Ada).claim("oid", oid)
    };
    let rows = [
        ("warm", count(json!({}), |_| ada(0))?),
        (
            "warm, `audit.log: off`",
            count(json!({"audit": {"log": "off"}}), |_| ada(0))?,
        ),
        (
            "warm, `usage: false`",
            count(json!({"usage": false}), |_| ada(0))?,
        ),
        (
            "cold",
            count(json!({"cache": {"entries": COUNTED / 2}}), ada)?,
        ),
        ("denied", count(json!({}), |_| Token::of(Persona::Nora))?),
    ];
    let mut table = String::from(
        "| Fuel | headers | body | response | end | all |\n|---|---|---|---|---|---|\n",
    );
    for (name, executed) in rows {
        let Executed {
            headers,
            body,
            response,
            end,
        } = executed;
        let all = headers + body + response + end;
        table += &format!("| {name} | {headers} | {body} | {response} | {end} | {all} |\n");
    }
    Ok(table)
}

/// The mean over requests of such tokens, under the shipped policy with these changes.
fn count(changes: Value, token: impl Fn(u64) -> Token) -> Result<Executed, Box<dyn Error>> {
    let policy = EnvoyConfig::from_user_file()?.policy();
    let mut settings = Settings::new(Rules::Envoy, &policies::changed(&policy, &changes));
    let credential = "credential-of-the-benchmark".to_owned();
    settings
        .environment
        .insert("HF_TOKEN_READ".into(), credential);
    let mut host = Host::start(settings).map_err(|logs| logs.join("\n"))?;
    let key = keys::rsa();
    host.tick();
    let jwk = key.to_entra_jwk("microsoftonline.com", Some(&issuer_v2(TENANT)));
    host.answer("entra", Answer::ok(json!({"keys": [jwk]}).to_string()));
    let mut sum = Executed::default();
    for index in 0..COUNTED * 2 {
        let token = token(index).signed_by(&key).build();
        let executed = pass(&mut host, &token);
        if index >= COUNTED {
            sum.headers += executed.headers;
            sum.body += executed.body;
            sum.response += executed.response;
            sum.end += executed.end;
        }
    }
    Ok(Executed {
        headers: sum.headers / COUNTED,
        body: sum.body / COUNTED,
        response: sum.response / COUNTED,
        end: sum.end / COUNTED,
    })
}

fn pass(host: &mut Host, token: &str) -> Executed {
    let body = load::BODY.as_bytes();
    let mut last = host.executed();
    let mut since = |host: &Host| {
        let before = std::mem::replace(&mut last, host.executed());
        last - before
    };
    let id = host.open(fields(token), false);
    let headers = since(host);
    let is_permitted = matches!(host.fate(id), Fate::Forwarded(_));
    if is_permitted {
        host.body(id, body, true);
    }
    let body = since(host);
    if is_permitted {
        let fields = [("content-type", "application/json")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        host.respond(id, 200, fields.into(), upstream::BODY.as_bytes());
    }
    let response = since(host);
    host.end(id);
    Executed {
        headers,
        body,
        response,
        end: since(host),
    }
}

fn fields(token: &str) -> Fields {
    let authorization = format!("Bearer {token}");
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.as_bytes().to_vec());
    headers::of(&authorization).map(own).into()
}
