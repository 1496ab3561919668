//! The model in a path, and its agreement with the body.

use super::Model;
use crate::decision::BodyUnavailable;

/// The information in a path about the model of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InPath {
    /// The path names no model; the body decides.
    Nothing,
    /// The path names this model, but the body decides.
    Hint(Model),
    /// The path names this model and decides.
    Decides(Model),
    /// The path may name this model, and the configuration does not say whether path or body
    /// decides: the model is unknown.
    Untrusted(Option<Model>),
}

impl InPath {
    /// Returns the model of the request once its body is read. A body that names a model other than that in the path is
    /// ambiguous, because the upstream may use either.
    pub fn with_body(&self, body: Model) -> Model {
        let path = match self {
            Self::Nothing | Self::Untrusted(None) => None,
            Self::Hint(model) | Self::Decides(model) | Self::Untrusted(Some(model)) => model.name(),
        };
        if let (Some(path), Model::Named(own)) = (path, &body)
            && path != own
        {
            return Model::Unavailable(DISAGREE);
        }
        match (self, body) {
            (Self::Nothing | Self::Hint(_), body) => body,
            // The body names no model, so it does not contradict the path.
            (
                Self::Decides(model),
                Model::None | Model::Named(_) | Model::Unavailable(BodyUnavailable::Missing),
            ) => model.clone(),
            (Self::Decides(_), body) => body,
            (Self::Untrusted(_), Model::Unavailable(reason @ BodyUnavailable::Ambiguous(_))) => {
                Model::Unavailable(reason)
            }
            (Self::Untrusted(_), Model::Unread) => Model::Unread,
            (Self::Untrusted(_), _) => Model::Unknown,
        }
    }

    /// Returns the model if the body is not read because no rule requires the model.
    pub fn without_body(self) -> Option<Model> {
        match self {
            Self::Decides(model) => Some(model),
            Self::Nothing | Self::Hint(_) | Self::Untrusted(_) => None,
        }
    }

    /// Returns whether a body that cannot name a model has no effect.
    pub fn decides_without_body(&self) -> bool {
        matches!(self, Self::Decides(_) | Self::Untrusted(_))
    }
}

const DISAGREE: BodyUnavailable =
    BodyUnavailable::Ambiguous("its path and its body name different models");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_that_contradicts_the_path_is_ambiguous() {
        let named = |name: &str| Model::Named(name.into());
        let missing = Model::Unavailable(BodyUnavailable::Missing);
        let broken = Model::Unavailable(BodyUnavailable::Unreadable("broken"));
        let disagree = Model::Unavailable(DISAGREE);
        let decides = InPath::Decides(named("a/b"));
        let hint = InPath::Hint(named("a/b"));
        let untrusted = InPath::Untrusted(Some(named("a/b")));
        for (path, body, expected) in [
            (&decides, named("a/b"), named("a/b")),
            (&decides, named("c/d"), disagree.clone()),
            (&decides, named("A/b"), disagree.clone()),
            (&decides, Model::None, named("a/b")),
            (&decides, missing.clone(), named("a/b")),
            (&decides, broken.clone(), broken.clone()),
            (&decides, Model::Unread, Model::Unread),
            (&hint, named("a/b"), named("a/b")),
            (&hint, named("c/d"), disagree.clone()),
            (&hint, missing.clone(), missing.clone()),
            (&untrusted, named("a/b"), Model::Unknown),
            (&untrusted, named("c/d"), disagree),
            (&untrusted, broken.clone(), Model::Unknown),
            (&untrusted, Model::Unread, Model::Unread),
            (&InPath::Untrusted(None), named("c/d"), Model::Unknown),
            (&InPath::Nothing, named("c/d"), named("c/d")),
            (&InPath::Nothing, broken.clone(), broken),
        ] {
            assert_eq!(path.with_body(body.clone()), expected, "{path:?} {body:?}");
        }
    }
}
