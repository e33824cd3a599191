//! What an agent has to tell, on its disk until the stream has it: no gap of the network costs memory, and none of it a
//! message.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Messages in the order in which they were told. Clones are the same.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Mutex<Kept>,
    /// How many there are.
    told: watch::Sender<u64>,
    /// How many of them the stream has.
    delivered: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    /// Where each message begins, and where the next one will.
    starts: Vec<u64>,
}

impl Spool {
    /// An empty one in a file of its own.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let file = Mutex::new(Kept { file, starts: vec![0] });
        let (told, delivered) = (watch::Sender::new(0), watch::Sender::new(0));
        Ok(Self(Arc::new(Inner { file, told, delivered })))
    }

    /// Adds a message. When this returns it outlives the connection, though not the machine.
    pub fn append(&self, text: &[u8]) -> io::Result<()> {
        let mut kept = self.kept();
        let start = kept.starts.last().copied().unwrap_or(0);
        kept.file.seek(SeekFrom::Start(start))?;
        kept.file.write_all(text)?;
        kept.starts.push(start + text.len() as u64);
        let number = kept.starts.len() as u64 - 1;
        drop(kept);
        self.0.told.send_replace(number);
        Ok(())
    }

    /// A message by its number.
    pub fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut kept = self.kept();
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        let ends = place.checked_add(1).and_then(|next| kept.starts.get(next).copied());
        let (Some(start), Some(end)) = (kept.starts.get(place).copied(), ends) else {
            return Err(ErrorKind::UnexpectedEof.into());
        };
        let mut text = vec![0; usize::try_from(end - start).unwrap_or(0)];
        kept.file.seek(SeekFrom::Start(start))?;
        kept.file.read_exact(&mut text)?;
        Ok(text)
    }

    /// How many there are.
    pub fn told(&self) -> u64 {
        *self.0.told.borrow()
    }

    /// How many of them the stream has.
    pub fn delivered(&self) -> u64 {
        *self.0.delivered.borrow()
    }

    /// The stream has so many, or no more than so many any longer.
    pub(super) fn note_delivered(&self, number: u64) {
        self.0.delivered.send_replace(number);
    }

    /// Until there is a message of this number.
    pub(super) async fn has(&self, number: u64) {
        // The sender lives as long as this.
        let _ = self.0.told.subscribe().wait_for(|told| *told > number).await;
    }

    /// Until the stream has all that there is.
    pub async fn all_delivered(&self) {
        let told = self.told();
        let _ = self.0.delivered.subscribe().wait_for(|delivered| *delivered >= told).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn what_is_told_is_read_by_its_number(texts in prop::collection::vec(".{0,40}", 0..20)) {
            let home = tempfile::tempdir().unwrap();
            let spool = Spool::create(&home.path().join("spool")).unwrap();
            for (number, text) in texts.iter().enumerate() {
                spool.append(text.as_bytes()).unwrap();
                // Reading between two does not disturb what is added.
                let early = spool.read(number as u64 / 2).unwrap();
                prop_assert_eq!(early, texts[number / 2].as_bytes());
            }
            for (number, text) in texts.iter().enumerate() {
                prop_assert_eq!(spool.read(number as u64).unwrap(), text.as_bytes());
            }
            prop_assert_eq!(spool.told(), texts.len() as u64);
            prop_assert!(spool.read(texts.len() as u64).is_err() && spool.read(u64::MAX).is_err());
        }
    }

    #[tokio::test]
    async fn one_waits_for_what_is_to_come_and_for_what_is_delivered() {
        let home = tempfile::tempdir().unwrap();
        let spool = Spool::create(&home.path().join("spool")).unwrap();
        let (adding, delivering) = (spool.clone(), spool.clone());
        let add = async move { adding.append(b"x").unwrap() };
        tokio::join!(spool.has(0), add);
        let deliver = async move { delivering.note_delivered(1) };
        tokio::join!(spool.all_delivered(), deliver);
        assert_eq!(spool.delivered(), 1);
    }
}
