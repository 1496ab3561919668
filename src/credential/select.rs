//! Which credential a permit opens.

use super::Credential;
use crate::decision::Denial;
use crate::policy::decide::Permit;

/// The permit's credential; `None` for an anonymous rule that names none.
///
/// # Errors
/// [`Denial::Internal`] if the permit points outside the configuration it was made from.
pub fn select<'c>(
    permit: &Permit,
    credentials: &'c [Credential],
) -> Result<Option<&'c Credential>, Denial> {
    permit
        .credential()
        .map(|index| {
            credentials
                .get(index)
                .ok_or(Denial::Internal("a permit without credential"))
        })
        .transpose()
}
