//! Every outcome, and one exhaustive table of its facts.

#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    RequestAmbiguous(&'static str),
}
