//! The pictures of what the devices do: an example of `dsp` draws them, this says where.

use crate::{Outcome, wasm};
use std::path::Path;
use std::process::Command;

/// Draws them into `plots/` of the target folder.
pub(crate) fn draw(root: &Path) -> Outcome {
    let folder = wasm::target_dir(root).with_file_name("plots");
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--quiet", "--release", "-p", "dsp", "--example", "plots", "--"])
        .arg(&folder)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the example `plots` ended with {status}")) }
}
