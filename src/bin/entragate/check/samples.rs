//! Values of the shipped samples, which an operator must replace.

/// Tenants and client ids of samples and of documentation. In lower case.
const SAMPLES: [&str; 4] = [
    "72f988bf-86f1-41af-91ab-2d7cd011db47",
    "6e74172b-be56-4843-9ff4-e66a39bb12e3",
    "aaaabbbb-0000-cccc-1111-dddd2222eeee",
    "00001111-aaaa-2222-bbbb-3333cccc4444",
];

/// Whether a tenant or an audience is a sample's, be it alone or as `api://…`.
pub fn is_sample(value: &str) -> bool {
    let id = value.strip_prefix("api://").unwrap_or(value);
    let id = id.split('/').next().unwrap_or_default();
    SAMPLES.iter().any(|sample| id.eq_ignore_ascii_case(sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_values_are_recognized_in_every_form() {
        for value in [
            "72F988BF-86f1-41af-91ab-2d7cd011db47",
            "api://00001111-aaaa-2222-bbbb-3333cccc4444",
            "api://00001111-aaaa-2222-bbbb-3333cccc4444/x",
        ] {
            assert!(is_sample(value), "{value}");
        }
        for value in ["api://hf", "11112222-bbbb-3333-cccc-4444dddd5555", ""] {
            assert!(!is_sample(value), "{value}");
        }
    }
}
