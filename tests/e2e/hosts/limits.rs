//! Memory does not grow, and unusable configurations are rejected at start.

use super::*;

in_both_hosts! {
    fn memory_does_not_grow_with_requests(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let (known, foreign) = (ada().build(), Token::of(Persona::Gina).build());
        let round = |gateway: &mut Gateway| {
            for token in [&known, &foreign, "nonsense"] {
                gateway.outcome(token);
            }
            gateway.host.logs();
        };
        (0..20).for_each(|_| round(&mut gateway));
        let before = gateway.host.linear_memory().len();
        (0..300).for_each(|_| round(&mut gateway));
        assert_eq!(gateway.host.linear_memory().len(), before);
    }

    fn held_requests_are_limited(rules: Rules) {
        let mut settings = settings();
        settings["wait"] = json!({"requests": 2, "timeout": "2s"});
        let mut gateway = Gateway::cold(rules, &settings);
        gateway.host.tick();
        let waiting: Vec<u32> = (0..3).map(|_| gateway.chat(&ada().build())).collect();
        let codes: Vec<String> = waiting.iter().map(|id| gateway.code(*id)).collect();
        assert_eq!(codes, ["held", "held", "keys_unavailable"]);
        gateway.publish(&[&key::rsa()]);
        assert_eq!(gateway.code(waiting[1]), "forwarded");
    }

    fn counters_reach_the_host(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        for _ in 0..3 {
            gateway.outcome(&ada().build());
        }
        gateway.host.tick();
        let name = "entragate.decisions.permitted.contoso.scientists";
        assert_eq!(gateway.host.metric(name), Some(3));
    }
}

#[test]
fn rejected_configuration_is_reported_to_envoy() {
    let mut settings = settings();
    settings["rules"][1]["credential"] = json!("hf-raed");
    let refused = Host::start(Settings::new(Rules::Envoy, &settings));
    let logs = refused.err().expect("the configuration is rejected");
    assert!(logs.iter().any(|line| line.contains("hf-raed")), "{logs:?}");
}

#[test]
fn unknown_envoy_cluster_is_a_failed_call() {
    let mut settings = Settings::new(Rules::Envoy, &settings());
    settings.clusters.clear();
    let mut gateway = Gateway::start(settings);
    gateway.host.tick();
    let logs = gateway.host.logs();
    assert!(
        logs.iter()
            .any(|line| line.contains("no cluster with this name")),
        "{logs:?}"
    );
}

#[test]
fn address_that_aborts_nginx_is_not_called() {
    for cluster in [
        "entra",
        "login.microsoftonline.com:https",
        ":443",
        "host:99999",
    ] {
        let mut settings = settings();
        settings["issuers"][0]["jwks"]["cluster"] = json!(cluster);
        let mut gateway = Gateway::cold(Rules::Nginx, &settings);
        let id = gateway.chat(&ada().build());
        gateway.host.tick();
        gateway.host.advance(SECOND);
        if cluster != "entra" {
            assert!(gateway.host.calls().is_empty(), "{cluster}");
            assert_eq!(gateway.code(id), "keys_unavailable", "{cluster}");
        }
    }
}

#[test]
fn old_envoy_without_crypto_uses_wasm() {
    let mut settings = Settings::new(Rules::Envoy, &settings());
    settings.has_crypto = false;
    let mut gateway = Gateway::start(settings);
    gateway.host.tick();
    gateway.publish(&[&key::rsa()]);
    assert_eq!(gateway.outcome(&ada().build()), "forwarded");
    assert_eq!(gateway.audit()[0]["verified_by"], "wasm");
}

#[test]
fn shipped_kong_configuration_works_on_nginx() {
    let path = testbed::envoy::workspace_root().join("deploy/kong/kong.yaml");
    let text = std::fs::read_to_string(path).expect("the shipped file exists");
    let kong: Value = serde_saphyr::from_str(&text).expect("the shipped file is YAML");
    let filter = &kong["services"][0]["filter_chains"][0]["filters"][0];
    let mut settings = Settings::new(Rules::Nginx, &filter["config"]);
    let token = ("HF_TOKEN_READ".to_owned(), CREDENTIAL.to_owned());
    settings.environment.extend([token]);
    let mut gateway = Gateway::start(settings);
    let id = gateway.chat(&ada().build());
    assert_eq!(gateway.code(id), "held");
    gateway.host.tick();
    gateway.publish(&[&key::rsa()]);
    let message = "the example configures the tenant of the personas";
    assert_eq!(gateway.code(id), "forwarded", "{message}");
}
