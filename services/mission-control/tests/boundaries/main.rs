//! Who may import whom, held by a check: crates by the workspace's manifests, layers inside a service by its sources.

mod crates;
mod layers;
