//! Requests are counted by caller, model and app, regardless of the gateway and worker that they reach.

use super::{
    APP_TOKENS, BY_APP, BY_MODEL, BY_OID, Fleet, TOKENS, app, chat, concurrently, limits, oid,
    patient,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use testbed::envoy::EnvoyConfig;
use testbed::hf::MODELS;

const CALLERS: usize = 10;
const REQUESTS: usize = 1_000;
const BUDGET: u32 = 60;
/// The number of requests under way at once.
const AT_ONCE: usize = 16;

/// Both workers get connections.
fn balanced(config: EnvoyConfig) -> EnvoyConfig {
    patient(config).document(|document| {
        document["static_resources"]["listeners"][0]["connection_balance_config"] =
            json!({"exact_balance": {}});
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_with_two_workers_share_each_budget() {
    let fleet = Fleet::start(&limits(&[("requests-by-oid", BUDGET)]), 2, balanced).await;
    let shared = Arc::clone(&fleet);
    // Both gateways see all callers.
    let ask = move |number: usize| {
        let fleet = Arc::clone(&shared);
        async move {
            (
                number % CALLERS,
                fleet.chat(number / CALLERS, number % CALLERS).await,
            )
        }
    };
    let answers = concurrently(REQUESTS, AT_ONCE, ask).await;
    let mut permitted = BTreeMap::new();
    for (caller, status) in answers {
        assert!(matches!(status, 200 | 429), "{status}");
        *permitted.entry(caller).or_insert(0) += usize::from(status == 200);
    }
    fleet.becomes_idle().await;
    let budget = usize::try_from(BUDGET).unwrap();
    for (caller, permitted) in &permitted {
        assert!(
            (budget..=budget + AT_ONCE).contains(permitted),
            "{caller}: {permitted}"
        );
        let requests = u64::try_from(REQUESTS / CALLERS).unwrap();
        assert_eq!(
            fleet.used(BY_OID, &[&oid(*caller)]),
            requests,
            "refused requests count too"
        );
    }
    assert_eq!(
        fleet.hf.requests().len(),
        permitted.values().sum::<usize>(),
        "refused requests are not forwarded"
    );
    for envoy in &fleet.gateways {
        let stats = envoy.stats().await.unwrap();
        for worker in ["worker_0", "worker_1"] {
            let is_of = |name: &&String| {
                name.starts_with("listener.")
                    && name.ends_with(&format!("{worker}.downstream_cx_total"))
            };
            let connections: u64 = stats
                .iter()
                .filter(|(name, _)| is_of(name))
                .map(|(_, count)| count)
                .sum();
            assert!(connections > 0, "{worker}");
        }
    }
}

/// Several models behind one gateway: a rule reads the model of the body.
fn with_models(config: EnvoyConfig) -> EnvoyConfig {
    patient(config).change_policy(|policy| {
        policy.as_object_mut().unwrap().remove("endpoints");
        policy["rules"][2]["match"]["models"] = json!(["**"]);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_are_by_model_and_app_too() {
    let numbers = [("requests-by-oid-and-model", 2), ("requests-by-app", 5)];
    let fleet = Fleet::start(&limits(&numbers), 1, with_models).await;
    let ask = async |caller: usize, model: &str| {
        let response = fleet
            .post(0, caller, "/v1/chat/completions", &chat(model))
            .await;
        response.status().as_u16()
    };
    let mut statuses = Vec::new();
    for model in [MODELS[0], MODELS[0], MODELS[0], "org/other"] {
        statuses.push(ask(0, model).await);
    }
    assert_eq!(statuses, [200, 200, 429, 200], "each model has a budget");
    assert_eq!(
        [ask(1, MODELS[0]).await, ask(1, MODELS[0]).await],
        [200, 429],
        "the app's budget is used up"
    );
    fleet.becomes_idle().await;
    assert_eq!(fleet.used(BY_MODEL, &[&oid(0), MODELS[0]]), 3);
    assert_eq!(fleet.used(BY_MODEL, &[&oid(0), "org/other"]), 1);
    assert_eq!(fleet.used(BY_APP, &[&app()]), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_can_have_a_different_budget_and_a_shadow_budget_refuses_nothing() {
    let mut limits = limits(&[("tokens-by-oid", 1), ("tokens-by-app", 1)]);
    // The budget of one identity.
    limits["descriptors"][2]["descriptors"][1]["value"] = json!(oid(1));
    limits["descriptors"][2]["descriptors"][1]["rate_limit"]["requests_per_unit"] =
        json!(1_000_000);
    let fleet = Fleet::start(&limits, 1, patient).await;
    let mut statuses = Vec::new();
    for caller in [0, 0, 1, 1, 1] {
        statuses.push(fleet.chat(0, caller).await);
        // The tokens of a response are counted after it has ended.
        fleet.becomes_idle().await;
    }
    assert_eq!(statuses, [200, 429, 200, 200, 200]);
    let tokens: usize = fleet
        .hf
        .bills()
        .iter()
        .map(|bill| bill.prompt_tokens + bill.completion_tokens)
        .sum();
    assert_eq!(
        fleet.used(APP_TOKENS, &[&app()]),
        u64::try_from(tokens).unwrap()
    );
    assert_eq!(
        fleet.used(&format!("{TOKENS}={}", oid(1)), &[]),
        u64::try_from(tokens / 4 * 3).unwrap()
    );
}
