//! Who sends: a number for each project that rises when a tab takes the sending over. One that was silent, and has not heard
//! that another sends in its place now, sees it here before it sends or changes anything (CL4).

use model::Id;
use wasm_bindgen::JsValue;
use web_sys::IdbTransaction;

use super::database::{self, Failure, QUEUE, SENDERS, STEPS};
use super::write::{number, place};
use super::{Loaded, Rows, Store};

impl Store {
    /// Takes the sending of `project` over and reads what waits, both in one transaction: whoever sent before cannot change
    /// any of it afterwards. The number under which this tab sends now, and what there is; none when the browser could not.
    pub(crate) async fn take_over(&self, project: &Id) -> Option<(u64, Loaded)> {
        let database = self.0.database.as_ref()?;
        let transaction = database.writing(&[SENDERS, QUEUE, STEPS], false).ok()?;
        let own = number_in(&transaction, project).await.ok()? + 1;
        let senders = transaction.object_store(SENDERS).ok()?;
        senders.put_with_key(&number(own), &JsValue::from_str(project.as_str())).ok()?;
        let rows = Rows::ask(&transaction, project)?;
        database::complete(&transaction).await.ok()?;
        Some((own, self.noted(rows.loaded())))
    }

    /// The number under which `project` is sent now; none when the browser does not say.
    pub(crate) async fn sender(&self, project: &Id) -> Option<u64> {
        let transaction = self.0.database.as_ref()?.reading(&[SENDERS]).ok()?;
        number_in(&transaction, project).await.ok()
    }
}

/// The same, inside a transaction; 0 when nobody has sent yet.
pub(super) async fn number_in(transaction: &IdbTransaction, project: &Id) -> Result<u64, Failure> {
    let senders = database::store(transaction, SENDERS)?;
    let asked = senders.get(&JsValue::from_str(project.as_str())).map_err(|error| Failure::of(&error))?;
    Ok(place(&database::wait(&asked).await?).unwrap_or(0))
}
