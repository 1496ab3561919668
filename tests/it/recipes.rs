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

/// Returns Ada's token with the claims in this cell; null removes a claim.
fn token(claims: &str, now: u64) -> String {
    let claims: Value = serde_json::from_str(claims.trim_matches('`')).unwrap();
    let token = Token::at(Persona::Ada, now).without("groups");
    let claims = claims.as_object().unwrap().iter();
    let token = claims.fold(token, |token, (name, value)| match value {
        Value::Null => token.without(name),
        value => token.claim(name, value.clone()),
    });
    token.build()
}

/// Returns the code that `explain` prints for one row.
fn answer(settings: &Value, row: &Row<'_>) -> String {
    let mut parts = row.request.split(", ");
    let request = parts.next().unwrap().trim_matches('`').to_owned();
    let mut arguments = vec!["--request".to_owned(), request, "--unverified".to_owned()];
    let mut at = entragate::time::Timestamp::from_secs(1_795_435_200).to_rfc3339();
    let mut add_option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    for part in parts {
        let (key, value) = part.split_once(' ').unwrap();
        let value = value.trim_matches('`').to_owned();
        match key {
            "model" => add_option(
                "--body",
                json!({"messages": [], "model": value}).to_string(),
            ),
            "host" => add_option("--host", value),
            "cluster" => add_option("--cluster", value),
            "method" => add_option("--mcp-method", value),
            "tool" => add_option("--tool", value),
            "from" => add_option("--source", value),
            "at" => at = value,
            _ => panic!("{part}"),
        }
    }
    let posts_body = row.request.starts_with("`POST /v1/");
    if posts_body && !row.request.contains(", model ") {
        add_option("--body", "{}".to_owned());
    }
    let seconds = humantime::parse_rfc3339(&at).unwrap();
    let seconds = seconds
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    add_option("--time", at);
    if row.caller != "no token" {
        add_option("--token", token(row.caller, seconds));
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (_, explained) = cli::explain(settings, &arguments);
    explained["code"]
        .as_str()
        .unwrap_or_else(|| panic!("{explained:#}"))
        .to_owned()
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
        for row in rows {
            assert_eq!(
                answer(&settings, &row),
                row.answer,
                "{title}: {} {}",
                row.caller,
                row.request
            );
        }
    }
}
