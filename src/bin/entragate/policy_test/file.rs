//! Reads the file of `--policy`.

use super::always::{self, Always};
use super::caller::Shorthand;
use super::compare::{self, Compare};
use super::expectation::Expectation;
use super::request::Request;
use crate::chosen::Chosen;
use crate::deployment::{Document, load};
use crate::failure::Failure;
use crate::input::{self, UNREADABLE};
use serde::Deserialize;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The tests of a file, in its order.
pub struct PolicyFile {
    pub name: String,
    pub cases: Vec<Case>,
    /// `None` if there are no assertions.
    pub always: Option<Always>,
    pub compare: Vec<Compare>,
    document: Document,
}

impl PolicyFile {
    /// The line of a path in the file.
    pub fn line(&self, at: &str) -> Option<u64> {
        self.document.place(at).line
    }
}

/// One request by one caller.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub line: Option<u64>,
    pub caller: Caller,
    pub request: Request,
    pub expect: Expectation,
}

#[derive(Clone, Debug)]
pub enum Caller {
    /// The request has no token.
    WithoutToken,
    /// A token from a file.
    Token(String),
    Described(Box<Shorthand>),
}

/// The members of a file.
const MEMBERS: [&str; 3] = ["cases", "always", "compare"];

/// The files that a policy file names, even if they cannot be read.
pub type References = RefCell<BTreeSet<PathBuf>>;

/// Reads the file. `references` collects the files that the policy file names.
///
/// # Errors
/// The first error, with its line.
pub fn read(file: &str, chosen: &Chosen, references: &References) -> Result<PolicyFile, Failure> {
    let deployment = load::load(&[file.to_owned()]).map_err(Failure::unusable)?;
    let [document] = &deployment.documents[..] else {
        let text = "must contain exactly one YAML or JSON document";
        return Err(Failure::of(UNREADABLE, input::name_of(file), text));
    };
    let reader = Reader {
        folder: Path::new(file).parent().unwrap_or(Path::new("")),
        document,
        chosen,
        references,
    };
    reader.read(file)
}

struct Reader<'d> {
    folder: &'d Path,
    document: &'d Document,
    chosen: &'d Chosen,
    references: &'d References,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Single {
    name: String,
    caller: Value,
    request: Request,
    expect: Expectation,
}

/// Callers × requests.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    callers: BTreeMap<String, Value>,
    requests: Vec<Request>,
    /// The expectation of each caller for each request, in the order of requests.
    expect: BTreeMap<String, Vec<Expectation>>,
}

/// A caller whose token is in a file, relative to the policy file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    token_file: String,
}

impl Reader<'_> {
    fn read(&self, file: &str) -> Result<PolicyFile, Failure> {
        let Value::Object(members) = &self.document.value else {
            return Err(self.invalid("", "must be an object with `cases`, `always` or `compare`"));
        };
        if let Some(unknown) = members
            .keys()
            .find(|name| !MEMBERS.contains(&name.as_str()))
        {
            let text = format!("unknown field; expected {}", MEMBERS.join(", "));
            return Err(self.invalid(unknown, &text));
        }
        let mut cases = Vec::new();
        for (at, item) in self.items("cases")? {
            if item.get("callers").is_some() {
                cases.extend(self.table(&at, item)?);
            } else {
                cases.push(self.single(&at, item)?);
            }
        }
        let always = self.always()?;
        let compare = self.compare()?;
        if cases.is_empty() && always.is_none() && compare.is_empty() {
            return Err(self.invalid(
                "",
                "contains nothing to test; add `cases`, `always` or `compare`",
            ));
        }
        let mut names = BTreeSet::new();
        for case in &cases {
            if !names.insert(case.name.as_str()) {
                let text = format!("two cases are named {:?}; rename one", case.name);
                return Err(self.invalid("cases", &text));
            }
        }
        Ok(PolicyFile {
            name: input::name_of(file).to_owned(),
            cases,
            always,
            compare,
            document: self.document.clone(),
        })
    }

    fn always(&self) -> Result<Option<Always>, Failure> {
        let mut items: Vec<(String, always::Wire)> = Vec::new();
        for (at, item) in self.items("always")? {
            let wire: always::Wire = self.parse(&at, item)?;
            if items.iter().any(|(_, known)| known.name == wire.name) {
                let text = format!("two assertions are named {:?}; rename one", wire.name);
                return Err(self.invalid(&at, &text));
            }
            items.push((at, wire));
        }
        if items.is_empty() {
            return Ok(None);
        }
        let Chosen { members, config } = self.chosen;
        let compiled = always::compile(&items, members, config);
        compiled
            .map(Some)
            .map_err(|(at, text)| self.invalid(&at, &text))
    }

    fn compare(&self) -> Result<Vec<Compare>, Failure> {
        let mut all: Vec<Compare> = Vec::new();
        for (at, item) in self.items("compare")? {
            let wire: compare::Wire = self.parse(&at, item)?;
            if all.iter().any(|known| known.name == wire.name) {
                let text = format!("two comparisons are named {:?}; rename one", wire.name);
                return Err(self.invalid(&at, &text));
            }
            let refer = |file: &str| self.refer(file);
            let compare = Compare::load(wire, at.clone(), &refer);
            all.push(compare.map_err(|text| self.invalid(&at, &text))?);
        }
        Ok(all)
    }

    /// Returns the items of a list with their paths.
    fn items(&self, list: &str) -> Result<Vec<(String, &Value)>, Failure> {
        let path = |(index, item)| (crate::document::path::item(list, index), item);
        match self.document.value.get(list) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.iter().enumerate().map(path).collect()),
            Some(_) => Err(self.invalid(list, "must be a list")),
        }
    }

    fn single(&self, at: &str, item: &Value) -> Result<Case, Failure> {
        let single: Single = self.parse(at, item)?;
        let case = Case {
            line: self.document.place(at).line,
            caller: self.caller(at, &single.caller)?,
            name: single.name,
            request: single.request,
            expect: single.expect,
        };
        self.check(at, &case)?;
        Ok(case)
    }

    fn table(&self, at: &str, item: &Value) -> Result<Vec<Case>, Failure> {
        let table: Table = self.parse(at, item)?;
        if let Some(name) = table
            .expect
            .keys()
            .find(|name| !table.callers.contains_key(*name))
        {
            return Err(self.invalid(at, &format!("expect: no caller is named {name:?}")));
        }
        let mut cases = Vec::new();
        for (caller_name, caller) in &table.callers {
            let caller = self.caller(at, caller)?;
            let expect = table.expect.get(caller_name).map_or(&[][..], Vec::as_slice);
            if expect.len() != table.requests.len() {
                let text = format!(
                    "expect: the caller {caller_name:?} has {} expectations for {} requests; write one for each",
                    expect.len(),
                    table.requests.len()
                );
                return Err(self.invalid(at, &text));
            }
            for (index, (request, expect)) in table.requests.iter().zip(expect).enumerate() {
                let case = Case {
                    name: format!(
                        "{}: {caller_name}: {} {}",
                        table.name, request.method, request.path
                    ),
                    line: self
                        .document
                        .place(&format!("{at}.expect.{caller_name}[{index}]"))
                        .line,
                    caller: caller.clone(),
                    request: request.clone(),
                    expect: expect.clone(),
                };
                self.check(at, &case)?;
                cases.push(case);
            }
        }
        number(&mut cases);
        Ok(cases)
    }

    fn check(&self, at: &str, case: &Case) -> Result<(), Failure> {
        let checks = [case.request.check(), case.expect.check(&self.chosen.config)];
        checks
            .into_iter()
            .collect::<Result<(), String>>()
            .map_err(|text| self.invalid(at, &text))
    }

    fn caller(&self, at: &str, caller: &Value) -> Result<Caller, Failure> {
        match caller {
            Value::Null => Ok(Caller::WithoutToken),
            Value::String(none) if none == "none" => Ok(Caller::WithoutToken),
            Value::Object(members) if members.contains_key("token_file") => {
                let file: TokenFile = self.parse(at, caller)?;
                let path = self.refer(&file.token_file);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| self.invalid(at, &format!("caller.token_file: {error}")))?;
                Ok(Caller::Token(text.trim().to_owned()))
            }
            _ => {
                let shorthand: Shorthand = self.parse(&format!("{at}.caller"), caller)?;
                Ok(Caller::Described(Box::new(shorthand)))
            }
        }
    }

    /// The path of a file that the policy file names.
    fn refer(&self, file: &str) -> PathBuf {
        let path = self.folder.join(file);
        self.references.borrow_mut().insert(path.clone());
        path
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, at: &str, item: &Value) -> Result<T, Failure> {
        serde_json::from_value(item.clone()).map_err(|error| self.invalid(at, &error.to_string()))
    }

    /// An error in the file.
    fn invalid(&self, at: &str, text: &str) -> Failure {
        Failure {
            status: UNREADABLE,
            ..Failure::invalid(self.document, at, text)
        }
    }
}

/// Numbers cases with the same name: a table may have several requests for one path.
fn number(cases: &mut [Case]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let count = seen.entry(case.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            case.name = format!("{} ({count})", case.name);
        }
    }
}
