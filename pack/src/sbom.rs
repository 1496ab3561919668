//! A bill of materials in CycloneDX 1.5, from `cargo metadata --filter-platform`. It lists the crates that are linked into the
//! filter, without build and development dependencies.

use crate::Failure;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROOT: &str = "entragate";

/// Returns the bill of materials for `metadata`.
///
/// # Errors
/// The metadata lacks a required member.
pub fn of(metadata: &Value) -> Result<Value, Failure> {
    let packages = list(metadata, "/packages");
    let package = |id: &str| packages.iter().find(|package| package["id"] == id);
    let nodes = list(metadata, "/resolve/nodes");
    let node = |id: &str| nodes.iter().find(|node| node["id"] == id);
    let root = packages.iter().find(|package| package["name"] == ROOT);
    let root = root.ok_or("the metadata has no package entragate")?;
    let mut linked_ids = BTreeSet::new();
    let mut pending = vec![text(root, "id")?];
    while let Some(id) = pending.pop() {
        if linked_ids.insert(id) {
            let node =
                node(id).ok_or_else(|| format!("{id} is not resolved; run without --no-deps"))?;
            pending.extend(linked(node));
        }
    }
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &linked_ids {
        let found = package(id).ok_or_else(|| format!("no package {id}"))?;
        if found["name"] != ROOT {
            components.push(component(found)?);
        }
        let needs = node(id).into_iter().flat_map(linked).filter_map(package);
        let needs: BTreeSet<String> = needs.map(reference).collect::<Result<_, _>>()?;
        dependencies.push(json!({"ref": reference(found)?, "dependsOn": needs}));
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(root)?},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Returns the packages that a package links, without build and development dependencies.
fn linked(node: &Value) -> Vec<&str> {
    let normal = |dependency: &&Value| {
        let kinds = list(dependency, "/dep_kinds");
        kinds.iter().any(|kind| kind["kind"].is_null())
    };
    let dependencies = list(node, "/deps").iter().filter(normal);
    dependencies
        .filter_map(|dependency| dependency["pkg"].as_str())
        .collect()
}

fn component(package: &Value) -> Result<Value, Failure> {
    let name = text(package, "name")?;
    let kind = if name == ROOT {
        "application"
    } else {
        "library"
    };
    let mut component = json!({
        "type": kind,
        "bom-ref": reference(package)?,
        "name": name,
        "version": text(package, "version")?,
        "purl": reference(package)?,
    });
    if let Some(licence) = package["license"].as_str() {
        // crates.io used to accept a slash in place of "OR".
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    Ok(component)
}

/// Returns the package URL.
fn reference(package: &Value) -> Result<String, Failure> {
    Ok(format!(
        "pkg:cargo/{}@{}",
        text(package, "name")?,
        text(package, "version")?
    ))
}

fn text<'v>(value: &'v Value, member: &str) -> Result<&'v str, Failure> {
    value[member]
        .as_str()
        .ok_or_else(|| format!("a package has no {member}").into())
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sbom_lists_only_linked_packages() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let on = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let packages = ["entragate", "a", "b", "macro", "tester"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": {"nodes": [
                {"id": "entragate", "deps": [on("a", Value::Null), on("tester", "dev".into())]},
                {"id": "a", "deps": [on("b", Value::Null), on("macro", "build".into())]},
                {"id": "b", "deps": []}, {"id": "macro", "deps": []}, {"id": "tester", "deps": []},
            ]},
        });
        let sbom = of(&metadata).unwrap();
        let names: Vec<&Value> = sbom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| &part["name"])
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(sbom["metadata"]["component"]["name"], "entragate");
        assert_eq!(sbom["components"][0]["purl"], "pkg:cargo/a@1.0.0");
        assert_eq!(
            sbom["components"][0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(
            sbom["dependencies"][0],
            json!({"ref": "pkg:cargo/a@1.0.0", "dependsOn": ["pkg:cargo/b@1.0.0"]})
        );
        assert!(of(&json!({"packages": []})).is_err());
    }
}
