//! The folder `dist/`: everything a browser loads, under names that change with the content, compressed beforehand.
//!
//! - `index.html`, `manifest.json`, `manifest.webmanifest` and `service_worker.js` keep their names; all else is in `assets/` and may be cached for ever.
//! - `manifest.json` maps logical names (`worklet.js`) to addresses (`/assets/audio-0123456789ab/worklet.js`).
//! - `{{NAME}}` in the page, the web manifest and the style sheets becomes the address of that logical name; in the page `{{manifest}}` the whole map,
//!   `{{release}}` a name that changes with anything that a browser loads.
//! - `service_worker.js` begins with a line that says which release it belongs to and which files it is to keep.
//! - `FILE.br` and `FILE.gz` are beside every file that gains by it.

use crate::wasm::{hash, sha256};
use crate::{Outcome, files};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Kinds of files that compress well; fonts and pictures are compressed already.
const COMPRESSIBLE: [&str; 9] = ["css", "html", "js", "json", "map", "svg", "txt", "wasm", "webmanifest"];

/// Kinds of files that are of no use to the app while it runs, and not kept for offline: licences, icons for the desktop.
const NOT_KEPT: [&str; 2] = ["png", "txt"];

/// Kinds of files without which the app only looks worse.
const DISPENSABLE: [&str; 2] = ["svg", "woff2"];

/// What a browser reads to install the app; `manifest.json`, the map of addresses, is another thing.
const ABOUT: &str = "manifest.webmanifest";

/// Hexadecimal digits of the hash in a name: 48 bits, far more than a few dozen files need.
const HASH_DIGITS: usize = 12;

/// How much time may go into making things small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// What is shipped.
    Release,
    /// For trying things out.
    Fast,
}

/// Files that refer to one another by relative paths, and so share one folder named after the hash of them all.
pub(crate) struct Bundle {
    name: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Bundle {
    /// The files below `folder` that `wanted` accepts.
    pub(crate) fn folder(name: &str, folder: &Path, wanted: impl Fn(&Path) -> bool) -> Outcome<Self> {
        let mut bundle = Self { name: name.to_owned(), files: BTreeMap::new() };
        for file in files::below(folder)?.into_iter().filter(|file| wanted(file)) {
            bundle.files.insert(files::relative(&file, folder), files::read(&file)?);
        }
        Ok(bundle)
    }

    /// The same with one more file.
    pub(crate) fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(name.to_owned(), bytes);
        self
    }

    fn hashed_folder(&self) -> String {
        let parts: Vec<&[u8]> = self.files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes]).collect();
        format!("{}-{}", self.name, &hash(&parts)[..HASH_DIGITS])
    }
}

/// Everything that will be in the folder.
#[derive(Default)]
struct Layout {
    /// Path below `dist/` → bytes.
    files: BTreeMap<String, Vec<u8>>,
    /// Logical name → address.
    manifest: BTreeMap<String, String>,
    /// Names what a browser loads, all together.
    release: String,
}

impl Layout {
    fn add(&mut self, logical: &str, path: String, bytes: Vec<u8>) -> Outcome {
        if let Some(taken) = self.manifest.insert(logical.to_owned(), format!("/{path}")) {
            return Err(format!("two files are called {logical}: {taken} and /{path}"));
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    fn add_bundle(&mut self, bundle: &Bundle) -> Outcome {
        let folder = bundle.hashed_folder();
        for (name, bytes) in &bundle.files {
            self.add(name, format!("assets/{folder}/{name}"), bytes.clone())?;
        }
        Ok(())
    }

    /// Adds one file whose name gets the hash of its content before the extension.
    fn add_hashed(&mut self, logical: &str, bytes: Vec<u8>) -> Outcome {
        let hash = &hash(&[&bytes])[..HASH_DIGITS];
        let path = match logical.rsplit_once('.') {
            Some((stem, extension)) => format!("assets/{stem}-{hash}.{extension}"),
            None => format!("assets/{logical}-{hash}"),
        };
        self.add(logical, path, bytes)
    }

    fn manifest_json(&self) -> Outcome<String> {
        serde_json::to_string_pretty(&self.manifest).map_err(|error| format!("cannot write the manifest: {error}"))
    }

    /// The service worker, after a line that names its release, the hash of its page, and what it is to keep: files that it needs,
    /// and files without which it only looks worse.
    fn service_worker(&self, page: &str, script: &str) -> Outcome<String> {
        let is = |name: &str, kinds: &[&str]| files::has_extension(Path::new(name), kinds);
        let kept = self.manifest.iter().filter(|(name, _)| !is(name, &NOT_KEPT));
        let (mut wanted, needed): (Vec<_>, Vec<_>) = kept.partition(|(name, _)| is(name, &DISPENSABLE));
        let about = (ABOUT.to_owned(), format!("/{ABOUT}"));
        wanted.push((&about.0, &about.1));
        let addresses = |files: &[(&String, &String)]| -> Vec<String> {
            files.iter().map(|(_, address)| (*address).clone()).collect()
        };
        let (needed, wanted) = (addresses(&needed), addresses(&wanted));
        let page = sha256(page.as_bytes());
        let release = serde_json::json!({ "name": self.release, "page": page, "needed": needed, "wanted": wanted });
        Ok(format!("const RELEASE = {release}\n{script}"))
    }

    /// Puts addresses in the place of `{{NAME}}`.
    fn substitute(&self, template: &str, source: &Path) -> Outcome<String> {
        let mut result = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) =
                after.split_once("}}").ok_or_else(|| format!("{}: `{{{{` without `}}}}`", source.display()))?;
            result.push_str(before);
            match name.trim() {
                "release" => result.push_str(&self.release),
                // `<` would end the script element that holds the map.
                "manifest" => result.push_str(&self.manifest_json()?.replace('<', "\\u003c")),
                name => result.push_str(
                    self.manifest.get(name).ok_or_else(|| format!("{}: there is no {name}", source.display()))?,
                ),
            }
            rest = after;
        }
        result.push_str(rest);
        Ok(result)
    }
}

/// Writes `dist/` anew: bundles, assets, style sheet, page and manifest; files no longer made are removed.
/// `effort_file` remembers from one run to the next with how much effort the present files were compressed.
pub(crate) fn lay_out(root: &Path, bundles: &[Bundle], effort: Effort, effort_file: &Path) -> Outcome {
    let layout = plan(&root.join("crates/web"), bundles)?;
    let dist = root.join("dist");
    let spent = std::fs::read_to_string(effort_file).unwrap_or_default();
    let keep_compressed = effort == Effort::Fast || spent == "Release";
    files::write_if_changed(effort_file, b"unfinished")?;
    let made = write(&layout, &dist, effort, keep_compressed)?;
    let all_release = effort == Effort::Release || (spent == "Release" && made == 0);
    files::write_if_changed(effort_file, if all_release { b"Release" } else { b"Fast" })?;
    report(&layout, &dist, made);
    Ok(())
}

/// Says what a first visit costs.
fn report(layout: &Layout, dist: &Path, made: usize) {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let compressed: u64 = layout
        .files
        .keys()
        .map(|path| {
            let file = dist.join(path);
            let small = PathBuf::from(format!("{}.br", file.display()));
            if small.is_file() { size(&small) } else { size(&file) }
        })
        .sum();
    let plain: usize = layout.files.values().map(Vec::len).sum();
    println!(
        "wasm: dist/ has {} files ({made} new or changed), {} kB, {} kB as sent",
        layout.files.len(),
        plain / 1000,
        compressed / 1000
    );
}

fn plan(web: &Path, bundles: &[Bundle]) -> Outcome<Layout> {
    let mut layout = Layout::default();
    for bundle in bundles {
        layout.add_bundle(bundle)?;
    }
    let assets = web.join("assets");
    for file in files::below(&assets)? {
        layout.add_hashed(&files::relative(&file, &assets), files::read(&file)?)?;
    }
    let style = style_sheet(&web.join("style"), &layout)?;
    layout.add_hashed("style.css", style.into_bytes())?;
    let [index, about, worker] =
        ["index.html", "manifest.webmanifest", "js/service_worker.js"].map(|name| web.join(name));
    let [page, about_text, worker_text] =
        [files::read_text(&index)?, files::read_text(&about)?, files::read_text(&worker)?];
    let manifest = layout.manifest_json()?;
    let parts = [&manifest, &page, &about_text, &worker_text].map(String::as_bytes);
    hash(&parts)[..HASH_DIGITS].clone_into(&mut layout.release);
    let page = layout.substitute(&page, &index)?;
    let about = layout.substitute(&about_text, &about)?;
    let worker = layout.service_worker(&page, &worker_text)?;
    layout.files.insert("index.html".to_owned(), page.into_bytes());
    layout.files.insert(ABOUT.to_owned(), about.into_bytes());
    layout.files.insert("service_worker.js".to_owned(), worker.into_bytes());
    layout.files.insert("manifest.json".to_owned(), manifest.into_bytes());
    Ok(layout)
}

/// All style sheets, one after the other in the order of their names.
fn style_sheet(folder: &Path, layout: &Layout) -> Outcome<String> {
    let mut all = String::new();
    for file in files::below(folder)?.into_iter().filter(|file| files::has_extension(file, &["css"])) {
        all.push_str(layout.substitute(&files::read_text(&file)?, &file)?.trim_end());
        all.push('\n');
    }
    Ok(all)
}

/// Writes what differs, removes what is not in the layout, and returns how many files were written.
fn write(layout: &Layout, dist: &Path, effort: Effort, keep_compressed: bool) -> Outcome<usize> {
    let mut wanted: BTreeSet<PathBuf> = BTreeSet::new();
    let mut made = 0;
    for (path, bytes) in &layout.files {
        let file = dist.join(path);
        let same = std::fs::read(&file).is_ok_and(|present| present == *bytes);
        files::write_if_changed(&file, bytes)?;
        made += usize::from(!same);
        if files::has_extension(&file, &COMPRESSIBLE) {
            let [br, gz] = ["br", "gz"].map(|suffix| PathBuf::from(format!("{}.{suffix}", file.display())));
            if !(same && keep_compressed && br.is_file() && gz.is_file()) {
                files::write_if_changed(&br, &brotli_of(bytes, effort)?)?;
                files::write_if_changed(&gz, &gzip_of(bytes, effort)?)?;
            }
            wanted.extend([br, gz]);
        }
        wanted.insert(file);
    }
    remove_others(dist, &wanted)?;
    Ok(made)
}

/// Removes every file that is not wanted any more, and the folders this leaves empty.
fn remove_others(dist: &Path, wanted: &BTreeSet<PathBuf>) -> Outcome {
    for present in files::below(dist)?.into_iter().filter(|file| !wanted.contains(file)) {
        std::fs::remove_file(&present).map_err(|error| format!("cannot remove {}: {error}", present.display()))?;
        for folder in present.ancestors().skip(1).take_while(|folder| *folder != dist) {
            // Fails while something else is in it, which is as it should be.
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
    Ok(())
}

fn brotli_of(bytes: &[u8], effort: Effort) -> Outcome<Vec<u8>> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: if effort == Effort::Release { 11 } else { 5 },
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut compressed, &parameters)
        .map_err(|error| format!("brotli: {error}"))?;
    Ok(compressed)
}

fn gzip_of(bytes: &[u8], effort: Effort) -> Outcome<Vec<u8>> {
    let level = if effort == Effort::Release { flate2::Compression::best() } else { flate2::Compression::fast() };
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(|error| format!("gzip: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn project(page: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let web = root.path().join("crates/web");
        files::write_if_changed(&web.join("index.html"), page.as_bytes()).unwrap();
        files::write_if_changed(&web.join("style/10-b.css"), b"b{src:url({{font.woff2}})}\n").unwrap();
        files::write_if_changed(&web.join("style/00-a.css"), b"a{}\n").unwrap();
        files::write_if_changed(&web.join("assets/font.woff2"), b"font").unwrap();
        files::write_if_changed(&web.join("assets/fonts-licence.txt"), b"licence").unwrap();
        files::write_if_changed(&web.join("manifest.webmanifest"), br#"{"icon":"{{font.woff2}}"}"#).unwrap();
        files::write_if_changed(&web.join("js/service_worker.js"), b"work()\n").unwrap();
        root
    }

    fn bundle(bytes: &[u8]) -> Bundle {
        Bundle { name: "js".to_owned(), files: BTreeMap::from([("boot.js".to_owned(), bytes.to_vec())]) }
    }

    fn build(root: &Path, bytes: &[u8], effort: Effort) -> BTreeMap<String, String> {
        lay_out(root, &[bundle(bytes)], effort, &root.join("effort")).unwrap();
        serde_json::from_slice(&files::read(&root.join("dist/manifest.json")).unwrap()).unwrap()
    }

    #[test]
    fn names_change_with_the_content_and_old_files_go() {
        let root = project("<script src={{boot.js}}></script>");
        let first = build(root.path(), b"1", Effort::Fast);
        let again = build(root.path(), b"1", Effort::Fast);
        let second = build(root.path(), b"2", Effort::Fast);
        assert_eq!(first, again);
        assert_ne!(first["boot.js"], second["boot.js"]);
        assert_eq!(first["font.woff2"], second["font.woff2"]);
        let dist = root.path().join("dist");
        assert!(!dist.join(&first["boot.js"][1..]).exists());
        assert!(dist.join(&second["boot.js"][1..]).exists());
        let page = files::read_text(&dist.join("index.html")).unwrap();
        assert_eq!(page, format!("<script src={}></script>", second["boot.js"]));
    }

    #[test]
    fn cl6_the_worker_is_told_what_to_keep_and_is_another_whenever_anything_is() {
        let root = project("<meta content={{release}}>");
        let release = |bytes: &[u8]| -> serde_json::Value {
            build(root.path(), bytes, Effort::Fast);
            let worker = files::read_text(&root.path().join("dist/service_worker.js")).unwrap();
            let (first, script) = worker.split_once('\n').unwrap();
            assert_eq!(script, "work()\n");
            serde_json::from_str(first.strip_prefix("const RELEASE = ").unwrap()).unwrap()
        };
        let first = release(b"1");
        let manifest = build(root.path(), b"1", Effort::Fast);
        assert_eq!(first["needed"], serde_json::json!([manifest["boot.js"], manifest["style.css"]]));
        assert_eq!(first["wanted"], serde_json::json!([manifest["font.woff2"], "/manifest.webmanifest"]));
        let page = files::read_text(&root.path().join("dist/index.html")).unwrap();
        assert_eq!(page, format!("<meta content={}>", first["name"].as_str().unwrap()));
        assert_eq!(first["page"], sha256(page.as_bytes()).as_str());
        assert_ne!(release(b"2")["name"], first["name"]);
        files::write_if_changed(&root.path().join("crates/web/manifest.webmanifest"), b"{}").unwrap();
        let third = release(b"1");
        assert_ne!(third["name"], first["name"]);
        assert_ne!(third["page"], first["page"], "the page names its release");
    }

    #[test]
    fn style_sheets_are_joined_in_the_order_of_their_names_with_their_addresses_filled_in() {
        let root = project("");
        let manifest = build(root.path(), b"1", Effort::Fast);
        let style = files::read_text(&root.path().join("dist").join(&manifest["style.css"][1..])).unwrap();
        assert_eq!(style, format!("a{{}}\nb{{src:url({})}}\n", manifest["font.woff2"]));
    }

    #[test]
    fn the_map_in_the_page_cannot_end_its_script_element() {
        let layout =
            Layout { manifest: BTreeMap::from([("</script>".to_owned(), "/x".to_owned())]), ..Layout::default() };
        let page = layout.substitute("{{manifest}}", Path::new("index.html")).unwrap();
        assert!(!page.contains('<'));
        let back: BTreeMap<String, String> = serde_json::from_str(&page).unwrap();
        assert_eq!(back, layout.manifest);
    }

    #[test]
    fn an_unknown_name_in_the_page_is_an_error_that_names_it() {
        let root = project("{{nowhere.js}}");
        let error = lay_out(root.path(), &[bundle(b"1")], Effort::Fast, &root.path().join("effort")).unwrap_err();
        assert!(error.contains("nowhere.js"), "{error}");
    }

    #[test]
    fn two_files_of_one_name_are_an_error() {
        let root = project("");
        let other = Bundle { name: "web".to_owned(), ..bundle(b"2") };
        let error = plan(&root.path().join("crates/web"), &[bundle(b"1"), other]).map(|_| ()).unwrap_err();
        assert!(error.contains("boot.js"), "{error}");
    }

    #[test]
    fn compressed_files_unfold_to_the_same_bytes_and_fast_ones_are_made_again_for_release() {
        let root = project("");
        let script: String =
            (0..500).map(|n: u32| format!("let a{} = b{} * {n};\n", n.pow(2) % 97, n * 7 % 61)).collect();
        let manifest = build(root.path(), script.as_bytes(), Effort::Fast);
        let file = root.path().join("dist").join(&manifest["boot.js"][1..]).display().to_string();
        let fast = files::read(Path::new(&format!("{file}.br"))).unwrap();
        build(root.path(), script.as_bytes(), Effort::Release);
        let small = files::read(Path::new(&format!("{file}.br"))).unwrap();
        assert!(small.len() < fast.len(), "{} < {}", small.len(), fast.len());
        let mut unfolded = Vec::new();
        brotli::BrotliDecompress(&mut &small[..], &mut unfolded).unwrap();
        assert_eq!(unfolded, script.as_bytes());
        let gz = files::read(Path::new(&format!("{file}.gz"))).unwrap();
        let mut unfolded = Vec::new();
        flate2::read::GzDecoder::new(&gz[..]).read_to_end(&mut unfolded).unwrap();
        assert_eq!(unfolded, script.as_bytes());
    }
}
