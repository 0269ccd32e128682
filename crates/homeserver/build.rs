// SPDX-License-Identifier: Apache-2.0
//! Embeds the built web client, where there is one.
//!
//! The folder is `web/dist` of the workspace, or `ESTAFETTE_WEB_DIST`. Without it the server is
//! built without a client. The list of files becomes `web_assets.rs`, which `src/web.rs` includes.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=ESTAFETTE_WEB_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let folder = match env::var_os("ESTAFETTE_WEB_DIST") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist"),
    };
    let mut files = Vec::new();
    if folder.is_dir() {
        println!("cargo::rerun-if-changed={}", folder.display());
        collect(&folder, &mut files)?;
    }
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        let absolute = fs::canonicalize(file)?;
        let name = file.strip_prefix(&folder).map_err(io::Error::other)?;
        let (Some(absolute), Some(name)) = (absolute.to_str(), name.to_str()) else {
            return Err(io::Error::other(format!("{} is not UTF-8", file.display())));
        };
        let mut hasher = DefaultHasher::new();
        fs::read(file)?.hash(&mut hasher);
        let hash = hasher.finish();
        code.push_str(&format!(
            "    ({:?}, include_bytes!({absolute:?}), {hash}),\n",
            format!("/{}", name.replace('\\', "/"))
        ));
    }
    code.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    fs::write(Path::new(&out).join("web_assets.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_none_or(|extension| extension != "map") {
            files.push(path);
        }
    }
    Ok(())
}
