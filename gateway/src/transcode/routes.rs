//! Finds the route of a method and a path: a trie in which a literal wins over `*`, and `*` over `**`.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use percent_encoding::percent_decode_str;

use crate::contract::template::{Segment, Template};

/// What is routed to, by method and path.
#[derive(Debug)]
pub struct Routes<T> {
    root: Node,
    entries: Vec<(Template, T)>,
}

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    one: Option<Box<Node>>,
    many: Ends,
    ends: Ends,
}

/// Entries that end at a node, by verb and then by method.
type Ends = BTreeMap<Option<String>, BTreeMap<String, usize>>;

/// A route that was found.
#[derive(Debug)]
pub struct Found<'a, T> {
    /// What was routed to.
    pub target: &'a T,
    /// Fields with the values that the path gives them, decoded.
    pub values: Vec<(&'a str, String)>,
}

/// Why no route was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Miss {
    /// Nothing is at that path.
    Path,
    /// Something is, and it takes these methods.
    Method(BTreeSet<String>),
    /// The path holds a `%` escape that is none, or one that is not UTF-8.
    Encoding,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { root: Node::default(), entries: Vec::new() }
    }
}

impl<T> Routes<T> {
    /// Adds a route. Answers false, and adds nothing, when the same paths are taken for that method.
    #[must_use]
    pub fn insert(&mut self, method: &Method, template: Template, target: T) -> bool {
        let mut node = &mut self.root;
        let mut many = false;
        for segment in &template.segments {
            match segment {
                Segment::Literal(text) => node = node.literals.entry(text.clone()).or_default(),
                Segment::One => node = node.one.get_or_insert_default(),
                Segment::Many => many = true,
            }
        }
        let ends = if many { &mut node.many } else { &mut node.ends };
        let methods = ends.entry(template.verb.clone()).or_default();
        if methods.contains_key(method.as_str()) {
            return false;
        }
        methods.insert(method.as_str().to_owned(), self.entries.len());
        self.entries.push((template, target));
        true
    }

    /// Finds the route of a request. The path is as it came, still encoded.
    ///
    /// A `:` in the last segment starts the verb: in an id it must be written `%3A`, as `http.proto` has it.
    pub fn find(&self, method: &Method, path: &str) -> Result<Found<'_, T>, Miss> {
        let Some(path) = path.strip_prefix('/') else { return Err(Miss::Path) };
        let mut raw: Vec<&str> = path.split('/').collect();
        let mut verb = None;
        if let Some((last, after)) = raw.last().and_then(|last| last.rsplit_once(':')) {
            verb = Some(decode(after)?);
            *raw.last_mut().expect("split gives at least one") = last;
        }
        let segments = raw.iter().map(|segment| decode(segment)).collect::<Result<Vec<_>, _>>()?;
        if segments.iter().any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return Err(Miss::Path);
        }

        let mut search = Search { method, verb, methods: BTreeSet::new() };
        match search.walk(&self.root, &segments) {
            Some(entry) => {
                let (template, target) = &self.entries[entry];
                Ok(Found { target, values: values(template, &raw)? })
            }
            None if search.methods.is_empty() => Err(Miss::Path),
            None => Err(Miss::Method(search.methods)),
        }
    }

    /// Methods that a path takes, whichever they are.
    pub fn methods(&self, path: &str) -> BTreeSet<String> {
        match self.find(&Method::TRACE, path) {
            Err(Miss::Method(methods)) => methods,
            _ => BTreeSet::new(),
        }
    }

    /// Everything that is routed to.
    pub fn targets(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, target)| target)
    }
}

struct Search<'a> {
    method: &'a Method,
    verb: Option<String>,
    /// Methods of the places that fit but for the method.
    methods: BTreeSet<String>,
}

impl Search<'_> {
    fn walk(&mut self, node: &Node, rest: &[String]) -> Option<usize> {
        let found = match rest.split_first() {
            None => self.end(&node.ends),
            Some((first, rest)) => node
                .literals
                .get(first)
                .and_then(|next| self.walk(next, rest))
                .or_else(|| node.one.as_deref().and_then(|next| self.walk(next, rest))),
        };
        found.or_else(|| self.end(&node.many))
    }

    fn end(&mut self, ends: &Ends) -> Option<usize> {
        let methods = ends.get(&self.verb)?;
        let found = methods.get(self.method.as_str()).copied();
        if found.is_none() {
            self.methods.extend(methods.keys().cloned());
        }
        found
    }
}

/// The variables' values. A variable of one segment is decoded whole; one of several keeps its `%2F`.
fn values<'a>(template: &'a Template, raw: &[&str]) -> Result<Vec<(&'a str, String)>, Miss> {
    let value = |variable: &'a crate::contract::template::Variable| {
        let open = template.segments[variable.first..variable.end].contains(&Segment::Many);
        let end = if open { raw.len() } else { variable.end };
        let pieces = &raw[variable.first..end];
        let text = if variable.is_single(template) {
            decode(pieces[0])?
        } else {
            decode_keeping_slashes(&pieces.join("/"))?
        };
        Ok((variable.field.as_str(), text))
    };
    template.variables.iter().map(value).collect()
}

fn decode(text: &str) -> Result<String, Miss> {
    if !escapes_are_whole(text) {
        return Err(Miss::Encoding);
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| Miss::Encoding)
}

fn decode_keeping_slashes(text: &str) -> Result<String, Miss> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("%2F").into_iter().chain(rest.find("%2f")).min() {
        decoded.push_str(&decode(&rest[..at])?);
        decoded.push_str(&rest[at..at + 3]);
        rest = &rest[at + 3..];
    }
    decoded.push_str(&decode(rest)?);
    Ok(decoded)
}

/// Every `%` is followed by two hexadecimal digits.
pub(crate) fn escapes_are_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'%' || (digit(at + 1) && digit(at + 2)))
}

#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;
