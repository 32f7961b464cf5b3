//! Path templates of `google.api.http`, as the grammar in `google/api/http.proto` ("Path template syntax") has them.

/// A parsed path template: `/v1/{name=workspaces/*/agents/*}:publish`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What the path is matched against, one per `/`.
    pub segments: Vec<Segment>,
    /// What follows the `:` behind the last segment.
    pub verb: Option<String>,
    /// Fields that take their value from the path.
    pub variables: Vec<Variable>,
}

/// One piece between two slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text and no other.
    Literal(String),
    /// `*`: any one segment that is not empty.
    One,
    /// `**`: all the segments that are left, which may be none.
    Many,
}

/// A field that takes its value from the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Path of the field in the request: `agent.name`.
    pub field: String,
    /// First of its segments.
    pub first: usize,
    /// The segment behind its last.
    pub end: usize,
}

impl Variable {
    /// True when it stands for exactly one segment, whose `%2F` is then decoded as well.
    pub fn is_single(&self, template: &Template) -> bool {
        self.end - self.first == 1 && template.segments[self.first] != Segment::Many
    }
}

/// Why a template is none. It is found at the program's start and names the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path template `{template}`: {problem} at byte {at}")]
pub struct Error {
    template: String,
    problem: &'static str,
    at: usize,
}

impl Template {
    /// Parses a template.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parser = Parser { text, at: 0 };
        let mut template = Self { segments: Vec::new(), verb: None, variables: Vec::new() };
        parser.expect('/')?;
        parser.segments(&mut template, true)?;
        if parser.accept(':') {
            template.verb = Some(parser.literal()?);
        }
        if parser.at < text.len() {
            return Err(parser.error("unexpected text"));
        }
        let many = template.segments.iter().position(|segment| *segment == Segment::Many);
        if many.is_some_and(|place| place + 1 < template.segments.len()) {
            return Err(parser.error("`**` is not the last segment"));
        }
        Ok(template)
    }

    /// The segments that a variable stands for, as text: `workspaces/*/agents/*`.
    pub fn pattern(&self, variable: &Variable) -> String {
        let text = |segment: &Segment| match segment {
            Segment::Literal(text) => text.clone(),
            Segment::One => "*".to_owned(),
            Segment::Many => "**".to_owned(),
        };
        self.segments[variable.first..variable.end].iter().map(text).collect::<Vec<_>>().join("/")
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn segments(&mut self, template: &mut Template, variables: bool) -> Result<(), Error> {
        loop {
            if self.accept('{') {
                if !variables {
                    return Err(self.error("a variable inside a variable"));
                }
                self.variable(template)?;
            } else if self.accept('*') {
                template.segments.push(if self.accept('*') { Segment::Many } else { Segment::One });
            } else {
                template.segments.push(Segment::Literal(self.literal()?));
            }
            if !self.accept('/') {
                return Ok(());
            }
        }
    }

    fn variable(&mut self, template: &mut Template) -> Result<(), Error> {
        let field = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.').to_owned();
        if field.is_empty()
            || field.split('.').any(|name| name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()))
        {
            return Err(self.error("expected a field path"));
        }
        let first = template.segments.len();
        if self.accept('=') {
            self.segments(template, false)?;
        } else {
            template.segments.push(Segment::One);
        }
        self.expect('}')?;
        if template.variables.iter().any(|variable| variable.field == field) {
            return Err(self.error("a field that is bound already"));
        }
        template.variables.push(Variable { field, first, end: template.segments.len() });
        Ok(())
    }

    fn literal(&mut self) -> Result<String, Error> {
        let text = self.take(|c| c.is_ascii_alphanumeric() || "-_.~%".contains(c));
        if text.is_empty() {
            return Err(self.error("expected a literal, `*` or `{`"));
        }
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).map_err(|_| self.error("a literal that is not UTF-8"))
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.text[self.at..].starts_with(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), Error> {
        if self.accept(wanted) {
            return Ok(());
        }
        Err(self.error(match wanted {
            '/' => "expected `/`",
            _ => "expected `}`",
        }))
    }

    fn error(&self, problem: &'static str) -> Error {
        Error { template: self.text.to_owned(), problem, at: self.at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.to_owned())
    }

    #[test]
    fn variable_spans_its_segments_and_verb_ends_the_path() {
        let template = Template::parse("/v1/{agent.name=workspaces/*/agents/*}:publish").expect("valid");
        assert_eq!(
            template.segments,
            [literal("v1"), literal("workspaces"), Segment::One, literal("agents"), Segment::One]
        );
        assert_eq!(template.verb.as_deref(), Some("publish"));
        assert_eq!(template.variables, [Variable { field: "agent.name".to_owned(), first: 1, end: 5 }]);
        assert_eq!(template.pattern(&template.variables[0]), "workspaces/*/agents/*");
    }

    #[test]
    fn bare_variable_is_one_segment() {
        let template = Template::parse("/v1/{a}/{b=*}/{c=**}").expect("valid");
        let single: Vec<_> =
            template.variables.iter().map(|variable| variable.is_single(&template)).collect();
        assert_eq!(single, [true, true, false]);
    }

    #[test]
    fn literal_with_verb() {
        let template = Template::parse("/v1/auth:signIn").expect("valid");
        assert_eq!(template.segments, [literal("v1"), literal("auth")]);
        assert_eq!(template.verb.as_deref(), Some("signIn"));
    }

    #[test]
    fn malformed_templates_are_refused() {
        for text in [
            "",
            "v1",
            "/",
            "/v1/",
            "/v1//x",
            "/v1/{",
            "/v1/{}",
            "/v1/{a",
            "/v1/{a=}",
            "/v1/{a=b/}",
            "/v1/{a={b}}",
            "/v1/x:",
            "/v1/**/x",
            "/v1/{a=**}/x",
            "/v1/{a}/{a}",
            "/v1/{a..b}",
            "/v1/{1a}",
            "/v1/x y",
            "/v1/***",
            "/v1/%ff",
        ] {
            assert!(Template::parse(text).is_err(), "{text} is accepted");
        }
    }
}
