//! What rules decide about agents, and how records name them.

use super::*;

#[test]
fn rules_distinguish_people_from_agents() {
    let people = json!({"all": [{"kind": "user"}, {"not": {"actor": "agent"}}]});
    let agents = json!({"kind": "agent"});
    let acting = json!({"actor": "agent"});
    let (yes, no) = ("permitted", "rule_unsatisfied");
    for (persona, of_people, of_agents, is_acting) in [
        (Persona::Ada, yes, no, no),
        (Persona::Batch, no, no, no),
        (Persona::Scout, no, yes, yes),
        (Persona::Clerk, no, no, yes),
        (Persona::Mate, no, yes, yes),
    ] {
        let token = Token::of(persona);
        assert_eq!(code(people.clone(), true, &token), of_people, "{persona}");
        assert_eq!(code(agents.clone(), true, &token), of_agents, "{persona}");
        assert_eq!(code(acting.clone(), true, &token), is_acting, "{persona}");
    }
    // Without `agent_claims`, a token without facets does not rule out an agent.
    assert_eq!(code(people, false, &ada()), no);
    assert_eq!(code(json!({"not": {"actor": "agent"}}), false, &ada()), no);
}

#[test]
fn actor_is_indeterminate_for_other_issuers() {
    let realm = json!([{
        "name": "realm", "oidc": {"issuer": REALM_ISSUER}, "audiences": [REALM_AUDIENCE],
        "jwks": {"inline": {"keys": [testbed::keys::cached(testbed::keys::Algorithm::Es256).to_jwk()]}},
    }]);
    let kim = Token::of(Persona::Kim)
        .claim("xms_act_fct", "11")
        .claim("xms_sub_fct", "11");
    for (require, expected) in [
        (json!({"actor": "agent"}), "rule_unsatisfied"),
        (json!({"not": {"actor": "agent"}}), "rule_unsatisfied"),
        (json!({"kind": "agent"}), "rule_unsatisfied"),
        (json!({"kind": "user"}), "permitted"),
    ] {
        let mut settings = with_rules(json!([{"name": "only", "require": require}]));
        settings["issuers"] = realm.clone();
        let code = Bench::cold(&settings).code(&kim.build());
        assert_eq!(code, expected, "{require}");
    }
}

#[test]
fn record_names_the_kind_the_actor_and_the_blueprint() {
    let settings = with_rules(json!([{"name": "r", "require": {"role": "Model.Query"}}]));
    for (persona, kind, actor, blueprint) in [
        (Persona::Ada, "user", json!(null), json!(null)),
        (
            Persona::Scout,
            "agent",
            json!("agent"),
            json!(AGENT_BLUEPRINT),
        ),
        (
            Persona::Clerk,
            "user",
            json!("agent"),
            json!(AGENT_BLUEPRINT),
        ),
        (
            Persona::Mate,
            "agent",
            json!("agent"),
            json!(AGENT_BLUEPRINT),
        ),
    ] {
        let (_, _, record) = Case::of(Token::of(persona)).run(&settings);
        assert_eq!(record["kind"], kind, "{persona}");
        assert_eq!(record["actor"], actor, "{persona}");
        assert_eq!(record["blueprint"], blueprint, "{persona}");
    }
    // The person that an agent acts for.
    let (_, _, record) = Case::of(Token::of(Persona::Clerk)).run(&settings);
    assert_eq!(record["oid"], ada().claims_value()["oid"]);
    assert_eq!(record["client"], SCOUT_CLIENT);
}

#[test]
fn only_the_person_behind_an_agent_gets_a_challenge() {
    let settings = with_rules(json!([{"name": "r", "require": {"auth_context": "c1"}}]));
    let challenged = |token: Token| {
        let token = token.claim("xms_cc", json!(["cp1"]));
        Case::of(token).run(&settings).0 == "step_up_required"
    };
    assert!(challenged(ada()));
    assert!(challenged(Token::of(Persona::Clerk)));
    assert!(!challenged(Token::of(Persona::Scout)));
    assert!(!challenged(Token::of(Persona::Mate)));
    // The actor is unclear and may be an agent.
    assert!(!challenged(ada().claim("xms_par_app_azp", AGENT_BLUEPRINT)));
    assert!(!challenged(
        Token::of(Persona::Mate).claim("idtyp", "device")
    ));
}
