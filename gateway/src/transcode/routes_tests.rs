//! Matching: precedence, verbs, escapes, and that whatever is written into a template comes out of it again.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

/// What a client leaves as it is when it expands a variable (`http.proto`): `[-_.~0-9a-zA-Z]`.
const SINGLE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn routes(templates: &[(&str, &str)]) -> Routes<String> {
    let mut routes = Routes::default();
    for (method, template) in templates {
        let method = Method::from_bytes(method.as_bytes()).expect("method");
        assert!(
            routes.insert(&method, Template::parse(template).expect(template), (*template).to_owned()),
            "{template}"
        );
    }
    routes
}

fn find(routes: &Routes<String>, method: &Method, path: &str) -> Result<(String, Vec<String>), Miss> {
    let found = routes.find(method, path)?;
    Ok((found.target.clone(), found.values.into_iter().map(|(_, value)| value).collect()))
}

#[test]
fn literal_wins_over_one_and_one_over_many() {
    let routes =
        routes(&[("GET", "/v1/{a=**}"), ("GET", "/v1/{a}"), ("GET", "/v1/me"), ("GET", "/v1/{a}/x")]);
    let target = |path| find(&routes, &Method::GET, path).expect(path).0;
    assert_eq!(target("/v1/me"), "/v1/me");
    assert_eq!(target("/v1/you"), "/v1/{a}");
    assert_eq!(target("/v1/me/x"), "/v1/{a}/x", "falls back behind a literal that leads nowhere");
    assert_eq!(target("/v1/me/y"), "/v1/{a=**}");
    assert_eq!(target("/v1"), "/v1/{a=**}", "`**` stands for no segment as well");
}

#[test]
fn method_of_a_wider_pattern_is_found_behind_a_literal() {
    let routes = routes(&[("POST", "/v1/things/special"), ("GET", "/v1/things/{id}")]);
    assert_eq!(find(&routes, &Method::GET, "/v1/things/special").expect("found").1, ["special"]);
}

#[test]
fn wrong_method_tells_the_right_ones() {
    let routes = routes(&[("GET", "/v1/{name=w/*}"), ("PATCH", "/v1/{name=w/*}"), ("POST", "/v1/w/special")]);
    let allowed = ["GET", "PATCH", "POST"].map(str::to_owned).into();
    assert_eq!(find(&routes, &Method::DELETE, "/v1/w/special"), Err(Miss::Method(allowed)));
    assert_eq!(find(&routes, &Method::DELETE, "/v1/w"), Err(Miss::Path));
    assert_eq!(routes.methods("/v1/w/x"), ["GET", "PATCH"].map(str::to_owned).into());
}

#[test]
fn verb_is_part_of_the_route() {
    let routes = routes(&[
        ("GET", "/v1/{name=w/*/r/*}"),
        ("GET", "/v1/{name=w/*/r/*}:watch"),
        ("POST", "/v1/auth:signIn"),
    ]);
    assert_eq!(find(&routes, &Method::GET, "/v1/w/1/r/2:watch").expect("found").1, ["w/1/r/2"]);
    assert_eq!(find(&routes, &Method::GET, "/v1/w/1/r/2").expect("found").1, ["w/1/r/2"]);
    assert_eq!(find(&routes, &Method::GET, "/v1/w/1/r/2:other"), Err(Miss::Path));
    assert_eq!(find(&routes, &Method::GET, "/v1/w/1/r/:watch"), Err(Miss::Path));
    assert!(find(&routes, &Method::POST, "/v1/auth:signIn").is_ok());
    assert_eq!(
        find(&routes, &Method::GET, "/v1/w/1/r/2%3Awatch").expect("found").1,
        ["w/1/r/2:watch"],
        "an escaped colon is text"
    );
}

#[test]
fn empty_and_dotted_segments_are_nowhere() {
    let routes = routes(&[("GET", "/v1/{a}"), ("GET", "/v1/{a}/{b}")]);
    for path in
        ["", "/", "v1/x", "/v1/", "/v1//", "/v1/x/", "/v1//x", "/v1/.", "/v1/..", "/v1/%2e%2e", "/v1/../x"]
    {
        assert_eq!(find(&routes, &Method::GET, path), Err(Miss::Path), "{path}");
    }
}

#[test]
fn broken_escapes_are_told_apart() {
    let routes = routes(&[("GET", "/v1/{a}")]);
    for path in ["/v1/%", "/v1/%4", "/v1/%zz", "/v1/%ff", "/v1/x:%"] {
        assert_eq!(find(&routes, &Method::GET, path), Err(Miss::Encoding), "{path}");
    }
}

#[test]
fn escaped_slash_stays_in_a_name_and_is_decoded_in_a_single_segment() {
    let routes = routes(&[("GET", "/v1/{name=w/*/f/*}"), ("GET", "/v1/files/{path}")]);
    assert_eq!(
        find(&routes, &Method::GET, "/v1/w/1/f/a%2Fb%20c%2fd").expect("found").1,
        ["w/1/f/a%2Fb c%2fd"]
    );
    assert_eq!(find(&routes, &Method::GET, "/v1/files/a%2Fb").expect("found").1, ["a/b"]);
    assert_eq!(
        find(&routes, &Method::GET, "/v1/%66iles/x").expect("found").1,
        ["x"],
        "a literal is compared decoded"
    );
}

#[test]
fn same_paths_twice_are_refused() {
    let mut routes = routes(&[("GET", "/v1/{a=w/*}")]);
    let again = Template::parse("/v1/w/{b}").expect("template");
    assert!(!routes.insert(&Method::GET, again.clone(), "again".to_owned()));
    assert!(routes.insert(&Method::PUT, again, "other method".to_owned()));
}

proptest! {
    #[test]
    fn any_text_survives_a_single_segment(text in "\\PC{1,40}") {
        prop_assume!(text != "." && text != "..");
        let routes = routes(&[("GET", "/v1/{a}/tail"), ("GET", "/v1/{a}:verb")]);
        let escaped = utf8_percent_encode(&text, SINGLE).to_string();
        let expected = vec![text];
        let found = |path: String| find(&routes, &Method::GET, &path).map(|found| found.1);
        prop_assert_eq!(found(format!("/v1/{escaped}/tail")), Ok(expected.clone()));
        prop_assert_eq!(found(format!("/v1/{escaped}:verb")), Ok(expected));
    }

    #[test]
    fn names_come_out_as_they_went_in(ids in proptest::collection::vec("[a-zA-Z0-9_~-]{1,12}", 1..6)) {
        let template = format!("/v1/{{name={}}}", vec!["c/*"; ids.len()].join("/"));
        let routes = routes(&[("GET", &template)]);
        let name = ids.iter().map(|id| format!("c/{id}")).collect::<Vec<_>>().join("/");
        prop_assert_eq!(find(&routes, &Method::GET, &format!("/v1/{name}")).map(|found| found.1), Ok(vec![name]));
    }

    #[test]
    fn no_path_makes_it_panic(path in "/?[a-z0-9%:/.*{}é]{0,40}") {
        let routes = routes(&[("GET", "/v1/{a=**}:x"), ("GET", "/{a}/{b=c/*}"), ("GET", "/a"), ("GET", "/{a}:y")]);
        if let Ok((_, values)) = find(&routes, &Method::GET, &path) {
            prop_assert!(values.iter().all(|value| !value.contains("//")));
        }
    }
}
