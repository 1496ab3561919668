//! Comparisons of who may read one entry of a list of models, which depends on the rules for the use of the model.

use super::load;
use crate::progress::Progress;
use crate::prove::comparable::Side;
use crate::prove::compare::{Comparison, Which};
use crate::prove::search::Search;
use serde_json::{Value, json};

/// A policy with these rules and a rule that permits reading lists.
fn settings(list: &Value, rules: &[&Value]) -> Value {
    let rules: Vec<&Value> = [list].into_iter().chain(rules.iter().copied()).collect();
    json!({
        "issuers": [{"name": "contoso", "entra": {"tenants": ["aaaabbbb-0000-cccc-1111-dddd2222eeee"]}, "audiences": ["hf"],
                     "jwks": {"cluster": "entra"}}],
        "credentials": [{"name": "r", "value": "hf_r"}, {"name": "w", "value": "hf_w", "clusters": ["c*"]}],
        "rules": rules,
    })
}

/// Whether the rule for the list, the only rule without a credential, permits more in the second policy.
fn gains(old: &Value, new: &Value) -> bool {
    let configs = [old, new].map(load);
    let [one, other] =
        [(&configs[0], old), (&configs[1], new)].map(|(config, members)| Side { config, members });
    let mut comparison = Comparison::new(one, other);
    let all = comparison.more_by_rule(Which::Second, &mut Progress::new());
    match &all[0] {
        Search::Found(found) => {
            assert_eq!(found.permit.text("rule"), "list");
            let request = &found.witness.request;
            assert!(request.get("body").is_none(), "{request}");
            true
        }
        Search::Nothing => false,
        Search::Undecided => panic!("undecided: {old}\n{new}"),
    }
}

fn list() -> Value {
    json!({"name": "list", "match": {"methods": ["GET"], "paths": ["/v1/models/**"]}, "require": {"role": "reader"},
           "credential": "none"})
}

fn uses(matches: Value, require: Value) -> Value {
    json!({"name": "use", "match": matches, "require": require, "credential": "r"})
}

#[test]
fn entry_of_a_model_is_shown_to_callers_that_may_use_it() {
    let list = list();
    let post =
        |models: Value| json!({"methods": ["POST"], "paths": ["/v1/chat"], "models": models});
    let role = json!({"role": "a"});
    let own = uses(post(json!(["m/*"])), role.clone());
    let with = |change: Value| {
        let mut rule = own.clone();
        let members = rule.as_object_mut().unwrap();
        members.extend(change.as_object().unwrap().clone());
        rule
    };
    let anonymous = json!({"name": "open", "match": post(json!(["m/x"])), "anonymous": true, "credential": "r"});
    let other_model = uses(post(json!(["n/*"])), role.clone());
    let others = uses(post(json!(["m/*"])), json!({"role": "b"}));
    let shadow = with(json!({"mode": "shadow"}));
    let wrong_method = with(
        json!({"match": {"methods": ["GET", "PUT"], "paths": ["/v1/chat"], "models": ["m/*"]}}),
    );
    let more_methods = with(
        json!({"match": {"methods": ["PUT", "POST"], "paths": ["/v1/other"], "models": ["m/*"]}}),
    );
    let tools = with(
        json!({"name": "tools", "match": {"methods": ["POST"], "paths": ["/mcp"], "mcp": {"tools": ["t"]}}}),
    );
    let limited = with(json!({"credential": "w"}));
    let denial = |matches: Value| json!({"name": "deny", "match": matches, "require": {"role": "d"}, "effect": "deny"});
    let secret = denial(post(json!(["m/secret"])));
    let all = denial(json!({"methods": ["POST"], "paths": ["/v1/**"]}));
    let elsewhere = denial(json!({"methods": ["PUT"], "models": ["m/*"]}));
    for (old, new, expected) in [
        (vec![], vec![&own], true),
        (vec![&own], vec![], false),
        (vec![&own], vec![&own], false),
        (vec![&own], vec![&more_methods], false),
        (vec![&more_methods], vec![&own], false),
        (vec![&other_model], vec![&own], true),
        (vec![&others], vec![&own], true),
        (vec![&shadow], vec![&own], true),
        (vec![&wrong_method], vec![&own], true),
        (vec![&own], vec![&wrong_method], false),
        (vec![&tools], vec![&tools, &own], true),
        (vec![&limited], vec![&own], true),
        (vec![&own], vec![&limited], false),
        (vec![&own], vec![&anonymous], true),
        (vec![&anonymous, &own], vec![&own], false),
        (vec![&own, &secret], vec![&own], true),
        (vec![&own], vec![&own, &secret], false),
        (vec![&own, &secret], vec![&own, &secret], false),
        (vec![&own, &all], vec![&own, &secret], true),
        (vec![&own, &secret], vec![&own, &all], false),
        (vec![&own, &elsewhere], vec![&own], false),
    ] {
        let [old, new] = [old, new].map(|rules| settings(&list, &rules));
        assert_eq!(gains(&old, &new), expected, "{old}\n{new}");
    }
}

#[test]
fn anonymous_list_shows_models_that_everyone_may_use() {
    let mut list = list();
    let members = list.as_object_mut().unwrap();
    members.remove("require");
    members.insert("anonymous".into(), json!(true));
    let matches = json!({"methods": ["POST"], "paths": ["/v1/**"]});
    // Every caller satisfies the requirement.
    let anyone = json!({"any": [{"object": "o"}, {"not": {"object": "o"}}]});
    let (closed, open) = (
        uses(matches.clone(), anyone),
        json!({"name": "open", "match": matches, "anonymous": true, "credential": "r"}),
    );
    let [old, new] = [[&closed], [&open]].map(|rules| settings(&list, &rules));
    assert!(gains(&old, &new));
    assert!(!gains(&new, &old));
}

#[test]
fn list_that_is_not_filtered_shows_everything() {
    let own = uses(
        json!({"methods": ["POST"], "paths": ["/v1/**"]}),
        json!({"role": "a"}),
    );
    let [mut old, mut new] = [vec![], vec![&own]].map(|rules| settings(&list(), &rules));
    assert!(gains(&old, &new));
    for settings in [&mut old, &mut new] {
        settings["forward"] = json!({"filter_models": false});
    }
    assert!(!gains(&old, &new));
}

/// Requests with other paths have the same permits, whatever the rules for models are.
#[test]
fn only_lists_depend_on_rules_for_the_use_of_models() {
    let mut list = list();
    list["match"] = json!({"paths": ["/other"]});
    let own = uses(
        json!({"methods": ["POST"], "paths": ["/v1/**"]}),
        json!({"role": "a"}),
    );
    let [old, new] = [vec![], vec![&own]].map(|rules| settings(&list, &rules));
    assert!(!gains(&old, &new));
}
