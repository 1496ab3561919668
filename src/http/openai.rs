//! The paths of OpenAI's API, which clients request below their base URL.

/// Resources of the API, as paths below the version.
const RESOURCES: [&str; 11] = [
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/edits",
    "/images/generations",
    "/models",
    "/moderations",
    "/responses",
];

/// Returns whether a path, without query, is in the API.
pub fn is_versioned(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// Returns whether a path, without query, would be in the API if the client's base URL included the version.
pub fn lacks_version(path: &str) -> bool {
    RESOURCES.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_without_version_is_recognized() {
        for (path, expected) in [
            ("/chat/completions", true),
            ("/models", true),
            ("/v1/chat/completions", false),
            ("/models/org/name", false),
            ("/chat/completions/x", false),
            ("/x/chat/completions", false),
            ("/", false),
        ] {
            assert_eq!(lacks_version(path), expected, "{path}");
        }
    }
}
