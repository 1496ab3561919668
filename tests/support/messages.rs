//! Random JSON-RPC bodies: calls, batches, repeated members, odd ids, nested methods, and text that is not quite JSON.

use super::random::Random;

pub const PERMITTED: [&str; 3] = ["hub_search", "hub_x", "hub_repo_details"];
pub const FORBIDDEN: [&str; 5] = ["delete_repo", "hub-x", "HUB_search", "a/hub_x", "hub"];
const METHODS: [&str; 6] = [
    "tools/list",
    "ping",
    "initialize",
    "notifications/initialized",
    "resources/read",
    "prompts/get",
];

/// Returns a body. About half of them are well-formed and hold only permitted calls and methods.
pub fn body(random: &mut Random) -> Vec<u8> {
    let is_tame = random.below(2) == 0;
    let text = match random.below(6) {
        0 => {
            let count = 1 + random.below(4);
            let messages: Vec<String> = (0..count).map(|_| message(random, is_tame)).collect();
            format!("[{}]", messages.join(","))
        }
        _ => message(random, is_tame),
    };
    if is_tame || random.below(4) > 0 {
        return text.into_bytes();
    }
    match random.below(8) {
        0 => format!("\u{feff}{text}").into_bytes(),
        1 => format!("{text}{}", message(random, false)).into_bytes(),
        2 => format!("{text}\n{}", message(random, false)).into_bytes(),
        3 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        4 => text.as_bytes()[..random.below(text.len())].to_vec(),
        5 => text.replacen(':', ": NaN, \"x\":", 1).into_bytes(),
        6 => format!("[{text},[{}]]", message(random, false)).into_bytes(),
        _ => text.replace('"', "'").into_bytes(),
    }
}

fn message(random: &mut Random, is_tame: bool) -> String {
    let mut members = vec![
        r#""jsonrpc":"2.0""#.to_owned(),
        format!(r#""id":{}"#, id(random, is_tame)),
    ];
    if is_tame {
        members.extend(match random.below(4) {
            0 => vec![format!(r#""method":"{}""#, METHODS[random.below(4)])],
            1 => vec![
                r#""result":{"method":"tools/call","params":{"name":"delete_repo"}}"#.to_owned(),
            ],
            _ => {
                let tool = PERMITTED[random.below(PERMITTED.len())];
                call(random, tool)
            }
        });
    } else {
        let method = METHODS[random.below(METHODS.len())];
        let tool = any_tool(random);
        members.extend(match random.below(4) {
            0 => vec![format!(r#""method":"{method}""#), params(random, tool)],
            _ => call(random, tool),
        });
        for _ in 0..random.below(3) {
            let extra = extra(random);
            members.insert(random.below(members.len() + 1), extra);
        }
    }
    // The order of members makes no difference.
    let turn = random.below(members.len());
    members.rotate_left(turn);
    format!("{{{}}}", members.join(","))
}

fn call(random: &mut Random, tool: &str) -> Vec<String> {
    let method = match random.below(6) {
        0 => r#""\u006dethod":"tools\/call""#,
        _ => r#""method":"tools/call""#,
    };
    vec![method.to_owned(), params(random, tool)]
}

fn any_tool(random: &mut Random) -> &'static str {
    match random.below(2) {
        0 => PERMITTED[random.below(PERMITTED.len())],
        _ => FORBIDDEN[random.below(FORBIDDEN.len())],
    }
}

fn params(random: &mut Random, tool: &str) -> String {
    let name = match random.below(6) {
        0 => format!(r#""n\u0061me":"{tool}""#),
        _ => format!(r#""name":"{tool}""#),
    };
    // The arguments of a tool may have any names.
    let arguments = r#""arguments":{"name":"delete_repo","method":"tools/call","Name":1}"#;
    match random.below(3) {
        0 => format!(r#""params":{{{name}}}"#),
        1 => format!(r#""params":{{{name},{arguments}}}"#),
        _ => format!(r#""params":{{{arguments},{name}}}"#),
    }
}

fn id(random: &mut Random, is_tame: bool) -> String {
    let tame = ["1", "\"a\"", "12345678901234567890", "\"\\u00e9\\\"\"", "0"];
    let odd = [
        "null",
        "-1.5e3",
        "true",
        "{}",
        "[1]",
        "{\"method\":\"tools/call\"}",
        "\"\"",
        "01",
    ];
    match is_tame {
        true => tame[random.below(tame.len())].to_owned(),
        false => match random.below(3) {
            0 => odd[random.below(odd.len())].to_owned(),
            _ => tame[random.below(tame.len())].to_owned(),
        },
    }
}

/// Returns a member that repeats, contradicts or disguises another one.
fn extra(random: &mut Random) -> String {
    let tool = FORBIDDEN[random.below(FORBIDDEN.len())];
    match random.below(17) {
        0 => r#""method":"tools/call""#.to_owned(),
        1 => r#""Method":"tools/call""#.to_owned(),
        2 => r#""METHOD":"tools/call""#.to_owned(),
        3 => r#""\u004dethod":"tools/call""#.to_owned(),
        4 => format!(r#""params":{{"name":"{tool}"}}"#),
        5 => format!(r#""Params":{{"name":"{tool}"}}"#),
        6 => format!(r#""param\u017f":{{"name":"{tool}"}}"#),
        7 => format!(r#""params":{{"name":"hub_x","name":"{tool}"}}"#),
        8 => format!(r#""params":{{"name":"hub_x","Name":"{tool}"}}"#),
        9 => format!(r#""x":{{"method":"tools/call","params":{{"name":"{tool}"}}}}"#),
        10 => r#""result":{}"#.to_owned(),
        11 => r#""method":"Tools/Call""#.to_owned(),
        12 => r#""method":" tools/call""#.to_owned(),
        13 => r#""method\u0000":"tools/call""#.to_owned(),
        14 => r#""method ":"tools/call""#.to_owned(),
        15 => format!(r#""params":{{"name":"hub_x","name\u0000x":"{tool}"}}"#),
        _ => r#""id":2"#.to_owned(),
    }
}
