//! A self-test for implementations of signature checks, run before they are trusted: one valid and one
//! invalid signature for each kind of key. The private keys were discarded after signing.

use crate::json;
use crate::keys::jwk::Key;
use crate::token::jws::Unverified;
use crate::token::signature::SignatureCheck;
use serde_json::Value;

struct Sample {
    key: &'static str,
    token: &'static str,
}

/// RS256 and ES256 samples. The claims are `{"sub":"self-test"}`.
const SAMPLES: [Sample; 2] = [
    Sample {
        key: concat!(
            r#"{"alg":"RS256","e":"AQAB","kty":"RSA","n":"uRTyhdKknmDcZaXfruCNnf0YeqcRE1MTrUZ2r"#,
            r#"xcCcjoyfEmgBlaJB580Zbxzoqw5zRzFFh3XzR0MqBPwTiinIHdUSIBMpdEI_Qat4PCazVf6bqpmSymky"#,
            r#"bF9uUQ4cVwa_VXHO_i1Y-PQIvhhSe_-ut9KCw5bzT3Zwk23fEZzi1Xj3vSP9-N6YicTrvK--1Dpc5cXw"#,
            r#"lErvwAbMGnefO2_b8m_MoMAc4AyGgXGAR8oRVJ_76jnnxJf2qpHFXmOI-Acz0MfRvTuR1zNQP3XgS7kM"#,
            r#"SG6vCFu_lGLidAKYDIlorcDV-rTDpeBsegeiAUdvkfLfAp5B3cd6VtsxQdXWx895w"}"#,
        ),
        token: concat!(
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzZWxmLXRlc3QifQ.hZzHsm8PGFLWKujqZtFCTFHc_fGvVIRP",
            "Va8tDvXjkUlIedQ1HJ1AgMJvajc6OxIm3iWuRKTPqzsSseDE_AqCV9N65O7igNznp8ZdzJJEk2NcVT9A",
            "LuXFxH1YtBSXmqIhoKT3MTQZiJWwFIR1N4T5Bwlf-zN1QLXjdkHRrnMvgMQDztLHvKK9k8h73A37lsa5",
            "3LJ4jKPKv3vsJWY_lMlzOw0F5PKoq9vZLbMYow4iNMeu_ThehbX4ToLnZH8ogAG6x4lCTu-nmvHBQfa7",
            "1GlzHuYvO1fX-riLViyAlP2tvIQqiaHUaLTGQ58h3KNkYvnlmyfBl4WBRdmDch668EATiw",
        ),
    },
    Sample {
        key: concat!(
            r#"{"alg":"ES256","crv":"P-256","kty":"EC","x":"U-UCG_953cfVny312EarUgY1MP_qxB1nHgV"#,
            r#"tYxohY18","y":"I1aJJ7onM70FohiNnamokNS5w_NzJ7qkWcvITR0Sb8A"}"#,
        ),
        token: concat!(
            "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzZWxmLXRlc3QifQ.noESjLkMkeE5PVLIwa7Y1pAuCOTi89N_",
            "DCzWtAJ59QBCh2T0U1V3xMU9_yfM2EKeQPAJzgySBhIPNE2NMgiyXg",
        ),
    },
];

/// Returns whether `check` accepts every valid signature and rejects every invalid one.
pub fn passes(check: &dyn SignatureCheck) -> bool {
    SAMPLES
        .iter()
        .all(|sample| passes_sample(sample, check) == Some(true))
}

fn passes_sample(sample: &Sample, check: &dyn SignatureCheck) -> Option<bool> {
    let jwk = json::parse_object(sample.key.as_bytes()).ok()?;
    let key = Key::from_jwk(&Value::Object(jwk)).ok()?;
    let (mut buffer, mut forged_buffer) = (Vec::new(), Vec::new());
    let valid = Unverified::parse(sample.token, &[], &mut buffer).ok()?;
    let (input, signature) = sample.token.rsplit_once('.')?;
    // Neither signature begins with an A.
    let forged = format!("{input}.A{}", signature.get(1..)?);
    let invalid = Unverified::parse(&forged, &[], &mut forged_buffer).ok()?;
    Some(check.check(&valid, &key).is_some() && check.check(&invalid, &key).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::signature::{CheckedBy, Portable};

    struct Always(Option<CheckedBy>);

    impl SignatureCheck for Always {
        fn check(&self, _: &Unverified<'_>, _: &Key) -> Option<CheckedBy> {
            self.0
        }
    }

    #[test]
    fn only_a_correct_implementation_passes() {
        assert!(passes(&Portable));
        assert!(!passes(&Always(None)));
        assert!(!passes(&Always(Some(CheckedBy::Host))));
    }
}
