//! What the operations do natively, written down: `e2e/guide/same_in_wasm.test.ts` asks the same of the WASM (OP1).
//!
//! `UPDATE_CORPUS=1 cargo test -p operations_js --test corpus` writes the file anew.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use operations_js::text;
use serde_json::{Value, json};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus.json");
const CASES: usize = 300;

/// The minimal standard generator (Park and Miller, "Random number generators: good ones are hard to find", 1988).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        usize::try_from(self.0).unwrap() % bound
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    fn value(&mut self, depth: usize) -> Value {
        let numbers =
            [0.1 + 0.2, 1.0 / 3.0, 1e21, 5e-324, 1.797_693_134_862_315_7e308, -0.0, 9_007_199_254_740_993.0, 63.5];
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => json!(self.pick(&numbers)),
            3 => json!(self.below(1_000)),
            4 => json!(self.pick(&["", "u", "v", "é", "\u{1f3b5}", "\u{2028}", "constructor", "1"])),
            5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            6 => self.element(depth - 1),
            _ => {
                let names = ["b", "a", "10", "9", "é", "x"];
                let fields = (0..self.below(4)).map(|_| (self.pick(&names).to_owned(), self.value(depth - 1)));
                Value::Object(fields.collect())
            }
        }
    }

    fn element(&mut self, depth: usize) -> Value {
        json!({"n": self.value(depth), "id": self.pick(&["e1", "e2", "e3", "e4"])})
    }

    fn record(&mut self) -> Value {
        let keyed: Vec<Value> = ["e1", "e2", "e3"].iter().map(|id| json!({"id": id, "n": self.value(1)})).collect();
        json!({
            "id": "r", "version": 1 + self.below(9), "list": ["u", "v", "u"], "set": [1, "u", {"b": 1, "a": 2}],
            "keyed": keyed, "a": self.value(3), "b": null, "m": {"x": {"y": self.value(2)}},
        })
    }

    fn operation(&mut self) -> Value {
        let keys = [
            "a",
            "b",
            "new",
            "a.x",
            "m.x.y",
            "m.x.new.deep",
            "list",
            "set",
            "keyed",
            "keyed.e1",
            "keyed.e2.n",
            "keyed.e9.n",
            "list.0",
            "version",
            "id",
            "",
            "a..b",
            "m.__proto__",
        ];
        let mut operation = json!({"table": "tracks", "id": "r", "key": self.pick(&keys)});
        let kind = self.pick(&["set", "set", "set-now", "unset", "listInsert", "listInsert", "listRemove", "explode"]);
        operation["type"] = json!(kind);
        let near_lists = kind.starts_with("list") && self.below(3) > 0;
        if near_lists {
            operation["key"] = json!(self.pick(&["list", "set", "keyed"]));
        }
        let mut some = |depth| match self.below(3) {
            0 => self.element(depth),
            1 => json!(self.pick(&["u", "v", "w"])),
            _ => self.value(depth),
        };
        operation["value"] = some(2);
        let anchor = some(1);
        operation["position"] = match self.below(4) {
            0 => json!("prepend"),
            1 => json!("append"),
            2 => json!({"before": anchor}),
            _ => json!({"after": anchor}),
        };
        operation
    }
}

fn case(chance: &mut Chance) -> Value {
    let (record, operation, now) = (chance.record(), chance.operation(), 1_795_470_240_000_u64);
    let mut case = json!({"record": record, "operation": operation, "now": now});
    let parsed = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    match text::apply(&record.to_string(), &operation.to_string(), now as f64) {
        Ok(after) => {
            case["after"] = parsed(after);
            case["inverse"] = parsed(text::invert(&record.to_string(), &operation.to_string()).unwrap());
        }
        Err(refusal) => case["refusal"] = json!(refusal),
    }
    case
}

#[test]
fn op1_the_corpus_says_what_the_operations_do_natively() {
    let mut chance = Chance(20_261_123);
    let cases: Vec<String> = (0..CASES).map(|_| case(&mut chance).to_string()).collect();
    let refused = cases.iter().filter(|case| case.contains("\"refusal\":")).count();
    assert!((CASES / 6..CASES * 5 / 6).contains(&refused), "{refused} of {CASES} are refused");
    let corpus = format!("[\n{}\n]\n", cases.join(",\n"));
    if std::env::var_os("UPDATE_CORPUS").is_some() {
        std::fs::write(CORPUS, &corpus).unwrap();
    }
    assert!(std::fs::read_to_string(CORPUS).unwrap() == corpus, "corpus.json is old: see the head of this file");
}
