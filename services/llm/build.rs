//! Has the crate built again when a migration comes in: `sqlx::migrate!` sees only the files that were there before.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
