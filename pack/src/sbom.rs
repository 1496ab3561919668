//! A bill of materials in CycloneDX 1.5, from `cargo metadata --filter-platform`: what the filter is
//! linked from, and nothing that only builds or tests it.

use crate::Failure;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROOT: &str = "entragate";

/// # Errors
/// Where the metadata lacks what it should have.
pub fn of(metadata: &Value) -> Result<Value, Failure> {
    let packages = list(metadata, "/packages");
    let package = |id: &str| packages.iter().find(|package| package["id"] == id);
    let nodes = list(metadata, "/resolve/nodes");
    let node = |id: &str| nodes.iter().find(|node| node["id"] == id);
    let root = packages.iter().find(|package| package["name"] == ROOT);
    let root = root.ok_or("the metadata has no package entragate")?;
    let mut reached = BTreeSet::new();
    let mut open = vec![text(root, "id")?];
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            let node =
                node(id).ok_or_else(|| format!("{id} is not resolved; run without --no-deps"))?;
            open.extend(linked(node));
        }
    }
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &reached {
        let own = package(id).ok_or_else(|| format!("no package {id}"))?;
        if own["name"] != ROOT {
            components.push(component(own)?);
        }
        let needs = node(id).into_iter().flat_map(linked).filter_map(package);
        let needs: BTreeSet<String> = needs.map(reference).collect::<Result<_, _>>()?;
        dependencies.push(json!({"ref": reference(own)?, "dependsOn": needs}));
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

/// What a package is linked with: no build and no development dependencies.
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
        // crates.io once took a slash for "or".
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    Ok(component)
}

/// The package URL.
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
    fn lists_what_is_linked_and_no_more() {
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
