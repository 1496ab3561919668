//! Which model a request asks for: told by where it goes ([`endpoint`]), by its path, or by the
//! top-level `"model"` of its JSON body ([`body`], [`scanner`]).
//!
//! The whole body is read before a rule that needs its model decides, not only the bytes up to the
//! first `"model"`. Servers differ on which of two members of one name counts; whoever may use
//! `a/b` could write `{"model":"a/b", …, "model":"c/d"}` and be judged by the one and served the
//! other. So a second one is refused, wherever it stands, and so is all that two parsers could read
//! differently: what is not JSON to the last byte, another spelling of the name's case, a character
//! set other than UTF-8, a compressed body, a body that does not say it is JSON. Where no rule asks
//! for the model the body is not looked at, whatever its size.
//!
//! A body is believed only where the upstream is known to take the model from it (`/v1/**`, or an
//! entry of `endpoints`), and only if the path does not name another model.

pub mod body;
pub mod catalog;
pub mod endpoint;
mod in_path;
pub mod name;
pub mod request;
pub mod scanner;

use crate::decision::Denial;
pub use in_path::InPath;

/// What is known of a request's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// Without suffix.
    Named(String),
    /// The request has no body that could name one: rules that name models are not about it.
    None,
    /// The configuration does not say which model answers here: a rule that names models does not
    /// permit the request, and one that denies does.
    Unknown,
    /// The body names it, and has not been read yet.
    Unread,
    /// It can't be told; where a rule needs it, that denies.
    Lacking(ModelUnavailable),
}

/// Why a model can't be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelUnavailable {
    /// No model is named, or one that names none: `dummy`, `tgi`, an address.
    Missing,
    /// Two servers could read different models; the reason says why.
    Ambiguous(&'static str),
    /// The reason says why.
    Unreadable(&'static str),
    TooLarge {
        limit: usize,
    },
    /// The host did not hand out the body.
    Withheld,
}

impl Model {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::None | Self::Unknown | Self::Unread | Self::Lacking(_) => None,
        }
    }

    /// Why a rule that names models can't be told to be about the request. `None`: it can.
    pub fn lack(&self) -> Option<ModelUnavailable> {
        match self {
            Self::Named(_) | Self::None | Self::Unknown => None,
            Self::Unread => Some(ModelUnavailable::Missing),
            Self::Lacking(lack) => Some(*lack),
        }
    }
}

impl ModelUnavailable {
    pub fn denial(self) -> Denial {
        match self {
            Self::Missing => Denial::ModelMissing,
            Self::Ambiguous(reason) => Denial::RequestAmbiguous(reason),
            Self::Unreadable(reason) => Denial::BodyUnreadable(reason),
            Self::TooLarge { limit } => Denial::BodyTooLarge { limit },
            Self::Withheld => Denial::Internal(
                "the host did not hand out the body, which a rule needs for its model; on Envoy \
                 set allow_on_headers_stop_iteration: true",
            ),
        }
    }
}
