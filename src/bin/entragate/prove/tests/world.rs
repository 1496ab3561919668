//! Small worlds: a few dimensions of requests, each with all of its interesting values, and policies about them.

use crate::prove::concrete::Witness;
use serde_json::{Map, Value, json};

/// A generator of random numbers that are the same in every run.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn pick<'v>(&mut self, values: &'v [Value]) -> &'v Value {
        &values[self.below(values.len())]
    }
}

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const GROUP: &str = "11111111-1111-1111-1111-111111111111";
const CLIENTS: [&str; 2] = [
    "cccccccc-0000-4000-8000-000000000001",
    "cccccccc-0000-4000-8000-000000000002",
];

/// One dimension: its requirements and matches, and the values that requests have.
struct Dimension {
    requirements: Vec<Value>,
    matches: Vec<Value>,
    /// Claims of the token; null leaves a claim out.
    claims: Vec<Value>,
    /// Members of the request.
    requests: Vec<Value>,
}

fn dimension(which: usize) -> Dimension {
    let list = |value: Value| value.as_array().unwrap().clone();
    let caller = |requirements: Value, claims: Value| Dimension {
        requirements: list(requirements),
        matches: Vec::new(),
        claims: list(claims),
        requests: vec![json!({})],
    };
    let request = |requirements: Value, matches: Value, requests: Value| Dimension {
        requirements: list(requirements),
        matches: list(matches),
        claims: vec![json!({})],
        requests: list(requests),
    };
    match which {
        0 => caller(
            json!([{"role": "a"}, {"role": "b"}]),
            json!([{}, {"roles": ["a"]}, {"roles": ["b"]}, {"roles": ["a", "b"]}, {"roles": 5}, {"roles": ["a", 5]},
                   {"_claim_names": {"roles": "s"}}]),
        ),
        1 => caller(
            json!([{"kind": "user"}, {"kind": "app"}, {"kind": "agent"}, {"actor": "agent"}]),
            json!([{}, {"idtyp": "user"}, {"idtyp": "app"}, {"idtyp": "app", "xms_act_fct": "11", "xms_sub_fct": "11"},
                   {"idtyp": "user", "xms_act_fct": "11", "xms_sub_fct": "1"}, {"idtyp": "user", "xms_act_fct": "1"},
                   {"xms_sub_fct": "11"}]),
        ),
        2 => caller(
            json!([{"group": GROUP}, {"group": "named"}]),
            json!([{}, {"groups": [GROUP.to_uppercase()]}, {"groups": ["named"]}, {"hasgroups": true}, {"groups": 5},
                   {"groups": [GROUP], "hasgroups": true}]),
        ),
        3 => caller(
            json!([{"mfa": true}, {"auth_context": "c1"}]),
            json!([{}, {"amr": ["mfa"]}, {"amr": "pwd"}, {"amr": 5}, {"amr": ["ngcmfa"], "acrs": ["c1"]}, {"acrs": ["c1", 5]},
                   {"acrs": "c1"}]),
        ),
        4 => caller(
            json!([
                {"claim": {"path": "x", "equals": 1}}, {"claim": {"path": "x", "one_of": ["z", 1]}},
                {"claim": {"path": "x", "contains": 1}}, {"claim": {"path": "x", "present": true}},
                {"claim": {"path": "/y/z", "present": false}}, {"claim": {"path": "xms_idrel", "contains": 7}},
            ]),
            json!([{}, {"x": 1}, {"x": "z"}, {"x": [1]}, {"x": []}, {"x": {}}, {"_claim_names": {"x": "s"}}, {"x": "other"},
                   {"y": {"z": 1}}, {"xms_idrel": "1 7"}, {"xms_idrel": "1 8"}, {"xms_idrel": "x"}]),
        ),
        5 => caller(
            json!([{"client": CLIENTS[0]}, {"client": CLIENTS[1]}, {"object": CLIENTS[0]}, {"tenant": TENANT},
                   {"managed_identity": CLIENTS[0]}, {"managed_identity": "/subscriptions/A"}]),
            json!([{}, {"azp": CLIENTS[0]}, {"azp": CLIENTS[1].to_uppercase()}, {"azp": 5}, {"oid": CLIENTS[0]},
                   {"oid": CLIENTS[0], "xms_mirid": "/subscriptions/b"}, {"xms_mirid": "/SUBSCRIPTIONS/a"}, {"xms_mirid": 5},
                   {"_claim_names": {"tid": "s", "azp": "s"}}]),
        ),
        6 => request(
            json!([{"source": ["10.0.0.0/8"]}, {"source": ["10.1.0.0/16", "::/0"]}, {"source": ["0.0.0.0/0"]}]),
            json!([]),
            json!([{}, {"source": "10.0.0.1"}, {"source": "10.1.0.1"}, {"source": "11.0.0.1"}, {"source": "2001:db8::1"}]),
        ),
        7 => request(
            json!([
                {"time": {"from": "08:00", "to": "18:00"}}, {"time": {"days": ["mon"], "from": "22:00", "to": "06:00"}},
                {"time": {"days": ["tue", "sun"], "from": "00:00", "to": "24:00", "utc_offset": "+02:00"}},
            ]),
            json!([]),
            json!([{}, {"time": "2026-11-23T09:00:00Z"}, {"time": "2026-11-23T23:00:00Z"}, {"time": "2026-11-24T05:00:00Z"},
                   {"time": "2026-11-24T23:00:00Z"}, {"time": "2026-11-22T12:00:00Z"}, {"time": "2026-11-25T19:00:00Z"}]),
        ),
        8 => request(
            json!([]),
            json!([{"methods": ["GET"]}, {"methods": ["POST", "GET"]}, {"methods": ["PUT"]}]),
            json!([{"method": "GET"}, {"method": "POST"}, {"method": "PUT"}, {"method": "DELETE"}]),
        ),
        9 => request(
            json!([]),
            json!([
                {"paths": ["/a"]}, {"paths": ["/a/*"]}, {"paths": ["/a/**"]}, {"paths": ["/**"]}, {"paths": ["/a*", "/b"]},
                {"paths": ["/*/c"]}, {"paths": ["**/c"]}, {"paths": ["**"]},
            ]),
            json!([{"path": "/a"}, {"path": "/b"}, {"path": "/a/c"}, {"path": "/a/c/d"}, {"path": "/ab"}, {"path": "/x/c"},
                   {"path": "/x/y/c"}, {"path": "/"}, {"path": "*"}, {"path": "/a/"}, {"path": "/x"}]),
        ),
        10 => request(
            json!([]),
            json!([{"hosts": ["a.example"]}, {"hosts": ["*.example"]}, {"hosts": ["**.example"]}, {"hosts": ["A.example", "b.test"]}]),
            json!([{"host": "a.example"}, {"host": "B.test:80"}, {"host": "x.example"}, {"host": "x.a.example"}, {"host": "x"}]),
        ),
        11 => request(
            json!([]),
            json!([{"clusters": ["c1"]}, {"clusters": ["c*"]}, {"clusters": ["d", "c2"]}]),
            json!([{}, {"cluster": "c1"}, {"cluster": "c2"}, {"cluster": "d"}, {"cluster": "e"}]),
        ),
        12 => request(
            json!([]),
            json!([{"models": ["m/x"]}, {"models": ["m/*"]}, {"models": ["M/*", "n/y"]}, {"models": ["**"]}]),
            json!([
                {"path": "/v1/x"}, {"path": "/v1/x", "model": "m/x"}, {"path": "/v1/x", "model": "M/X"},
                {"path": "/v1/x", "model": "n/y:fast"}, {"path": "/v1/x", "model": "o"}, {"path": "/v1/x", "body": "no"},
                {"path": "/other", "model": "m/x"}, {"path": "/other"}, {"path": "/models/m/x"}, {"path": "/models/o/p", "model": "m/x"},
                {"path": "/v1/x", "body": {}},
                {"method": "GET", "path": "/v1/models/m/x"}, {"method": "GET", "path": "/v1/models/M/x/"},
                {"method": "GET", "path": "/v1/models/o:fast"}, {"method": "GET", "path": "/v1/models"}, {"method": "GET", "path": "/v1/models/tgi"},
            ]),
        ),
        13 => request(
            json!([]),
            json!([
                {"paths": ["/mcp"], "mcp": {"tools": ["t1"]}}, {"paths": ["/mcp"], "mcp": {"methods": ["**"]}},
                {"paths": ["/mcp"], "mcp": {"methods": ["tools/*", "ping"], "tools": ["T*"]}}, {"paths": ["/mcp"]},
            ]),
            json!([
                {"method": "POST", "path": "/mcp", "tool": "t1"}, {"method": "POST", "path": "/mcp", "tool": "T2"},
                {"method": "POST", "path": "/mcp", "mcp_method": "tools/call"}, {"method": "POST", "path": "/mcp", "mcp_method": "ping"},
                {"method": "POST", "path": "/mcp", "mcp_method": "tools/list"}, {"method": "POST", "path": "/mcp"},
                {"method": "GET", "path": "/mcp"}, {"method": "POST", "path": "/mcp", "body": "no"}, {"method": "POST", "path": "/x"},
                {"method": "POST", "path": "/mcp", "body": [
                    {"jsonrpc": "2.0", "id": 1, "method": "ping"},
                    {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "t1"}}]},
            ]),
        ),
        _ => request(
            json!([{"peer": "spiffe://a/*"}, {"peer": "spiffe://**"}]),
            json!([]),
            json!([{}, {"peer": "spiffe://a/b"}, {"peer": "spiffe://a/b/c"}, {"peer": "https://a"}]),
        ),
    }
}

const DIMENSIONS: usize = 15;

pub struct World {
    requirements: Vec<Value>,
    matches: Vec<Value>,
    claims: Vec<Value>,
    requests: Vec<Value>,
    has_agent_claims: bool,
    credential_clusters: bool,
}

impl World {
    pub fn new(numbers: &mut Numbers) -> Self {
        let mut world = Self {
            requirements: vec![json!({"issuer": "contoso"})],
            matches: vec![json!({})],
            claims: vec![json!({})],
            requests: vec![json!({"method": "POST", "path": "/v1/x"})],
            has_agent_claims: numbers.below(4) == 0,
            credential_clusters: numbers.below(6) == 0,
        };
        for _ in 0..1 + numbers.below(3) {
            let dimension = dimension(numbers.below(DIMENSIONS));
            world.requirements.extend(dimension.requirements);
            world.matches.extend(dimension.matches);
            world.claims = product(&world.claims, &dimension.claims);
            world.requests = product(&world.requests, &dimension.requests);
        }
        world
    }

    fn requirement(&self, numbers: &mut Numbers, depth: usize) -> Value {
        let part = |numbers: &mut Numbers| self.requirement(numbers, depth + 1);
        match numbers.below(if depth < 2 { 8 } else { 4 }) {
            0..=3 => numbers.pick(&self.requirements).clone(),
            4 => json!({"not": part(numbers)}),
            5 | 6 => json!({"all": [part(numbers), part(numbers)]}),
            _ => json!({"any": [part(numbers), part(numbers)]}),
        }
    }

    /// One match, or a combination of two.
    fn matches(&self, numbers: &mut Numbers) -> Value {
        let one = numbers.pick(&self.matches).clone();
        match numbers.below(2) {
            0 => one,
            _ => merged(&one, numbers.pick(&self.matches)),
        }
    }

    pub fn settings(&self, numbers: &mut Numbers) -> Value {
        let mut rules: Vec<Value> = Vec::new();
        for at in 0..1 + numbers.below(4) {
            let matches = self.matches(numbers);
            let name = format!("rule-{at}");
            let credential = ["r", "w", "none"][numbers.below(3)];
            rules.push(match numbers.below(8) {
                0 if matches.get("paths").is_some() => {
                    json!({"name": name, "match": matches, "anonymous": true, "credential": credential})
                }
                0..=2 => json!({"name": name, "match": matches, "require": self.requirement(numbers, 0), "effect": "deny"}),
                3 => json!({"name": name, "match": matches, "require": self.requirement(numbers, 0),
                            "credential": credential, "mode": "shadow"}),
                _ => json!({"name": name, "match": matches, "require": self.requirement(numbers, 0),
                            "credential": credential}),
            });
        }
        let mut entra = json!({"tenants": [TENANT]});
        if self.has_agent_claims {
            entra["agent_claims"] = json!(true);
        }
        let mut writing = json!({"name": "w", "value": "hf_w"});
        if self.credential_clusters {
            writing["clusters"] = json!(["c*"]);
        }
        json!({
            "issuers": [{"name": "contoso", "entra": entra, "audiences": ["hf"], "jwks": {"cluster": "entra"}}],
            "credentials": [{"name": "r", "value": "hf_r"}, writing],
            "rules": rules,
        })
    }

    pub fn assertion(&self, numbers: &mut Numbers, at: usize) -> Value {
        let mut assertion = match numbers.below(7) {
            0 | 1 => {
                let credential = ["r", "w", "none"][numbers.below(3)];
                json!({"credential": credential, "only_if": self.requirement(numbers, 0)})
            }
            2 | 3 => json!({"when": self.requirement(numbers, 0), "never": "permit"}),
            4 => {
                let credential = ["r", "w"][numbers.below(2)];
                json!({"when": self.requirement(numbers, 0), "never": {"credential": credential}})
            }
            5 => json!({"when": self.requirement(numbers, 0), "always": "deny"}),
            _ => json!({"no_shadowed_rules": true}),
        };
        let matches = self.matches(numbers);
        if assertion.get("no_shadowed_rules").is_none()
            && matches != json!({})
            && numbers.below(2) == 0
        {
            assertion["match"] = matches;
            if assertion.get("when").is_some() && numbers.below(3) == 0 {
                assertion.as_object_mut().unwrap().remove("when");
            }
        }
        assertion["name"] = json!(format!("assertion-{at}"));
        assertion
    }

    /// All requests: without a token, and with each token.
    pub fn requests(&self) -> Vec<Witness> {
        let mut all = Vec::new();
        for request in &self.requests {
            let mut request = request.clone();
            if request.get("time").is_none() {
                request["time"] = json!("2026-11-23T12:00:00Z");
            }
            all.push(Witness {
                caller: None,
                request: request.clone(),
            });
            all.extend(self.claims.iter().map(|claims| Witness {
                caller: Some(json!({"issuer": "contoso", "claims": claims})),
                request: request.clone(),
            }));
        }
        all
    }
}

fn product(one: &[Value], other: &[Value]) -> Vec<Value> {
    let with = |first: &Value| {
        other
            .iter()
            .map(|second| merged(first, second))
            .collect::<Vec<_>>()
    };
    one.iter().flat_map(with).collect()
}

fn merged(one: &Value, other: &Value) -> Value {
    let mut members: Map<String, Value> = one.as_object().unwrap().clone();
    for (name, value) in other.as_object().unwrap() {
        match (members.get_mut(name), value) {
            (Some(Value::Object(own)), Value::Object(others)) => own.extend(others.clone()),
            _ => _ = members.insert(name.clone(), value.clone()),
        }
    }
    // These exclude each other.
    if members.contains_key("body")
        || members.contains_key("tool")
        || members.contains_key("mcp_method")
    {
        members.remove("model");
    }
    if members.contains_key("body") {
        members.remove("tool");
        members.remove("mcp_method");
    }
    Value::Object(members)
}
