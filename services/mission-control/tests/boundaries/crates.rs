//! Between crates: proto imports nothing of ours, chassis only proto, a service never a service, nothing the all-in-one.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// What each crate of ours may depend on, of ours.
const MAY: &[(&str, &[&str])] = &[
    ("mc-proto", &[]),
    ("mc-chassis", &["mc-proto"]),
    ("mc-identity", &["mc-proto", "mc-chassis"]),
    ("mc-registry", &["mc-proto", "mc-chassis"]),
    ("mc-llm", &["mc-proto", "mc-chassis"]),
    ("mc-tasks", &["mc-proto", "mc-chassis"]),
    ("mc-gateway", &["mc-proto", "mc-chassis"]),
    (
        "mission-control",
        &["mc-proto", "mc-chassis", "mc-identity", "mc-registry", "mc-llm", "mc-tasks", "mc-gateway"],
    ),
];

/// Each package with the packages it names, dependencies of tests and builds included.
fn dependencies(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let named = package["dependencies"].as_array().expect("dependencies");
            let named = named.iter().map(|dependency| text(&dependency["name"])).collect();
            (text(&package["name"]), named)
        })
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn violations(dependencies: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (package, named) in dependencies {
        let Some((_, may)) = MAY.iter().find(|(name, _)| name == package) else {
            found.push(format!(
                "{package} has no place in tests/boundaries/crates.rs: say what it may depend on"
            ));
            continue;
        };
        for ours in named.iter().filter(|name| dependencies.contains_key(*name) && *name != package) {
            if !may.contains(&ours.as_str()) {
                found.push(format!("{package} may not depend on {ours}"));
            }
        }
    }
    found
}

#[test]
fn crates_depend_only_on_what_they_may() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .expect("run cargo metadata");
    let metadata = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let dependencies = dependencies(&metadata);
    assert_eq!(
        dependencies.len(),
        MAY.len(),
        "the list names crates that are gone: {:?}",
        dependencies.keys()
    );
    assert_eq!(violations(&dependencies), Vec::<String>::new());
}

#[test]
fn service_that_imports_a_service_is_found() {
    let planted =
        [("mc-llm", vec!["mc-chassis"]), ("mc-tasks", vec!["mc-chassis", "mc-llm"]), ("mc-chassis", vec![])];
    let planted =
        planted.into_iter().map(|(name, on)| (name.to_owned(), on.into_iter().map(str::to_owned).collect()));
    assert_eq!(violations(&planted.collect()), ["mc-tasks may not depend on mc-llm"]);
}

#[test]
fn crate_without_a_place_is_found() {
    let planted = BTreeMap::from([("mc-utils".to_owned(), vec![])]);
    assert!(violations(&planted)[0].contains("mc-utils has no place"));
}
