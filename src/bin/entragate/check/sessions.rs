//! Sessions of MCP servers are bound to callers with a key from the configuration's secrets.

use super::finding::Findings;
use super::ids;
use super::scene::Scene;
use super::variables;
use serde_json::Value;

pub fn check(scene: &Scene<'_>, findings: &mut Findings) {
    let Some(rule) = scene.rule_on_messages() else {
        return;
    };
    let credentials = scene.items("credentials");
    let is_inline = |(_, credential): &(String, &Value)| credential.get("value").is_some();
    if variables::read(scene.given).is_empty() && !credentials.iter().any(is_inline) {
        let message = "sessions of MCP servers are bound to callers with a key from the configuration's secrets, and \
                       the configuration has none; name a credential with `env`";
        let place = scene.at(&format!("{}.match.mcp", scene.rule_path(rule)));
        let kind = &ids::MCP_SESSIONS_WITHOUT_SECRET;
        findings.add_inside(kind, place, Some(rule), message);
    }
}
