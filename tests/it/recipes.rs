//! The recipes in docs/recipes.md decide as stated in their tables.

use crate::command_line as cli;
use crate::pages as docs;

use serde_json::{Value, json};
use testbed::mint::Token;
use testbed::persona::Persona;

/// One row of a table.
struct Row<'d> {
    caller: &'d str,
    request: &'d str,
    answer: &'d str,
}

fn rows(recipe: &str) -> Vec<Row<'_>> {
    let lines = recipe.lines().filter(|line| line.starts_with("| "));
    let cells = |line| str::split(line, " | ").collect::<Vec<_>>();
    let row = |line| match cells(line)[..] {
        [caller, request, answer] => Row {
            caller: caller.trim_start_matches("| "),
            request,
            answer: answer.trim_end_matches(" |").trim_matches('`'),
        },
        _ => panic!("{line}"),
    };
    lines.skip(2).map(row).collect()
}

/// Returns a caller with Ada's claims and those in this cell; null removes a claim.
fn caller(settings: &Value, claims: &str, now: u64) -> Value {
    let own: Value = serde_json::from_str(claims.trim_matches('`')).unwrap();
    let ada = Token::at(Persona::Ada, now).without("groups");
    let mut claims = ada.claims_value();
    claims
        .as_object_mut()
        .unwrap()
        .extend(own.as_object().unwrap().clone());
    json!({"issuer": settings["issuers"][0]["name"], "claims": claims})
}

/// Returns the case of `entragate test` for one row.
fn case(settings: &Value, row: &Row<'_>) -> Value {
    let mut parts = row.request.split(", ");
    let request = parts.next().unwrap().trim_matches('`');
    let (method, path) = request.split_once(' ').unwrap();
    let mut request = json!({"method": method, "path": path, "time": "2026-11-23T12:00:00Z"});
    for part in parts {
        let (key, value) = part.split_once(' ').unwrap();
        let key = match key {
            "method" => "mcp_method",
            "from" => "source",
            "at" => "time",
            "model" | "host" | "cluster" | "tool" => key,
            _ => panic!("{part}"),
        };
        request[key] = json!(value.trim_matches('`'));
    }
    let posts_body = method == "POST" && path.starts_with("/v1/");
    if posts_body && request["model"].is_null() {
        request["body"] = json!({});
    }
    let time = request["time"].as_str().unwrap();
    let time = humantime::parse_rfc3339(time).unwrap();
    let now = time.duration_since(std::time::UNIX_EPOCH).unwrap();
    let caller = match row.caller {
        "no token" => json!("none"),
        claims => caller(settings, claims, now.as_secs()),
    };
    json!({"name": format!("{} {}", row.caller, row.request), "caller": caller, "request": request,
           "expect": row.answer})
}

/// Returns the settings with the tenant and client id of the test in place of the sample values.
fn with_own_values(settings: &Value) -> String {
    settings
        .to_string()
        .replace(
            testbed::persona::TENANT,
            "11112222-bbbb-3333-cccc-4444dddd5555",
        )
        .replace(
            testbed::persona::AUDIENCE,
            "22223333-cccc-4444-dddd-5555eeee6666",
        )
        .replace(
            testbed::persona::SCIENTISTS_GROUP,
            "33334444-dddd-5555-eeee-6666ffff7777",
        )
}

#[test]
fn recipe_decides_as_its_table_states() {
    let text = docs::read("docs/recipes.md");
    let recipes: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert_eq!(recipes.len(), 19);
    for recipe in recipes {
        let title = recipe.lines().next().unwrap();
        let blocks = docs::blocks(recipe, "yaml");
        let [block] = &blocks[..] else {
            panic!("{title}: {} configurations", blocks.len())
        };
        let mut settings = docs::yaml(block);
        if settings["issuers"].is_null() {
            settings["issuers"] = json!([{
                "name": "contoso",
                "entra": {"tenants": [testbed::persona::TENANT]},
                "audiences": [testbed::persona::AUDIENCE, testbed::persona::AUDIENCE_URI],
                "jwks": {"cluster": "entra"},
            }]);
        }
        if settings["credentials"].is_null() {
            settings["credentials"] =
                json!([{"name": "hf-read", "env": "A"}, {"name": "hf-batch", "env": "B"}]);
        }
        let outcome = cli::entragate(&["check", "--strict", "-"], &with_own_values(&settings));
        assert_eq!(outcome.status, 0, "{title}: {}", outcome.err);
        let rows = rows(recipe);
        assert!(rows.len() >= 2, "{title} shows nothing");
        let cases: Vec<Value> = rows.iter().map(|row| case(&settings, row)).collect();
        let file = cli::file(".yaml", &json!({ "cases": cases }).to_string());
        let policy = file.path().to_str().unwrap();
        let outcome = cli::entragate(&["test", "-", "--policy", policy], &settings.to_string());
        assert_eq!(outcome.status, 0, "{title}: {}{}", outcome.out, outcome.err);
    }
}
