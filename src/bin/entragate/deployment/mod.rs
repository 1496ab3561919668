//! The files of one call, read as one deployment: all documents with their files and lines.

pub mod clusters;
pub mod envoy;
pub mod filters;
pub mod gateway;
pub mod istio;
pub mod kong;
pub mod load;
pub mod node;
pub mod tls;
pub mod workload;

use crate::document::lines::Lines;
use crate::document::{self, path};
use node::Node;
use serde_json::Value;
use std::rc::Rc;

/// All documents of all files.
#[derive(Debug, Default)]
pub struct Deployment {
    pub documents: Vec<Document>,
}

/// A file that was read.
#[derive(Debug)]
pub struct Source {
    pub name: String,
    pub text: String,
}

/// One document of a file, or a text within one that is a document itself, as in a ConfigMap.
#[derive(Clone, Debug)]
pub struct Document {
    pub source: Rc<Source>,
    pub value: Value,
    lines: Option<Lines>,
    /// The path of the text that holds the document; empty for a document of the file itself.
    prefix: String,
    origin: Origin,
    /// The name of the ConfigMap that holds the document.
    pub config_map: Option<String>,
}

/// How a line of a document maps to a line of the file.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// The document is at the top level of the file, or its text is a block scalar that begins after this line.
    After(u64),
    /// The text is quoted or folded: everything in it is on this line.
    On(u64),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub path: String,
    pub line: Option<u64>,
}

impl Document {
    fn of_file(source: Rc<Source>, located: document::Located) -> Self {
        Self {
            source,
            value: located.value,
            lines: located.lines,
            prefix: String::new(),
            origin: Origin::After(0),
            config_map: None,
        }
    }

    pub fn root(&self) -> Node<'_> {
        Node {
            value: &self.value,
            document: self,
            path: String::new(),
        }
    }

    /// The place of a path in this document.
    pub fn place(&self, inner: &str) -> Place {
        Place {
            file: self.source.name.clone(),
            path: path::join(&self.prefix, inner),
            line: self.line(inner),
        }
    }

    fn line(&self, inner: &str) -> Option<u64> {
        match self.origin {
            Origin::On(line) => Some(line),
            Origin::After(before) => {
                let lines = self.lines.as_ref()?;
                Some(before + lines.find(&path::steps(inner)))
            }
        }
    }

    /// The documents in the text at a path.
    ///
    /// # Errors
    /// If the text is not valid JSON or YAML.
    pub fn embedded(&self, inner: &str, text: &str) -> Result<Vec<Self>, String> {
        let documents = document::read_located(text)?;
        let origin = self.origin_of(inner);
        let embed = |located: document::Located| Self {
            source: Rc::clone(&self.source),
            value: located.value,
            lines: located.lines,
            prefix: path::join(&self.prefix, inner),
            origin,
            config_map: self.config_map.clone(),
        };
        Ok(documents.into_iter().map(embed).collect())
    }

    fn origin_of(&self, inner: &str) -> Origin {
        let (Origin::After(before), Some(lines)) = (self.origin, &self.lines) else {
            return Origin::On(self.line(inner).unwrap_or_default());
        };
        let steps = path::steps(inner);
        // The header `|` of a block scalar is next to the member's name or on a line of its own.
        let value = lines.find_value(&steps);
        let candidates = [lines.find(&steps), value, value.saturating_sub(1)];
        let header = candidates
            .into_iter()
            .find(|line| self.has_block_header(before + line));
        match header {
            Some(line) => Origin::After(before + line),
            None => Origin::On(before + lines.find(&steps)),
        }
    }

    /// Whether a literal block scalar begins after a line.
    fn has_block_header(&self, line: u64) -> bool {
        let index = usize::try_from(line).unwrap_or_default().saturating_sub(1);
        let text = self.source.text.lines().nth(index).unwrap_or_default();
        let text = text.split(" #").next().unwrap_or_default();
        let last = text.split_whitespace().last().unwrap_or_default();
        last.starts_with('|') && last.len() <= 3
    }
}

impl Deployment {
    pub fn roots(&self) -> impl Iterator<Item = Node<'_>> {
        self.documents.iter().map(Document::root)
    }

    /// Kubernetes resources of a kind, including those in lists.
    pub fn resources(&self, kind: &str) -> Vec<Node<'_>> {
        let listed = |root: Node<'_>| -> bool {
            root.text("kind").is_some_and(|own| own.ends_with("List"))
                && root.get("items").is_some()
        };
        let mut found = Vec::new();
        for root in self.roots() {
            if listed(root.clone()) {
                found.extend(root.list("items"));
            } else {
                found.push(root);
            }
        }
        found.retain(|node| node.text("kind") == Some(kind));
        found
    }

    /// Messages of a type from Envoy's discovery services: `resources` of a DiscoveryResponse.
    pub fn discovered(&self, message: &str) -> Vec<Node<'_>> {
        let all = self.roots().flat_map(|root| root.list("resources"));
        all.filter(|node| node.is_message(message)).collect()
    }
}

/// The name of a Kubernetes resource.
pub fn name_of<'d>(resource: &Node<'d>) -> &'d str {
    let name = resource.at(&["metadata", "name"]);
    name.and_then(|name| name.value.as_str())
        .unwrap_or_default()
}
