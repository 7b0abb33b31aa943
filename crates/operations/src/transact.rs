//! From what a client asks to what the log carries: check, fill in, permit, apply, invert (WR1-WR5).
//!
//! The room and every replica run this same function: what the browser shows at once is what the server will commit.

use std::sync::Arc;

use model::limits::{
    PROJECT_BYTES_MAX, PROJECT_CHANGES_MAX, PROJECT_MEMBERS_MAX, PROJECT_RECORDS_MAX, PROJECT_TIDYING_BYTES,
    PROJECT_TRACKS_MAX, RECORD_BYTES_MAX, STAMPS_PER_RECORD_MAX, TRANSACTION_OPERATIONS_MAX,
};
use model::roles::{has_owner, may_change, role_of};
use model::schema::{Field, Kind, Presence, TableSchema, Writer};
use model::{
    Id, Key, Map, Record, Records, Role, Table, Timestamp, Value, check_devices, check_field, kind_at, normalise,
    normalise_element,
};

use crate::apply::{Changed, apply_one};
use crate::invert::invert_to;
use crate::order::{is_too_long, is_too_long_to_write, key_at_rank, last_key, rank, rank_of_key, spread};
use crate::{Change, Operation, Path, Refusal, Transaction, collaborators, invert, routing};

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// A person, within their role.
    User(Id),
    /// The server itself: it may write what no client may, everywhere.
    System,
}

impl Author {
    /// The id that stands in the log.
    #[must_use]
    pub fn id(&self) -> Id {
        match self {
            Author::User(id) => id.clone(),
            Author::System => Id::system(),
        }
    }
}

/// What a transaction may touch (WR4): one project, or one's own user record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The records of this project.
    Project(Id),
    /// The record of this user.
    User(Id),
}

/// A transaction that may be committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What the log carries: complete, so that [`crate::apply_committed`] needs nothing else.
    pub operations: Vec<Operation>,
    /// The operations of the transaction that undoes it. What the room derives by itself is not among them: it will be
    /// derived anew.
    pub inverse: Vec<Operation>,
    /// The records that changed, each once.
    pub changed: Vec<Key>,
    /// Operations that were left out, since somebody else has written there since (UN3).
    pub skipped: Vec<Operation>,
}

/// Checks a transaction against `records` and applies it to them.
///
/// # Errors
/// 400, 403 or 409 with a reason; `records` is then unchanged.
pub fn transact(
    records: &mut Records,
    scope: &Scope,
    author: &Author,
    transaction: &Transaction,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    if transaction.author_id != author.id() {
        return Err(Refusal::forbidden());
    }
    let count = transaction.operations.len();
    if count == 0 || count > TRANSACTION_OPERATIONS_MAX {
        return Err(Refusal::invalid(format!(
            "a transaction has 1 to {TRANSACTION_OPERATIONS_MAX} operations, not {count}"
        )));
    }
    let role = role_in(records, author);
    let founding = records.project().is_none();
    // Before anything is looked at: the other answers would tell a stranger what there is (PE2).
    if role.is_none() && !founding && matches!((author, scope), (Author::User(_), Scope::Project(_))) {
        return Err(Refusal::forbidden());
    }
    check_base_versions(records, transaction)?;
    let mut run = Run {
        records,
        before: Vec::with_capacity(count),
        scope,
        author,
        role,
        tx_id: &transaction.tx_id,
        now,
        done: Vec::with_capacity(count),
        inverse: Vec::with_capacity(count),
        changed: Changed::default(),
        skipped: Vec::new(),
        routed: Vec::new(),
        master_routed: false,
    };
    let judged = run.all(&transaction.operations);
    if judged.is_err() {
        run.take_back();
    }
    judged.map(|()| run.accepted())
}

/// What the author may do in the project; the server itself needs no role.
fn role_in(records: &Records, author: &Author) -> Option<Role> {
    match author {
        Author::User(user) => role_of(records, user),
        Author::System => None,
    }
}

fn check_base_versions(records: &Records, transaction: &Transaction) -> Result<(), Refusal> {
    let mut conflicts = Vec::new();
    for (name, version) in &transaction.base_versions {
        let key =
            name.split_once(':').and_then(|(table, id)| Some(Key::new(Table::from_name(table)?, Id::new(id).ok()?)));
        let key = key.ok_or_else(|| Refusal::invalid("baseVersions: a name is table:id"))?;
        if records.get(&key).map_or(0, Record::version) != *version {
            conflicts.push(key);
        }
    }
    if conflicts.is_empty() { Ok(()) } else { Err(Refusal::conflict(conflicts)) }
}

/// A transaction under way.
struct Run<'a> {
    records: &'a mut Records,
    /// The records that were changed as they were before each change: none were new. What is refused is taken back, which is
    /// rare; a copy of all records would have to be parted from them at every edit.
    before: Vec<(Key, Option<Record>)>,
    scope: &'a Scope,
    author: &'a Author,
    /// The author's role as the operations so far have left it: each one is judged by the roles before it.
    role: Option<Role>,
    tx_id: &'a Id,
    now: Timestamp,
    done: Vec<Operation>,
    inverse: Vec<Operation>,
    changed: Changed,
    skipped: Vec<Operation>,
    /// Tracks that may go elsewhere now.
    routed: Vec<Id>,
    /// Whether the master may listen to something else now.
    master_routed: bool,
}

impl Run<'_> {
    fn all(&mut self, operations: &[Operation]) -> Result<(), Refusal> {
        for (index, operation) in operations.iter().enumerate() {
            self.operation(operation, index).map_err(|refusal| refusal.about(&operation.target))?;
        }
        self.settle()
    }

    /// The records are as if nothing had been tried.
    fn take_back(&mut self) {
        for (key, before) in self.before.drain(..).rev() {
            match before {
                Some(record) => self.records.insert(key.table, record),
                None => self.records.take_out(&key),
            }
        }
    }

    fn operation(&mut self, operation: &Operation, index: usize) -> Result<(), Refusal> {
        let in_scope = match self.scope {
            Scope::Project(_) => operation.target.table != Table::Users,
            Scope::User(user) => operation.target.table == Table::Users && operation.target.id == *user,
        };
        if !in_scope {
            return Err(Refusal::invalid("a transaction touches one project, or only your own user record"));
        }
        check_guard(operation)?;
        if !self.guard_holds(operation) {
            self.skipped.push(operation.clone());
            return Ok(());
        }
        let (mut count, tx_id) = (0, self.tx_id);
        let mut new_id = || {
            count += 1;
            Id::new(&format!("{tx_id}-{index}-{}", count - 1)).ok()
        };
        let by = (self.author, self.role);
        match collaborators::memberships(self.records, by, operation, &mut new_id)? {
            Some(memberships) => memberships.iter().try_for_each(|operation| self.one(operation, &mut new_id)),
            None => self.one(operation, &mut new_id),
        }
    }

    fn one(&mut self, operation: &Operation, new_id: &mut dyn FnMut() -> Option<Id>) -> Result<(), Refusal> {
        if operation.is_creation() { self.create(operation, new_id) } else { self.change(operation, new_id) }
    }

    /// Whether nobody has written there whom the operation does not know of (UN3).
    fn guard_holds(&self, operation: &Operation) -> bool {
        match (&operation.guard, self.records.get(&operation.target)) {
            (Some(guard), Some(record)) => record.stamps().writers(&operation.writes()) == guard.finds,
            // What is not there is refused as ever.
            _ => true,
        }
    }

    /// OP4: `set` with an empty key and a whole record.
    fn create(&mut self, operation: &Operation, new_id: &mut dyn FnMut() -> Option<Id>) -> Result<(), Refusal> {
        let Change::Set(value) = &operation.change else { return Err(Refusal::invalid("a creation is a set")) };
        if operation.guard.is_some() {
            return Err(Refusal::invalid("a new record has no guard"));
        }
        let key = &operation.target;
        let given = value.as_map().ok_or_else(|| Refusal::invalid("a new record is an object"))?;
        if given.get("id").and_then(Value::as_str) != Some(key.id.as_str()) {
            return Err(Refusal::invalid("id: a new record's id is the operation's"));
        }
        if self.records.get(key).is_some() {
            return Err(Refusal::invalid("the record exists already"));
        }
        let mut stated = TableSchema::of(key.table).fields.iter().filter(|it| matches!(it.presence, Presence::Stated));
        if let Some(field) = stated.find(|field| !given.contains_key(field.name)) {
            return Err(Refusal::invalid(format!("{}: it must be given, if only as null", field.name)));
        }
        self.check_room_for(key.table)?;
        let fields = self.complete(key, given, new_id)?;
        let path = Path::default();
        self.step(Operation { target: key.clone(), path, change: Change::Set(Value::from(fields)), guard: None })?;
        if key.table == Table::Projects { self.add_first_owner(&key.id) } else { Ok(()) }
    }

    /// Orders and roles are looked for in all tracks and members, places in all changes of tempo and metre, so there are fewer of
    /// those than of clips.
    fn check_room_for(&self, table: Table) -> Result<(), Refusal> {
        let (count, max, what) = match table {
            Table::Tracks => (self.records.table(table).count(), PROJECT_TRACKS_MAX, "tracks"),
            Table::ProjectMembers => (self.records.table(table).count(), PROJECT_MEMBERS_MAX, "members"),
            Table::TempoChanges => (self.records.table(table).count(), PROJECT_CHANGES_MAX, "changes of tempo"),
            Table::TimeSignatures => (self.records.table(table).count(), PROJECT_CHANGES_MAX, "changes of metre"),
            _ => (self.records.len(), PROJECT_RECORDS_MAX, "records"),
        };
        if count < max && self.records.len() < PROJECT_RECORDS_MAX {
            return Ok(());
        }
        Err(Refusal::invalid(format!("a project has at most {max} {what}, deleted ones included")))
    }

    /// The fields of a new record: what the client may give, defaults, and what the server knows.
    fn complete(&mut self, key: &Key, given: &Map, new_id: &mut dyn FnMut() -> Option<Id>) -> Result<Map, Refusal> {
        let schema = TableSchema::of(key.table);
        let mut fields = Map::new();
        for (name, value) in given {
            if matches!(&**name, "id" | "version") {
                continue;
            }
            let Some(field) = schema.field(name) else {
                return Err(Refusal::invalid(format!("{name}: there is no such field")));
            };
            if (field.writer != Writer::Server || *self.author == Author::System) && !value.is_null() {
                fields.insert(Arc::clone(name), normalise(field.kind, value.clone(), new_id));
            }
        }
        let index = fields.get("orderIndex").and_then(rank);
        let mut fields = schema.with_defaults(fields);
        let now = Value::text(&self.now.to_string());
        let mut put = |name: &str, value: Value| drop(fields.insert(Arc::from(name), value));
        put("createdAt", now.clone());
        put("updatedAt", now);
        match key.table {
            Table::Projects => put("createdBy", Value::from(&self.author.id())),
            Table::AudioFiles => put("uploadedBy", Value::from(&self.author.id())),
            Table::Versions => {
                put("txId", Value::from(self.tx_id));
                put("createdBy", Value::from(&self.author.id()));
            }
            Table::Clips | Table::Automation => {
                if let Scope::Project(project) = self.scope {
                    put("projectId", Value::from(project));
                }
            }
            Table::Tracks => {
                let wanted = given.get("orderKey").filter(|value| !value.is_null());
                let order = self.place_of_new(&key.id, wanted, index)?;
                if let Some(order) = order {
                    put("orderKey", Value::text(&order));
                }
            }
            _ => {}
        }
        Ok(fields)
    }

    /// The order key of a new track, unless it brings its own.
    fn place_of_new(
        &mut self,
        id: &Id,
        wanted: Option<&Value>,
        index: Option<usize>,
    ) -> Result<Option<String>, Refusal> {
        let index = match wanted {
            Some(Value::String(order)) if is_too_long_to_write(order) => Some(rank_of_key(self.records, id, order)),
            Some(_) => return Ok(None),
            None => index,
        };
        match index {
            Some(index) => self.order_key(|records| key_at_rank(records, id, index)),
            None => self.order_key(last_key),
        }
    }

    /// The order key that `find` finds. Where tracks were put between the same two again and again it has become too long to be
    /// one: then all tracks get keys with room between them first (U5).
    fn order_key(&mut self, find: impl Fn(&Records) -> Option<String>) -> Result<Option<String>, Refusal> {
        let found = find(self.records);
        if !found.as_deref().is_some_and(is_too_long) {
            return Ok(found);
        }
        self.check_may_order()?;
        for (track, key) in spread(self.records) {
            let operation = crate::build::set(Table::Tracks, &track, "orderKey", key.as_str());
            let before = self.records.get(&operation.target).cloned();
            apply_one(self.records, self.tx_id, &operation, self.now)?;
            // The order is as it was: there is nothing to undo.
            self.before.push((operation.target.clone(), before));
            self.changed.add(&operation.target);
            self.done.push(operation);
        }
        Ok(find(self.records))
    }

    /// Before all tracks are set, and not after: who may not is to cost nothing.
    fn check_may_order(&self) -> Result<(), Refusal> {
        let Author::User(user) = self.author else { return Ok(()) };
        let may = |track| may_change(self.role, user, Table::Tracks, Some(track), track);
        let may = self.records.table(Table::Tracks).next().is_none_or(may);
        if may { Ok(()) } else { Err(Refusal::forbidden()) }
    }

    /// Whoever creates a project owns it, in the same transaction (OP4).
    fn add_first_owner(&mut self, project: &Id) -> Result<(), Refusal> {
        let now = Value::text(&self.now.to_string());
        let fields = model::fields([
            ("projectId", Value::from(project)),
            ("userId", Value::from(&self.author.id())),
            ("role", "owner".into()),
            ("createdAt", now.clone()),
            ("updatedAt", now),
        ]);
        let target = Key::new(Table::ProjectMembers, project.clone());
        let inverses = self.inverse.len();
        self.step(Operation { target, path: Path::default(), change: Change::Set(Value::from(fields)), guard: None })?;
        // A project that was created is undone by deleting it; its owner stays, and can bring it back.
        self.inverse.truncate(inverses);
        Ok(())
    }

    fn change(&mut self, operation: &Operation, new_id: &mut dyn FnMut() -> Option<Id>) -> Result<(), Refusal> {
        let key = &operation.target;
        if self.records.get(key).is_none() {
            return Err(Refusal::invalid("the record does not exist"));
        }
        let segments = operation.path.segments();
        let Some(name) = segments.first() else {
            return Err(Refusal::invalid(format!("{} needs a key", operation.type_name())));
        };
        let field = writable(key.table, name, self.author)?;
        let kind = kind_at(field.kind, &segments[1..])
            .ok_or_else(|| Refusal::invalid(format!("{}: there is no such field", operation.path)))?;
        let change = rewritten(&operation.change, kind, self.now, new_id);
        if matches!(change, Change::Unset)
            && !matches!(field.presence, Presence::Nullable | Presence::Stated)
            && segments.len() == 1
        {
            return Err(Refusal::invalid(format!("{name}: it must not be missing")));
        }
        let index = match (&change, *name, &operation.guard) {
            // What takes a move back carries the old key itself.
            (Change::Set(value), "orderIndex", None) => rank(value),
            (Change::Set(Value::String(order)), "orderKey", _)
                if key.table == Table::Tracks && is_too_long_to_write(order) =>
            {
                Some(rank_of_key(self.records, &key.id, order))
            }
            _ => None,
        };
        // The key first: the inverse then ends with the old key, whatever rank the old index asks for.
        if let Some(index) = index
            && let Some(order) = self.order_key(|records| key_at_rank(records, &key.id, index))?
        {
            let placed = crate::build::set(key.table, &key.id, "orderKey", order.as_str());
            if *name == "orderKey" {
                return self.step(Operation { guard: operation.guard.clone(), ..placed });
            }
            self.step(placed)?;
        }
        self.step(Operation {
            target: key.clone(),
            path: operation.path.clone(),
            change,
            guard: operation.guard.clone(),
        })
    }

    /// Applies one complete operation, and checks the record after it.
    fn step(&mut self, operation: Operation) -> Result<(), Refusal> {
        let key = operation.target.clone();
        let (before, weight) = (self.records.get(&key).cloned(), self.records.weight());
        apply_one(self.records, self.tx_id, &operation, self.now)?;
        self.before.push((key.clone(), before.clone()));
        // What makes a full project smaller is welcome, and what the server has measured has to be said.
        let grows = self.records.weight() > weight && *self.author != Author::System;
        if grows && self.records.weight() > bytes_max(&operation) {
            return Err(Refusal::invalid(format!("a project has at most {PROJECT_BYTES_MAX} bytes")));
        }
        let after = self.records.get(&key).ok_or_else(|| Refusal::invalid("the record does not exist"))?;
        check_record(before.as_ref(), after, &operation)?;
        self.check_permission(before.as_ref(), after, &key)?;
        self.check_references(after, &key, &operation.path)?;
        match key.table {
            Table::Tracks if routing::concerns(&operation.path) => self.routed.push(key.id.clone()),
            Table::Projects => self.master_routed |= routing::concerns(&operation.path),
            _ => {}
        }
        self.inverse.extend(match &before {
            Some(before) => invert_to(before, after.stamps(), &operation),
            None => invert(None, self.tx_id, &operation),
        });
        self.done.push(operation);
        self.changed.add(&key);
        if key.table == Table::ProjectMembers {
            self.role = role_in(self.records, self.author);
        }
        Ok(())
    }

    fn check_permission(&self, before: Option<&Record>, after: &Record, key: &Key) -> Result<(), Refusal> {
        let Author::User(user) = self.author else { return Ok(()) };
        let founding = match key.table {
            Table::Projects => before.is_none(),
            // The first membership comes with the project itself.
            Table::ProjectMembers => {
                before.is_none()
                    && self.done.last().is_some_and(|op| {
                        op.target.id == key.id && op.target.table == Table::Projects && op.is_creation()
                    })
            }
            Table::Users => return if key.id == *user { Ok(()) } else { Err(Refusal::forbidden()) },
            _ => false,
        };
        if founding || may_change(self.role, user, key.table, before, after) {
            Ok(())
        } else {
            Err(Refusal::forbidden())
        }
    }

    /// References lead to records of this project; a deleted one satisfies them (WR2).
    fn check_references(&self, after: &Record, key: &Key, path: &Path) -> Result<(), Refusal> {
        let segments = path.segments();
        let touched = |field: &&Field| segments.first().is_none_or(|first| *first == field.name);
        for field in TableSchema::of(key.table).fields.iter().filter(touched) {
            let (Kind::Reference(table), Some(id)) = (field.kind, after.id_in(field.name)) else { continue };
            if table != Table::Users && self.records.find(table, &id).is_none() {
                return Err(Refusal::invalid(format!(
                    "{}: there is no such record in {table} of this project",
                    field.name
                )));
            }
        }
        if let (Table::Projects, Scope::Project(project)) = (key.table, self.scope)
            && key.id != *project
        {
            return Err(Refusal::invalid("a transaction touches one project"));
        }
        Ok(())
    }

    /// What can only be judged once all operations are done.
    fn settle(&mut self) -> Result<(), Refusal> {
        if self.done.is_empty() && !self.skipped.is_empty() {
            return Err(Refusal::overtaken(self.skipped.iter().map(|operation| &operation.target)));
        }
        if self.changed.in_order.iter().any(|key| key.table == Table::ProjectMembers) {
            self.settle_members()?;
        }
        // The whole is looked at, so that a transaction may turn ways around whatever the order of its operations.
        routing::check(self.records, &self.routed)?;
        if self.master_routed { routing::check_master(self.records) } else { Ok(()) }
    }

    fn accepted(mut self) -> Accepted {
        self.inverse.reverse();
        let (operations, inverse, changed) = (self.done, self.inverse, self.changed.in_order);
        Accepted { operations, inverse, changed, skipped: self.skipped }
    }

    /// One membership a person, never without an owner, and `collaborators` says who they are (PE1, PE3).
    fn settle_members(&mut self) -> Result<(), Refusal> {
        if !has_owner(self.records) {
            return Err(Refusal::invalid("a project keeps at least one owner"));
        }
        let mut users: Vec<Id> = self
            .records
            .table(Table::ProjectMembers)
            .filter(|m| !m.is_deleted())
            .filter_map(|m| m.id_in("userId"))
            .collect();
        model::sort_by(&mut users, Id::cmp);
        if users.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::invalid("this person is a member already"));
        }
        let Some(project) = self.records.project().cloned() else { return Ok(()) };
        let others = users.iter().filter(|user| project.text("createdBy") != Some(user.as_str()));
        let collaborators = Value::list(others.map(Value::from));
        if *project.get("collaborators") == collaborators {
            return Ok(());
        }
        let operation = crate::build::set(Table::Projects, project.id(), "collaborators", collaborators);
        let before = self.records.get(&operation.target).cloned();
        apply_one(self.records, self.tx_id, &operation, self.now)?;
        self.before.push((operation.target.clone(), before));
        self.changed.add(&operation.target);
        self.done.push(operation);
        Ok(())
    }
}

/// What a guard names are places of a record.
fn check_guard(operation: &Operation) -> Result<(), Refusal> {
    let Some(guard) = &operation.guard else { return Ok(()) };
    if guard.finds.len().max(guard.leaves.len()) > STAMPS_PER_RECORD_MAX {
        return Err(Refusal::invalid(format!("a guard names at most {STAMPS_PER_RECORD_MAX} places")));
    }
    guard.leaves.keys().try_for_each(|rest| Path::new(rest).map(drop))
}

/// The top-level field, when this author may write it (WR1).
fn writable(table: Table, name: &str, author: &Author) -> Result<&'static Field, Refusal> {
    let Some(field) = TableSchema::of(table).field(name) else {
        let owned = matches!(name, "id" | "version");
        let reason = if owned { "only the server writes it" } else { "there is no such field" };
        return Err(Refusal::invalid(format!("{name}: {reason}")));
    };
    match (field.writer, author) {
        (Writer::Client, _) | (_, Author::System) => Ok(field),
        (Writer::Creation, _) => Err(Refusal::invalid(format!("{name}: it is fixed once the record exists"))),
        (Writer::Server, _) => Err(Refusal::invalid(format!("{name}: only the server writes it"))),
    }
}

/// The change as the log carries it: times written out, units rounded, ids of new elements given.
fn rewritten(change: &Change, kind: Kind, now: Timestamp, new_id: &mut dyn FnMut() -> Option<Id>) -> Change {
    match change {
        Change::Set(value) => Change::Set(normalise(kind, value.clone(), new_id)),
        Change::SetNow => Change::Set(Value::text(&now.to_string())),
        Change::ListInsert(value, position) => {
            let value = match kind {
                Kind::Elements(fields) => normalise_element(fields, value.clone(), new_id),
                _ => value.clone(),
            };
            Change::ListInsert(value, position.clone())
        }
        other => other.clone(),
    }
}

/// Bytes that a project may have after this operation. That somebody has taken something out is noted, which may take more than
/// it gives: a full project could not be emptied.
fn bytes_max(operation: &Operation) -> usize {
    let tidies = match operation.change {
        Change::ListRemove(_) | Change::Unset => true,
        Change::Set(_) | Change::SetNow => operation.path.as_str() == "deleted",
        Change::ListInsert(..) => false,
    };
    PROJECT_BYTES_MAX + if tidies { PROJECT_TIDYING_BYTES } else { 0 }
}

/// WR2: the record after the operation, as far as it changed.
fn check_record(before: Option<&Record>, after: &Record, operation: &Operation) -> Result<(), Refusal> {
    let schema = TableSchema::of(operation.target.table);
    let invalid = |invalid: model::Invalid| Refusal::invalid(invalid.to_string());
    let segments = operation.path.segments();
    match (segments.split_first(), before) {
        (Some((name, rest)), Some(before)) => {
            let field =
                schema.field(name).ok_or_else(|| Refusal::invalid(format!("{name}: there is no such field")))?;
            if let Some(touched) = touched(field, rest, &operation.change) {
                // What the operation had to bring about is looked at whole.
                let path = if before.get(name).is_null() { &[] } else { &*touched };
                check_field(field, after.get(name), path).map_err(invalid)?;
                let whole: Vec<&str> = core::iter::once(*name).chain(path.iter().copied()).collect();
                check_devices(operation.target.table, after, &whole).map_err(invalid)?;
            }
        }
        _ => {
            let mut fields = schema.fields.iter();
            fields.try_for_each(|field| check_field(field, after.get(field.name), &[])).map_err(invalid)?;
            check_devices(operation.target.table, after, &[]).map_err(invalid)?;
        }
    }
    if after.weight() > RECORD_BYTES_MAX {
        return Err(Refusal::invalid(format!("a record has at most {RECORD_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// The path, inside a field, of what a change touched. Of a keyed list that is the element that was put in, and nothing when
/// one was taken out: the cost does not grow with the list (OP7).
fn touched<'a>(field: &Field, path: &[&'a str], change: &'a Change) -> Option<Vec<&'a str>> {
    let mut touched = path.to_vec();
    if matches!(kind_at(field.kind, path), Some(Kind::Elements(_))) {
        match change {
            Change::ListInsert(element, _) => touched.extend(element.get("id").and_then(Value::as_str)),
            Change::ListRemove(_) => return None,
            Change::Set(_) | Change::SetNow | Change::Unset => {}
        }
    }
    Some(touched)
}
