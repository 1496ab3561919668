//! The file of `--ssf`: errors have a line, and no message contains a token.

use super::super::poll_token::{SecretSource, Source};
use super::super::settings::load;
use crate::failure::Failure;
use std::time::Duration;

const GOOD: &str = "state: s.json
streams:
  - name: idp
    poll: https://idp.example.com/poll
    token: {env: SSF_TOKEN}
    issuer: https://idp.example.com/
    audience: https://gateway.example.com/
    jwks: https://idp.example.com/keys
";

fn read(text: &str) -> Result<super::super::settings::Settings, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ssf.yaml");
    std::fs::write(&file, text).unwrap();
    let env = |name: &str| (name == "SSF_TOKEN").then(|| "value".to_owned());
    load(file.to_str().unwrap(), &env)
}

#[test]
fn defaults_are_set() {
    let settings = read(GOOD).unwrap();
    assert_eq!(settings.token_life, Duration::from_secs(28 * 3600));
    let [stream] = settings.streams.as_slice() else {
        panic!()
    };
    let seconds = [stream.wait, stream.interval, stream.max_stale].map(|own| own.as_secs());
    assert_eq!(seconds, [20, 2, 600]);
    assert_eq!(
        stream.expected.subject_issuers,
        ["https://idp.example.com/"]
    );
    assert!(!stream.has_session_ids);
    assert!(!stream.issues_tokens);
    let token = &stream.token;
    assert!(
        matches!(token, Some(Source::Given(SecretSource::Fixed(token))) if token.expose() == "value")
    );
    assert!(!format!("{settings:?}").contains("value"));
}

#[test]
fn error_has_its_line_and_path() {
    for (from, to, line, text) in [
        (
            "state: s.json",
            "states: s.json",
            1,
            "unknown field `states`",
        ),
        (
            "streams:\n",
            "streams: []\nother:\n",
            1,
            "unknown field `other`",
        ),
        (
            "name: idp",
            "name: IDP",
            3,
            "streams[0].name: must consist of a-z, 0-9 and -",
        ),
        (
            "https://idp.example.com/poll",
            "ftp://a",
            4,
            "streams[0].poll: must begin with https://",
        ),
        (
            "https://idp.example.com/poll",
            "http://idp.example.com/",
            4,
            "must begin with https://, except",
        ),
        (
            "SSF_TOKEN",
            "NOT_SET",
            5,
            "the environment variable \"NOT_SET\" is not set",
        ),
        (
            "{env: SSF_TOKEN}",
            "the-token",
            5,
            "streams[0].token: must be {env: NAME}, {file: PATH} or {client_credentials: …}",
        ),
        (
            "{env: SSF_TOKEN}",
            "{client_credentials: {uri: 'http://idp.example.com/', client_id: a, client_secret: {env: SSF_TOKEN}}}",
            5,
            "streams[0].token.client_credentials.uri: must begin with https://, except",
        ),
        (
            "{env: SSF_TOKEN}",
            "{client_credentials: {uri: 'https://idp.example.com/', client_id: a, client_secret: the-token}}",
            5,
            "streams[0].token.client_credentials.client_secret: must be {env: NAME} or {file: PATH}",
        ),
        (
            "{env: SSF_TOKEN}",
            "{client_credentials: {uri: 'https://idp.example.com/', client_id: a}}",
            5,
            "streams[0].token.client_credentials: missing field `client_secret`",
        ),
        (
            "{env: SSF_TOKEN}",
            "{client_credentials: {uri: 'https://idp.example.com/', client_id: a, client_secret: {env: SSF_TOKEN}, \
             parameters: {client_secret: a}}}",
            5,
            "streams[0].token.client_credentials.parameters: must not contain client_secret",
        ),
        (
            "    audience: https://gateway.example.com/\n",
            "",
            3,
            "streams[0]: missing field `audience`",
        ),
        (
            "    jwks:",
            "    wait: 0s\n    jwks:",
            8,
            "streams[0].wait: must be a duration",
        ),
        (
            "    jwks:",
            "    max_stale: 39s\n    jwks:",
            8,
            "streams[0].max_stale: must be at least twice `wait`",
        ),
        (
            "state:",
            "token_life: long\nstate:",
            1,
            "token_life: must be a duration",
        ),
    ] {
        let failure = read(&GOOD.replace(from, to)).unwrap_err();
        let [error] = failure.errors.as_slice() else {
            panic!("{failure:?}")
        };
        assert!(
            error.about.ends_with(&format!("ssf.yaml:{line}")),
            "{to}: {error:?}"
        );
        assert!(error.text.contains(text), "{to}: {error:?}");
        assert!(!error.text.contains("the-token"), "{error:?}");
    }
    let twice = format!("{GOOD}{}", GOOD.split_once("streams:\n").unwrap().1);
    let failure = read(&twice).unwrap_err();
    assert!(
        failure.errors[0]
            .text
            .contains("streams[1].name: must be different"),
        "{failure:?}"
    );
    for host in ["127.0.0.1:8080", "localhost", "[::1]", "[::1]:8080"] {
        let local = format!("http://{host}/poll");
        let local = GOOD.replace("https://idp.example.com/poll", &local);
        assert!(read(&local).is_ok(), "{host}");
    }
}
