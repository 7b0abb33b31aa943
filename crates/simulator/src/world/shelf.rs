//! A real store beside the model of the server's disk: it must always hold the same.

use std::fmt;

use model::{Id, Records};
use operations::{Commit, Operation};

use super::World;
use crate::checks::Failure;
use crate::disk::Entry;

/// An entry of the log, for a [`Shelf`].
#[derive(Clone, Debug)]
pub struct Shelved {
    /// The entry.
    pub commit: Commit,
    /// What undoes it.
    pub inverse: Vec<Operation>,
    /// Of what was sent.
    pub payload_hash: u64,
}

/// What a store holds of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Holds {
    /// Which log.
    pub epoch: Id,
    /// Its entries.
    pub commits: Vec<Commit>,
    /// The records after the last one.
    pub records: Records,
}

/// A real store, as the simulator needs it.
pub trait Shelf: fmt::Debug {
    /// Keeps entries after the first `seq` ones durably; `records` is what the last of them leaves.
    ///
    /// # Errors
    /// What the store says.
    fn append(&mut self, epoch: &Id, seq: u64, entries: &[Shelved], records: &Records) -> Result<(), String>;

    /// Closes the store without a word, opens it again, and reads all of it.
    ///
    /// # Errors
    /// What the store says.
    fn reopen(&mut self) -> Result<Holds, String>;

    /// Puts an empty store in its place.
    ///
    /// # Errors
    /// What the store says.
    fn begin_anew(&mut self) -> Result<(), String>;
}

impl World {
    /// A world whose server keeps its log on this shelf, too.
    ///
    /// # Errors
    /// What the shelf says.
    pub fn on_shelf(seed: u64, shelf: Box<dyn Shelf>) -> Result<World, Failure> {
        let mut world = World::new(seed, None, false);
        world.shelf = Some(shelf);
        world.shelve()?;
        Ok(world)
    }

    /// Keeps on the shelf what the disk has and it has not.
    pub(super) fn shelve(&mut self) -> Result<(), Failure> {
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let new = |entry: &Entry| Shelved {
            commit: entry.commit.clone(),
            inverse: entry.inverse.clone(),
            payload_hash: entry.payload_hash,
        };
        let log = self.server.disk.log();
        let entries: Vec<Shelved> = log[self.shelved..].iter().map(new).collect();
        if !entries.is_empty() {
            let (epoch, seq) = (&self.server.disk.epoch, self.shelved as u64);
            shelf.append(epoch, seq, &entries, self.server.told().records()).map_err(fails)?;
            self.shelved = log.len();
        }
        Ok(())
    }

    /// The server starts again: the shelf holds what the disk does.
    pub(super) fn check_shelf(&mut self) -> Result<(), Failure> {
        self.shelve()?;
        let Some(shelf) = &mut self.shelf else { return Ok(()) };
        let expected = Holds {
            epoch: self.server.disk.epoch.clone(),
            commits: self.server.disk.log().iter().map(|entry| entry.commit.clone()).collect(),
            records: self.server.told().records().clone(),
        };
        let found = shelf.reopen().map_err(fails)?;
        if found == expected {
            return Ok(());
        }
        let difference = crate::tab::difference(&expected.records, &found.records);
        let (epoch, entries) = (&found.epoch, found.commits.len());
        Err(fails(format!("{epoch} has {entries} entries of {}: {difference}", expected.commits.len())))
    }

    /// A backup takes the place of what was there.
    pub(super) fn shelve_anew(&mut self) -> Result<(), Failure> {
        if let Some(shelf) = &mut self.shelf {
            shelf.begin_anew().map_err(fails)?;
        }
        self.shelved = 0;
        self.check_shelf()
    }
}

fn fails(reason: impl fmt::Display) -> Failure {
    Failure::new("WR7", format!("the real store: {reason}"))
}
