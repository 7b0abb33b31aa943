//! A compiler for wasm32, found or installed without being told how.
//!
//! Three ways, the first that works is taken:
//! 1. the active toolchain has the target's standard library already;
//! 2. `rustup target add`, with a time limit, since it can hang where its server cannot be reached;
//! 3. Debian's `rustc-web`, for which the standard library is built once from Debian's source and kept as a sysroot of its own.

use crate::{Outcome, files};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TARGET: &str = "wasm32-unknown-unknown";

/// Debian's packages for way 3: the compiler, its cargo, the standard library's source.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// How long rustup may take where there is another way, and where there is none.
const RUSTUP_LIMIT: Duration = Duration::from_secs(40);
const RUSTUP_LIMIT_ALONE: Duration = Duration::from_secs(300);

/// What a rustup-managed cargo or `cargo run` leaves in the environment and Debian's compiler must not see.
const FOREIGN_ENVIRONMENT: [&str; 9] = [
    "CARGO",
    "CARGO_HOME_BIN",
    "LD_LIBRARY_PATH",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// A cargo that can build for wasm32.
pub(crate) enum Toolchain {
    /// The active toolchain.
    Active,
    /// Debian's, with the sysroot that holds the target's standard library (`None`: its own does) and a linker for it.
    Debian { sysroot: Option<PathBuf>, linker: PathBuf },
}

impl Toolchain {
    /// One line for a person.
    pub(crate) fn describe(&self) -> String {
        match self {
            Toolchain::Active => format!("wasm32: the active Rust toolchain ({})", version(&active_rustc())),
            Toolchain::Debian { .. } => format!("wasm32: Debian's {}", version(Path::new(DEBIAN_RUSTC))),
        }
    }

    /// A `cargo` command for this toolchain, with `rustc_flags` for the target's crates and for nothing else.
    pub(crate) fn cargo(&self, rustc_flags: &[String]) -> Command {
        let mut flags = rustc_flags.to_vec();
        let mut command = match self {
            Toolchain::Active => {
                let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                command.env_remove("RUSTFLAGS");
                command
            }
            Toolchain::Debian { sysroot, linker } => {
                if let Some(sysroot) = sysroot {
                    flags.extend(["--sysroot".to_owned(), sysroot.display().to_string()]);
                }
                let mut command = debian_cargo();
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command
            }
        };
        // With `--target`, these reach the target's crates only: build scripts and macros stay as they are.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        command
    }
}

/// Finds a toolchain, installing what is missing; `work_dir` keeps what had to be built.
pub(crate) fn find(work_dir: &Path) -> Outcome<Toolchain> {
    if has_target(&active_rustc()) {
        return Ok(Toolchain::Active);
    }
    if let Some(toolchain) = debian_ready(work_dir) {
        return Ok(toolchain);
    }
    let limit = if can_install_debian() || debian_has_source() { RUSTUP_LIMIT } else { RUSTUP_LIMIT_ALONE };
    let rustup = add_with_rustup(limit);
    if rustup.is_ok() && has_target(&active_rustc()) {
        return Ok(Toolchain::Active);
    }
    println!(
        "wasm32: rustup's target is not to be had ({}); trying Debian's compiler",
        rustup.err().unwrap_or_default()
    );
    if !debian_has_source() {
        install_debian_packages()?;
    }
    build_debian_sysroot(&debian_sysroot(work_dir))?;
    debian_ready(work_dir).ok_or_else(|| "the standard library was built, but there is no linker for it".to_owned())
}

fn active_rustc() -> PathBuf {
    std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

/// What `rustc ARGUMENTS` prints, trimmed; `None` if it cannot be run or fails.
fn ask(rustc: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(rustc);
    if rustc == Path::new(DEBIAN_RUSTC) {
        strip_foreign_environment(&mut command);
    }
    let output = command.args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn version(rustc: &Path) -> String {
    ask(rustc, &["--version"]).unwrap_or_else(|| "no rustc".to_owned())
}

fn has_target(rustc: &Path) -> bool {
    ask(rustc, &["--print", "target-libdir", "--target", TARGET]).is_some_and(|folder| has_core(Path::new(&folder)))
}

/// Whether a folder holds a built standard library.
fn has_core(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

/// Runs `rustup target add`, killed when the limit has passed.
fn add_with_rustup(limit: Duration) -> Outcome {
    println!("wasm32: asking rustup for {TARGET} (at most {} s)", limit.as_secs());
    let mut child = Command::new("rustup")
        .args(["target", "add", TARGET])
        .env("RUSTUP_MAX_RETRIES", "1")
        .spawn()
        .map_err(|_| "there is no rustup".to_owned())?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("rustup ended with {status}")),
            Ok(None) if started.elapsed() < limit => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) => {
                // Nothing to do about a child that is gone already.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} s", limit.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for rustup: {error}")),
        }
    }
}

fn strip_foreign_environment(command: &mut Command) {
    for name in FOREIGN_ENVIRONMENT {
        command.env_remove(name);
    }
}

/// Debian's cargo with Debian's rustc, also for the build scripts that look for one on the path.
fn debian_cargo() -> Command {
    let mut command = Command::new(DEBIAN_CARGO);
    strip_foreign_environment(&mut command);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("/usr/bin:{path}")).env("RUSTC", DEBIAN_RUSTC);
    command
}

fn debian_has_source() -> bool {
    Path::new(DEBIAN_CARGO).is_file()
        && ask(Path::new(DEBIAN_RUSTC), &["--print", "sysroot"])
            .is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/std/Cargo.toml").is_file())
}

/// The sysroot for this very version of Debian's compiler.
fn debian_sysroot(work_dir: &Path) -> PathBuf {
    let version = version(Path::new(DEBIAN_RUSTC));
    let name: String = version.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    work_dir.join("std").join(name.trim_matches('-'))
}

fn debian_ready(work_dir: &Path) -> Option<Toolchain> {
    if !Path::new(DEBIAN_CARGO).is_file() || !Path::new(DEBIAN_RUSTC).is_file() {
        return None;
    }
    let own = debian_sysroot(work_dir);
    if has_core(&own.join("lib/rustlib").join(TARGET).join("lib")) {
        return Some(Toolchain::Debian { sysroot: Some(own), linker: linker()? });
    }
    has_target(Path::new(DEBIAN_RUSTC)).then_some(())?;
    Some(Toolchain::Debian { sysroot: None, linker: linker()? })
}

/// A linker for wasm32: rustup's own `rust-lld`, or LLVM's `wasm-ld` from Debian's package `lld`.
fn linker() -> Option<PathBuf> {
    let active = ask(&active_rustc(), &["--print", "sysroot"]).map(PathBuf::from);
    let host = std::env::consts::ARCH.to_owned() + "-unknown-linux-gnu";
    let bundled = active.map(|sysroot| sysroot.join("lib/rustlib").join(host).join("bin/rust-lld"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::env::split_paths(&path).map(|folder| folder.join("wasm-ld"));
    bundled.into_iter().chain(debian).find(|candidate| candidate.is_file())
}

/// The words that run a command as root: none for root itself, `sudo -n` where it asks nothing.
fn as_root() -> Option<Vec<&'static str>> {
    let succeeds = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(Vec::new());
    }
    succeeds("sudo", &["-n", "true"]).then(|| vec!["sudo", "-n"])
}

fn can_install_debian() -> bool {
    Path::new("/usr/bin/apt-get").is_file() && as_root().is_some()
}

fn install_debian_packages() -> Outcome {
    let wanted = DEBIAN_PACKAGES.join(" ");
    let by_hand = format!(
        "no compiler for {TARGET}: run `rustup target add {TARGET}`, or as root \
         `apt-get install --no-install-recommends {wanted}`, and try again"
    );
    if !Path::new("/usr/bin/apt-get").is_file() {
        return Err(by_hand);
    }
    let Some(prefix) = as_root() else { return Err(by_hand) };
    println!("wasm32: installing {wanted}");
    let apt = |arguments: &[&str]| -> bool {
        let words = [&prefix[..], &["apt-get"], arguments].concat();
        Command::new(words[0])
            .args(&words[1..])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let install = [&["install", "-y", "-q", "--no-install-recommends"][..], &DEBIAN_PACKAGES].concat();
    // The list of packages is often missing or old on a fresh machine; try what is there first.
    if apt(&install) || (apt(&["update", "-q"]) && apt(&install)) { Ok(()) } else { Err(by_hand) }
}

/// Builds the standard library for wasm32 with Debian's compiler and lays it out as a sysroot.
fn build_debian_sysroot(sysroot: &Path) -> Outcome {
    println!("wasm32: building the standard library once ({})", version(Path::new(DEBIAN_RUSTC)));
    let name = sysroot.file_name().unwrap_or_default().to_string_lossy();
    let work = sysroot.with_file_name(format!("{name}.building"));
    // Two copies of std would mix if an earlier, cut-off build were left there.
    files::remove_dir(&work)?;
    let manifest = "[package]\nname = \"only_std\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n";
    files::write_if_changed(&work.join("Cargo.toml"), manifest.as_bytes())?;
    files::write_if_changed(&work.join("src/lib.rs"), b"")?;
    let status = debian_cargo()
        .args(["build", "--quiet", "--release", "-Z", "build-std=std,panic_abort,proc_macro", "--target", TARGET])
        .arg("--target-dir")
        .arg(work.join("target"))
        .current_dir(&work)
        .env("RUSTC_BOOTSTRAP", "1")
        // Without the bitcode, `lto = true` would have nothing to work on.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes")
        .status()
        .map_err(|error| format!("cannot start {DEBIAN_CARGO}: {error}"))?;
    if !status.success() {
        return Err(format!("building the standard library for {TARGET} ended with {status}"));
    }
    let finished = work.join("sysroot");
    let libraries = finished.join("lib/rustlib").join(TARGET).join("lib");
    for library in files::below(&work.join("target").join(TARGET).join("release/deps"))? {
        let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libonly_std") {
            files::write_if_changed(&libraries.join(name), &files::read(&library)?)?;
        }
    }
    // Moved into place as a whole, so that a build cut off half-way is never taken for a sysroot.
    files::remove_dir(sysroot)?;
    std::fs::rename(&finished, sysroot).map_err(|error| format!("cannot make {}: {error}", sysroot.display()))?;
    files::remove_dir(&work)
}
