//! The WASM builds: cargo, then wasm-bindgen, then wasm-opt, each only when what it reads has changed.

use crate::dist::{self, Bundle, Effort};
use crate::toolchain::{self, Toolchain};
use crate::{Outcome, files, npm};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";

/// What rustc's code for wasm32 uses beyond the first version of WebAssembly; wasm-opt rejects what is not named.
const WASM_FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// What wasm-opt does: takes out what nobody calls, keeps one of functions that are equal, and shortens code where it stands. `-Oz` does far more,
/// and the file is smaller for it, by 13 %; but as sent it is larger, by 8 % (921 kB to 852 on 2026-11-26): LLVM numbers the locals
/// of like functions alike and lays them out alike, so that Brotli finds one in the other, and sharing locals and inlining end that.
const WASM_PASSES: [&str; 10] = [
    "--remove-unused-module-elements",
    "--duplicate-function-elimination",
    "--memory-packing",
    "--dce",
    "--remove-unused-names",
    "--remove-unused-brs",
    "--merge-blocks",
    "--optimize-instructions",
    "--precompute",
    "--vacuum",
];

/// Raised when the steps after cargo change, so that results kept from before are not used.
const STEPS_VERSION: u32 = 2;

/// Where everything about WASM is built: apart from the native builds, whose compiler may be another.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("wasm")
}

/// Builds the web app and the audio thread and lays them out in `dist/`.
pub(crate) fn build_app(root: &Path, effort: Effort) -> Outcome {
    let target_dir = target_dir(root);
    let toolchain = toolchain::find(&target_dir)?;
    println!("{}", toolchain.describe());
    let builder = Builder { root, target_dir: &target_dir, toolchain: &toolchain };

    let audio_thread = builder.cargo("audio_thread", "audio", &["-Ctarget-feature=+simd128"])?;
    let read_ahead = builder.cargo("read_ahead", "audio", &["-Ctarget-feature=+simd128"])?;
    let exporter = builder.cargo("exporter", "audio", &["-Ctarget-feature=+simd128"])?;
    let profile = match effort {
        Effort::Release => "web",
        Effort::Fast => "web-fast",
    };
    let intake = builder.cargo("intake", "intake", &["-Ctarget-feature=+simd128"])?;
    let web = builder.cargo("web", profile, &["--cfg=erase_components"])?;
    let bindings = builder.bindings("web", &web, Bindings::Web(effort))?;
    let bundles = [
        Bundle::folder("web", &bindings, |path| files::has_extension(path, &["js", "wasm"]))?,
        Bundle::folder("audio", &root.join("crates/audio_thread"), |path| {
            is_shipped_script(path, "crates/audio_thread")
        })?
        .with("audio_thread.wasm", files::read(&audio_thread)?),
        Bundle::folder("intake", &root.join("crates/intake"), |path| is_shipped_script(path, "crates/intake"))?
            .with("intake.wasm", files::read(&intake)?),
        Bundle::folder("read_ahead", &root.join("crates/read_ahead"), |path| {
            is_shipped_script(path, "crates/read_ahead")
        })?
        .with("read_ahead.wasm", files::read(&read_ahead)?),
        Bundle::folder("exporter", &root.join("crates/exporter"), |path| is_shipped_script(path, "crates/exporter"))?
            .with("exporter.wasm", files::read(&exporter)?),
        // The service worker keeps its name, and so lies beside the page.
        Bundle::folder("js", &root.join("crates/web/js"), |path| {
            is_shipped_script(path, "crates/web/js") && !path.ends_with("service_worker.js")
        })?,
    ];
    dist::lay_out(root, &bundles, effort, &target_dir.join("dist-effort"))
}

/// Builds `operations_js` for Node, where the guide's unit tests run it.
pub(crate) fn build_operations_js(root: &Path) -> Outcome {
    let target_dir = target_dir(root);
    let toolchain = toolchain::find(&target_dir)?;
    let builder = Builder { root, target_dir: &target_dir, toolchain: &toolchain };
    let wasm = builder.cargo("operations_js", "web", &[])?;
    let bindings = builder.bindings("operations_js", &wasm, Bindings::Node)?;
    let generated = root.join("e2e/generated/operations_js");
    for file in files::below(&bindings)? {
        files::write_if_changed(&generated.join(files::relative(&file, &bindings)), &files::read(&file)?)?;
    }
    // CommonJS, whatever the package.json further up says.
    files::write_if_changed(&generated.join("package.json"), b"{ \"type\": \"commonjs\" }\n")
}

/// A script of the folder itself or of its sub-folders `js/`, but no test and nothing that only tests use.
fn is_shipped_script(path: &Path, folder: &str) -> bool {
    let path = path.to_string_lossy();
    let inside = path.rsplit_once(folder).map_or(&*path, |(_, inside)| inside);
    path.ends_with(".js") && !path.contains(".test.") && !inside.contains("/e2e/") && !inside.contains("/tests/")
}

/// For whom wasm-bindgen writes its JavaScript.
#[derive(Clone, Copy)]
enum Bindings {
    /// ES modules for the browser; optimised unless there is no time for it.
    Web(Effort),
    /// A CommonJS module that loads its WASM by itself.
    Node,
}

struct Builder<'a> {
    root: &'a Path,
    target_dir: &'a Path,
    toolchain: &'a Toolchain,
}

impl Builder<'_> {
    /// Builds one crate and returns the path of its `.wasm`.
    fn cargo(&self, package: &str, profile: &str, rustc_flags: &[&str]) -> Outcome<PathBuf> {
        println!("wasm: building {package}");
        let mut flags: Vec<String> = rustc_flags.iter().map(|&flag| flag.to_owned()).collect();
        flags.extend(self.without_machine_paths());
        let mut command = self.toolchain.cargo(&flags);
        command.args(["build", "--quiet", "--package", package, "--profile", profile, "--target", TARGET]);
        command.arg("--target-dir").arg(self.target_dir);
        command.args(["--message-format", "json-render-diagnostics"]);
        let output = command
            .current_dir(self.root)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        if !output.status.success() {
            return Err(format!("building {package} for {TARGET} ended with {}", output.status));
        }
        wasm_artifact(&String::from_utf8_lossy(&output.stdout), package)
            .ok_or_else(|| format!("{package} gives no .wasm: it needs crate-type \"cdylib\" or a binary"))
    }

    /// Flags that keep this machine's folders out of panic messages: smaller, and the same bytes wherever it is built.
    fn without_machine_paths(&self) -> Vec<String> {
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
        vec![remap(&cargo_home, "cargo"), remap(self.root, ".")]
    }

    /// Runs wasm-bindgen (and wasm-opt) over a built crate and returns the folder of the result, kept until an input changes.
    fn bindings(&self, name: &str, wasm: &Path, kind: Bindings) -> Outcome<PathBuf> {
        let folder = self.target_dir.join("bindings").join(name);
        let stamp = folder.with_extension("stamp");
        let variant = match kind {
            Bindings::Web(effort) => format!("web {effort:?}"),
            Bindings::Node => "node".to_owned(),
        };
        let lock = files::read(&self.root.join("package-lock.json")).unwrap_or_default();
        let inputs = hash(&[&files::read(wasm)?, &lock, variant.as_bytes(), &STEPS_VERSION.to_le_bytes()]);
        if std::fs::read_to_string(&stamp).is_ok_and(|present| present == inputs) {
            return Ok(folder);
        }
        println!("wasm: binding {name}");
        files::remove_dir(&folder)?;
        // Gone until the new result is whole.
        let _ = std::fs::remove_file(&stamp);
        let mut bindgen = Bindgen::new();
        bindgen.input_path(wasm).out_name(name).typescript(matches!(kind, Bindings::Node));
        let mode = match kind {
            Bindings::Web(_) => bindgen.web(true),
            Bindings::Node => bindgen.nodejs(true),
        };
        // What is tried out can be profiled: its functions keep their names.
        let named = matches!(kind, Bindings::Web(Effort::Fast));
        mode.and_then(|bindgen| bindgen.remove_name_section(!named).remove_producers_section(true).generate(&folder))
            .map_err(|error| format!("wasm-bindgen on {name}: {error:#}"))?;
        match kind {
            Bindings::Web(Effort::Release) => self.optimise(&folder.join(format!("{name}_bg.wasm")))?,
            Bindings::Web(Effort::Fast) => {
                println!("wasm: NOT optimised, since --fast was given: far larger than what is shipped");
            }
            Bindings::Node => {}
        }
        files::write_if_changed(&stamp, inputs.as_bytes())?;
        Ok(folder)
    }

    fn optimise(&self, wasm: &Path) -> Outcome {
        println!("wasm: wasm-opt");
        let before = files::read(wasm)?.len();
        let optimised = wasm.with_extension("optimised");
        let arguments: Vec<&str> = WASM_PASSES.into_iter().chain(WASM_FEATURES).collect();
        npm::wasm_opt(self.root, &arguments, wasm, &optimised)?;
        std::fs::rename(&optimised, wasm).map_err(|error| format!("cannot replace {}: {error}", wasm.display()))?;
        println!("wasm: {before} bytes before, {} after", files::read(wasm)?.len());
        Ok(())
    }
}

/// The `.wasm` of `package` in cargo's JSON messages.
fn wasm_artifact(messages: &str, package: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == package)
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten()
        .filter_map(|file| file.as_str().map(PathBuf::from))
        .find(|file| files::has_extension(file, &["wasm"]))
}

/// SHA-256 of bytes, as lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 over several byte strings, each with its length before it, as lower-case hexadecimal.
pub(crate) fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wasm_of_the_package_is_found_among_others() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"model"},"filenames":["/t/libmodel.rlib"]}
{"reason":"compiler-artifact","target":{"name":"web"},"filenames":["/t/libweb.rlib","/t/web.wasm"]}
{"reason":"build-finished","success":true}"#;
        assert_eq!(wasm_artifact(messages, "web"), Some(PathBuf::from("/t/web.wasm")));
        assert_eq!(wasm_artifact(messages, "model"), None);
    }

    #[test]
    fn tests_and_their_helpers_are_not_shipped() {
        let shipped = |path: &str| is_shipped_script(Path::new(path), "crates/audio_thread");
        assert!(shipped("/p/e2e/crates/audio_thread/worklet.js"));
        assert!(!shipped("/p/crates/audio_thread/worklet.test.js"));
        assert!(!shipped("/p/crates/audio_thread/e2e/page.js"));
        assert!(!shipped("/p/crates/audio_thread/src/lib.rs"));
    }

    #[test]
    fn a_hash_tells_where_one_part_ends_and_the_next_begins() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
