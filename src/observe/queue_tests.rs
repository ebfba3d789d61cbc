use super::*;
use std::sync::mpsc;

/// Hands over what is written, and waits with each write until it is told to go on.
struct Slow {
    written: mpsc::Sender<Vec<u8>>,
    go_on: mpsc::Receiver<Written>,
}

impl Sink for Slow {
    fn write(&mut self, lines: &[u8]) -> Written {
        let _ = self.written.send(lines.to_vec());
        self.go_on.recv().unwrap_or(Written { octets: lines.len(), trouble: None })
    }

    fn name(&self) -> String {
        "slow".to_owned()
    }
}

struct House {
    queue: Queue,
    losses: &'static Losses,
    written: mpsc::Receiver<Vec<u8>>,
    go_on: mpsc::Sender<Written>,
}

fn house(room: usize) -> House {
    let losses: &'static Losses = Box::leak(Box::new(Losses::none()));
    let (to, written) = mpsc::channel();
    let (go_on, from) = mpsc::channel();
    let report = |kind, lost| format!("lost {lost} {kind:?}\n");
    let sink = Slow { written: to, go_on: from };
    let queue = Queue::with_room(room, sink, Box::new(report), false, losses).unwrap();
    House { queue, losses, written, go_on }
}

impl House {
    fn next(&self) -> String {
        String::from_utf8(self.written.recv_timeout(Duration::from_secs(60)).unwrap()).unwrap()
    }

    fn all(&self, text: &str) {
        self.go_on.send(Written { octets: text.len(), trouble: None }).unwrap();
    }

    fn none(&self) {
        let trouble = Some(io::Error::from(io::ErrorKind::StorageFull));
        self.go_on.send(Written { octets: 0, trouble }).unwrap();
    }
}

#[test]
fn a_reader_who_does_not_read_holds_up_nobody_and_is_told_what_is_lost() {
    let house = house(80);
    house.queue.push(b"first\n", Kind::Audit);
    assert_eq!(house.next(), "first\n");
    // The thread waits from here on, and nobody else does.
    for _ in 0..20 {
        house.queue.push(b"123456789\n", Kind::Audit);
    }
    assert_eq!(house.losses.count(Kind::Audit), 12);
    house.all("first\n");
    let kept = house.next();
    assert_eq!(kept, "123456789\n".repeat(8));
    house.all(&kept);
    let report = house.next();
    assert_eq!(report, "lost 12 Audit\n");
    house.all(&report);
    assert!(house.queue.is_well());
}

#[test]
fn chatter_leaves_room_for_the_audit() {
    let house = house(80);
    house.queue.push(b"first\n", Kind::Audit);
    house.next();
    for _ in 0..20 {
        house.queue.push(b"chatters.\n", Kind::Chatter);
    }
    assert_eq!(house.losses.count(Kind::Chatter), 14, "three quarters are six lines");
    house.queue.push(b"an event.\n", Kind::Audit);
    assert_eq!(house.losses.count(Kind::Audit), 0);
    assert!(!house.queue.is_well(), "nobody knows whether it will be written");
}

#[test]
fn lines_that_are_not_written_are_counted_and_told_when_it_works_again() {
    let house = house(1000);
    house.queue.push(b"first\n", Kind::Audit);
    house.next();
    house.none();
    house.queue.push(b"second\n", Kind::Audit);
    let second = house.next();
    assert!(!house.queue.is_well());
    assert_eq!(house.losses.count(Kind::Audit), 1);
    house.all(&second);
    let report = house.next();
    assert_eq!(report, "lost 1 Audit\n");
    house.all(&report);
    house.queue.push(b"third\n", Kind::Audit);
    assert_eq!(house.next(), "third\n");
    assert!(house.queue.is_well());
}

#[test]
fn of_a_batch_that_is_cut_only_what_is_missing_counts() {
    let house = house(1000);
    house.queue.push(b"first\n", Kind::Audit);
    house.next();
    for line in [&b"one\n"[..], b"two\n", b"three\n"] {
        house.queue.push(line, Kind::Audit);
    }
    house.all("first\n");
    assert_eq!(house.next(), "one\ntwo\nthree\n");
    house.go_on.send(Written { octets: 6, trouble: Some(io::ErrorKind::StorageFull.into()) }).unwrap();
    house.queue.push(b"four\n", Kind::Audit);
    let four = house.next();
    assert_eq!(house.losses.count(Kind::Audit), 2, "the second was cut, the third is gone");
    house.all(&four);
    assert_eq!(house.next(), "lost 2 Audit\n");
}

#[test]
fn what_waits_is_written_at_the_end_and_nothing_is_taken_after_it() {
    let house = house(1000);
    house.queue.push(b"first\n", Kind::Audit);
    house.next();
    house.queue.push(b"second\n", Kind::Chatter);
    assert!(!house.queue.close(Duration::from_millis(10)), "the reader has not read yet");
    house.queue.push(b"too late\n", Kind::Audit);
    house.all("first\n");
    let second = house.next();
    assert_eq!(second, "second\n");
    house.all(&second);
    let report = house.next();
    assert_eq!(report, "lost 1 Audit\n");
    house.all(&report);
    assert!(house.queue.close(Duration::from_secs(60)));
}

#[test]
fn an_end_that_nobody_reads_is_an_end_all_the_same() {
    let house = house(1000);
    house.queue.push(b"first\n", Kind::Audit);
    house.next();
    house.queue.push(b"second\n", Kind::Audit);
    assert!(!house.queue.close(Duration::from_millis(10)));
    house.none();
    house.next();
    house.none();
    // No report for ever: the thread ends.
    assert!(house.queue.close(Duration::from_secs(60)));
}

#[test]
fn a_batch_that_was_large_gives_its_memory_back() {
    let mut batch = Batch { octets: Vec::with_capacity(KEPT_BUFFER * 2), lines: Vec::new() };
    batch.clear();
    assert_eq!(batch.octets.capacity(), 0);
}
