//! The npm packages: `wasm-opt` for the build, Playwright and Vitest for the tests.

use crate::{Outcome, files};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs what `package-lock.json` names, unless the folder holds exactly that already.
pub(crate) fn install(root: &Path) -> Outcome {
    let lock = files::read(&root.join("package-lock.json"))?;
    let installed = root.join("node_modules/.unisono-lock");
    if std::fs::read(&installed).is_ok_and(|present| present == lock) {
        return Ok(());
    }
    println!("npm: installing the packages of package-lock.json");
    let status = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot start npm (Debian: apt-get install nodejs npm): {error}"))?;
    if !status.success() {
        return Err(format!("npm ci ended with {status}"));
    }
    files::write_if_changed(&installed, &lock)
}

/// Runs `wasm-opt` with these arguments; the package is installed first if need be.
pub(crate) fn wasm_opt(root: &Path, arguments: &[&str], input: &Path, output: &Path) -> Outcome {
    install(root)?;
    let program: PathBuf = root.join("node_modules/binaryen/bin/wasm-opt");
    let status = Command::new("node")
        .arg(program)
        .args(arguments)
        .arg(input)
        .arg("-o")
        .arg(output)
        .status()
        .map_err(|error| format!("cannot start node (Debian: apt-get install nodejs): {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("wasm-opt ended with {status}")) }
}
