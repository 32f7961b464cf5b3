//! The gateway as a program.
fn main() {
    let arg = std::env::args().nth(1).unwrap_or_default();
    let value = match arg.as_str() {
        "openapi" => mc_gateway::openapi::document(mc_proto::descriptors()).expect("describe"),
        _ => mc_gateway::ws::frame::schema(),
    };
    print!("{}", mc_gateway::openapi::text(&value));
}
