//! IndexedDB: the schema, transactions that say when they are durable, requests as futures.

use js_sys::{Array, Object, Promise, Reflect};
use model::Id;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, IdbDatabase, IdbIndexParameters, IdbObjectStore, IdbObjectStoreParameters, IdbRequest, IdbTransaction,
};

/// The schema that this build reads and writes. A newer one is a new number, and a step in [`migrate`].
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// Edits that wait: keys are places, rows are [`super::rows::Waiting`].
pub(super) const QUEUE: &str = "queue";
/// Steps of undo, by project and id.
pub(super) const STEPS: &str = "steps";
/// Projects as they were at a place of their log, by id.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// What has been committed since, by project and first place.
pub(super) const COMMITS: &str = "commits";
/// When projects were opened, answers of the server.
pub(super) const META: &str = "meta";
/// The number of the tab that sends, by project (schema 2).
pub(super) const SENDERS: &str = "senders";
/// The queue's rows of one project.
pub(super) const BY_PROJECT: &str = "project";
/// The queue's row of one transaction.
pub(super) const BY_TRANSACTION: &str = "transaction";

/// The database, or what was asked of it, did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Whether there is no room left for this site.
    pub(crate) is_full: bool,
    /// What the browser says.
    pub(crate) message: String,
}

impl Failure {
    pub(super) fn of(error: &JsValue) -> Failure {
        let exception = error.dyn_ref::<DomException>();
        Failure {
            is_full: exception.is_some_and(|exception| exception.name() == "QuotaExceededError"),
            message: exception.map_or_else(|| format!("{error:?}"), DomException::message),
        }
    }

    fn new(message: &str) -> Failure {
        Failure { is_full: false, message: message.to_owned() }
    }
}

// `web-sys` has these only behind a flag of the compiler.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = IDBDatabase)]
    type Transactions;

    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn begin(this: &Transactions, stores: &Array, mode: &str, options: &Object) -> Result<IdbTransaction, JsValue>;
}

/// An open database of one user.
pub(super) struct Database(IdbDatabase);

impl Database {
    /// Opens the user's database, and brings it to this build's schema.
    pub(super) async fn open(user: &Id) -> Result<Database, Failure> {
        let window = web_sys::window().ok_or_else(|| Failure::new("no window"))?;
        let factory = window.indexed_db().map_err(|error| Failure::of(&error))?;
        let factory = factory.ok_or_else(|| Failure::new("this browser has no IndexedDB"))?;
        let request = factory.open_with_u32(&name(user), SCHEMA_VERSION).map_err(|error| Failure::of(&error))?;
        let upgrade = {
            let request = request.clone();
            Closure::once(move |event: web_sys::IdbVersionChangeEvent| {
                // What fails here makes the opening fail.
                let result = request.result().map(JsCast::unchecked_into::<IdbDatabase>);
                drop(result.and_then(|database| migrate(&database, event.old_version())));
            })
        };
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let database: IdbDatabase = wait(request.unchecked_ref::<IdbRequest>()).await?.unchecked_into();
        // Another tab brings the database to a newer schema: it must not have to wait for this one.
        let closing = {
            let database = database.clone();
            Closure::once_into_js(move || database.close())
        };
        database.set_onversionchange(Some(closing.unchecked_ref()));
        crate::shell::stores_have_migrated();
        Ok(Database(database))
    }

    /// A transaction that reads.
    pub(super) fn reading(&self, stores: &[&str]) -> Result<IdbTransaction, Failure> {
        self.begin(stores, "readonly", "default")
    }

    /// A transaction that writes; when it is `strict`, it is complete only once the disk has it.
    pub(super) fn writing(&self, stores: &[&str], strict: bool) -> Result<IdbTransaction, Failure> {
        self.begin(stores, "readwrite", if strict { "strict" } else { "relaxed" })
    }

    fn begin(&self, stores: &[&str], mode: &str, durability: &str) -> Result<IdbTransaction, Failure> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let options = object(&[("durability", JsValue::from_str(durability))]);
        let database: &Transactions = self.0.unchecked_ref();
        database.begin(&names, mode, &options).map_err(|error| Failure::of(&error))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn name(user: &Id) -> String {
    format!("unisono-{user}")
}

/// Brings a database from schema `from` to this build's; 0 is one that is new. Rows are carried over, never dropped.
fn migrate(database: &IdbDatabase, from: f64) -> Result<(), JsValue> {
    if from < 1.0 {
        let places = IdbObjectStoreParameters::new();
        places.set_auto_increment(true);
        let queue = database.create_object_store_with_optional_parameters(QUEUE, &places)?;
        queue.create_index_with_str(BY_PROJECT, "project")?;
        let unique = IdbIndexParameters::new();
        unique.set_unique(true);
        queue.create_index_with_str_and_optional_parameters(BY_TRANSACTION, "transaction", &unique)?;
        for name in [STEPS, SNAPSHOTS, COMMITS, META] {
            database.create_object_store(name)?;
        }
    }
    if from < 2.0 {
        database.create_object_store(SENDERS)?;
    }
    Ok(())
}

/// A plain object with these fields.
pub(super) fn object(fields: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A new object takes every field.
        let _ = Reflect::set(&object, &JsValue::from_str(name), value);
    }
    object
}

/// One of a transaction's stores.
pub(super) fn store(transaction: &IdbTransaction, name: &str) -> Result<IdbObjectStore, Failure> {
    transaction.object_store(name).map_err(|error| Failure::of(&error))
}

/// What a request gives.
pub(super) async fn wait(request: &IdbRequest) -> Result<JsValue, Failure> {
    let settled = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let settled = JsFuture::from(settled).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    match settled {
        Ok(_) => request.result().map_err(|error| Failure::of(&error)),
        Err(_) => Err(request_failure(request)),
    }
}

fn request_failure(request: &IdbRequest) -> Failure {
    match request.error() {
        Ok(Some(error)) => Failure::of(&error),
        _ => Failure::new("the browser's database failed"),
    }
}

/// Waits until a transaction is complete: then all of it is kept, else none of it is.
pub(super) async fn complete(transaction: &IdbTransaction) -> Result<(), Failure> {
    let settled = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    let settled = JsFuture::from(settled).await;
    transaction.set_oncomplete(None);
    transaction.set_onabort(None);
    match (settled, transaction.error()) {
        (Ok(_), _) => Ok(()),
        (Err(_), Some(error)) => Err(Failure::of(&error)),
        (Err(_), None) => Err(Failure::new("the browser's database gave up")),
    }
}
