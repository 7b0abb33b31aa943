//! The rules of `specs/` and the tests that carry them: each claimed rule has a test, each test names a rule that exists.
//!
//! `specs/README.md` says how a rule is written and how a test carries one.

use crate::rust_source::{self, Kind, Token};
use crate::{Outcome, files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The families of rules there are to be, whether or not a spec has one of them yet.
const FAMILIES: [&str; 12] = ["CL", "EN", "OP", "PE", "PK", "PR", "PS", "SI", "U", "UN", "W", "WR"];

/// Integer types of Rust that look like a rule of the family U.
const INTEGER_TYPES: [&str; 5] = ["U8", "U16", "U32", "U64", "U128"];

/// A rule as a spec states it.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// Where it stands, as `file:line`.
    place: String,
    /// Not claimed yet: it may be without a test.
    open: bool,
}

/// A test and the rules it says it shows.
#[derive(Debug, PartialEq, Eq)]
struct Test {
    /// `file:line name`.
    name: String,
    rules: Vec<String>,
}

/// Checks the workspace at `root`; `list` prints every rule with its tests.
pub(crate) fn check_workspace(root: &Path, list: bool) -> Outcome {
    let rules = read_specs(root)?;
    let tests = read_tests(root, &families(&rules))?;
    let mut carried: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in &tests {
        for rule in &test.rules {
            carried.entry(rule).or_default().push(&test.name);
        }
    }
    if list {
        print_list(&rules, &carried);
    }
    let faults = faults(&rules, &carried);
    let open = rules.values().filter(|rule| rule.open).count();
    println!("rules: {} claimed, {open} open, carried by {} tests", rules.len() - open, tests.len());
    for fault in &faults {
        eprintln!("rules: {fault}");
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{} rules and tests do not fit together", faults.len())) }
}

fn print_list(rules: &BTreeMap<String, Rule>, carried: &BTreeMap<&str, Vec<&str>>) {
    for (id, rule) in rules {
        let tests = carried.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        let state = if rule.open { " (open)" } else { "" };
        println!("{id}{state}  {}", rule.place);
        for test in tests {
            println!("    {test}");
        }
    }
}

fn faults(rules: &BTreeMap<String, Rule>, carried: &BTreeMap<&str, Vec<&str>>) -> Vec<String> {
    let untested = rules
        .iter()
        .filter(|(id, rule)| !rule.open && !carried.contains_key(id.as_str()))
        .map(|(id, rule)| format!("{}: {id} is claimed, but no test carries it", rule.place));
    let unknown = carried
        .iter()
        .filter(|(id, _)| !rules.contains_key(**id))
        .flat_map(|(id, tests)| tests.iter().map(move |test| format!("{test}: there is no rule {id}")));
    untested.chain(unknown).collect()
}

/// The letters that rules begin with: whatever else has that form in the name of a test is meant as a rule.
fn families(rules: &BTreeMap<String, Rule>) -> BTreeSet<String> {
    let found = rules.keys().map(|id| id.trim_end_matches(|c: char| c.is_ascii_digit()));
    FAMILIES.into_iter().chain(found).map(str::to_owned).collect()
}

fn read_specs(root: &Path) -> Outcome<BTreeMap<String, Rule>> {
    let mut rules = BTreeMap::new();
    for file in files::below(&root.join("specs"))? {
        let path = files::relative(&file, root);
        if !files::has_extension(&file, &["md"]) || path.ends_with("README.md") {
            continue;
        }
        for (id, rule) in rules_of(&path, &files::read_text(&file)?) {
            let place = rule.place.clone();
            if let Some(first) = rules.insert(id.clone(), rule) {
                return Err(format!("{place}: the rule {id} is already at {}", first.place));
            }
        }
    }
    Ok(rules)
}

/// The rules of one spec: list items and headings that begin with an ID; `(open)` anywhere in the item, or in the
/// heading's line, leaves the rule unclaimed.
fn rules_of(path: &str, text: &str) -> Vec<(String, Rule)> {
    let mut rules: Vec<(String, Rule)> = Vec::new();
    let mut inside_item = false;
    let mut inside_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside_code = !inside_code;
        }
        if inside_code {
            continue;
        }
        if let Some(id) = rule_at_start(line) {
            let rule = Rule { place: format!("{path}:{}", number + 1), open: line.contains("(open)") };
            rules.push((id, rule));
            inside_item = !line.starts_with('#');
        } else if line.trim().is_empty() || starts_something(line) {
            inside_item = false;
        } else if inside_item
            && line.contains("(open)")
            && let Some((_, rule)) = rules.last_mut()
        {
            rule.open = true;
        }
    }
    rules
}

/// Whether a line begins a list item or a heading of its own.
fn starts_something(line: &str) -> bool {
    ["- ", "* ", "#", "|"].iter().any(|mark| line.trim_start().starts_with(mark))
}

/// The ID that a list item or heading begins with.
fn rule_at_start(line: &str) -> Option<String> {
    let line = line.trim_start();
    let marked = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")).or_else(|| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then_some(heading)
    })?;
    let marked = marked.trim_start().trim_start_matches("**").trim_start_matches('`');
    let (id, rest) = id_at_start(marked)?;
    let ends = rest.is_empty() || rest.starts_with(|c: char| "*`.:, (".contains(c) || c == '—');
    ends.then_some(id)
}

/// One to three capitals and one to three digits at the start of a text, and what comes after them.
fn id_at_start(text: &str) -> Option<(String, &str)> {
    let letters = text.chars().take_while(char::is_ascii_uppercase).count();
    let digits = text[letters..].chars().take_while(char::is_ascii_digit).count();
    let fits = (1..=3).contains(&letters) && (1..=3).contains(&digits);
    fits.then(|| (text[..letters + digits].to_owned(), &text[letters + digits..]))
}

fn read_tests(root: &Path, families: &BTreeSet<String>) -> Outcome<Vec<Test>> {
    let mut tests = Vec::new();
    for folder in ["crates", "e2e"] {
        for file in files::below(&root.join(folder))? {
            let path = files::relative(&file, root);
            let named = if files::has_extension(&file, &["rs"]) {
                rust_tests(&files::read_text(&file)?)
            } else if files::has_extension(&file, &["ts", "js", "mjs"]) {
                script_tests(&files::read_text(&file)?)
            } else {
                continue;
            };
            for (line, name, ids) in named {
                let rules: Vec<String> = ids.into_iter().filter(|id| is_meant_as_rule(id, families)).collect();
                if !rules.is_empty() {
                    tests.push(Test { name: format!("{path}:{line} {name}"), rules });
                }
            }
        }
    }
    Ok(tests)
}

fn is_meant_as_rule(id: &str, families: &BTreeSet<String>) -> bool {
    let family = id.trim_end_matches(|c: char| c.is_ascii_digit());
    families.contains(family) && !INTEGER_TYPES.contains(&id)
}

/// Line, name and IDs of every Rust test whose name begins with IDs: `wr4_all_or_nothing`, `u3_op5_undo_of_a_list`.
fn rust_tests(source: &str) -> Vec<(usize, String, Vec<String>)> {
    let tokens = rust_source::tokens(source);
    let mut tests = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).and_then(Token::word) else { continue };
        if token.word() == Some("fn") && is_test(&tokens[..at]) {
            let ids: Vec<String> = name.split('_').map_while(whole_id).collect();
            tests.push((token.line, name.to_owned(), ids));
        }
    }
    tests
}

/// A part of a function's name that is an ID in lower case and nothing else.
fn whole_id(part: &str) -> Option<String> {
    let upper = part.to_ascii_uppercase();
    let is_lower = part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    id_at_start(&upper).filter(|(_, rest)| is_lower && rest.is_empty()).map(|(id, _)| id)
}

/// Whether the attributes right before a function, given all tokens up to it, have one that ends in `test`.
fn is_test(before: &[Token]) -> bool {
    let mut at = before.len();
    while at > 0 && matches!(before[at - 1].word(), Some("async" | "pub" | "unsafe")) {
        at -= 1;
    }
    while at > 0 && before[at - 1].kind == Kind::Sign(']') {
        let Some(open) = before[..at].iter().rposition(|token| token.kind == Kind::Sign('[')) else { return false };
        let words = before[open + 1..at].iter().map_while(|token| match &token.kind {
            Kind::Word(word) => Some(word.as_str()),
            Kind::Path => Some("::"),
            _ => None,
        });
        if words.last() == Some("test") {
            return true;
        }
        at = open.saturating_sub(1);
    }
    false
}

/// Line, title and IDs of every `test('…')` and `it('…')`, the IDs anywhere in the title.
fn script_tests(source: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut tests = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let Some(title) = title_of_test(line.trim_start()) else { continue };
        let words = title.split(|c: char| !c.is_ascii_alphanumeric());
        let ids = words.filter_map(id_at_start).filter(|(_, rest)| rest.is_empty()).map(|(id, _)| id).collect();
        tests.push((number + 1, title.to_owned(), ids));
    }
    tests
}

fn title_of_test(line: &str) -> Option<&str> {
    let call = ["test(", "it(", "test.describe(", "describe("].iter().find_map(|call| line.strip_prefix(call))?;
    let quote = call.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
    call[1..].split(quote).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "\
# Sync
A sentence about WR1 is no rule.
## W3 The text protocol
- **WR4** One transaction is all or nothing.
- WR5. Rows are checked, and this goes on
  for a second line (open).
- **WR6** (open) Not yet.
- W4-ish things, MP3 files and 44100 are no rules.
```
- WR9 in code
```
";

    fn rules() -> BTreeMap<String, Rule> {
        rules_of("specs/sync.md", SPEC).into_iter().collect()
    }

    #[test]
    fn rules_are_items_and_headings_that_begin_with_an_id() {
        let found: Vec<(String, bool)> = rules().into_iter().map(|(id, rule)| (id, rule.open)).collect();
        let expected = [("W3", false), ("WR4", false), ("WR5", true), ("WR6", true)];
        assert_eq!(found, expected.map(|(id, open)| (id.to_owned(), open)));
        assert_eq!(rules()["WR4"].place, "specs/sync.md:4");
    }

    #[test]
    fn only_tests_carry_rules_and_only_with_their_first_words() {
        let source = "
            #[test] fn wr4_wr5_holds() {}
            #[tokio::test(flavor = \"current_thread\")] async fn w3_frames() {}
            #[test] #[should_panic] fn u2_panics() {}
            #[test] fn the_wr4_in_the_middle() {}
            // #[test] fn wr9_commented() {}
            fn wr8_helper() {}
            #[cfg(test)] fn wr7_helper() {}
            proptest! { #![proptest_config(c())] #[test] fn op1_any(x in 0..9) {} }
        ";
        let found: Vec<(String, Vec<String>)> =
            rust_tests(source).into_iter().map(|(_, name, ids)| (name, ids)).collect();
        let expected: [(&str, &[&str]); 5] = [
            ("wr4_wr5_holds", &["WR4", "WR5"]),
            ("w3_frames", &["W3"]),
            ("u2_panics", &["U2"]),
            ("the_wr4_in_the_middle", &[]),
            ("op1_any", &["OP1"]),
        ];
        let expected = expected.map(|(name, ids)| (name.to_owned(), ids.iter().map(|&id| id.to_owned()).collect()));
        assert_eq!(found, expected);
    }

    #[test]
    fn titles_of_browser_tests_carry_rules_anywhere() {
        let source = "test('a clip lands (CL1, PS2)', async () => {\n  it(\"WR4: x\", y)\n  // test('W3')\n";
        let found: Vec<Vec<String>> = script_tests(source).into_iter().map(|(_, _, ids)| ids).collect();
        assert_eq!(found, [vec!["CL1", "PS2"], vec!["WR4"]]);
    }

    #[test]
    fn a_claimed_rule_without_a_test_and_a_test_without_a_rule_are_faults() {
        let carried = BTreeMap::from([("WR4", vec!["a.rs:1 wr4_x"]), ("WR7", vec!["a.rs:2 wr7_x"])]);
        assert_eq!(
            faults(&rules(), &carried),
            ["specs/sync.md:3: W3 is claimed, but no test carries it", "a.rs:2 wr7_x: there is no rule WR7"]
        );
    }

    #[test]
    fn only_known_families_are_meant_as_rules_and_integer_types_never() {
        let families = BTreeSet::from(["U".to_owned(), "WR".to_owned()]);
        let meant = |id: &str| is_meant_as_rule(id, &families);
        assert!(meant("WR99") && meant("U1"));
        assert!(!meant("U64") && !meant("MP3"));
    }
}
