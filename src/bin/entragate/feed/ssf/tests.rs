//! SETs, subjects and events in the form of their specifications, and their effect on the ledger.

mod ledger;
mod set;
mod settings;
mod subject;
mod subjects;
