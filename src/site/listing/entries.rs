//! The entries of a listing, in little memory: one record after the other, and their order.
//! All of it is leased before it is taken.

use std::io;

use crate::http::lease::Lease;

use super::row::{Entry, SIZE_UNKNOWN};

/// The entries of a folder.
#[derive(Debug)]
pub(in crate::site) struct Entries {
    /// Of each entry a head of eight bytes, its name and its size. The head is a number: from its
    /// lowest byte on the length of the name in two bytes, the flags, and the date in five.
    records: Vec<u8>,
    /// Where each record begins, in the order of the listing.
    places: Vec<u32>,
    totals: Totals,
    lease: Box<dyn Lease>,
}

/// What all entries come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) folders: usize,
    pub(super) files: usize,
    /// Of those files whose size is known.
    pub(super) bytes: u64,
}

/// An entry while it is sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct SortKey {
    /// What decides between most entries.
    pub(super) key: u64,
    pub(super) place: u32,
    pub(super) is_directory: bool,
}

const IS_DIRECTORY: u8 = 1;
const IS_PLAIN: u8 = 2;
const HEAD_BYTES: usize = 8;
const FLAGS_SHIFT: u32 = 16;
const DATE_SHIFT: u32 = 24;
/// Beside the name: the size has at most ten bytes.
const RECORD_BYTES_MAX: usize = HEAD_BYTES + 10;
/// What fits into five bytes: dates 17,000 years away from 1970. No listing shows them anyway.
const DATE_MAX: i64 = i64::MAX >> DATE_SHIFT;

impl Entries {
    pub(in crate::site) fn new(lease: Box<dyn Lease>) -> Entries {
        Entries { records: Vec::new(), places: Vec::new(), totals: Totals::default(), lease }
    }

    /// Adds an entry behind the others. Fails with [`io::ErrorKind::OutOfMemory`].
    pub(in crate::site) fn add(&mut self, name: &[u8], entry: &Entry) -> io::Result<()> {
        let (Ok(place), Ok(name_bytes)) =
            (u32::try_from(self.records.len()), u16::try_from(name.len()))
        else {
            return Err(io::ErrorKind::OutOfMemory.into());
        };
        self.make_room(name.len() + RECORD_BYTES_MAX)?;
        self.places.push(place);
        let directory = if entry.is_directory { IS_DIRECTORY } else { 0 };
        let plain = if entry.is_plain { IS_PLAIN } else { 0 };
        let date = entry.modified.clamp(-DATE_MAX, DATE_MAX) as u64;
        let flags = u64::from(directory | plain);
        let head = u64::from(name_bytes) | flags << FLAGS_SHIFT | date << DATE_SHIFT;
        self.records.extend_from_slice(&head.to_le_bytes());
        self.records.extend_from_slice(name);
        // An unknown size is the smallest, so that it takes one byte.
        write_number(entry.size.wrapping_add(1), &mut self.records);
        match entry.is_directory {
            true => self.totals.folders += 1,
            false => self.totals.files += 1,
        }
        if entry.size != SIZE_UNKNOWN {
            self.totals.bytes = self.totals.bytes.saturating_add(entry.size);
        }
        Ok(())
    }

    /// Room for one more entry whose record takes at most `bytes`.
    fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let records = grown_capacity(&self.records, bytes);
        let places = grown_capacity(&self.places, 1);
        if (records, places) == (self.records.capacity(), self.places.capacity()) {
            return Ok(());
        }
        self.lease_bytes(records + places * size_of::<u32>())?;
        self.records.try_reserve_exact(records - self.records.len())?;
        self.places.try_reserve_exact(places - self.places.len())?;
        Ok(())
    }

    /// For all of it, in place of what was leased before.
    fn lease_bytes(&mut self, bytes: usize) -> io::Result<()> {
        match self.lease.resize(bytes) {
            true => Ok(()),
            false => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    fn capacity_bytes(&self) -> usize {
        self.records.capacity() + self.places.capacity() * size_of::<u32>()
    }

    /// All entries, to be sorted and given to [`Entries::set_order`].
    pub(super) fn sort_keys(&mut self) -> io::Result<Vec<SortKey>> {
        self.lease_bytes(self.capacity_bytes() + self.places.len() * size_of::<SortKey>())?;
        let mut keys = Vec::new();
        keys.try_reserve_exact(self.places.len())?;
        keys.extend(self.places.iter().map(|&place| {
            let (head, _) = self.split(place);
            SortKey { key: 0, place, is_directory: flags(head) & IS_DIRECTORY != 0 }
        }));
        Ok(keys)
    }

    pub(super) fn set_order(&mut self, keys: Vec<SortKey>) {
        debug_assert_eq!(keys.len(), self.places.len(), "all entries are sorted");
        for (place, key) in self.places.iter_mut().zip(keys) {
            *place = key.place;
        }
    }

    /// Nothing more is added. Keeps no more memory than there is use for, beside `others` bytes.
    pub(in crate::site) fn settle(&mut self, others: usize) -> io::Result<()> {
        self.records.shrink_to_fit();
        self.places.shrink_to_fit();
        self.lease_bytes(self.capacity_bytes() + others)
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The entry at this place of the order, and its name.
    #[inline]
    pub(in crate::site) fn get(&self, index: usize) -> Option<(&[u8], Entry)> {
        self.places.get(index).map(|&place| self.at(place))
    }

    /// The entry whose record begins there, and its name.
    #[inline]
    pub(super) fn at(&self, place: u32) -> (&[u8], Entry) {
        let (head, rest) = self.split(place);
        let (name, size) = rest.split_at_checked(name_bytes(head)).unwrap_or_default();
        let entry = Entry {
            size: read_number(size).wrapping_sub(1),
            modified: head as i64 >> DATE_SHIFT,
            is_directory: flags(head) & IS_DIRECTORY != 0,
            is_plain: flags(head) & IS_PLAIN != 0,
        };
        (name, entry)
    }

    /// The name in the record that begins there.
    #[inline]
    pub(super) fn name(&self, place: u32) -> &[u8] {
        let (head, rest) = self.split(place);
        rest.get(..name_bytes(head)).unwrap_or_default()
    }

    /// The head of a record, and what follows.
    #[inline]
    fn split(&self, place: u32) -> (u64, &[u8]) {
        let record = self.records.get(place as usize..).unwrap_or_default();
        record
            .split_first_chunk()
            .map_or((0, &[]), |(head, rest)| (u64::from_le_bytes(*head), rest))
    }
}

#[inline]
fn name_bytes(head: u64) -> usize {
    usize::from(head as u16)
}

#[inline]
fn flags(head: u64) -> u8 {
    (head >> FLAGS_SHIFT) as u8
}

/// A capacity with room for `more`. It grows by a quarter, so that little of it is never used; the
/// C library moves pages of a large one, and copies none.
#[inline]
fn grown_capacity<T>(items: &Vec<T>, more: usize) -> usize {
    let capacity = items.capacity();
    if capacity - items.len() >= more {
        return capacity;
    }
    (capacity + (capacity / 4).max(256)).max(items.len() + more)
}

/// Seven bits a byte, the lowest first; all but the last byte have the highest bit set.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &[u8]) -> u64 {
    let mut number = 0;
    for (byte, shift) in bytes.iter().zip((0..64).step_by(7)) {
        number |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many bytes as there are at most.
    #[derive(Debug)]
    struct AtMost(usize);

    impl Lease for AtMost {
        fn resize(&mut self, bytes: usize) -> bool {
            bytes <= self.0
        }

        fn another(&self) -> Box<dyn Lease> {
            Box::new(AtMost(self.0))
        }
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let mut entries = Entries::new(Box::new(AtMost(1 << 20)));
        let sizes = [0, 1, 126, 127, 128, 1 << 40, u64::MAX - 1, SIZE_UNKNOWN];
        let dates = [0, 1, -1, 63, 64, 1_795_435_200, DATE_MAX, -DATE_MAX];
        let far = |modified| Entry { size: 1, modified, is_directory: false, is_plain: true };
        let mut expected = Vec::new();
        for size in sizes {
            for modified in dates {
                for (is_directory, is_plain) in [(false, true), (true, false)] {
                    let name = format!("{size} {modified}").into_bytes();
                    let entry = Entry { size, modified, is_directory, is_plain };
                    entries.add(&name, &entry).expect("room");
                    expected.push((name, entry));
                }
            }
        }
        entries.add(&[b'x'; 65_535], &expected[0].1).expect("room for a long name");
        for (index, (name, entry)) in expected.iter().enumerate() {
            assert_eq!(entries.get(index), Some((name.as_slice(), *entry)));
        }
        assert_eq!(entries.get(expected.len()).map(|(name, _)| name.len()), Some(65_535));
        assert_eq!(entries.get(expected.len() + 1), None);
        for (modified, kept) in [(i64::MAX, DATE_MAX), (i64::MIN, -DATE_MAX)] {
            entries.add(b"far", &far(modified)).expect("room");
            assert_eq!(entries.get(entries.len() - 1), Some((&b"far"[..], far(kept))));
        }
        let totals = entries.totals();
        assert_eq!((totals.folders, totals.files), (64, 67));
    }

    #[test]
    fn what_is_not_leased_is_not_taken() {
        for most in [0, 100, 2_000, 50_000, 200_000] {
            let mut entries = Entries::new(Box::new(AtMost(most)));
            let entry = Entry { size: 1, modified: 1, is_directory: false, is_plain: true };
            let error = loop {
                if let Err(error) = entries.add(b"a name of 20 letters", &entry) {
                    break error;
                }
                assert!(entries.capacity_bytes() <= most);
            };
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            // What was leased is used, but for a quarter and the least that is taken at once.
            assert!(entries.capacity_bytes() + most / 4 + 2_000 >= most, "{most}");
        }
    }
}
