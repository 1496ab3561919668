//! SETs, subjects and events as their specifications write them, and what the ledger makes of them.

mod ledger;
mod set;
mod settings;
mod subject;
mod subjects;
