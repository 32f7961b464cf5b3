//! Inside a service: `rpc -> {domain, store, error}`, `store -> {domain, error}`, `domain` pure. Tests beneath are exempt.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A layer with the paths that it may not name. A path is refused when it starts with one of these.
struct Layer {
    name: &'static str,
    refused: &'static [&'static str],
    /// Plain values that live beside what is refused.
    granted: &'static [&'static str],
    may_wait: bool,
}

const LAYERS: &[Layer] = &[
    Layer {
        name: "domain",
        refused: &[
            "crate::rpc",
            "crate::store",
            "sqlx",
            "tonic",
            "prost",
            "mc_proto",
            "tokio",
            "reqwest",
            "axum",
            "hyper",
            "fred",
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::time::SystemTime",
            "mc_chassis::db",
            "mc_chassis::server",
            "mc_chassis::client",
            "mc_chassis::bus",
            "mc_chassis::auth",
        ],
        // An address is a value; only opening one is I/O.
        granted: &["mc_chassis::auth::Role", "std::net::IpAddr"],
        may_wait: false,
    },
    Layer {
        name: "store",
        refused: &["crate::rpc", "tonic", "prost", "mc_proto", "axum", "reqwest"],
        granted: &[],
        may_wait: true,
    },
    Layer { name: "rpc", refused: &["sqlx"], granted: &[], may_wait: true },
];

/// Collects what a file names, tests left out.
#[derive(Default)]
struct Named {
    paths: Vec<(String, usize)>,
    waits: Vec<usize>,
}

impl Named {
    fn add_use(&mut self, prefix: &str, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.add_use(&join(prefix, &path.ident.to_string()), &path.tree),
            UseTree::Name(name) => {
                self.paths.push((join(prefix, &name.ident.to_string()), name.ident.span().start().line));
            }
            UseTree::Rename(name) => {
                self.paths.push((join(prefix, &name.ident.to_string()), name.ident.span().start().line));
            }
            UseTree::Glob(glob) => {
                self.paths.push((prefix.to_owned(), glob.star_token.spans[0].start().line));
            }
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add_use(prefix, item)),
        }
    }

    /// Macro arguments are not syntax yet: their tokens are read for paths and for waiting.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (String::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    let word = ident.to_string();
                    if word == "await" || word == "async" {
                        self.waits.push(line);
                    }
                    if colons == 2 && !path.is_empty() {
                        self.paths.pop();
                        path = join(&path, &word);
                    } else {
                        path = word;
                    }
                    colons = 0;
                    self.paths.push((path.clone(), line));
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    (path, colons) = (String::new(), 0);
                }
                _ => (path, colons) = (String::new(), 0),
            }
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use("", &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.paths.push((names.join("::"), path.segments[0].ident.span().start().line));
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.add_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.waits.extend(signature.asyncness.map(|word| word.span.start().line));
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.waits.push(block.async_token.span.start().line);
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_await(&mut self, wait: &'ast syn::ExprAwait) {
        self.waits.push(wait.await_token.span.start().line);
        visit::visit_expr_await(self, wait);
    }
}

fn violations(layer: &Layer, file: &str, source: &str) -> Vec<String> {
    let syntax = syn::parse_file(source).unwrap_or_else(|error| panic!("parse {file}: {error}"));
    let mut named = Named::default();
    named.visit_file(&syntax);
    let mut found: Vec<String> = named
        .paths
        .iter()
        .filter(|(path, _)| !layer.granted.contains(&path.as_str()))
        .filter(|(path, _)| {
            layer.refused.iter().any(|refused| {
                path == refused || path.strip_prefix(refused).is_some_and(|rest| rest.starts_with("::"))
            })
        })
        .map(|(path, line)| format!("{file}:{line}: {} may not name {path}", layer.name))
        .collect();
    if !layer.may_wait {
        found.extend(named.waits.iter().map(|line| format!("{file}:{line}: {} may not wait", layer.name)));
    }
    found.dedup();
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("read folder").map(|entry| entry.expect("entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The layer a file belongs to: `src/domain/…` or `src/domain.rs`.
fn layer_of(relative: &Path) -> Option<&'static Layer> {
    let first = Path::new(relative.iter().next()?).file_stem()?.to_str()?;
    LAYERS.iter().find(|layer| layer.name == first)
}

#[test]
fn layers_name_only_what_they_may() {
    let mut found = Vec::new();
    for service in ["identity", "registry", "llm", "tasks"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(service).join("src");
        let mut files = Vec::new();
        sources(&root, &mut files);
        for path in files {
            let relative = path.strip_prefix(&root).expect("under the root");
            // A file of tests alone hangs on its parent's `#[cfg(test)] mod tests;`.
            let is_tests = relative.file_stem().is_some_and(|stem| stem == "tests");
            if let Some(layer) = layer_of(relative).filter(|_| !is_tests) {
                let source = fs::read_to_string(&path).expect("read source");
                found.extend(violations(
                    layer,
                    &format!("services/{service}/src/{}", relative.display()),
                    &source,
                ));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn planted(layer: &str, source: &str) -> Vec<String> {
    let layer = LAYERS.iter().find(|known| known.name == layer).expect("layer");
    violations(layer, "x.rs", source)
}

#[test]
fn domain_that_does_io_is_found_wherever_it_hides() {
    assert_eq!(planted("domain", "use std::{fmt, fs::File};"), ["x.rs:1: domain may not name std::fs::File"]);
    assert_eq!(planted("domain", "fn f(_: &sqlx::PgPool) {}"), ["x.rs:1: domain may not name sqlx::PgPool"]);
    assert_eq!(planted("domain", "fn f() { println!(\"{}\", tokio::time::x()) }").len(), 1);
    assert_eq!(planted("domain", "async fn f() {}"), ["x.rs:1: domain may not wait"]);
}

#[test]
fn store_that_names_the_wire_is_found() {
    assert_eq!(
        planted("store", "use mc_proto::tasks::v1 as pb;"),
        ["x.rs:1: store may not name mc_proto::tasks::v1"]
    );
    assert_eq!(planted("store", "use crate::rpc;"), ["x.rs:1: store may not name crate::rpc"]);
}

#[test]
fn what_is_allowed_is_left_alone() {
    assert_eq!(
        planted("domain", "use std::fmt; use time::OffsetDateTime; struct Prost;"),
        Vec::<String>::new()
    );
    assert_eq!(
        planted("domain", "#[cfg(test)] mod tests { use std::fs; async fn f() {} }"),
        Vec::<String>::new()
    );
    assert_eq!(planted("store", "async fn f(_: &sqlx::PgPool) {}"), Vec::<String>::new());
}
