//! In which order blobs are fetched: the largest first, while one stream takes the smallest.

use std::collections::VecDeque;

/// What waits for a stream.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// The smallest in front.
    waiting: VecDeque<T>,
    streams: usize,
    running: usize,
    smallest_running: bool,
}

/// Which end of the queue a stream has taken from; given back when the stream ends.
#[derive(Debug)]
#[must_use]
pub(super) struct Turn {
    small: bool,
}

impl<T> Queue<T> {
    /// For so many streams, one at least; `key` says what is smaller, and is different for all.
    pub(super) fn new<K: Ord>(mut all: Vec<T>, streams: usize, key: impl Fn(&T) -> K) -> Self {
        all.sort_by_key(key);
        Self {
            waiting: all.into(),
            streams: streams.max(1),
            running: 0,
            smallest_running: false,
        }
    }

    /// What waits.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// What the next stream takes, if one is free and anything waits.
    pub(super) fn next(&mut self) -> Option<(T, Turn)> {
        if self.running == self.streams {
            return None;
        }
        let small = self.streams > 1 && !self.smallest_running;
        let next = if small {
            self.waiting.pop_front()
        } else {
            self.waiting.pop_back()
        };
        let next = next?;
        self.running += 1;
        self.smallest_running |= small;
        Some((next, Turn { small }))
    }

    /// A stream has ended.
    pub(super) fn ended(&mut self, turn: Turn) {
        self.running -= 1;
        if turn.small {
            self.smallest_running = false;
        }
    }

    /// Nothing more is taken.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_start_first_and_one_stream_takes_the_smallest() {
        let mut queue = Queue::new(vec![5, 1, 4, 2, 3], 3, |size| *size);
        let mut taken = Vec::new();
        let mut turns = Vec::new();
        while let Some((size, turn)) = queue.next() {
            taken.push(size);
            turns.push(turn);
        }
        assert_eq!(taken, [1, 5, 4]);
        // The smallest is through: the next smallest follows it. Then a large one: the last that waits.
        queue.ended(turns.remove(0));
        let (size, _small) = queue.next().unwrap();
        assert_eq!(size, 2);
        queue.ended(turns.remove(0));
        assert_eq!(queue.next().unwrap().0, 3);
        assert!(queue.next().is_none());
    }

    proptest! {
        /// Whatever ends when: each blob once, never more streams than there are, never one idle while something waits, and of those that take the
        /// smallest one at most.
        #[test]
        fn each_is_taken_once_by_as_many_streams_as_there_are(
            sizes in proptest::collection::vec(0..50_u32, 0..60),
            streams in 0..8_usize,
            ends in proptest::collection::vec(any::<proptest::sample::Index>(), 60),
        ) {
            let named: Vec<(u32, usize)> = sizes.iter().copied().zip(0..).collect();
            let mut queue = Queue::new(named.clone(), streams, |blob| *blob);
            let mut running: Vec<((u32, usize), Turn)> = Vec::new();
            let mut taken = Vec::new();
            for end in ends {
                while let Some((blob, turn)) = queue.next() {
                    taken.push(blob);
                    running.push((blob, turn));
                }
                prop_assert!(running.len() == streams.max(1) || queue.len() == 0);
                prop_assert!(running.iter().filter(|(_, turn)| turn.small).count() <= 1);
                if streams <= 1 {
                    // One stream alone takes the largest first.
                    prop_assert!(taken.is_sorted_by(|a, b| a >= b));
                }
                if running.is_empty() {
                    break;
                }
                let (_, turn) = running.swap_remove(end.index(running.len()));
                queue.ended(turn);
            }
            let mut all = named;
            all.sort_unstable();
            taken.sort_unstable();
            prop_assert_eq!(taken, all);
        }
    }
}
