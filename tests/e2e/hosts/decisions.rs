//! The decisions on requests, the headers of permitted requests, and audit records.

use super::*;

in_both_hosts! {
    fn permit_replaces_the_authorization(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let token = ada().build();
        let id = gateway.chat(&token);
        assert_eq!(gateway.code(id), "forwarded");
        let Fate::Forwarded(headers) = gateway.host.fate(id) else { unreachable!() };
        let leaks = |(_, value): &(String, Vec<u8>)| String::from_utf8_lossy(value).contains(&token);
        assert!(!headers.iter().any(leaks), "{headers:?}");
        gateway.host.respond(id, 200, Vec::new(), b"{}");
        gateway.host.end(id);
        let [record] = gateway.audit().try_into().expect("one record");
        assert_eq!(record["code"], "permitted");
        assert_eq!(record["rule"], "scientists");
        assert_eq!(record["host"], "hf.contoso.com");
        assert_eq!(record["upstream_status"], 200);
        assert_eq!(record["verified_by"], match rules {
            Rules::Envoy => "host",
            Rules::Nginx => "wasm",
        });
    }

    fn denial_is_replied_by_the_filter(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        for (token, code) in [
            (ada().corrupt_signature().build(), "signature_invalid"),
            (ada().claim("aud", "someone-else").build(), "audience_mismatch"),
            (ada().claim("exp", testbed::mint::now() - 3600).build(), "token_expired"),
            (ada().without("roles").build(), "rule_unsatisfied"),
            (Token::of(Persona::Gina).build(), "tenant_not_allowed"),
            ("no.token.at-all".to_owned(), "token_malformed"),
        ] {
            assert_eq!(gateway.outcome(&token), code);
        }
        let records = gateway.audit();
        assert_eq!(records.len(), 6);
        assert!(records.iter().all(|record| record["upstream_status"].is_null()), "{records:?}");
    }

    fn request_without_a_token_gets_a_challenge(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let id = gateway.get("hf.contoso.com", "/v1/models", &[]);
        assert_eq!(gateway.code(id), "token_missing");
        let Fate::Replied(reply) = gateway.host.fate(id) else { unreachable!() };
        assert_eq!(reply.status, 401);
        let details = match rules {
            Rules::Envoy => "entragate.token_missing",
            Rules::Nginx => "", // nginx shows them to the caller in the status line
        };
        assert_eq!(reply.details, details);
        assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    }

    fn anonymous_request_loses_its_credentials(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let sent = [("authorization", "Bearer hf_stolen"), ("cookie", "a=b"), ("x-hf-bill-to", "you")];
        let id = gateway.get("hf.contoso.com", "/health", &sent);
        let Fate::Forwarded(headers) = gateway.host.fate(id) else {
            panic!("{:?}", gateway.host.fate(id))
        };
        for (name, _) in sent {
            // nginx sends them with an empty value.
            assert_eq!(field(headers, name).unwrap_or_default(), "", "{name}");
        }
    }

    fn rules_match_the_host_of_the_request(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let bearer = format!("Bearer {}", ada().build());
        let fields = [("authorization", bearer.as_str())];
        for (host, code) in [
            ("hf.contoso.com", "forwarded"),
            ("llama.contoso.com", "forwarded"),
            ("kong", "no_rule"),
        ] {
            let id = gateway.get(host, "/v1/usage", &fields);
            assert_eq!(gateway.code(id), code, "{host}");
        }
    }

    fn reported_cluster_decides(rules: Rules) {
        let mut policy = settings();
        policy["credentials"][0]["clusters"] = json!(["hf-*"]);
        for cluster in ["hf-llama", "team-b"] {
            let mut settings = Settings::new(rules, &policy);
            if rules == Rules::Envoy {
                let property = ("xds.cluster_name".to_owned(), cluster.as_bytes().to_vec());
                settings.properties.extend([property]);
            }
            let mut gateway = Gateway::start(settings);
            gateway.host.tick();
            gateway.publish(&[&key::rsa()]);
            let id = gateway.chat(&ada().build());
            let is_meant = rules == Rules::Envoy && cluster == "hf-llama";
            let code = if is_meant { "forwarded" } else { "upstream_not_allowed" };
            assert_eq!(gateway.code(id), code, "{cluster}");
            if is_meant {
                gateway.host.respond(id, 200, Vec::new(), b"{}");
            }
            gateway.host.end(id);
            let [record] = gateway.audit().try_into().expect("one record");
            let reported = match rules {
                Rules::Envoy => json!(cluster),
                Rules::Nginx => Value::Null,
            };
            assert_eq!(record["cluster"], reported);
            assert_eq!(record["upstream_cluster"], json!(is_meant.then_some(cluster)));
        }
    }

    fn underscored_header_names_are_removed(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let sent = [("x_api_key", "spoofed"), ("X_hf-bill_to", "spoofed"), ("x_other", "kept")];
        let id = gateway.get("hf.contoso.com", "/health", &sent);
        let Fate::Forwarded(headers) = gateway.host.fate(id) else {
            panic!("{:?}", gateway.host.fate(id))
        };
        assert!(!headers.iter().any(|(_, value)| value == b"spoofed"), "{headers:?}");
        assert_eq!(field(headers, "x_other"), Some("kept".to_owned()));
    }

    fn second_authorization_is_refused(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let bearer = format!("Bearer {}", ada().build());
        // Envoy joins them, nginx keeps them separate.
        let joined = format!("{bearer},{bearer}");
        let fields = match rules {
            Rules::Envoy => vec![("authorization", joined.as_str())],
            Rules::Nginx => vec![("authorization", bearer.as_str()); 2],
        };
        let id = gateway.get("hf.contoso.com", "/v1/models", &fields);
        let code = match rules {
            Rules::Envoy => "token_malformed",
            Rules::Nginx => "request_ambiguous", // the filter could not remove the second one
        };
        assert_eq!(gateway.code(id), code);
    }

    fn headers_that_are_not_utf_8_do_not_affect_the_decision(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let mut headers = gateway.chat_headers(&ada().build());
        headers.push(("x-odd".into(), vec![0xff, 0xfe, b'a']));
        let id = gateway.host.open(headers, true);
        assert_eq!(gateway.code(id), "forwarded");
        let mut headers = gateway.chat_headers("x");
        headers.retain(|(name, _)| name != "authorization");
        headers.push(("authorization".into(), vec![0xff; 40]));
        let id = gateway.host.open(headers, true);
        assert_ne!(gateway.code(id), "forwarded");
    }

    fn token_among_many_headers_is_removed(rules: Rules) {
        let mut gateway = Gateway::warm(rules, &settings());
        let mut headers = headers(rules, "GET", "hf.contoso.com", "/health", &[]);
        let filler = |number| (format!("x-filler-{number}"), b"1".to_vec());
        headers.extend((0..120).map(filler));
        headers.push(("authorization".into(), b"Bearer hf_hidden".to_vec()));
        let id = gateway.host.open(headers, true);
        match gateway.host.fate(id) {
            Fate::Forwarded(headers) => assert_eq!(field(headers, "authorization").unwrap_or_default(), ""),
            Fate::Replied(reply) => assert_eq!(reply.status, 400),
            Fate::Held => panic!("held"),
        }
    }
}
