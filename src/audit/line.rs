//! The audit record as a line of JSON.

use super::chain::Link;
use super::{Caller, Record};
use crate::json::write::Writer;

impl Record {
    /// Returns the record as one line of JSON, equal to the derived serialization except for the characters that
    /// [`Writer`] escapes. Written by hand for speed, since every request writes a line.
    pub fn line(&self) -> String {
        const USUAL: usize = 1536;
        let mut line = Writer::object(USUAL);
        line.text("time", &self.time);
        line.text("request_id", &self.request_id);
        line.text_or_null("trace_id", self.trace_id.as_deref());
        line.text("code", self.code);
        line.text("decision", self.decision);
        line.text_or_null("reason", self.reason.as_deref());
        self.caller.write(&mut line);
        line.text_or_null("rule", self.rule.as_deref());
        line.list("shadow", &self.shadow, |line, entry| {
            line.text("rule", &entry.rule);
            line.text("would", entry.would);
        });
        line.text_or_null("model", self.model.as_deref());
        line.text_or_null("mcp_method", self.mcp_method.as_deref());
        line.text_or_null("mcp_tool", self.mcp_tool.as_deref());
        line.text("method", &self.method);
        line.text("host", &self.host);
        line.text("path", &self.path);
        line.text_or_null("source_ip", self.source_ip.as_deref());
        line.text_or_null("user_agent", self.user_agent.as_deref());
        line.text_or_null("cluster", self.cluster.as_deref());
        line.text_or_null("credential", self.credential.as_deref());
        line.text_or_null("bill_to", self.bill_to.as_deref());
        line.text_or_null("kid", self.kid.as_deref());
        line.text_or_null("verified_by", self.verified_by);
        line.text("policy", &self.policy);
        line.number_or_null("status", self.status.map(u64::from));
        line.number_or_null("upstream_status", self.upstream_status.map(u64::from));
        line.text_or_null("upstream_cluster", self.upstream_cluster.as_deref());
        line.number_or_null("duration_ms", self.duration_ms);
        match &self.usage {
            Some(usage) => line.nested("usage", |line| usage.write(line)),
            None => line.null("usage"),
        }
        if self.shortened {
            line.flag("shortened", true);
        }
        self.link.write(&mut line);
        line.finish()
    }
}

impl Link {
    fn write(&self, line: &mut Writer) {
        line.text("instance", &self.instance);
        line.number("seq", self.seq);
        match &self.prev {
            Some(hash) => line.hex("prev", &hash.0),
            None => line.null("prev"),
        }
    }
}

impl Caller {
    fn write(&self, line: &mut Writer) {
        line.text_or_null("issuer", self.issuer.as_deref());
        line.text_or_null("tid", self.tid.as_deref());
        line.text_or_null("oid", self.oid.as_deref());
        line.text_or_null("sub", self.sub.as_deref());
        line.text_or_null("client", self.client.as_deref());
        line.text_or_null("kind", self.kind);
        line.text_or_null("actor", self.actor);
        line.text_or_null("blueprint", self.blueprint.as_deref());
        line.text_or_null("uti", self.uti.as_deref());
        line.text_or_null("sid", self.sid.as_deref());
        if !self.claims.is_empty() {
            line.members("claims", &self.claims);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::LineHash;
    use crate::audit::{MAX_TEXT, ShadowEntry, open, restore};
    use crate::decision::Denial;
    use crate::text::is_invisible;
    use crate::time::Timestamp;
    use crate::usage::{Unknown, Usage};
    use serde_json::{Map, Value, json};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn record_with_hostile_input_is_a_single_line() {
        let mut record = open(Timestamp::from_secs(0), &"abc".into());
        record.describe_request(
            &"GET\r\n".into(),
            &"h\u{2028}".into(),
            &"/é".repeat(1000).into(),
        );
        record.deny(&Denial::NoRule {
            lacks_version: false,
        });
        record.close(Duration::from_millis(7));
        let line = record.line();
        assert!(!line.contains(is_invisible), "{line}");
        assert!(line.contains(r"h\u2028"), "{line}");
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["code"], "no_rule");
        assert_eq!(parsed["decision"], "deny");
        assert_eq!(parsed["upstream_status"], Value::Null);
        assert_eq!(parsed["duration_ms"], 7);
        assert!(parsed["path"].as_str().unwrap().len() <= MAX_TEXT);
    }

    #[test]
    fn escaped_text_parses_to_the_original() {
        let text = "a\u{7f}\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}\u{1b}é漢🦀\"\\\\u0041";
        let mut record = Record::default();
        record.describe_request(&"GET".into(), &text.into(), &"/".into());
        let line = record.line();
        assert!(!line.contains(is_invisible), "{line}");
        assert!(
            line.contains("é漢🦀") && line.contains(r"\udb40\udc41"),
            "{line}"
        );
        let parsed: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["host"], text);
    }

    #[test]
    fn line_equals_the_derived_serialization() {
        let text = || Some(Arc::from("text"));
        let usage = |unknown| Usage {
            prompt_tokens: Some(0),
            completion_tokens: Some(10),
            total_tokens: Some(u64::MAX),
            cached_tokens: Some(4),
            reasoning_tokens: Some(5),
            model: Some("org/model".into()),
            provider: Some("provider".into()),
            failed: Some("error".into()),
            unknown: Some(unknown),
        };
        let full = Record {
            reason: Some("reason".into()),
            trace_id: Some("trace".into()),
            caller: Caller {
                issuer: text(),
                tid: text(),
                oid: text(),
                sub: text(),
                client: text(),
                kind: Some("user"),
                actor: Some("agent"),
                blueprint: text(),
                uti: text(),
                sid: text(),
                claims: Map::from_iter([(
                    "groups".to_owned(),
                    json!(["a", {"b": [1, null, 2.5]}]),
                )]),
            },
            rule: text(),
            shadow: vec![
                ShadowEntry {
                    rule: "shadow".into(),
                    would: "deny",
                };
                2
            ],
            model: Some("model".into()),
            mcp_method: Some("tools/call".into()),
            mcp_tool: Some("tool".into()),
            cluster: text(),
            upstream_cluster: text(),
            credential: text(),
            bill_to: text(),
            kid: text(),
            verified_by: Some("host"),
            source_ip: Some("10.0.0.1".into()),
            user_agent: Some("agent".into()),
            status: Some(502),
            upstream_status: Some(200),
            link: Link {
                instance: "instance".into(),
                seq: 7,
                prev: Some(LineHash([0xa5; 32])),
            },
            ..open(Timestamp::from_secs(1), &"policy".into())
        };
        let derived = |record: &Record| serde_json::to_string(record).unwrap();
        let assert_equal = |record: &Record| {
            let line = record.line();
            assert_eq!(line, derived(record));
            let mut read: Value = serde_json::from_str(&line).unwrap();
            read.sort_all_objects();
            read["TimeGenerated"] = "2026-11-23T01:00:00Z".into();
            assert_eq!(restore::line(read.as_object().unwrap()), line);
        };
        assert_equal(&full);
        assert_equal(&Record::default());
        for unknown in [
            Unknown::NotReported,
            Unknown::CutShort,
            Unknown::Compressed,
            Unknown::NotJson,
            Unknown::Withheld,
        ] {
            let record = Record {
                usage: Some(usage(unknown)),
                duration_ms: Some(12),
                shortened: true,
                ..full.clone()
            };
            assert_equal(&record);
        }
        let record = Record {
            usage: Some(Usage::default()),
            ..full
        };
        assert_equal(&record);
    }

    #[test]
    fn line_contains_every_documented_key_in_order() {
        let line = Record::default().line();
        let keys = "time request_id trace_id code decision issuer tid oid sub client kind actor blueprint uti sid \
                    rule shadow model mcp_method mcp_tool method host path source_ip user_agent cluster credential \
                    bill_to kid verified_by policy status upstream_status upstream_cluster duration_ms usage \
                    instance seq prev";
        let mut from = 0;
        for key in keys.split_whitespace() {
            let quoted = format!("\"{key}\":");
            from += line[from..]
                .find(&quoted)
                .unwrap_or_else(|| panic!("{key} in {line}"));
        }
    }
}
