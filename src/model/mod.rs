//! The model that a request uses. It is determined by the destination ([`endpoint`]), by the path,
//! or by the top-level `"model"` of the JSON body ([`body`], [`scanner`]).
//!
//! If a rule depends on the model, the whole body is read before the decision, not only the bytes
//! up to the first `"model"`. Servers differ on which of two members of the same name they use. A
//! caller that may use only `a/b` could send `{"model":"a/b", …, "model":"c/d"}`, so that the
//! filter decides on one model and the server uses the other. Therefore a second `"model"` is
//! rejected at any position, and so is everything that two parsers could read differently: text
//! that is not JSON to the last byte, another spelling of the member's case, an encoding other than
//! UTF-8, a compressed body, and a body whose content type is not JSON. If no rule depends on the
//! model, the body is not read, and its size is not limited.
//!
//! A body is trusted only if the upstream is known to take the model from it (`/v1/**`, or an entry
//! of `endpoints`), and only if the path does not name another model.

pub mod body;
pub mod catalog;
pub mod endpoint;
mod in_path;
pub mod name;
pub mod request;
pub mod scanner;

use crate::decision::BodyUnavailable;
pub use in_path::InPath;

/// The known state of a request's model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// The name, without its suffix.
    Named(String),
    /// The request has no body that could name a model. Rules that name models do not match it.
    None,
    /// The configuration does not define the model. An allow rule that names models does not
    /// match the request; a deny rule that names models does.
    Unknown,
    /// The body names the model and has not been read yet.
    Unread,
    /// The model cannot be determined. If a rule depends on it, the request is denied.
    Unavailable(BodyUnavailable),
}

impl Model {
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::None | Self::Unknown | Self::Unread | Self::Unavailable(_) => None,
        }
    }

    /// Returns why the filter cannot tell whether a rule that names models matches; `None` if it
    /// can.
    pub fn unavailable(&self) -> Option<BodyUnavailable> {
        match self {
            Self::Named(_) | Self::None | Self::Unknown => None,
            Self::Unread => Some(BodyUnavailable::Missing),
            Self::Unavailable(reason) => Some(*reason),
        }
    }
}
