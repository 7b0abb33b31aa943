//! A small reader of Rust source: tokens and string literals, without comments and without code for tests only.

/// One token that matters here, with its line (counted from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword.
    Word(String),
    /// The content of a string literal, escapes as written.
    Text(String),
    /// `::`
    Path,
    /// Any other single character; numbers and character literals are left out.
    Sign(char),
}

impl Token {
    fn is(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    /// The identifier, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        if let Kind::Word(word) = &self.kind { Some(word) } else { None }
    }
}

/// All tokens of a source text. Broken source gives some tokens and never an error: the compiler is there to complain.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { chars: source.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    while reader.at < reader.chars.len() {
        reader.step();
    }
    reader.tokens
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn next(&mut self) -> char {
        let found = self.peek(0);
        self.at += 1;
        self.line += usize::from(found == '\n');
        found
    }

    fn push(&mut self, line: usize, kind: Kind) {
        self.tokens.push(Token { line, kind });
    }

    fn step(&mut self) {
        let line = self.line;
        match self.peek(0) {
            '/' if self.peek(1) == '/' => self.skip_while(|c| c != '\n'),
            '/' if self.peek(1) == '*' => self.skip_block_comment(),
            '"' => self.text(line),
            '\'' => self.quote(),
            ':' if self.peek(1) == ':' => {
                self.at += 2;
                self.push(line, Kind::Path);
            }
            c if c.is_ascii_digit() => self.skip_while(|c| c.is_alphanumeric() || c == '_'),
            c if c.is_alphabetic() || c == '_' => self.word_or_raw_text(line),
            c => {
                self.next();
                if !c.is_whitespace() {
                    self.push(line, Kind::Sign(c));
                }
            }
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.at < self.chars.len() && wanted(self.peek(0)) {
            self.next();
        }
    }

    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.next();
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                return;
            }
        }
    }

    fn text(&mut self, line: usize) {
        self.next();
        let mut content = String::new();
        while self.at < self.chars.len() {
            match self.next() {
                '"' => break,
                '\\' => {
                    content.push('\\');
                    content.push(self.next());
                }
                c => content.push(c),
            }
        }
        self.push(line, Kind::Text(content));
    }

    /// A character literal or a lifetime: both are of no interest, but a quote inside a literal would start a string.
    fn quote(&mut self) {
        self.next();
        if self.peek(0) == '\\' {
            self.at += 2;
            self.skip_while(|c| c != '\'');
            self.next();
        } else if self.peek(1) == '\'' {
            self.next();
            self.next();
        } else {
            self.skip_while(|c| c.is_alphanumeric() || c == '_');
        }
    }

    fn word_or_raw_text(&mut self, line: usize) {
        let start = self.at;
        self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let word: String = self.chars[start..self.at].iter().collect();
        let raw = matches!(word.as_str(), "r" | "br" | "cr");
        let hashes = (0..).take_while(|&ahead| self.peek(ahead) == '#').count();
        if raw && self.peek(hashes) == '"' {
            self.raw_text(line, hashes);
        } else if matches!(word.as_str(), "b" | "c") && self.peek(0) == '"' {
            self.text(line);
        } else if word == "b" && self.peek(0) == '\'' {
            self.quote();
        } else {
            self.push(line, Kind::Word(word));
        }
    }

    fn raw_text(&mut self, line: usize, hashes: usize) {
        self.at += hashes + 1;
        let mut content = String::new();
        while self.at < self.chars.len() {
            let ends = self.peek(0) == '"' && (1..=hashes).all(|ahead| self.peek(ahead) == '#');
            if ends {
                self.at += hashes + 1;
                break;
            }
            content.push(self.next());
        }
        self.push(line, Kind::Text(content));
    }
}

/// The tokens without every item under `#[cfg(test)]`.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_cfg_test(&tokens[at..]) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Whether `#[cfg(test)]`, or `#[cfg(all(test, …))]`, begins here.
fn is_cfg_test(tokens: &[Token]) -> bool {
    let [hash, open, cfg, paren, rest @ ..] = tokens else { return false };
    if !(hash.is('#') && open.is('[') && cfg.word() == Some("cfg") && paren.is('(')) {
        return false;
    }
    match rest {
        [first, ..] if first.word() == Some("test") => true,
        [all, paren, first, ..] => all.word() == Some("all") && paren.is('(') && first.word() == Some("test"),
        _ => false,
    }
}

/// The place after the item whose attributes begin at `at`: after its braces, or after its semicolon.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < tokens.len() {
        let token = &tokens[at];
        at += 1;
        match token.kind {
            Kind::Sign('{' | '[' | '(') => depth += 1,
            Kind::Sign('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            Kind::Sign(']' | ')') => depth = depth.saturating_sub(1),
            Kind::Sign(';') if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Every path in the code with its line: `use` trees are spread out (`use std::{fs, io::Read}` gives `std::fs` and
/// `std::io::Read`; a glob ends in `*`), and single identifiers count as paths of one part.
pub(crate) fn paths(tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].word() == Some("use") && tokens.get(at + 1).is_some_and(|next| !next.is('<')) {
            at = use_tree(tokens, at + 1, "", &mut found);
        } else if let Some(first) = tokens[at].word() {
            let line = tokens[at].line;
            let mut path = first.to_owned();
            at += 1;
            while let [Token { kind: Kind::Path, .. }, Token { kind: Kind::Word(word), .. }, ..] = &tokens[at..] {
                path = format!("{path}::{word}");
                at += 2;
            }
            found.push((line, path));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one `use` tree that starts at `at` under `prefix`, and returns the place after it.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let start = at;
    let mut path = prefix.to_owned();
    let line = tokens.get(at).map_or(0, |token| token.line);
    let append = |path: &mut String, part: &str| {
        if !path.is_empty() {
            path.push_str("::");
        }
        path.push_str(part);
    };
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Word(word) if word == "as" => at += 2,
            Kind::Word(word) if word == "self" && !path.is_empty() => at += 1,
            Kind::Word(word) => {
                append(&mut path, word);
                at += 1;
            }
            Kind::Path => at += 1,
            Kind::Sign('*') => {
                append(&mut path, "*");
                at += 1;
            }
            Kind::Sign('{') => {
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is('}')) {
                    let after = use_tree(tokens, at, &path, found);
                    // Broken source must not stop us on one spot.
                    let after = after.max(at + usize::from(after == at));
                    at = after + usize::from(tokens.get(after).is_some_and(|token| token.is(',')));
                }
                return at + 1;
            }
            _ => break,
        }
    }
    if at > start {
        found.push((line, path));
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_paths(source: &str) -> Vec<String> {
        paths(&without_tests(&tokens(source))).into_iter().map(|(_, path)| path).collect()
    }

    fn texts(source: &str) -> Vec<String> {
        tokens(source)
            .into_iter()
            .filter_map(|t| if let Kind::Text(text) = t.kind { Some(text) } else { None })
            .collect()
    }

    #[test]
    fn use_trees_are_spread_out() {
        let source = "use std::{fs, io::{self, Read as R}, time::*}; use a::b; fn f() { std::env::var(x::y) }";
        let expected =
            ["std::fs", "std::io", "std::io::Read", "std::time::*", "a::b", "fn", "f", "std::env::var", "x::y"];
        assert_eq!(all_paths(source), expected);
    }

    #[test]
    fn nothing_is_read_from_comments_strings_and_characters() {
        let source = "// std::fs\n/* std::env /* nested */ std::net */ let a = \"std::fs\"; let b = '\"'; let c = '\\''; fn d<'a>() {}";
        assert_eq!(all_paths(source), ["let", "a", "let", "b", "let", "c", "fn", "d"]);
    }

    #[test]
    fn every_kind_of_string_literal_is_read() {
        let source = "(\"a\\\"b\", r#\"c\"d\"#, b\"e\", br\"f\", r\"g\", c\"h\", b'\"', \"i\")";
        assert_eq!(texts(source), ["a\\\"b", "c\"d", "e", "f", "g", "h", "i"]);
    }

    #[test]
    fn items_for_tests_only_are_left_out() {
        let source = "fn a() {} #[cfg(test)] mod tests { use std::fs; fn t() { {} } } #[cfg(test)] use x::y; #[cfg(all(test, unix))] fn z() {} fn b() {}";
        assert_eq!(all_paths(source), ["fn", "a", "fn", "b"]);
    }

    #[test]
    fn a_use_tree_without_an_end_ends() {
        for source in ["use a::{b", "use a::{", "use", "use {{{", "use a::{b,,c};", "use a::{;};"] {
            let _ = all_paths(source);
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(paths(&tokens("\n/*\n*/ a\n\"\n\" b")), [(3, "a".to_owned()), (5, "b".to_owned())]);
    }
}
