//! Which test answers which clause: RFC 8725's section 3 whole, the classes of attack that issue
//! trackers of JWT libraries and gateways are full of, and the mistakes of our peers.

/// What it is about, the file under `tests/` (or `src/`), and the test.
const CATALOGUE: &[(&str, &str, &str)] = &[
    (
        "RFC 8725 §3.1 none",
        "attacks/signature.rs",
        "s3_1_none_is_no_algorithm_however_it_is_written",
    ),
    (
        "RFC 8725 §3.1 HMAC with the public key",
        "attacks/signature.rs",
        "s3_1_the_public_key_is_no_hmac_secret",
    ),
    (
        "RFC 8725 §3.1 symmetric key in the set",
        "attacks/signature.rs",
        "s3_1_a_symmetric_key_in_the_set_verifies_nothing",
    ),
    (
        "RFC 8725 §3.1 one algorithm per key",
        "tokens.rs",
        "a_key_of_another_type_or_with_another_alg_verifies_nothing",
    ),
    (
        "RFC 8725 §3.1 each algorithm, and no other",
        "tokens.rs",
        "every_algorithm_verifies_with_its_key_and_with_no_other",
    ),
    (
        "RFC 8725 §3.2 appropriate algorithms only",
        "attacks/signature.rs",
        "s3_2_only_sound_algorithms_can_be_configured",
    ),
    (
        "RFC 8725 §3.2 exact names",
        "attacks/signature.rs",
        "s3_2_an_algorithm_is_compared_byte_for_byte",
    ),
    (
        "RFC 8725 §3.3 every bit is checked",
        "attacks/signature.rs",
        "s3_3_one_changed_character_anywhere_is_no_permit",
    ),
    (
        "RFC 8725 §3.3 all of the text is signed",
        "attacks/signature.rs",
        "s3_3_a_signature_over_less_is_no_signature",
    ),
    (
        "RFC 8725 §3.3 the cache",
        "attacks/signature.rs",
        "s3_3_a_cached_token_is_no_excuse_for_another",
    ),
    (
        "RFC 8725 §3.3 all ways to verify agree",
        "e2e/signatures.rs",
        "all_ways_agree_on_every_vector",
    ),
    (
        "RFC 8725 §3.4 invalid curve points",
        "attacks/keys.rs",
        "s3_4_points_off_the_curve_verify_nothing",
    ),
    (
        "RFC 8725 §3.4 coordinates",
        "attacks/keys.rs",
        "s3_4_coordinates_of_another_length_are_no_key",
    ),
    (
        "RFC 8725 §3.4 psychic signatures",
        "attacks/keys.rs",
        "s3_4_a_psychic_signature_convinces_nobody",
    ),
    (
        "RFC 8725 §3.4 small-order keys",
        "attacks/keys.rs",
        "s3_4_an_ed25519_key_of_small_order_vouches_for_nothing",
    ),
    (
        "RFC 8725 §3.5 weak keys",
        "attacks/keys.rs",
        "s3_5_weak_rsa_keys_are_passed_over",
    ),
    (
        "RFC 8725 §3.5 weak sets",
        "attacks/keys.rs",
        "s3_5_a_set_of_weak_keys_replaces_no_good_one",
    ),
    (
        "RFC 8725 §3.6 compression",
        "attacks/encoding.rs",
        "s3_6_a_compressed_payload_is_never_inflated",
    ),
    (
        "RFC 8725 §3.6 said compression",
        "attacks/encoding.rs",
        "s3_6_a_token_that_says_it_is_compressed_is_refused",
    ),
    (
        "RFC 8725 §3.7 UTF-8",
        "attacks/encoding.rs",
        "s3_7_only_utf_8_is_json",
    ),
    (
        "RFC 8725 §3.8 issuer",
        "attacks/claims.rs",
        "s3_8_an_issuer_is_compared_byte_for_byte",
    ),
    (
        "RFC 8725 §3.8 cross-issuer replay",
        "attacks/claims.rs",
        "s3_8_a_token_of_one_issuer_is_not_taken_for_another_s",
    ),
    (
        "RFC 8725 §3.8 another issuer's claims",
        "attacks/claims.rs",
        "s3_8_the_realm_s_claims_grant_nothing_as_entra_s",
    ),
    (
        "RFC 8725 §3.8 cross-tenant replay",
        "attacks/claims.rs",
        "s3_8_a_tenant_cannot_sign_for_another",
    ),
    (
        "RFC 8725 §3.8 key-issuer confusion",
        "tokens.rs",
        "a_key_signs_only_for_the_issuer_its_set_names",
    ),
    (
        "RFC 8725 §3.8 a shared kid",
        "lifecycle.rs",
        "two_issuers_may_share_a_kid",
    ),
    (
        "RFC 8725 §3.8 subject",
        "attacks/claims.rs",
        "s3_8_nobody_calls_without_a_subject",
    ),
    (
        "RFC 8725 §3.9 audience",
        "attacks/claims.rs",
        "s3_9_an_audience_is_compared_byte_for_byte",
    ),
    (
        "RFC 8725 §3.10 kid injection",
        "attacks/key_reference.rs",
        "s3_10_a_kid_is_a_name_and_nothing_else",
    ),
    (
        "RFC 8725 §3.10 long kids",
        "attacks/key_reference.rs",
        "s3_10_a_kid_just_below_the_header_bound_is_refused_in_peace",
    ),
    (
        "RFC 8725 §3.10 kids of another type",
        "attacks/key_reference.rs",
        "s3_10_a_kid_of_no_text_is_refused",
    ),
    (
        "RFC 8725 §3.10 no fallback key",
        "attacks/key_reference.rs",
        "s3_10_an_unknown_kid_never_falls_back_to_another_key",
    ),
    (
        "RFC 8725 §3.10 x5t",
        "attacks/key_reference.rs",
        "s3_10_x5t_does_not_stand_in_for_kid",
    ),
    (
        "RFC 8725 §3.10 jku, x5u, x5c",
        "attacks/key_reference.rs",
        "s3_10_addresses_and_certificates_in_the_header_change_nothing",
    ),
    (
        "RFC 8725 §3.10 jwk",
        "tokens.rs",
        "a_forger_cannot_bring_the_key",
    ),
    (
        "RFC 8725 §3.11 explicit typing",
        "attacks/claims.rs",
        "s3_11_other_types_of_token_are_told_by_their_typ",
    ),
    (
        "RFC 8725 §3.12 ID, Graph and bound tokens",
        "attacks/claims.rs",
        "s3_12_tokens_of_other_kinds_are_told_by_their_claims",
    ),
    (
        "crit",
        "attacks/encoding.rs",
        "critical_extensions_are_refused_whatever_they_are",
    ),
    (
        "b64: false (RFC 7797)",
        "attacks/encoding.rs",
        "an_unencoded_payload_is_refused",
    ),
    (
        "duplicate members",
        "attacks/encoding.rs",
        "a_member_named_twice_is_refused_wherever_it_stands",
    ),
    (
        "trailing data, other values, deep nesting",
        "attacks/encoding.rs",
        "nothing_may_follow_or_replace_the_object",
    ),
    (
        "padding, other alphabets",
        "attacks/encoding.rs",
        "base64url_has_one_spelling_in_every_segment",
    ),
    (
        "non-canonical base64url",
        "attacks/encoding.rs",
        "unused_bits_of_the_last_character_must_be_zero",
    ),
    (
        "white space within a token",
        "attacks/encoding.rs",
        "white_space_within_a_token_is_refused",
    ),
    (
        "JSON serialization",
        "attacks/encoding.rs",
        "the_json_serializations_are_no_bearer_tokens",
    ),
    (
        "nested JWS",
        "attacks/encoding.rs",
        "a_nested_token_is_refused",
    ),
    (
        "JWE, PBES2 bombs",
        "attacks/encoding.rs",
        "an_encrypted_token_is_refused_by_its_own_name",
    ),
    ("time edges", "tokens.rs", "times_have_edges"),
    (
        "absurd times",
        "attacks/claims.rs",
        "times_that_no_clock_shows_are_refused",
    ),
    (
        "expiry while waiting for keys",
        "attacks/claims.rs",
        "a_token_that_expires_while_its_request_waits_is_refused",
    ),
    (
        "expiry while the body comes",
        "models/inspected.rs",
        "a_token_that_expires_while_its_body_comes_is_refused",
    ),
    (
        "several Authorization fields, commas",
        "attacks/splitting.rs",
        "several_tokens_in_one_request_are_no_token",
    ),
    (
        "header smuggling through Envoy",
        "e2e/smuggling.rs",
        "two_readings_of_a_request_reach_nobody",
    ),
    (
        "folded and doubled headers through Envoy",
        "e2e/smuggling.rs",
        "no_spelling_of_authorization_gets_past",
    ),
    (
        "hop-by-hop abuse through Envoy",
        "e2e/smuggling.rs",
        "connection_options_cannot_strip_or_add_an_identity",
    ),
    (
        "path confusion through Envoy",
        "e2e/smuggling.rs",
        "no_spelling_of_a_path_borrows_the_anonymous_rule",
    ),
    (
        "path confusion",
        "../src/request.rs",
        "whatever_could_be_read_twice_is_refused",
    ),
    (
        "spoofed identity headers",
        "attacks/splitting.rs",
        "identity_headers_of_the_caller_s_own_come_off_first",
    ),
    (
        "absent identities",
        "attacks/splitting.rs",
        "an_identity_that_the_token_lacks_is_told_to_nobody",
    ),
    (
        "spoofed identity headers through Envoy",
        "e2e/forwarding.rs",
        "the_endpoint_sees_the_credential_and_nothing_of_the_callers",
    ),
    (
        "request splitting through claims",
        "attacks/splitting.rs",
        "a_claim_cannot_end_a_header_of_the_request",
    ),
    (
        "response splitting through claims",
        "attacks/splitting.rs",
        "a_claim_cannot_end_a_header_or_a_quoted_text_of_the_reply",
    ),
    (
        "log injection",
        "attacks/splitting.rs",
        "a_record_is_one_line_of_json_whatever_the_caller_sends",
    ),
    (
        "peers: parked requests leave unauthenticated",
        "attacks/peers.rs",
        "a_request_parked_at_a_cold_start_never_leaves_unauthenticated",
    ),
    (
        "peers: good keys dropped",
        "lifecycle.rs",
        "bad_answers_never_cost_good_keys",
    ),
    (
        "peers: a fetch for each forged kid",
        "lifecycle.rs",
        "random_kids_cost_one_fetch_per_cooldown",
    ),
    (
        "peers: no cooldown without keys",
        "attacks/peers.rs",
        "forged_kids_never_cost_more_than_a_fetch_per_cooldown_even_without_keys",
    ),
    (
        "peers: an outage shown as 401",
        "attacks/peers.rs",
        "an_outage_is_never_shown_as_a_bad_token",
    ),
    (
        "peers: retry storms",
        "../src/keys/refresh.rs",
        "failures_pause_longer_each_time_up_to_the_cooldown",
    ),
    (
        "peers: lists and texts treated unlike",
        "attacks/peers.rs",
        "scopes_roles_and_groups_read_alike_as_text_and_as_list",
    ),
    (
        "peers: raw tokens in the log",
        "e2e/records.rs",
        "no_token_and_no_credential_is_ever_logged",
    ),
    (
        "peers: one timeout skips later checks",
        "revocation.rs",
        "waiting_for_the_feed_is_bounded",
    ),
    (
        "peers: labels that grow with users",
        "attacks/peers.rs",
        "nothing_counted_grows_with_the_callers",
    ),
    (
        "peers: large tokens never cached",
        "attacks/peers.rs",
        "a_token_of_two_hundred_groups_is_remembered",
    ),
];

#[test]
fn every_clause_has_its_test() {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    for (clause, file, test) in CATALOGUE {
        let text = std::fs::read_to_string(format!("{tests}/{file}")).unwrap();
        assert!(
            text.contains(&format!("fn {test}(")),
            "{clause}: no {test} in {file}"
        );
    }
    for section in 1..=12 {
        let name = format!("RFC 8725 §3.{section} ");
        assert!(
            CATALOGUE
                .iter()
                .any(|(clause, ..)| clause.starts_with(&name)),
            "{name}"
        );
    }
}
