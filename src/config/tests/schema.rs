//! The schema agrees with the parser: valid configurations pass (see [`accepted`](super::accepted)), and
//! configurations with a wrong structure fail.

use super::*;
use crate::config::Problem;
use jsonschema::Validator;
use std::sync::LazyLock;

static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&crate::config::schema()).unwrap());

/// The errors that the schema reports.
pub(super) fn complaints(config: &Value) -> Vec<String> {
    let complaints = VALIDATOR.iter_errors(config);
    complaints
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Whether a schema can express this error.
fn is_of_shape(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::UnknownField { .. }
            | Problem::Missing
            | Problem::WrongType { .. }
            | Problem::NotDuration { .. }
            | Problem::UnknownChoice { .. }
            | Problem::NotOneChoice { .. }
            | Problem::BareChoice { .. }
            | Problem::BadName { .. }
            | Problem::EmptyList { .. }
            | Problem::ExactlyOne { .. }
            | Problem::NotGuid { .. }
            | Problem::SymmetricAlgorithm { .. }
            | Problem::NoneAlgorithm
            | Problem::UnknownAlgorithm { .. }
            | Problem::NotScalar
            | Problem::NoRequirement
            | Problem::NoCredential
            | Problem::DenyWithCredential
            | Problem::AnonymousEverywhere
    )
}

#[test]
fn wrong_structure_fails_the_schema() {
    let (mut seen, mut passed) = (0, Vec::new());
    for case in super::refused::cases() {
        let config = case.config();
        let errors = try_load(&config).unwrap_err();
        let of_shape = errors.iter().filter(|error| is_of_shape(&error.problem));
        let of_shape: Vec<String> = of_shape.map(ToString::to_string).collect();
        seen += of_shape.len();
        if !of_shape.is_empty() && complaints(&config).is_empty() {
            passed.extend(of_shape);
        }
    }
    assert!(
        passed.is_empty(),
        "config/schema/refine.rs lacks {passed:#?}"
    );
    assert!(seen > 80, "only {seen} cases are of shape");
}
