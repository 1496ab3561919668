//! Puts values at the paths where an issuer keeps its claims.

use entragate::token::claim_list::Members;
use serde_json::{Map, Value, json};

/// Sets the value at a path: a member's name, or a JSON Pointer. Objects on the way are created.
pub fn set(claims: &mut Map<String, Value>, path: &str, value: Value) {
    let Some(pointer) = path.strip_prefix('/') else {
        claims.insert(path.to_owned(), value);
        return;
    };
    let mut segments = pointer
        .split('/')
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
        .peekable();
    let mut object = claims;
    while let Some(segment) = segments.next() {
        if segments.peek().is_none() {
            object.insert(segment, value);
            return;
        }
        let next = object.entry(segment).or_insert_with(|| json!({}));
        if !next.is_object() {
            *next = json!({});
        }
        let Value::Object(next) = next else {
            return;
        };
        object = next;
    }
}

/// Returns a list of names in the issuer's form.
pub fn list(names: &[String], members: &Members) -> Value {
    match members {
        Members::Texts => json!(names),
        Members::Named(member) => {
            let object = |name: &String| json!({ member.as_str(): name });
            names.iter().map(object).collect()
        }
        Members::Keys => {
            let member = |name: &String| (name.clone(), json!({}));
            Value::Object(names.iter().map(member).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_put_at_a_member_or_a_pointer() {
        let mut claims = Map::new();
        set(&mut claims, "https://a/b", json!(1));
        set(&mut claims, "/a~1b/c", json!(2));
        set(&mut claims, "/a~1b/d", json!(3));
        assert_eq!(
            Value::Object(claims),
            json!({"https://a/b": 1, "a/b": {"c": 2, "d": 3}})
        );
    }

    #[test]
    fn names_are_listed_in_every_form() {
        let names = ["a".to_owned(), "b".to_owned()];
        assert_eq!(list(&names, &Members::Texts), json!(["a", "b"]));
        let named = Members::Named("name".to_owned());
        assert_eq!(list(&names, &named), json!([{"name": "a"}, {"name": "b"}]));
        assert_eq!(list(&names, &Members::Keys), json!({"a": {}, "b": {}}));
    }
}
