//! Typical traffic at a gateway with two workers, in each host.

use super::*;
use std::iter;

fn policy() -> Value {
    let mut policy = settings();
    policy["credentials"] = json!([{
        "name": "hf-read",
        "http": {"cluster": VAULT, "uri": "https://vault.contoso.com/secret", "refresh": "60s"},
    }]);
    policy["revocation"] = json!({"cluster": OPS, "uri": "https://ops.contoso.com/revoked.json"});
    policy
}

const VAULT: &str = "vault.contoso.com:443";

/// The services that a gateway calls, with their current answers.
struct Services {
    keys: Answer,
    feed: Answer,
    credential: Answer,
}

impl Services {
    fn healthy() -> Self {
        Self {
            keys: jwks(&[&key::rsa()]),
            feed: Answer::ok("{}"),
            credential: Answer::ok(CREDENTIAL),
        }
    }

    /// Answers all calls of all workers. Returns the number of calls for keys.
    fn answer(&self, workers: &mut [Gateway]) -> usize {
        let mut fetches = 0;
        for worker in workers {
            for _ in 0..1000 {
                let keys = worker.host.answer(ENTRA, self.keys.clone());
                let feed = worker.host.answer(OPS, self.feed.clone());
                let credential = worker.host.answer(VAULT, self.credential.clone());
                fetches += usize::from(keys);
                if !(keys || feed || credential) {
                    break;
                }
            }
        }
        fetches
    }

    /// Advances the time in steps of a quarter of a second.
    fn pass(&self, workers: &mut [Gateway], secs: u32) -> usize {
        let mut fetches = 0;
        for _ in 0..secs * 4 {
            for worker in &mut *workers {
                worker.host.advance(SECOND / 4);
            }
            fetches += self.answer(workers);
        }
        fetches
    }
}

fn workers(rules: Rules) -> Vec<Gateway> {
    let settings = Settings::new(rules, &policy());
    iter::repeat_with(|| Gateway::start(settings.clone()))
        .take(2)
        .collect()
}

fn outcomes(workers: &mut [Gateway], token: &str) -> Vec<String> {
    workers
        .iter_mut()
        .map(|worker| worker.outcome(token))
        .collect()
}

in_both_hosts! {
    fn cold_start_with_200_parallel_requests_permits_all_when_keys_arrive(rules: Rules) {
        let (mut workers, services) = (workers(rules), Services::healthy());
        let token = ada().build();
        let ids: Vec<Vec<u32>> = workers
            .iter_mut()
            .map(|worker| (0..100).map(|_| worker.chat(&token)).collect())
            .collect();
        services.pass(&mut workers, 1);
        for (worker, ids) in workers.iter_mut().zip(ids) {
            for id in ids {
                assert_eq!(worker.code(id), "forwarded");
                worker.host.end(id);
            }
            assert_eq!(worker.audit().len(), 100);
        }
        assert_eq!(services.pass(&mut workers, 20), 0, "keys are fetched once");
    }

    fn rotated_keys_are_used_and_removed_keys_are_refused(rules: Rules) {
        let (mut workers, mut services) = (workers(rules), Services::healthy());
        services.pass(&mut workers, 1);
        let next = SigningKey::generate(key::Algorithm::Rs256);
        services.keys = jwks(&[&next]);
        // Wait until the cooldown of unknown kids and the lifetime of cache entries have passed.
        services.pass(&mut workers, 31);
        for worker in &mut workers {
            let id = worker.chat(&ada().signed_by(&next).build());
            services.pass(std::slice::from_mut(worker), 1);
            assert_eq!(worker.code(id), "forwarded");
            worker.host.end(id);
            assert_eq!(worker.outcome(&ada().build()), "key_unknown");
        }
    }

    fn forged_kids_cause_one_fetch_per_cooldown(rules: Rules) {
        let (mut workers, services) = (workers(rules), Services::healthy());
        services.pass(&mut workers, 31);
        let foreign = SigningKey::generate(key::Algorithm::Rs256);
        let forged = ada().signed_by(&foreign).build();
        let mut fetches = 0;
        for _ in 0..20 {
            for worker in &mut workers {
                let id = worker.chat(&forged);
                fetches += services.pass(std::slice::from_mut(worker), 1);
                assert_eq!(worker.code(id), "key_unknown");
                worker.host.end(id);
            }
        }
        // In nginx, a waiting request makes a copy of the call.
        let max_fetches = match rules { Rules::Envoy => 2, Rules::Nginx => 4 };
        assert!((1..=max_fetches).contains(&fetches), "{fetches}");
    }

    fn long_outage_denies_until_it_ends(rules: Rules) {
        let (mut workers, mut services) = (workers(rules), Services::healthy());
        services.pass(&mut workers, 1);
        services.feed = Answer::status(503);
        assert_eq!(outcomes(&mut workers, &ada().build()), ["forwarded"; 2]);
        services.pass(&mut workers, 601);
        let fresh = Token::at(Persona::Ada, testbed::mint::now() + 600).build();
        for worker in &mut workers {
            let id = worker.chat(&fresh);
            services.pass(std::slice::from_mut(worker), 3);
            assert_eq!(worker.code(id), "revocation_unavailable");
            worker.host.end(id);
        }
        services.feed = Answer::ok("{}");
        services.pass(&mut workers, 70);
        assert_eq!(outcomes(&mut workers, &fresh), ["forwarded"; 2]);
    }

    fn revocations_and_rotated_credentials_reach_every_worker(rules: Rules) {
        let (mut workers, mut services) = (workers(rules), Services::healthy());
        services.pass(&mut workers, 1);
        let oid = Persona::Ada.claims(testbed::mint::now())["oid"].clone();
        services.feed = Answer::ok(json!({"oids": [oid]}).to_string());
        services.pass(&mut workers, 11);
        assert_eq!(outcomes(&mut workers, &ada().build()), ["token_revoked"; 2]);
        services.feed = Answer::ok("{}");
        services.credential = Answer::ok("hf_rotated");
        services.pass(&mut workers, 61);
        for worker in &mut workers {
            let id = worker.chat(&ada().build());
            let Fate::Forwarded(headers) = worker.host.fate(id) else {
                panic!("{:?}", worker.host.fate(id))
            };
            assert_eq!(field(headers, "authorization").as_deref(), Some("Bearer hf_rotated"));
        }
    }

    fn reload_denies_no_request(rules: Rules) {
        let (mut old, services) = (workers(rules), Services::healthy());
        services.pass(&mut old, 1);
        let last = old[0].chat(&ada().build());
        let mut new = workers(rules);
        let first = new[0].chat(&ada().build());
        services.pass(&mut new, 1);
        assert_eq!(new[0].code(first), "forwarded");
        assert_eq!(old[0].code(last), "forwarded");
        old[0].host.end(last);
    }

    fn memory_is_flat_over_50_000_requests(rules: Rules) {
        const REQUESTS: usize = 50_000;
        let (mut workers, services) = (workers(rules), Services::healthy());
        services.pass(&mut workers, 1);
        let (known, refused) = (ada().build(), ada().without("roles").build());
        let mut sizes = [[0; 2]; 2];
        for number in 0..REQUESTS {
            let worker = number % 2;
            let token = match number % 10 { 0 => &refused, 1 => "nonsense", _ => &known };
            let code = workers[worker].outcome(token);
            let expected = match number % 10 { 0 => "rule_unsatisfied", 1 => "token_malformed", _ => "forwarded" };
            assert_eq!(code, expected);
            if number % 1000 < 2 {
                workers[worker].host.logs();
            }
            for (moment, at) in [REQUESTS / 10, REQUESTS - 2].into_iter().enumerate() {
                if number >= at && number < at + 2 {
                    sizes[moment][worker] = workers[worker].host.linear_memory().len();
                }
            }
        }
        assert_eq!(sizes[0], sizes[1]);
    }
}
