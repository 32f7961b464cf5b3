//! Compiles the contract: Rust types and stubs, and the descriptor set that the gateway and reflection work from.
//!
//! An RPC without a `(missioncontrol.permission)` fails the build here, so that none can be served by accident.

use std::path::{Path, PathBuf};
use std::{env, error::Error, fs};

use prost_reflect::{DescriptorPool, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = Vec::new();
    collect_protos(&root.join("missioncontrol"), &mut files)?;
    collect_protos(&root.join("google"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    require_permissions(&compiler.descriptor_pool())?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let mut config = prost_build::Config::new();
    config.enable_type_names();
    // A map must encode the same each time: idempotency compares requests by the hash of their bytes.
    config.btree_map(["."]);
    tonic_prost_build::configure()
        .build_transport(false)
        .include_file("contract.rs")
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

fn require_permissions(pool: &DescriptorPool) -> Result<(), Box<dyn Error>> {
    let permission = pool
        .get_extension_by_name("missioncontrol.permission")
        .ok_or("options.proto declares no permission")?;
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            let named = matches!(options.get_extension(&permission).as_ref(), Value::String(name) if !name.is_empty());
            if !named {
                return Err(format!("{} has no (missioncontrol.permission)", method.full_name()).into());
            }
        }
    }
    Ok(())
}
