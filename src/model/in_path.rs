//! The model that a path names, and the body that must not contradict it.

use super::{Model, ModelUnavailable};

/// What a path says about the model of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InPath {
    /// Nothing: the body decides.
    Nothing,
    /// It names this model, but the body decides.
    Hint(Model),
    /// It names this model and decides.
    Decides(Model),
    /// It may name this model, and the configuration does not say what decides here.
    Untrusted(Option<Model>),
}

impl InPath {
    /// The model of the request, now that its body is read. A body that names another model than the
    /// path is ambiguous: the upstream may take either.
    pub fn with_body(&self, body: Model) -> Model {
        let path = match self {
            Self::Nothing | Self::Untrusted(None) => None,
            Self::Hint(model) | Self::Decides(model) | Self::Untrusted(Some(model)) => model.name(),
        };
        if let (Some(path), Model::Named(own)) = (path, &body)
            && path != own
        {
            return Model::Lacking(DISAGREE);
        }
        match (self, body) {
            (Self::Nothing | Self::Hint(_), body) => body,
            // It names none: nothing contradicts the path.
            (
                Self::Decides(model),
                Model::None | Model::Named(_) | Model::Lacking(ModelUnavailable::Missing),
            ) => model.clone(),
            (Self::Decides(_), body) => body,
            (Self::Untrusted(_), Model::Lacking(lack @ ModelUnavailable::Ambiguous(_))) => {
                Model::Lacking(lack)
            }
            (Self::Untrusted(_), Model::Unread) => Model::Unread,
            (Self::Untrusted(_), _) => Model::Unknown,
        }
    }

    /// The model where the body is not read, because no rule asks for the model.
    pub fn without_body(self) -> Option<Model> {
        match self {
            Self::Decides(model) => Some(model),
            Self::Nothing | Self::Hint(_) | Self::Untrusted(_) => None,
        }
    }

    /// Whether the request can be judged without a body that can't name a model.
    pub fn stands_alone(&self) -> bool {
        matches!(self, Self::Decides(_) | Self::Untrusted(_))
    }
}

const DISAGREE: ModelUnavailable =
    ModelUnavailable::Ambiguous("its path and its body name different models");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_and_body_must_agree() {
        let named = |name: &str| Model::Named(name.into());
        let missing = Model::Lacking(ModelUnavailable::Missing);
        let broken = Model::Lacking(ModelUnavailable::Unreadable("broken"));
        let disagree = Model::Lacking(DISAGREE);
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
