//! The project's own chores: the WASM build, the forbidden arrows, the rules and their tests.
//!
//! `cargo xtask` without an argument says what there is. Nothing here is part of the product; it must compile fast, so it
//! has few dependencies and none of the workspace's own crates.

mod arrows;
mod dist;
mod files;
mod npm;
mod plots;
mod rules;
mod rust_source;
mod toolchain;
mod wasm;

use std::path::PathBuf;
use std::process::ExitCode;

/// What every chore returns: nothing, or the reason it failed in words for a person.
type Outcome<T = ()> = Result<T, String>;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  wasm [--fast]     build the web app and the audio thread into dist/
                    (--fast: no wasm-opt and weak compression, for trying things out)
  operations-js     build crates/operations_js for Node into e2e/generated/operations_js
  wasm-toolchain    find or install a compiler for wasm32 and say which one it is
  npm               install the npm packages of package-lock.json, if they are not there yet
  arrows            check the dependency arrows of ARCHITECTURE.md
  plots             draw responses, spectra, gain curves and fades into target/plots, with an index.html to look at
  rules [--list]    check that every claimed rule in specs/ has a test (--list: print them all)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    let root = workspace_root()?;
    match arguments {
        ["wasm"] => wasm::build_app(&root, dist::Effort::Release),
        ["wasm", "--fast"] => wasm::build_app(&root, dist::Effort::Fast),
        ["operations-js"] => wasm::build_operations_js(&root),
        ["wasm-toolchain"] => {
            println!("{}", toolchain::find(&wasm::target_dir(&root))?.describe());
            Ok(())
        }
        ["npm"] => npm::install(&root),
        ["arrows"] => arrows::check_workspace(&root),
        ["plots"] => plots::draw(&root),
        ["rules"] => rules::check_workspace(&root, false),
        ["rules", "--list"] => rules::check_workspace(&root, true),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("no such command: {}\n\n{HELP}", other.join(" "))),
    }
}

/// The folder of the workspace's `Cargo.toml`: cargo tells where this crate is; a binary started by hand looks upwards.
fn workspace_root() -> Outcome<PathBuf> {
    if let Some(manifest_dir) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = PathBuf::from(manifest_dir).parent()
    {
        return Ok(parent.to_path_buf());
    }
    let here = std::env::current_dir().map_err(|error| format!("where am I: {error}"))?;
    here.ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").is_file())
        .map(PathBuf::from)
        .ok_or_else(|| "run this inside the project".to_owned())
}
