//! Audit records for logs that cut long lines. Texts are cut instead, so that the line stays valid JSON.

use super::{Caller, Record};
use std::sync::Arc;

/// The longest text of each attempt, in bytes. The last attempt yields a line of less than 1,000 bytes.
const ATTEMPTS: [usize; 5] = [256, 96, 48, 16, 4];
/// At this length and below, claims and all but the first shadow rule are omitted.
const ESSENTIALS_ONLY: usize = 96;

impl Record {
    /// Returns the record as a line of at most `longest` bytes, marked as shortened.
    pub fn line_within(&self, longest: usize) -> String {
        let mut line = String::new();
        for most in ATTEMPTS {
            line = self.shortened_to(most).line();
            if line.len() <= longest {
                break;
            }
        }
        line
    }

    fn shortened_to(&self, most: usize) -> Self {
        let owned = |text: &String| cut(text, most).to_owned();
        let shared = |text: &Arc<str>| Arc::<str>::from(cut(text, most));
        let mut record = self.clone();
        record.shortened = true;
        for text in [&mut record.method, &mut record.host, &mut record.path] {
            *text = shared(text);
        }
        for text in [
            &mut record.reason,
            &mut record.model,
            &mut record.mcp_method,
            &mut record.mcp_tool,
            &mut record.user_agent,
        ] {
            *text = text.as_ref().map(owned);
        }
        for text in [
            &mut record.rule,
            &mut record.credential,
            &mut record.bill_to,
            &mut record.kid,
        ] {
            *text = text.as_ref().map(shared);
        }
        record.caller.shorten(&shared);
        if let Some(usage) = &mut record.usage {
            for text in [&mut usage.model, &mut usage.provider, &mut usage.failed] {
                *text = text.as_ref().map(owned);
            }
        }
        if most <= ESSENTIALS_ONLY {
            record.caller.claims.clear();
            record.shadow.truncate(1);
            for entry in &mut record.shadow {
                entry.rule = shared(&entry.rule);
            }
        }
        record
    }
}

impl Caller {
    fn shorten(&mut self, cut: &dyn Fn(&Arc<str>) -> Arc<str>) {
        for text in [
            &mut self.issuer,
            &mut self.tid,
            &mut self.oid,
            &mut self.sub,
            &mut self.client,
            &mut self.blueprint,
            &mut self.uti,
            &mut self.sid,
        ] {
            *text = text.as_ref().map(cut);
        }
    }
}

/// Returns at most `most` bytes of a text, without splitting a character.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::audit::{ShadowEntry, open};
    use crate::decision::Denial;
    use crate::http::headers::Headers;
    use crate::time::Timestamp;
    use serde_json::{Map, Value, json};

    const LONGEST: usize = 1800;

    #[test]
    fn long_record_becomes_one_valid_line_within_the_limit() {
        for text in ["a", "\u{202e}", "\"\\", "🦀"] {
            let long = text.repeat(1000);
            let mut record = open(Timestamp::from_secs(0), &"policy".into());
            let text = long.as_str().into();
            record.describe_request(&text, &text, &text);
            let agent = Headers::from_iter([("user-agent", long.as_str())]);
            record.note_sender(Some([10, 0, 0, 1].into()), &agent);
            record.deny(&Denial::NoRule {
                lacks_version: false,
            });
            for own in [
                &mut record.caller.sub,
                &mut record.caller.oid,
                &mut record.caller.client,
                &mut record.caller.tid,
                &mut record.caller.blueprint,
                &mut record.caller.uti,
                &mut record.caller.sid,
                &mut record.rule,
                &mut record.kid,
                &mut record.credential,
                &mut record.bill_to,
            ] {
                *own = Some(long.as_str().into());
            }
            record.caller.claims = Map::from_iter([("groups".to_owned(), json!(vec!["g"; 900]))]);
            record.shadow = vec![
                ShadowEntry {
                    rule: long.as_str().into(),
                    would: "deny",
                };
                40
            ];
            assert!(record.line().len() > LONGEST);
            let line = record.line_within(LONGEST);
            assert!(line.len() <= LONGEST, "{}: {line}", line.len());
            let parsed: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed["shortened"], true);
            assert_eq!(parsed["code"], "no_rule");
            assert_eq!(parsed["policy"], "policy");
            assert!(!parsed["oid"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn record_with_one_long_path_keeps_its_ids() {
        let mut record = open(Timestamp::from_secs(0), &"policy".into());
        let path = "/é\u{1}".repeat(400);
        record.describe_request(&"GET".into(), &"hf.contoso.com".into(), &path.into());
        record.caller.oid = Some("6902aaaa-1111-4222-8333-444444444444".into());
        let parsed: Value = serde_json::from_str(&record.line_within(LONGEST)).unwrap();
        assert_eq!(parsed["oid"], "6902aaaa-1111-4222-8333-444444444444");
        assert_eq!(parsed["host"], "hf.contoso.com");
    }
}
